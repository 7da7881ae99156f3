"""A run's sign of life: what it says, how old it is, and that it never gets in the way."""

import json
import os
import time

import pytest

from benchmarks import pulse as pulsing
from benchmarks.asked import asked, asked_of
from benchmarks.pulse import PULSE, Pulse, age, pulses
from benchmarks.recipe import resolve, revised
from utils.progress import Silent


@pytest.fixture
def recipe():
    return resolve("gru", "sample", {"epochs": 10, "seed": 3})


@pytest.fixture
def folder(tmp_path, recipe):
    path = tmp_path / "runs" / recipe.id
    path.mkdir(parents=True)
    return path


def said(folder):
    return json.loads((folder / PULSE).read_text())


def row(epoch, top1, seconds=2.0):
    return {"epoch": epoch, "train_loss": 1.0, "val_loss": 2.0 - top1, "val_top1": top1, "seconds": seconds}


def test_what_was_asked_for_is_known_before_and_after_the_run_filled_it_in(recipe):
    filled = revised(recipe, clips="1234", weights_sha256="ab" * 32)
    assert asked(filled) == asked(recipe) == asked_of(filled.model_dump(mode="json"))
    assert len(asked(recipe)) == 16
    assert filled.id != recipe.id
    assert asked(revised(recipe, seed=4)) != asked(recipe)


def test_a_pulse_says_where_the_run_stands(folder, recipe):
    with Pulse(folder, recipe, Silent()) as pulse:
        assert said(folder)["task"] == "preparing"
        pulse.begin("epoch 3/10", 20, 4)
        pulse.advance()
        pulse.report([row(0, 0.2), row(1, 0.5), row(2, 0.4, seconds=5.0)])
        found = said(folder)
        pulse.end()
    assert (found["asked"], found["id"], found["model"], found["seed"]) == (
        asked(recipe),
        recipe.id,
        "gru",
        3,
    )
    assert (found["task"], found["step"], found["steps"]) == ("epoch 3/10", 5, 20)
    assert (found["epoch"], found["epochs"]) == (3, 10)
    assert found["best"] == {"measure": "val_top1", "value": 0.5, "epoch": 2}
    assert found["seconds_left"] == 7 * 3.0
    assert (found["state"], found["pid"]) == ("running", os.getpid())


def test_the_best_by_loss_is_the_lowest(folder, recipe):
    with Pulse(folder, revised(recipe, select="val_loss"), Silent()) as pulse:
        pulse.report([row(0, 0.2), row(1, 0.5), row(2, 0.4)])
        assert said(folder)["best"] == {"measure": "val_loss", "value": 1.5, "epoch": 2}


@pytest.mark.parametrize(
    ("error", "state"),
    [(None, "done"), (KeyboardInterrupt(), "stopped"), (ValueError("no clips"), "failed")],
)
def test_a_pulse_says_how_the_run_ended(folder, recipe, error, state):
    try:
        with Pulse(folder, recipe, Silent()):
            if error is not None:
                raise error
    except (KeyboardInterrupt, ValueError):
        pass
    assert (said(folder)["state"], said(folder)["reason"]) == (state, "no clips" if state == "failed" else "")
    assert [beat.alive for beat in pulses(folder.parent)] == [False]


def test_a_pulse_beats_while_nothing_happens(folder, recipe, monkeypatch):
    monkeypatch.setattr(pulsing, "BEAT", 0.02)
    with Pulse(folder, recipe, Silent()):
        first = (folder / PULSE).stat().st_mtime_ns
        deadline = time.monotonic() + 10
        while (folder / PULSE).stat().st_mtime_ns == first:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_one_whose_run_is_anothers_now_never_writes_again(folder, recipe):
    with Pulse(folder, recipe, Silent()) as pulse:
        pulse.hush()
        (folder / PULSE).write_text("another's")
        pulse.report([row(0, 0.2)])
    assert (folder / PULSE).read_text() == "another's"


def test_a_disk_that_refuses_the_pulse_ends_no_run(folder, recipe, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    with Pulse(folder, recipe, Silent()) as pulse:
        monkeypatch.setattr(os, "replace", refuse)
        pulse.report([row(0, 0.2)])
    assert said(folder)["epoch"] == 0


def test_the_age_of_a_pulse_is_told_by_the_clock_of_its_file_server(folder, recipe, monkeypatch):
    with Pulse(folder, recipe, Silent()):
        monkeypatch.setattr(time, "time", lambda: 0.0)
        (beat,) = pulses(folder.parent)
        assert beat.alive
        assert beat.age < 30
        os.utime(folder / PULSE, (1, 1))
        (beat,) = pulses(folder.parent)
    assert beat.age > 45
    assert not beat.alive
    assert age(folder / PULSE) < 30
    assert not list(folder.parent.glob(".clock*"))


def test_what_is_no_pulse_is_left_out(tmp_path, folder, recipe):
    with Pulse(folder, recipe, Silent()):
        for name, content in {"a": "", "b": "[1]", "c": '{"id": "c"}'}.items():
            (folder.parent / name).mkdir()
            (folder.parent / name / PULSE).write_text(content)
        (folder.parent / "jobs").mkdir()
        assert [beat.id for beat in pulses(folder.parent)] == [recipe.id]
    assert pulses(tmp_path / "none") == []
