"""Work in processes of its own ends in a value or in a sentence, whatever becomes of the process."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from benchmarks.children import Child, carried_out
from utils.errors import BenchError


class Counter:
    """Counts what it was told, in its process."""

    def __init__(self, start):
        """Begin at a number."""
        print("made")  # noqa: T201 - what a child says goes to its log
        self.count = start

    def add(self, number):
        self.count += number
        return self.count

    def fail(self):
        raise ValueError("no good\nat all")

    def refuse(self):
        raise BenchError("Not today.")

    def crash(self):
        sys.stderr.write("about to fall\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGSEGV)

    def process(self):
        return os.getpid(), os.environ["OMP_NUM_THREADS"]


def write(path):
    path.write_text("done")


def leave():
    os._exit(3)


@pytest.fixture
def child(tmp_path):
    made = Child(tmp_path / "log", Counter, 2)
    made.ready(60)
    yield made
    made.close()


def test_a_child_answers_many_questions_in_its_own_process(child, tmp_path):
    assert [child.ask("add", number) for number in (1, 2)] == [3, 5]
    assert child.ask("process")[0] != os.getpid()
    assert child.ask("process")[1] == "1"
    child.close()
    assert (tmp_path / "log").read_text() == "made\n"


def test_what_fails_is_a_sentence_and_the_child_goes_on(child):
    with pytest.raises(BenchError, match=r"^ValueError: no good$"):
        child.ask("fail")
    with pytest.raises(BenchError, match=r"^Not today\.$"):
        child.ask("refuse")
    assert child.ask("add", 0) == 2


def test_a_crash_names_the_signal_and_the_last_words(child):
    with pytest.raises(BenchError, match="ended by signal SIGSEGV: about to fall"):
        child.ask("crash")
    with pytest.raises(BenchError, match="SIGSEGV"):
        child.ask("add", 1)


def test_work_that_takes_too_long_is_ended(tmp_path):
    began = time.monotonic()
    with pytest.raises(BenchError, match="longer than 1 s"):
        carried_out(tmp_path / "log", 1, time.sleep, 600)
    assert time.monotonic() - began < 60


def test_work_is_carried_out_elsewhere_and_awaited(tmp_path):
    carried_out(tmp_path / "log", 60, write, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "done"


def test_a_process_that_leaves_names_its_exit_code(tmp_path):
    with pytest.raises(BenchError, match="exit code 3"):
        carried_out(tmp_path / "log", 60, leave)
