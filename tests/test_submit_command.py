"""`bench submit` as it is typed: plans shown, written and carried out; mistakes answered."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import cli
from benchmarks.commands import submit as command
from slurm import cluster
from slurm.cluster import Limits
from slurm.plan import read_plan

PROGRAM = (sys.executable, str(Path(__file__).with_name("submit_program.py")))


@pytest.fixture
def bench(bench):
    """Return a function that types `bench submit`: exit code, stdout, stderr."""
    return lambda *words: bench("submit", *words)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    home = tmp_path / "a b'c"
    return ["--runs", str(home / "runs"), "--results", str(home / "results")]


@pytest.fixture
def no_slurm(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cluster, "installed", lambda: False)


@pytest.mark.usefixtures("no_slurm")
def test_the_plan_is_shown_as_lines_that_one_can_type_and_nothing_is_written(bench, places, tmp_path):
    words = ["--model", "gru,spoter", "--split", "100,sample", "--seeds", "0..1", "--set", "epochs=2"]
    code, out, _ = bench(*words, *places, "--dry-run")
    lines = [line for line in out.splitlines() if line.startswith("bench run ")]
    assert code == 0
    assert len(lines) == 8
    assert len(set(lines)) == 8
    assert "8 runs would be submitted (local); nothing was." in out
    assert list(tmp_path.iterdir()) == []


def test_the_script_of_a_job_array_is_shown_where_there_is_a_slurm(bench, places, monkeypatch):
    pytest.importorskip("submitit")
    monkeypatch.setattr(cluster, "installed", lambda: True)
    monkeypatch.setattr(cluster, "limits", lambda: Limits(array=2))
    code, out, _ = bench("-m", "gru", "--seeds", "0..4", *places, "--dry-run", "--resource", "time=30")
    assert code == 0
    assert "# the first of 3 job arrays, 2 tasks" in out
    assert "#SBATCH --time=30\n" in out
    assert "#SBATCH --array=0-1%2\n" in out
    assert "5 runs would be submitted (slurm); nothing was." in out


def test_a_plans_file_is_carried_out_as_it_stands(bench, places, tmp_path):
    file = tmp_path / "plan.json"
    code, out, _ = bench("-m", "gru", "--seeds", "0,1", *places, "--write-plan", file)
    assert (code, out) == (0, f"2 tasks in {file}\n")
    plan = json.loads(file.read_text())
    assert [task["label"] for task in plan["tasks"]] == ["gru 100 seed 0", "gru 100 seed 1"]
    plan["program"] = list(PROGRAM)
    for task in plan["tasks"]:
        task["argv"] = [str(tmp_path / "out"), task["key"], "2"]
    file.write_text(json.dumps(plan))
    code, out, err = bench("--plan", file, "--cluster", "local", "--wait", "--resource", "parallel=2")
    assert code == 0, err
    assert "2 runs ended well" in out
    assert len(list((tmp_path / "out").glob("*.done"))) == 2
    assert read_plan(file).profile.parallel is None, "resources of the command line are not written back"


def test_runs_that_fail_are_named_and_fail_the_command_that_waited(bench, places, tmp_path):
    file = tmp_path / "plan.json"
    bench("-m", "gru", *places, "--write-plan", file)
    plan = json.loads(file.read_text()) | {
        "program": [sys.executable, "-c", "raise SystemExit('ValueError: no')"]
    }
    plan["tasks"][0]["argv"] = []
    file.write_text(json.dumps(plan))
    code, out, err = bench("--plan", file, "--cluster", "debug")
    assert code == 1
    assert "failed: gru 100 seed 0: exit code 1" in out
    assert "1 run failed, 0 ended well." in err


CANCELLING = """
import pathlib, sys
key, runs = sys.argv[1], pathlib.Path(sys.argv[2])
(folder,) = runs.glob("jobs/*/plan.json")
(folder.parent / "cancelled").mkdir(exist_ok=True)
(folder.parent / "cancelled" / key).touch()
sys.exit(130)
"""


def test_a_run_that_its_user_cancelled_is_not_called_a_failure(bench, places, tmp_path):
    file = tmp_path / "plan.json"
    bench("-m", "gru", "--seeds", "0,1", *places, "--write-plan", file)
    plan = json.loads(file.read_text()) | {"program": [sys.executable, "-c", CANCELLING]}
    plan["tasks"][0]["argv"] = [plan["tasks"][0]["key"], places[1]]
    plan["tasks"][1]["argv"] = ["", ""]
    file.write_text(json.dumps(plan))
    code, out, err = bench("--plan", file, "--cluster", "debug")
    assert "failed: gru 100 seed 0" not in out
    assert "1 run cancelled" in out
    assert (code, "1 run failed, 0 ended well." in err) == (1, True)


@pytest.mark.usefixtures("no_slurm")
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "Give --model, or --plan with a plan's file."),
        (["-m", "gru", "--plan", "x.json"], "Give --model, or --plan with a plan's file."),
        (["--plan", "/absent.json"], "/absent.json is missing"),
        (["-m", "gru", "--cluster", "slrum"], "There is no cluster named 'slrum'. Did you mean slurm?"),
        (["-m", "gru", "--cluster", "slurm"], "There is no Slurm here"),
        (["-m", "gru", "--profile", "gpu"], "There is no file of profiles"),
        (["-m", "gru", "--resource", "gpu=1"], "a profile has no 'gpu'. Did you mean gpus"),
        (["-m", "gru", "--seeds", "4..1"], "--seeds takes 0..4 or 0,3,7"),
        (["-m", "gru", "--seed", "1", "--seeds", "1"], "--seed or --seeds, not both"),
        (["-m", "gru", "--device", "tpu"], "--device takes auto, cpu or cuda"),
        (["-m", "gru", "--set", "lrr=1"], "A recipe has no field 'lrr'"),
        (["-m", "gruu"], "There is no model named 'gruu'"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(bench, places, words, sentence):
    code, _, err = bench(*words, *(places if "-m" in words else []))
    assert code == 2
    assert sentence in " ".join(err.split())
    assert "Traceback" not in err


def test_jobs_of_slurm_are_watched_elsewhere(bench, places, monkeypatch):
    monkeypatch.setattr(cluster, "installed", lambda: True)
    code, _, err = bench("-m", "gru", *places, "--cluster", "slurm", "--wait")
    assert code == 2
    assert "`bench status --watch` shows jobs of Slurm" in err


def test_what_jobs_start_is_hidden_from_people(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", "--help"])
    with pytest.raises(SystemExit):
        cli.main()
    out = capsys.readouterr().out
    assert "submit" in out
    assert "worker" not in out


def test_names_come_with_commas_and_by_repetition():
    assert command._listed(["a,b", "c", " d ,"]) == ["a", "b", "c", "d"]
    assert command._listed(None) == []
