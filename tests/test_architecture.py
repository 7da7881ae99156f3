"""House rules that no linter knows: which package may import which, what stays light, how long things are."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parent.parent
# utils <- wlasl <- models <- benchmarks, and utils <- slurm <- benchmarks.
MAY_IMPORT = {
    "utils": {"utils"},
    "wlasl": {"utils", "wlasl"},
    "models": {"utils", "wlasl", "models"},
    "slurm": {"utils", "slurm"},
    "benchmarks": {"utils", "wlasl", "models", "slurm", "benchmarks"},
}
TORCH = {"torch", "torchvision", "lightning_fabric", "lightning", "pytorchvideo", "timm", "transformers"}
TENSORFLOW = {"tensorflow", "tf_keras", "official", "keras", "tensorflow_text", "keras_tuner"}
FRAMEWORKS = TORCH | TENSORFLOW
HEAVY = FRAMEWORKS | {
    "pandas",
    "matplotlib",
    "cv2",
    "av",
    "simplejpeg",
    "PIL",
    "scipy",
    "sklearn",
    "mediapipe",
    "optuna",
}
# What must answer at once: the command line with all its commands, and the zoo's table.
LIGHT = ("benchmarks.cli", "models.zoo")
# Networks that follow a paper, and nothing else: exempt from the lengths.
NETWORKS = {"models/i3d.py", "models/movinet.py", "models/s3d.py", "models/spoter.py", "models/x3d.py"}

FILES = sorted(path for package in MAY_IMPORT for path in (HOME / package).rglob("*.py"))
Function = ast.FunctionDef | ast.AsyncFunctionDef
COMPOUND = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match)


def name_of(path: Path) -> str:
    """Return a file's path from the project's folder, as the tables here write it."""
    return path.relative_to(HOME).as_posix()


def module_of(path: Path) -> str:
    """Return a file's dotted module name."""
    parts = path.relative_to(HOME).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


MODULES = {module_of(path): path for path in FILES}


def imported_by(node: ast.AST) -> Iterator[str]:
    """Yield the modules that an import statement may load; nothing for other statements."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports here name the whole path"
        yield node.module or ""
        yield from (whole for alias in node.names if (whole := f"{node.module}.{alias.name}") in MODULES)


def all_imports(path: Path) -> set[str]:
    """Return every module that a file imports, at its import or later."""
    return {module for node in ast.walk(tree_of(path)) for module in imported_by(node)}


def for_types_only(node: ast.AST) -> bool:
    """Say whether a statement is `if TYPE_CHECKING:`, which never runs."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def running_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements below a node that run when its module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.Lambda) or for_types_only(child):
            continue
        yield child
        yield from running_at_import(child)


@cache
def loaded_with(module: str) -> frozenset[str]:
    """Return the modules, ours and others, that importing one of ours loads: ours are followed to the end."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        waiting.extend(parents(current))
        if current in MODULES:
            waiting.extend(
                m for node in running_at_import(tree_of(MODULES[current])) for m in imported_by(node)
            )
    return frozenset(seen)


def parents(module: str) -> list[str]:
    """Return the packages that are imported before a module is."""
    parts = module.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


def functions() -> Iterator[tuple[Path, Function]]:
    """Yield every function and method of the five packages."""
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, Function):
                yield path, node


def measured() -> list[tuple[Path, Function]]:
    """Return the functions that the lengths are for: all but those of networks."""
    return [(path, node) for path, node in functions() if name_of(path) not in NETWORKS]


def lines_of(function: Function) -> int:
    """Return how many lines a function has below its signature, its docstring left out."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def depth_of(node: ast.AST) -> int:
    """Return how deeply statements lie inside each other; `elif` is no deeper than its `if`."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef | ast.Lambda):
            continue
        elif_of = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        step = 1 if isinstance(child, COMPOUND) and not elif_of else 0
        deepest = max(deepest, step + depth_of(child))
    return deepest


def places(found: list[tuple[Path, Function]]) -> list[str]:
    """Return where functions stand, as an editor can open it."""
    return [f"{name_of(path)}:{node.lineno} {node.name}" for path, node in found]


def test_the_rooms_are_there():
    assert {path.relative_to(HOME).parts[0] for path in FILES} == set(MAY_IMPORT)
    assert len(FILES) > 30
    assert set(LIGHT) <= set(MODULES)
    assert {HOME / network for network in NETWORKS} <= set(FILES)
    assert len(list(functions())) > 100


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_arrows_go_one_way(path: Path):
    ours = {module.partition(".")[0] for module in all_imports(path)} & set(MAY_IMPORT)
    assert ours <= MAY_IMPORT[path.relative_to(HOME).parts[0]]


@pytest.mark.parametrize("package", ["utils", "wlasl", "slurm"])
def test_no_framework_below_the_models(package: str):
    paths = [path for path in FILES if path.relative_to(HOME).parts[0] == package]
    assert paths
    loaded = {
        name_of(path): {module.partition(".")[0] for module in all_imports(path)} & FRAMEWORKS
        for path in paths
    }
    assert {name: modules for name, modules in loaded.items() if modules} == {}


@pytest.mark.parametrize("module", LIGHT)
def test_nothing_heavy_is_loaded_with(module: str):
    assert loaded_with(module) & HEAVY == set()


def test_no_module_loads_both_frameworks():
    both = [module for module in MODULES if loaded_with(module) & TORCH and loaded_with(module) & TENSORFLOW]
    assert both == []
    assert any(loaded_with(module) & TORCH for module in MODULES)


def test_pandas_is_used_nowhere():
    assert [
        name_of(path) for path in FILES if "pandas" in {m.partition(".")[0] for m in all_imports(path)}
    ] == []


def test_functions_fit_in_the_eye():
    lengths = sorted(lines_of(node) for _, node in measured())
    assert statistics.median(lengths) <= 8
    assert lengths[int(0.95 * len(lengths))] <= 30
    assert places([(path, node) for path, node in measured() if lines_of(node) > 60]) == []


def test_statements_nest_at_most_three_deep():
    assert places([(path, node) for path, node in measured() if depth_of(node) > 3]) == []


def test_functions_take_at_most_five_positional_parameters():
    found = []
    for path, node in measured():
        names = [argument.arg for argument in node.args.posonlyargs + node.args.args]
        # Each parameter of a command is an option of the command line, given by name.
        if "commands" not in path.parts and len([name for name in names if name not in {"self", "cls"}]) > 5:
            found.append((path, node))
    assert places(found) == []


def test_files_are_shorter_than_300_lines():
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name: lines for name, lines in lengths.items() if lines >= 300 and name not in NETWORKS} == {}


def public(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the public classes, functions and methods of a module or class."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef) and not child.name.startswith("_"):
            yield child
            if isinstance(child, ast.ClassDef):
                yield from public(child)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_public_thing_says_what_it_is_for(path: Path):
    things = [tree_of(path), *public(tree_of(path))]
    assert [getattr(thing, "name", "module") for thing in things if not ast.get_docstring(thing)] == []
