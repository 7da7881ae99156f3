"""A run is one process's at a time."""

import json

import pytest

from benchmarks.holding import LOCK, held
from benchmarks.pulse import PULSE
from benchmarks.recipe import resolve
from utils.errors import BenchError
from utils.lease import HeldElsewhereError
from utils.progress import Silent


@pytest.fixture
def recipe():
    return resolve("gru", "sample")


def another_at_work(folder, **facts):
    folder.mkdir(exist_ok=True)
    holder = {"token": "other", "host": "elsewhere", "pid": 1, "name": "process 1 on elsewhere", **facts}
    (folder / LOCK).write_text(json.dumps(holder))


def test_the_lock_and_the_pulse_are_there_for_the_length_of_the_run(tmp_path, recipe):
    folder = tmp_path / "runs" / "abc"
    with held(folder, recipe, Silent(), wait=True) as hold:
        assert (folder / LOCK).exists()
        assert json.loads((folder / PULSE).read_text())["state"] == "running"
        assert not hold.lost.is_set()
    assert not (folder / LOCK).exists()
    assert json.loads((folder / PULSE).read_text())["state"] == "done"


def test_a_second_process_leaves_it_alone(tmp_path, recipe):
    another_at_work(tmp_path / "abc")
    with (
        pytest.raises(HeldElsewhereError, match="Process 1 on elsewhere is at work"),
        held(tmp_path / "abc", recipe, Silent(), wait=False),
    ):
        pytest.fail("two are at work")
    assert not (tmp_path / "abc" / PULSE).exists()


@pytest.mark.parametrize(
    ("holder", "taken"),
    [
        ({"job": "7", "restarts": "0", "cluster": "lab"}, True),
        ({"job": "7", "restarts": "1", "cluster": "lab"}, False),
        ({"job": "8", "restarts": "0", "cluster": "lab"}, False),
        ({"job": "7", "restarts": "0", "cluster": "another"}, False),
        ({}, False),
    ],
)
def test_a_requeued_job_takes_over_from_its_own_earlier_start_at_once(
    tmp_path, recipe, monkeypatch, holder, taken
):
    for name, value in {"JOB_ID": "7", "RESTART_COUNT": "1", "CLUSTER_NAME": "lab"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    another_at_work(tmp_path / "abc", **holder)
    entered = []
    try:
        with held(tmp_path / "abc", recipe, Silent(), wait=False):
            entered.append(json.loads((tmp_path / "abc" / LOCK).read_text())["restarts"])
    except HeldElsewhereError:
        pass
    assert entered == (["1"] if taken else [])


def test_one_whose_run_was_taken_over_does_not_touch_the_others_pulse(tmp_path, recipe):
    def lose():
        with held(tmp_path / "abc", recipe, Silent(), wait=True):
            (tmp_path / "abc" / PULSE).write_text("another's")
            raise HeldElsewhereError("taken over")

    with pytest.raises(HeldElsewhereError, match="taken over"):
        lose()
    assert (tmp_path / "abc" / PULSE).read_text() == "another's"


def test_the_other_processes_of_a_run_hold_nothing(tmp_path, recipe, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    with held(tmp_path / "abc", recipe, Silent(), wait=True):
        assert not (tmp_path / "abc").exists()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path, recipe):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(BenchError, match="Cannot write"),
        held(tmp_path / "file" / "abc", recipe, Silent(), wait=True),
    ):
        pytest.fail("there is no folder")
