"""README.md is true: its tree, its tables, and every command that it and the other texts name."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.cli import app

HOME = Path(__file__).resolve().parent.parent
GUIDES = ("INSTALL", "RGB", "SLURM", "TUNING")
TEXTS = ("README.md", "CONTRIBUTING.md", *(f"docs/{name}.md" for name in GUIDES))
RESULTS = """# Results

## sample

12 clips of 12.

| # | Model | Input | Params | GMACs | Top-1 | Top-2 | Top-5 | Loss | Weights | Run |
|--:|---|--:|--:|--:|--:|--:|--:|--:|---|---|
| 1 | a3 \\| b | 8x64 | 5.3 | 0.4 | 96.00 (79.6-99.3) | 99.00 | 100.00 | 0.3 | random | `0123` |

### Not finished

| Model | Why |
|---|---|
| s3d | stopped |

## WLASL100

No finished runs.

## Published

| System | Top-1 |
|---|--:|
| I3D | 65.89 |
"""


@pytest.fixture
def readme(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Return the tool that writes README.md, at work on a small project."""
    spec = importlib.util.spec_from_file_location("readme", HOME / ".ci" / "readme.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    for room in tool.ROOMS:
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text(f'"""The room {room}."""')
    (tmp_path / "wlasl" / "a.py").write_text('"""What a does.\n\nMore."""')
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "README.md").write_text(RESULTS)
    blocks = [
        f"<!-- {name}: written by make readme -->\nold\n<!-- /{name} -->"
        for name in ("tree", "tables", "recipes")
    ]
    (tmp_path / "README.md").write_text("Before\n" + "\nBetween\n".join(blocks) + "\nAfter\n")
    monkeypatch.setattr(tool, "HOME", tmp_path)
    monkeypatch.setattr(sys, "argv", ["readme.py"])
    return tool


def commands() -> list[list[str]]:
    """Return the words of every `bench ...` line or phrase in the texts."""
    found = []
    for name in TEXTS:
        text = (HOME / name).read_text(encoding="utf-8")
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        found += re.findall(r"^(?:\S*/)?bench +(.*)$", text, flags=re.MULTILINE)
        found += re.findall(r"`(?:\S*/)?bench\s+([^`]*)`", prose)
    return [re.split(r"\s+", command.partition("#")[0].strip()) for command in found]


def test_the_tree_and_the_tables_are_up_to_date():
    command = [sys.executable, str(HOME / ".ci" / "readme.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_every_command_in_the_texts_exists_with_its_options():
    assert len(commands()) >= 8
    for words in commands():
        names = [word for word in words if re.fullmatch("[a-z]+(?:-[a-z]+)*", word)]
        options = {word for word in words if word.startswith("--")}
        path = names[:2] if names[:1] == ["data"] else names[:1]
        shown = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "250", "TERM": "dumb"})
        assert (shown.exit_code, words) == (0, words)
        assert {option for option in options if option not in shown.output} == set()


def test_the_blocks_are_written_and_the_rest_is_kept(readme, tmp_path: Path, capsys):
    assert readme.main() == 0
    text = (tmp_path / "README.md").read_text()
    assert "\nold\n" not in text
    assert re.search(r"^wlasl/ +The room wlasl\n  a.py +What a does$", text, flags=re.MULTILINE)
    assert [word in text for word in ("Before", "Between", "After")] == [True] * 3
    sys.argv.append("--check")
    assert readme.main() == 0
    (tmp_path / "wlasl" / "b.py").write_text('"""What b does."""')
    assert readme.main() == 1
    assert "make readme" in capsys.readouterr().out


def test_the_tables_keep_the_columns_of_a_first_look(readme):
    assert readme.tables().splitlines() == [
        "### sample",
        "",
        "12 clips of 12.",
        "",
        "| # | Model | Input | Params | GMACs | Top-1 | Top-5 | Weights |",
        "| --: | --- | --: | --: | --: | --: | --: | --- |",
        "| 1 | a3 \\| b | 8x64 | 5.3 | 0.4 | 96.00 (79.6-99.3) | 100.00 | random |",
        "",
        "### WLASL100",
        "",
        "No finished runs.",
    ]


def test_a_readme_without_its_markers_is_said(readme, tmp_path: Path):
    (tmp_path / "README.md").write_text("nothing")
    with pytest.raises(SystemExit, match="no block"):
        readme.main()
