"""A task's process: how it ends is known, from wherever one looks, and whether it is started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slurm.child import Child, Tries
from slurm.plan import Plan, Task
from slurm.profiles import Profile
from utils.errors import BenchError

HOME = Path(__file__).resolve().parent.parent


@pytest.fixture
def start(tmp_path: Path):
    """Return a function that starts some Python as a task."""
    cwd = tmp_path / "a b'c"
    cwd.mkdir()

    def started(code: str, log: Path | None = None, **extra: str) -> Child:
        plan = Plan((), tmp_path, tmp_path, Profile(environment={"A": "a b"}), (sys.executable, "-c"), cwd)
        return Child(plan, Task("k", (code,)), log or tmp_path / "logs" / "k.log", extra)

    return started


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("", 0),
        ("raise SystemExit(3)", 3),
        ("import os; os.kill(os.getpid(), 9)", -9),
        ("import os; os.abort()", -6),
    ],
)
def test_how_it_ended_is_told_as_often_as_one_asks(start, code: str, expected: int):
    child = start(code)
    assert [child.wait(), child.wait(), child.poll()] == [expected] * 3
    child.bury()
    assert child.poll() == expected


def test_it_may_be_waited_for_within_a_signal_handler_that_interrupts_waiting(start):
    child, seen = start("import time; time.sleep(0.5)"), []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append(child.wait()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        assert child.wait(20) == 0
    finally:
        signal.signal(signal.SIGALRM, before)
    assert seen == [0]


def test_attempts_follow_each_other_in_one_log(start, tmp_path: Path):
    log = tmp_path / "k.log"
    for word in ("one", "two"):
        start(
            f"print({word!r}); import os, sys; print(os.environ['A'], os.getcwd(), file=sys.stderr)", log
        ).wait()
    lines = log.read_text().splitlines()
    assert [line for line in lines if not line.startswith("---")] == [
        *("one", f"a b {tmp_path}/a b'c"),
        *("two", f"a b {tmp_path}/a b'c"),
    ]
    assert sum(line.startswith("--- 2") for line in lines) == 2


def test_it_is_asked_to_stop_and_then_may_be_killed(start):
    patient = start("import signal, time; signal.signal(15, lambda *_: exit(130)); print(1); time.sleep(30)")
    time.sleep(1)
    patient.stop()
    assert patient.wait(20) == 130
    deaf = start("import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(30)")
    time.sleep(1)
    deaf.stop()
    assert deaf.wait(0.5) is None
    deaf.kill()
    assert deaf.wait(20) == -9
    deaf.stop()


def test_a_program_that_is_not_there_is_answered_with_a_sentence(tmp_path: Path):
    plan = Plan((), tmp_path, tmp_path, program=("/absent/program",), cwd=tmp_path)
    with pytest.raises(BenchError, match="Cannot start /absent/program: No such file"):
        Child(plan, Task("k", ()), tmp_path / "k.log")
    with pytest.raises(BenchError, match="Cannot write"):
        Child(plan, Task("k", ()), Path("/proc/absent/k.log"))


def test_it_is_asked_to_stop_when_whoever_started_it_is_killed(tmp_path: Path):
    code = f"""
import sys; sys.path.insert(0, {str(HOME)!r})
from pathlib import Path
from slurm.child import Child
from slurm.plan import Plan, Task
here = Path({str(tmp_path)!r})
words = '''import signal, time
signal.signal(15, lambda *_: (open("stopped", "w"), exit(130)))
print(1)
time.sleep(60)'''
plan = Plan((), here, here, program=(sys.executable, "-c"), cwd=here)
child = Child(plan, Task("k", (words,)), here / "log")
while not (here / "log").read_text().endswith("\\n1\\n"):
    pass
print(child.pid, flush=True)
child.wait()
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    until = time.monotonic() + 20
    while not (tmp_path / "stopped").exists():
        assert time.monotonic() < until, f"process {pid} goes on"
        time.sleep(0.05)
    assert os.path.exists(tmp_path / "log")


def test_a_killed_task_is_started_again_while_it_gets_further_and_thrice_where_it_does_not():
    steps = iter([1, 2, 3, 4, 5, 5, 5, 5, 6])
    tries = Tries(lambda _: next(steps))
    answers = [tries.again("k", -9) for _ in range(9)]
    assert answers == [True, True, True, True, True, True, True, False, True]


def test_without_any_sign_of_progress_it_is_thrice():
    tries = Tries()
    assert [tries.again("a", -9) for _ in range(4)] == [True, True, True, False]
    assert tries.again("b", -9)


@pytest.mark.parametrize("code", [0, 1, 2, 75, 130])
def test_a_task_that_ended_by_itself_is_not_started_again(code: int):
    assert not Tries().again("k", code)
