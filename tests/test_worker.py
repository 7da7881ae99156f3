"""A job's side, without Slurm around it: what it carries out, and how it ends."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from slurm import worker
from slurm.ledger import Ledger
from slurm.plan import Plan, Task
from slurm.submission import Submission
from slurm.worker import Worker, distributed, serve
from utils.errors import BenchError

PROGRAM = (sys.executable, str(Path(__file__).with_name("submit_program.py")))


@pytest.fixture
def submission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that submits one task, and does not hand it to Slurm."""
    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        monkeypatch.delenv(name)

    def made(words: str, program: tuple[str, ...] = PROGRAM) -> Submission:
        task = Task("a", (str(tmp_path / "out"), "a", *words.split()))
        plan = Plan((task,), tmp_path / "runs", tmp_path / "results", program=program, cwd=tmp_path)
        return Ledger(plan.runs).new(plan, "slurm")

    return made


def carried_out(one: Submission) -> int:
    """Carry out the only task of a submission; return its process's exit code."""
    try:
        Worker(one.folder, one.plan.tasks[0])()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.mark.parametrize(
    ("words", "code", "attempts"), [("2", 0, 1), ("2 0 fail", 1, 1), ("2 0 kill1", 0, 2), ("2 0 die", 137, 4)]
)
def test_a_task_is_carried_out_and_its_end_is_written_down(submission, words, code, attempts):
    one = submission(words)
    assert carried_out(one) == code
    assert (one.end("a").code, one.end("a").attempts) == (code, attempts)


def test_a_cancelled_task_is_not_started(submission, tmp_path: Path):
    one = submission("2")
    one.cancel("a")
    assert carried_out(one) == 130
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("turns", "starts"), [(2, 3), (9, 5)])
def test_what_another_process_is_at_is_tried_again_and_then_left(
    submission, tmp_path, monkeypatch, turns, starts
):
    monkeypatch.setattr(worker, "_LATER", (0.0,) * 4)
    script = tmp_path / "busy.py"
    script.write_text(
        "import pathlib, sys\nhere = pathlib.Path(__file__).parent\nn = len(list(here.glob('n*')))\n"
        f"(here / f'n{{n}}').touch()\nsys.exit(75 if n < {turns} else 0)\n"
    )
    one = submission("", (sys.executable, str(script)))
    assert carried_out(one) == 0, "leaving it is no failure"
    assert len(list(tmp_path.glob("n*"))) == starts


def test_a_warning_stops_the_task_with_its_checkpoint(submission, tmp_path: Path):
    pytest.importorskip("submitit")
    one = submission("200 0.05")
    job = Worker(one.folder, one.plan.tasks[0])
    told = []

    def warned(*_: object) -> None:
        told.append(job.checkpoint())
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, warned)
    try:
        signal.setitimer(signal.ITIMER_REAL, 1.5)
        with pytest.raises(KeyboardInterrupt):
            job()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert told[0].function.task == one.plan.tasks[0]
    assert one.end("a").code == 130
    steps = (tmp_path / "out" / "a.steps").read_text().split()
    assert (tmp_path / "out" / "a.ckpt").read_text() == str(len(steps))
    assert Worker.checkpoint is Worker.__submitit_checkpoint__, (
        "submitit 1.5 looks for the one, later ones for both"
    )


def test_who_was_asked_to_stop_waits_for_slurm_and_then_requeues(submission, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "_HELD", 0.1)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "scontrol").write_text(f'#!/bin/sh\necho "$@" > "{tmp_path}/told"\n')
    (bin_folder / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "12")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    one = submission("", (sys.executable, "-c", "raise SystemExit(130)"))
    assert carried_out(one) == 130
    assert (tmp_path / "told").read_text() == "requeue 12_3\n"


@pytest.mark.parametrize("index", ["", "1", "x", "-1"])
def test_a_process_that_is_no_job_of_an_array_is_told_so(submission, monkeypatch, index):
    pytest.importorskip("submitit")
    one = submission("2")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", index)
    with pytest.raises(BenchError, match="This is no job of the array"):
        serve(one.folder, one.chunks()[0].name)
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "0")
    with pytest.raises(BenchError, match="This is no job of the array 'other'"):
        serve(one.folder, "other")


def test_one_process_needs_to_know_of_no_other(monkeypatch):
    monkeypatch.delenv("SLURM_NTASKS", raising=False)
    assert distributed() == {}
