"""One worker at a time, and none who died keeps the others waiting."""

import errno
import json
import multiprocessing
import os
import time

import pytest

from utils.errors import BenchError
from utils.lease import Patience, _create, lease

QUICK = Patience(beat=0.02, stale=0.4, poll=0.01)


def test_a_lease_is_there_while_it_is_held_and_gone_afterwards(tmp_path):
    with lease(tmp_path / "lock", patience=QUICK):
        assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_a_lease_is_given_back_when_the_work_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), lease(tmp_path / "lock", patience=QUICK):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def holding(folder, log, seconds):
    for _ in range(5):
        with lease(folder / "lock", patience=QUICK):
            with log.open("a") as file:
                file.write("in\n")
            time.sleep(seconds)
            with log.open("a") as file:
                file.write("out\n")


def test_processes_take_turns(tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=holding, args=(tmp_path, tmp_path / "log", 0.01)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert (tmp_path / "log").read_text().split() == ["in", "out"] * 15


def test_a_dead_process_of_this_machine_is_taken_over_at_once(tmp_path):
    context = multiprocessing.get_context("fork")
    worker = context.Process(target=holding, args=(tmp_path, tmp_path / "log", 60))
    worker.start()
    while not (tmp_path / "log").exists():
        time.sleep(0.01)
    os.kill(worker.pid, 9)
    worker.join()
    assert (tmp_path / "lock").exists()
    began = time.monotonic()
    with lease(tmp_path / "lock", patience=Patience(stale=600, poll=0.01)):
        pass
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("content", ['{"host": "another", "pid": 1}', "", "no json", "[1]"])
def test_a_holder_elsewhere_that_stopped_beating_is_taken_over_after_a_while(tmp_path, content):
    (tmp_path / "lock").write_text(content)
    waited = []
    began = time.monotonic()
    with lease(tmp_path / "lock", waited.append, QUICK):
        assert time.monotonic() - began >= 0.4
    assert len(waited) == 1


def test_a_file_system_without_links_will_do(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with lease(tmp_path / "lock", patience=QUICK):
        assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()
        assert not _create(tmp_path / "lock", "another")
    assert list(tmp_path.iterdir()) == []


def test_one_who_lost_the_lease_does_not_take_the_next_ones_away(tmp_path):
    with lease(tmp_path / "lock", patience=QUICK):
        (tmp_path / "lock").write_text('{"token": "another"}')
    assert (tmp_path / "lock").exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    with pytest.raises(BenchError, match="Cannot write"), lease(tmp_path / "none" / "lock"):
        pass
