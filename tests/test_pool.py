"""The local cluster: some tasks at a time, started again when killed, stopped with their checkpoints."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from slurm import pool
from slurm.ledger import Ledger
from slurm.plan import Plan, Task
from slurm.profiles import Profile
from slurm.submission import Submission
from utils.errors import BenchError

PROGRAM = (sys.executable, str(Path(__file__).with_name("submit_program.py")))


@pytest.fixture
def submission(tmp_path: Path):
    """Return a function that submits tasks: key -> the words after the folder and the key."""
    home = tmp_path / "a b'c"

    def made(tasks: dict[str, str], parallel: int = 2) -> Submission:
        lines = [Task(key, (str(home / "out"), key, *words.split())) for key, words in tasks.items()]
        profile = Profile(parallel=parallel)
        plan = Plan(tuple(lines), home / "runs", home / "results", profile, PROGRAM, tmp_path)
        return Ledger(plan.runs).new(plan, "local")

    return made


def out(submission: Submission) -> Path:
    return submission.folder.parent.parent.parent / "out"


def wait_for(condition, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def codes(submission: Submission) -> dict[str, int]:
    return {key: end.code for key, end in submission.ends().items()}


def test_every_task_is_carried_out_and_its_end_is_known(submission):
    one = submission({"a": "2", "b": "3", "c": "2 0 fail", "d": "2 0 kill1"})
    pool.serve(one.folder, lambda _: lambda key: (out(one) / f"{key}.ckpt").read_text())
    assert codes(one) == {"a": 0, "b": 0, "c": 1, "d": 0}
    assert one.end("c").last == "ValueError: no"
    assert one.end("d").attempts == 2
    assert (out(one) / "b.steps").read_text() == "0\n1\n2\n"
    assert not pool.alive(one)


def test_a_task_that_is_killed_again_and_again_is_given_up(submission):
    one = submission({"a": "4 0 die"})
    pool.serve(one.folder)
    end = one.end("a")
    assert (end.code, end.signal, end.attempts) == (137, 9, 4)


def test_so_many_are_at_work_at_a_time_and_share_the_cores(submission, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "6")
    one = submission(dict.fromkeys("abcd", "3 0.1"), parallel=3)
    pool.serve(one.folder)
    assert set(codes(one).values()) == {0}
    told = [json.loads(path.read_text()) for path in out(one).glob("*.started.0")]
    assert {environment["OMP_NUM_THREADS"] for environment in told} == {"2"}
    assert len(told) == 4


def test_a_cancelled_task_is_not_started_and_a_running_one_is_stopped(submission):
    one = submission({"a": "100 0.1", "b": "1"}, parallel=1)
    one.cancel("b")
    pool.start(one)
    wait_for((out(one) / "a.ckpt").exists)
    assert pool.alive(one)
    one.cancel("a")
    wait_for(lambda: not pool.alive(one))
    assert codes(one) == {"a": 130}


def test_it_outlives_who_started_it_and_stops_with_checkpoints_when_asked(submission):
    one = submission({"a": "200 0.05", "b": "200 0.05", "c": "1"})
    pid = pool.start(one)
    assert os.getsid(pid) == pid
    wait_for(lambda: all((out(one) / f"{key}.ckpt").exists() for key in "ab"))
    pool.stop(one)
    wait_for(lambda: not pool.alive(one))
    assert codes(one) == {"a": 130, "b": 130}
    for key in "ab":
        steps = (out(one) / f"{key}.steps").read_text().split()
        assert (out(one) / f"{key}.ckpt").read_text() == str(len(steps)), "nothing is done twice"


def test_no_task_goes_on_where_the_pool_is_killed(submission):
    one = submission({"a": "2000 0.05"})
    pid = pool.start(one)
    wait_for((out(one) / "a.ckpt").exists)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not pool.alive(one))

    def steps() -> int:
        return len((out(one) / "a.steps").read_text().split())

    def stands_still() -> bool:
        before = steps()
        time.sleep(0.5)
        return steps() == before

    wait_for(stands_still)
    assert (out(one) / "a.ckpt").read_text() == str(steps())


def test_what_another_process_is_at_is_tried_again_a_little_later(monkeypatch, tmp_path):
    monkeypatch.setattr(pool, "_LATER", (0.1, 0.1))
    script = tmp_path / "busy.py"
    script.write_text(
        "import sys, pathlib\np = pathlib.Path(sys.argv[1])\nn = len(list(p.parent.glob('n*')))\n"
        "(p.parent / f'n{n}').touch()\nsys.exit(75 if n < int(sys.argv[2]) else 0)\n"
    )
    for turns, code in ((2, 0), (9, 75)):
        here = tmp_path / str(turns)
        here.mkdir()
        plan = Plan(
            (Task("a", (str(here / "x"), str(turns))),), here, here, program=(sys.executable, str(script))
        )
        one = Ledger(here).new(plan, "local")
        pool.serve(one.folder)
        assert codes(one) == {"a": code}
        assert len(list(here.glob("n*"))) == 3


def test_there_is_one_pool_per_submission(submission):
    one = submission({"a": "100 0.1"})
    pool.start(one)
    with pytest.raises(BenchError, match="is at work on it"):
        pool.serve(one.folder)
    pool.stop(one)
    wait_for(lambda: not pool.alive(one))


def test_a_pool_that_does_not_start_is_answered_with_a_sentence(submission):
    one = submission({"a": "1"})
    (one.folder / "plan.json").write_text("{}")
    with pytest.raises(BenchError, match="The local pool did not start: see"):
        pool.start(one)


def test_a_lock_of_another_machine_counts_while_it_is_fresh(submission):
    one = submission({"a": "1"})
    lock = one.folder / "pool.lock"
    lock.write_text(json.dumps({"host": "elsewhere", "pid": 1}))
    assert pool.alive(one)
    with pytest.raises(BenchError, match="works on elsewhere"):
        pool.stop(one)
    os.utime(lock, (time.time() - 100, time.time() - 100))
    assert not pool.alive(one)
    lock.write_text("{")
    assert not pool.alive(one)
    pool.stop(one)
