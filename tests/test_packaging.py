"""Our packages have common names: they must be ours wherever `bench` runs, and all of them must be packed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from importlib.metadata import entry_points, packages_distributions
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HOME = Path(__file__).resolve().parent.parent
NAMES = ("benchmarks", "models", "slurm", "utils", "wlasl")
PROJECT = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]


@pytest.mark.parametrize("name", [*NAMES, "wlasl_bench"])
def test_no_other_distribution_ships_a_package_of_ours(name: str):
    assert set(packages_distributions().get(name, [])) <= {"wlasl-bench"}


@pytest.mark.parametrize("name", NAMES)
def test_our_packages_are_found_in_the_project_folder(name: str):
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin == str(HOME / name / "__init__.py")


def test_the_bench_script_is_ours():
    scripts = [script.value for script in entry_points(group="console_scripts", name="bench")]
    assert scripts == ["wlasl_bench:main"]


def test_every_package_is_packed():
    folders = {path.parent.relative_to(HOME) for name in NAMES for path in (HOME / name).rglob("*.py")}
    assert sorted(PROJECT["tool"]["setuptools"]["packages"]) == sorted(
        ".".join(path.parts) for path in folders
    )
    assert all((HOME / folder / "__init__.py").is_file() for folder in folders)
    assert len(folders) >= len(NAMES)


def test_the_extra_all_holds_every_other_extra():
    whole = next(entry for entry in EXTRAS["all"] if entry.startswith("wlasl-bench["))
    assert set(whole.removeprefix("wlasl-bench[").rstrip("]").split(",")) == set(EXTRAS) - {"all"}


@pytest.mark.parametrize("words", [("--help",), ("recipe", "--model", "x3d-xs", "--id")])
def test_an_intruder_with_our_names_is_passed_over(words: tuple[str, ...], tmp_path: Path):
    for name in NAMES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('an intruder was imported')\n")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{HOME}"}
    command = [
        sys.executable,
        "-c",
        "import sys, wlasl_bench; sys.argv[0] = 'bench'; wlasl_bench.main()",
        *words,
    ]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()


def test_the_intruder_of_these_tests_would_be_seen(tmp_path: Path):
    (tmp_path / "utils").mkdir()
    (tmp_path / "utils" / "__init__.py").write_text("raise SystemExit('an intruder was imported')\n")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{HOME}"}
    command = [sys.executable, "-c", "import utils"]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert "an intruder" in done.stderr
