"""One worker at a time, and none who died keeps the others waiting."""

import contextlib
import errno
import json
import multiprocessing
import os
import socket
import time

import pytest

from utils.errors import BenchError
from utils.lease import Claim, HeldElsewhereError, Patience, _bury, _create, lease

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


def held_by_another(path, **facts):
    """Write the lock file of a live holder on another machine."""
    path.write_text(
        json.dumps({"token": "other", "host": "elsewhere", "pid": 1, "name": "process 1", **facts})
    )


def test_one_who_does_not_wait_is_told_who_is_at_work(tmp_path):
    held_by_another(tmp_path / "lock")
    with (
        pytest.raises(HeldElsewhereError, match=r"^Process 1 is at work on it\.$") as error,
        lease(tmp_path / "lock", patience=QUICK, claim=Claim(wait=False)),
    ):
        pytest.fail("two hold it")
    assert error.value.exit_code == 75
    assert (tmp_path / "lock").exists()


def test_one_who_does_not_wait_still_takes_over_from_the_dead(tmp_path):
    (tmp_path / "lock").write_text(json.dumps({"host": socket.gethostname(), "pid": 2**22 + 1, "token": "x"}))
    with lease(tmp_path / "lock", patience=QUICK, claim=Claim(wait=False)):
        assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()


def test_a_successor_takes_over_at_once_and_says_what_it_is(tmp_path):
    held_by_another(tmp_path / "lock", job="7", restarts="0")
    claim = Claim({"job": "7", "restarts": "1"}, lambda other: other.get("job") == "7")
    began = time.monotonic()
    with lease(tmp_path / "lock", patience=Patience(stale=600, poll=0.01), claim=claim):
        assert json.loads((tmp_path / "lock").read_text())["restarts"] == "1"
    assert time.monotonic() - began < 5


def test_one_whose_lease_was_taken_over_hears_of_it_and_stops_beating(tmp_path):
    with lease(tmp_path / "lock", patience=QUICK) as lost:
        assert not lost.wait(0.1)
        held_by_another(tmp_path / "lock")
        os.utime(tmp_path / "lock", (1, 1))
        assert lost.wait(10)
        time.sleep(0.1)
        assert (tmp_path / "lock").stat().st_mtime == 1
    assert json.loads((tmp_path / "lock").read_text())["host"] == "elsewhere"


def test_a_live_ones_file_that_was_taken_by_mistake_is_put_back(tmp_path):
    held_by_another(tmp_path / "lock")
    before = (tmp_path / "lock").read_text()
    _bury(tmp_path / "lock", {"token": "one that died earlier"}, "mine")
    assert (tmp_path / "lock").read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def counting(folder, log, dead):
    """Take over from the dead, and count oneself among those who hold the lease at once."""
    for number in range(20):
        if dead:
            with contextlib.suppress(FileExistsError), (folder / "lock").open("x") as file:
                file.write(json.dumps({"host": socket.gethostname(), "pid": 2**22 + 1, "token": str(number)}))
        with lease(folder / "lock", patience=Patience(beat=1, stale=60, poll=0.001)):
            with log.open("a") as file:
                file.write("in\n")
            time.sleep(0.002)
            with log.open("a") as file:
                file.write("out\n")


def test_of_many_who_see_a_dead_holder_one_at_a_time_takes_over(tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [
        context.Process(target=counting, args=(tmp_path, tmp_path / "log", number < 2)) for number in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert (tmp_path / "log").read_text().split() == ["in", "out"] * 80


def test_one_who_does_not_wait_takes_over_from_one_elsewhere_who_fell_silent_long_ago(tmp_path):
    lock = tmp_path / "lock"
    lock.write_text('{"host": "another", "pid": 1, "name": "process 1 on another"}')
    with pytest.raises(HeldElsewhereError), lease(lock, claim=Claim(wait=False)):
        pass
    long_ago = time.time() - 60
    os.utime(lock, (long_ago, long_ago))
    with lease(lock, claim=Claim(wait=False)):
        assert json.loads(lock.read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []
