"""A study's workers as a real Slurm job array on one shared folder, one of them killed at work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from studies import made, worth

from benchmarks.study import FINISHED, Study
from benchmarks.submission import submit
from slurm.plan import Plan, Task
from slurm.profiles import Profile

pytest.importorskip("optuna")
pytest.importorskip("submitit")

from benchmarks.study_claim import left

HERE = Path(__file__).resolve().parent


def plan(runs: Path) -> Plan:
    """Return two workers of the study."""
    argv = (str(HERE / "studies.py"), str(runs), "made", "0.05")
    return Plan(
        tasks=tuple(Task(f"{number:016x}", argv, f"worker {number}") for number in range(2)),
        runs=runs,
        results=runs,
        profile=Profile(time="10", cpus=1, memory="500"),
        program=(sys.executable,),
        environment={"PYTHONPATH": f"{HERE.parent}{os.pathsep}{HERE}"},
    )


def kill_a_worker(study: Study) -> int:
    """Kill the process that works on some trial; return the trial's number."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        for path in study.leases.glob("*.lock"):
            try:
                holder = json.loads(path.read_text())
                os.kill(int(holder["pid"]), signal.SIGKILL)
            except (OSError, ValueError):
                continue
            return int(path.stem)
        time.sleep(0.05)
    raise AssertionError("no worker came to work")


@pytest.mark.slow
@pytest.mark.usefixtures("slurm")
def test_an_array_of_workers_finishes_a_study_though_one_of_them_is_killed(tmp_path: Path):
    study = made(tmp_path / "runs of mine", trials=8)
    left(study)
    told = submit(plan(tmp_path / "runs of mine"), "slurm")
    (job,) = told.jobs
    try:
        killed = kill_a_worker(study)
        deadline = time.monotonic() + 300
        while subprocess.run(["squeue", "-h", "-j", job], check=False, capture_output=True).stdout:
            assert time.monotonic() < deadline
            time.sleep(1)
    finally:
        subprocess.run(["scancel", job], check=False)
    assert left(study) == (0, 0)
    trials = study.all()
    ended = [trial for trial in trials.values() if trial.state in FINISHED]
    assert [trial.state for trial in ended] == ["complete"] * 8
    # One that was killed before it had written its trial down leaves none, and others take further numbers.
    assert killed not in trials or trials[killed].state in {"lost", "complete"}
    assert all(trial.values["val_top1"] == worth(trial.parameters) for trial in ended)
    assert {trial.job["job"] for trial in trials.values()}
