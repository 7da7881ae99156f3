"""Write the generated blocks of README.md, or check them with --check: the tree of files, tables, recipes.

The tree takes each file's line from the first sentence of its docstring. The tables are those of
results/README.md (which `bench table` prints from the records) with the columns that a first look needs.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

from benchmarks.recipe_table import NOTES  # noqa: E402 - ours, wherever this is started

ROOMS = ("wlasl", "models", "benchmarks", "slurm", "utils")
OTHERS = {
    "results/": "a record per run, published numbers, and the tables printed from them",
    "tests/": "a file per module, and the rules of the house",
    "docs/": (
        "INSTALL.md: versions and traps; SLURM.md, TUNING.md, DATASETS.md, RGB.md: guides;"
        " LOG.md: what did not work"
    ),
    "wlasl_bench.py": "the door: puts this folder first on the path, then runs the command line",
    "Makefile": "make demo, make test; make help lists the rest",
    ".ci/": "what continuous integration runs, a Slurm of its own (.ci/slurm), and tools of the house",
}
COLUMNS = (
    *("#", "Model", "Recipe", "Input", "Landmarks", "Params", "GMACs", "Top-1", "Top-5"),
    *("Shuffled", "Order change", "Pairs", "Seeds", "Weights", "Extra data", "Time"),
)


def first_sentence(path: Path) -> str:
    """Return the first line of a module's docstring, without its full stop."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0].strip().removesuffix(".")


def tree() -> str:
    """Return the tree of the project, a line per file of the code."""
    lines = [line for room in ROOMS for line in [*folder_lines(HOME / room, 0), ("", "")]]
    lines += OTHERS.items()
    width = max(len(name) for name, _ in lines) + 2
    return "\n".join(["```", *(f"{name:<{width}}{text}".rstrip() for name, text in lines), "```"])


def folder_lines(folder: Path, depth: int) -> Iterator[tuple[str, str]]:
    """Yield (name, what it is for) of a package, then of its files, then of the packages in it."""
    indent = "  " * depth
    yield f"{indent}{folder.name}/", first_sentence(folder / "__init__.py")
    for path in sorted(folder.glob("*.py")):
        if path.name != "__init__.py":
            yield f"{indent}  {path.name}", first_sentence(path)
    for inner in sorted(path.parent for path in folder.glob("*/__init__.py")):
        yield from folder_lines(inner, depth + 1)


def tables() -> str:
    """Return the tables of results/README.md with fewer columns; a sentence where there are none yet."""
    text = (HOME / "results" / "README.md").read_text(encoding="utf-8").partition("\n## Published")[0]
    sections = [section.partition("\n### ")[0] for section in text.split("\n## ")[1:]]
    return "\n\n".join(shortened(section.strip()) for section in sections) or "No runs are recorded yet."


def shortened(section: str) -> str:
    """Return a subset's title, captions and tables with the cells of `COLUMNS` alone."""
    lines = [f"### {section}"] if not section.startswith("#") else [section]
    kept: list[int] = []
    out = []
    for line in "\n".join(lines).splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] if line.startswith("|") else []
        if "Model" in cells:
            kept = [cells.index(name) for name in COLUMNS if name in cells]
        out.append("| " + " | ".join(cells[column] for column in kept) + " |" if cells else line)
    return "\n".join(out)


def recipes() -> str:
    """Return the named recipes as a table: what each is, and what to expect of it."""
    rows = [
        f"| {model} | {name} | {text} |" for model, notes in NOTES.items() for name, text in notes.items()
    ]
    return "\n".join(["| Model | Recipe | What it is, and what to expect |", "| --- | --- | --- |", *rows])


def filled(text: str, name: str, content: str) -> str:
    """Return a text with the block between its markers replaced."""
    begin, end = f"<!-- {name}: written by make readme -->", f"<!-- /{name} -->"
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        sys.exit(f"README.md has no block {begin} ... {end}")
    return f"{before}{begin}\n{content}\n{end}{after}"


def main() -> int:
    """Write README.md, or with --check say whether it is as it would be written."""
    readme = HOME / "README.md"
    old = readme.read_text(encoding="utf-8")
    new = filled(filled(filled(old, "tree", tree()), "tables", tables()), "recipes", recipes())
    if "--check" in sys.argv and new != old:
        print("README.md is not up to date. Write its tree and its tables with: make readme")
        return 1
    if new != old:
        readme.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
