"""`bench doctor` says what is installed, what is missing and what will go wrong, and never breaks itself."""

from __future__ import annotations

import json
import sys
import types
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import typer
from packaging.requirements import Requirement
from typer.testing import CliRunner

from benchmarks import doctor, machine
from benchmarks.commands.doctor import doctor as command
from benchmarks.doctor import Folders, examine, to_json, well
from benchmarks.machine import Finding
from wlasl.root import project_folder

GIGABYTE = 1_000_000_000


def bench_doctor(*words: str):
    """Run the command as `bench doctor` does."""
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, words, env={"COLUMNS": "200"})


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """Return folders in which nothing is yet."""
    return Folders(tmp_path / "data", tmp_path / "stores", tmp_path / "results", tmp_path / "runs")


@pytest.fixture
def quick_torch(monkeypatch: pytest.MonkeyPatch):
    """Answer for torch at once, as if it were there: importing it takes seconds."""
    real = doctor.installed
    monkeypatch.setattr(doctor, "installed", lambda name: "2.13.0" if name == "torch" else real(name))
    monkeypatch.setattr(machine, "_ask", lambda _: {"built_for": None, "cards": [], "bf16": False})


def by_name(findings) -> dict[str, Finding]:
    """Return findings by name."""
    return {finding.name: finding for finding in findings}


@pytest.mark.usefixtures("quick_torch")
def test_this_installation_is_well(folders: Folders):
    findings = examine(folders)
    assert [finding for finding in findings if finding.level == "problem"] == []
    assert {finding.area for finding in findings} >= {
        "python",
        "packages",
        "extras",
        "device",
        "machine",
        "data",
        "disk",
    }


@pytest.mark.usefixtures("quick_torch")
def test_the_command_prints_a_table_or_json(tmp_path: Path):
    printed = bench_doctor("--data", str(tmp_path))
    assert printed.exit_code == 0
    assert str(project_folder() / "wlasl") in printed.output
    assert "bench data import" in printed.output
    answer = json.loads(bench_doctor("--json", "--results", str(tmp_path)).output)
    assert answer["ok"] is True
    assert {"area", "name", "value", "level", "advice"} == set(answer["findings"][0])


@pytest.mark.usefixtures("quick_torch")
def test_the_exit_code_is_1_if_something_will_go_wrong(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "_writable", lambda _: False)
    assert bench_doctor("--json").exit_code == 1


def test_every_package_of_ours_is_found_at_home():
    found = by_name(doctor.look_at_packages())
    assert {name: finding.value for name, finding in found.items()} == {
        name: str(project_folder() / name) for name in doctor.OURS
    }


def test_a_package_found_elsewhere_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    intruder = types.ModuleType("utils")
    intruder.__file__ = str(tmp_path / "utils" / "__init__.py")
    monkeypatch.setitem(sys.modules, "utils", intruder)
    found = by_name(doctor.look_at_packages())["utils"]
    assert (found.level, found.value) == ("problem", str(tmp_path / "utils"))


def test_a_package_found_nowhere_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delitem(sys.modules, "slurm", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert by_name(doctor.look_at_packages())["slurm"].level == "problem"


def test_a_distribution_with_a_package_of_our_name_is_a_problem(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        doctor, "packages_distributions", lambda: {"models": ["wlasl-bench", "django-models"]}
    )
    found = by_name(doctor.look_at_packages())
    assert "django-models" in found["models"].advice
    assert [name for name, finding in found.items() if finding.level == "problem"] == ["models"]


@pytest.mark.parametrize(
    ("versions", "level", "advice"),
    [
        ({"torch": "2.13.0", "torchvision": "0.28.0"}, "ok", ""),
        ({"torch": "2.13.0+cpu", "torchvision": "0.28.0"}, "ok", ""),
        ({"torch": "2.13.0"}, "note", "Install it with: pip install -e '.[torch]'"),
        ({}, "note", "Install it with: pip install -e '.[torch]'"),
        ({"torch": "2.1.0"}, "problem", "It needs torch==2.13.0. Install it with: pip install -e '.[torch]'"),
    ],
)
def test_an_extra_is_whole_missing_or_wrong(
    monkeypatch: pytest.MonkeyPatch, versions, level: str, advice: str
):
    monkeypatch.setattr(doctor, "installed", versions.get)
    found = doctor._extra("torch", [Requirement("torch==2.13.0"), Requirement("torchvision==0.28.0")])
    assert (found.level, found.advice) == (level, advice)


def test_a_missing_package_of_the_core_is_a_problem(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor, "installed", {}.get)
    assert doctor._extra("core", [Requirement("numpy>=1.26")]).level == "problem"


def test_every_extra_of_pyproject_is_looked_at():
    found = by_name(doctor.look_at_extras())
    assert set(found) == {"core", *doctor.EXTRAS}
    assert "numpy" in found["core"].value
    assert "torch" not in found["core"].value


def test_mediapipe_is_found_missing_or_misnamed(monkeypatch: pytest.MonkeyPatch):
    for python, level in ((Path("/env/bin/python"), "ok"), (None, "note")):
        monkeypatch.setattr(doctor, "find_python", lambda python=python: python)
        assert [finding.level for finding in doctor.look_at_mediapipe()] == [level]
    monkeypatch.undo()
    monkeypatch.setenv("WLASL_MEDIAPIPE", "/no/such/folder")
    found = by_name(doctor.look_at_mediapipe())["mediapipe"]
    assert (found.level, "/no/such/folder" in found.advice) == ("problem", True)


def test_an_uninstalled_project_is_a_problem(monkeypatch: pytest.MonkeyPatch):
    def not_there(_name: str):
        raise PackageNotFoundError

    monkeypatch.setattr(doctor, "requires", not_there)
    assert [finding.level for finding in doctor.look_at_extras()] == ["problem"]
    monkeypatch.setattr(doctor, "version", not_there)
    assert doctor.installed("torch") is None


def test_a_python_of_another_age_is_a_problem(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    found = by_name(doctor.look_at_python())
    assert found["version"].level == "problem"
    assert found["environment"].level == "note"


def test_the_real_torch_answers():
    pytest.importorskip("torch")
    assert by_name(machine.look_at_device())["cpu"].level == "ok"


@pytest.mark.parametrize(
    ("flags", "answer"),
    [
        ("avx2 fma", False),
        ("avx512f avx512_bf16", True),
        ("amx_bf16", True),
        ("asimd bf16 i8mm", True),
        ("svebf16", False),
    ],
)
def test_bf16_is_read_off_the_list_of_the_kernel(monkeypatch, tmp_path: Path, flags: str, answer: bool):
    listed = tmp_path / "cpuinfo"
    listed.write_text(f"processor : 0\nflags : fpu {flags}\n")
    monkeypatch.setattr(machine, "_CPU_FACTS", listed)
    assert machine.cpu_has_bf16() is answer


def test_where_the_kernel_keeps_no_list_bf16_is_unknown(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(machine, "_CPU_FACTS", tmp_path / "none")
    monkeypatch.setattr(machine, "_ask", lambda _: {"built_for": None, "cards": [], "bf16": False})
    assert by_name(machine.look_at_device())["cpu"].value == "bf16 instructions: unknown"


def test_the_cards_are_named(monkeypatch: pytest.MonkeyPatch):
    answer = {"built_for": "13.0", "cards": [{"name": "H200", "memory_gb": 150.0}], "bf16": True}
    monkeypatch.setattr(machine, "_ask", lambda _: answer)
    assert by_name(machine.look_at_device())["cuda"].value == "H200, 150.0 GB, bf16: yes"


@pytest.mark.parametrize(
    ("built_for", "said"), [(None, "built for CPUs only"), ("13.0", "built for CUDA 13.0")]
)
def test_a_card_that_torch_does_not_see_is_noted(monkeypatch: pytest.MonkeyPatch, built_for, said: str):
    monkeypatch.setattr(machine, "_ask", lambda _: {"built_for": built_for, "cards": [], "bf16": False})
    monkeypatch.setattr(machine.shutil, "which", lambda _: "/usr/bin/nvidia-smi")
    found = by_name(machine.look_at_device())["cuda"]
    assert (found.level, said in found.value) == ("note", True)


@pytest.mark.parametrize(
    ("program", "answer"),
    [
        ("print('chatter'); print('{\"a\": 1}')", {"a": 1}),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(3)", "ended with exit code 3"),
        ("import time; time.sleep(60)", "no answer within 0.5 seconds"),
    ],
)
def test_a_framework_is_asked_in_its_own_process(monkeypatch: pytest.MonkeyPatch, program: str, answer):
    monkeypatch.setattr(machine, "_PATIENCE", 0.5 if "sleep" in program else 60)
    assert machine._ask(program) == answer


def test_a_broken_torch_is_a_problem(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "_ask", lambda _: "OSError: libtorch.so: cannot open")
    assert [finding.level for finding in machine.look_at_device()] == ["problem"]


def test_the_slurm_job_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLURM_JOB_ID", "231")
    assert "job 231" in by_name(machine.look_at_machine())["slurm"].value


@pytest.mark.parametrize(("text", "limited"), [("max\n", False), (f"{GIGABYTE}\n", True), (None, False)])
def test_memory_is_the_machine_s_or_the_group_s(tmp_path: Path, text: str | None, limited: bool):
    if text is not None:
        (tmp_path / "memory.max").write_text(text)
    assert (machine.memory_limit(tmp_path) == GIGABYTE) is limited


def test_the_data_set_and_the_stores_are_counted(folders: Folders):
    assert folders.data
    (folders.data / "videos").mkdir(parents=True)
    (folders.data / "videos" / "00001.mp4").touch()
    (folders.data / "WLASL_v0.3.json").write_text("[]")
    (folders.store / "sample-0123").mkdir(parents=True)
    (folders.store / "sample-0123" / "manifest.json").touch()
    found = by_name(doctor.look_at_data(folders))
    assert found["data set"].value.endswith("1 videos")
    assert found["stores"].value.startswith("1 prepared")


@pytest.mark.parametrize(("free", "level"), [(10 * GIGABYTE, "ok"), (GIGABYTE // 2, "problem")])
def test_a_disk_that_is_nearly_full_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, level: str
):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: types.SimpleNamespace(free=free))
    assert [finding.level for finding in machine.look_at_disk({"runs": tmp_path / "not" / "yet"})] == [level]


def test_a_folder_that_cannot_be_written_is_a_problem():
    found = list(machine.look_at_disk({"results": Path("/proc/self")}))
    assert [finding.level for finding in found] == ["problem"]


def test_findings_without_a_problem_are_well():
    notes = [Finding("a", "b", "c", "note"), Finding("a", "b", "c")]
    assert (well(notes), well([*notes, Finding("a", "b", "c", "problem")])) == (True, False)
    assert to_json(notes)["ok"] is True
