"""How jobs of a real Slurm stand that ended in every way that this project tells apart."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("submitit")

from benchmarks.cancelling import cancelled
from benchmarks.standing import standing
from benchmarks.submission import submit
from slurm import asking, cluster
from slurm.ledger import Ledger
from slurm.plan import Plan, Task
from slurm.profiles import Profile

PROGRAM = """
import os, signal, sys, time

kind = sys.argv[1]
print("begins", flush=True)
if kind == "exception":
    raise KeyError("no such layer")
elif kind == "killed":
    os.kill(os.getpid(), signal.SIGSEGV)
elif kind == "worker":
    os.kill(os.getppid(), signal.SIGKILL)
elif kind == "memory":
    held = []
    while True:
        held.append(bytearray(os.urandom(1 << 20) * 40))
        time.sleep(0.1)
elif kind == "device":
    sys.exit("RuntimeError: CUDA error: out of memory")
time.sleep(120)
"""
EXPECTED = {
    "exception": ("failed", "KeyError: 'no such layer'"),
    "killed": ("failed", "killed by signal 11 (SIGSEGV)"),
    "worker": ("failed", "killed by signal 9 (SIGKILL)"),
    "memory": ("failed", "out of memory"),
    "device": ("failed", "out of memory: RuntimeError: CUDA error: out of memory"),
}


def planned(folder: Path, kinds, **resources) -> Plan:
    """Return a plan of tasks that end in these ways."""
    program = folder / "ends.py"
    program.write_text(PROGRAM)
    tasks = tuple(Task(f"{number:016x}", (kind,), kind) for number, kind in enumerate(kinds))
    profile = Profile(**{"time": "5", "memory": "250M", **resources})
    return Plan(tasks, folder / "runs", folder / "results", profile, (sys.executable, str(program)), folder)


def until(true, seconds=180):
    """Wait until a question is answered with something true, and return that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not true():
        time.sleep(0.5)
    return true()


def states(plan):
    """Return by label how the tasks of a plan stand."""
    return {
        row.task.label: (row.state.kind, row.state.reason) for row in standing(plan.runs, plan.results).rows
    }


@pytest.fixture
def cleared(request):
    """Collect jobs that are cancelled after the test; skip where there is no Slurm."""
    request.getfixturevalue("slurm")
    jobs: list[str] = []
    yield jobs
    cluster.cancel(jobs)


def answers(folder: Path, monkeypatch, name: str, script: str) -> None:
    """Put a command of this name before Slurm's own."""
    command = folder / "bin" / name
    command.parent.mkdir(exist_ok=True)
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.slow
def test_every_end_of_a_real_job_is_told_apart(cleared, tmp_path, monkeypatch):
    plan = planned(tmp_path, EXPECTED)
    cleared += submit(plan, "slurm").jobs
    until(lambda: {state[0] for state in states(plan).values()} == {"failed"})
    assert states(plan) == EXPECTED
    # The same where there is no accounting, and once the controller has forgotten the jobs.
    answers(tmp_path, monkeypatch, "sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
    assert states(plan) == EXPECTED
    answers(tmp_path, monkeypatch, "squeue", "exit 0")
    assert states(plan) == EXPECTED
    answers(tmp_path, monkeypatch, "squeue", "echo 'Unable to contact slurm controller' >&2; exit 1")
    assert {state[0] for state in states(plan).values()} == {"failed", "unknown"}


@pytest.mark.slow
def test_a_job_is_followed_through_the_queue_to_its_cancelling(cleared, tmp_path, monkeypatch):
    plan = planned(tmp_path, ["sleep", "waits", "gone"], parallel=1)
    (job,) = submit(plan, "slurm").jobs
    cleared.append(job)
    assert until(lambda: states(plan)["sleep"] == ("running", "starts"))
    assert states(plan)["waits"] == ("waiting", "as many run as may at a time")
    cluster.cancel([f"{job}_2"])
    assert until(lambda: states(plan)["gone"] == ("cancelled", "left the queue before it began"))
    rows = [row for row in standing(plan.runs, plan.results).rows if row.task.label != "gone"]
    assert len(cancelled(rows)) == 2
    assert until(lambda: states(plan)["sleep"] == states(plan)["waits"] == ("cancelled", ""))
    # The same without a word of Slurm's: what the user did is known, and nothing is called failed.
    monkeypatch.setattr(asking, "PATIENCE", 0.001)
    assert {state[0] for state in states(plan).values()} == {"cancelled", "unknown"}


@pytest.mark.slow
def test_a_preempted_job_says_why_it_waits(cleared, slurm, tmp_path):
    partitions = subprocess.run(
        ["sinfo", "-h", "-o", "%R"], capture_output=True, text=True, check=True
    ).stdout
    if "high" not in partitions.split():
        pytest.skip("this cluster has no partition `high` whose jobs preempt others")
    node, *others = slurm.nodes
    # Of a job that may take less than ten minutes submitit takes every warning for one of its time limit.
    elsewhere = {"exclude": ",".join(others)} if others else {}
    plan = planned(tmp_path, ["sleep"], time="60", **elsewhere)
    cleared += submit(plan, "slurm").jobs
    assert until(lambda: states(plan)["sleep"] == ("running", "starts"))
    worker = Ledger(plan.runs).submissions()[0]
    assert until(lambda: worker.log("0" * 16).exists())
    urgent = f"sbatch --parsable -p high -w {node} --exclusive -o {os.devnull}".split()
    urgent += ["--wrap", "sleep 60"]
    cleared.append(subprocess.run(urgent, capture_output=True, text=True, check=True).stdout.strip())
    assert until(lambda: states(plan)["sleep"][0] == "waiting")
    assert states(plan)["sleep"][1].startswith("preempted, restart 1: ")
