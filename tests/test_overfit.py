"""`bench overfit`: a network that learns says so, one that cannot ends in a sentence; nothing is kept."""

from __future__ import annotations

import pytest

from benchmarks import cli
from utils.errors import FAILURE, BenchError
from wlasl.clips import Clip


@pytest.fixture
def told(tmp_path, monkeypatch, capsys):
    """Return a function that types `bench overfit` on the sample and returns what it prints."""
    pytest.importorskip("torch")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def type_(*words):
        home = ["--runs", str(tmp_path / "runs"), "--results", str(tmp_path / "results")]
        cli.app(["overfit", "--split", "sample", *home, *words], standalone_mode=False)
        return capsys.readouterr().out

    type_.folder = tmp_path
    return type_


def clips(*labels):
    return [
        Clip(id=str(number), gloss=str(label), label=label, part="train")
        for number, label in enumerate(labels)
    ]


@pytest.mark.parametrize(
    ("count", "labels", "found"),
    [
        (4, (0, 0, 0, 1, 1, 2), "0 1 3 4"),
        (5, (2, 1, 0, 0, 1, 2), "2 3 1 4 0"),
        (3, (0, 1, 2, 3), "0 1 2"),
    ],
)
def test_two_clips_of_a_gloss_are_taken_glosses_in_order(count, labels, found):
    overfit = pytest.importorskip("benchmarks.overfit")
    assert " ".join(clip.id for clip in overfit.chosen(clips(*labels), count)) == found


@pytest.mark.parametrize(("count", "labels", "there"), [(5, (0, 0, 0, 1), 3), (3, (0, 0, 0, 0), 2)])
def test_too_few_clips_are_a_sentence(count, labels, there):
    overfit = pytest.importorskip("benchmarks.overfit")
    with pytest.raises(BenchError, match=f"{count} training clips.*are not at hand: {there} are"):
        overfit.chosen(clips(*labels), count)


@pytest.mark.parametrize("model", ["gru", "sign-conformer"])
def test_a_network_that_learns_says_so_and_leaves_nothing_behind(told, model):
    small = ("--set", "hidden=32") if model == "gru" else ("--set", "width=32", "--set", "dropout=0")
    out = told("--model", model, "--clips", "6", "--set", "lr=0.01", *small)
    assert "It learns: 6 clips of 3 signs by heart (loss" in out
    assert not list(told.folder.rglob("*.ckpt*"))
    assert not (told.folder / "results").exists()


def test_what_is_varied_in_training_is_not_varied_here(told, monkeypatch):
    from benchmarks import overfit  # noqa: PLC0415 - the fixture has seen to torch

    seen = []

    def noted(recipe, _inputs, part, **how):
        seen.append((part, how, recipe.schedule, recipe.label_smoothing))
        raise BenchError("enough")

    monkeypatch.setattr(overfit, "loader", noted)
    with pytest.raises(BenchError, match="enough"):
        told("--model", "sign-conformer")
    assert seen == [("train", {}, "constant", 0.0)]


def test_a_network_that_cannot_learn_ends_in_a_sentence_and_an_exit_code(told):
    with pytest.raises(BenchError, match=r"It names \d of 8 clips of 4 signs .*Try another rate") as found:
        told("--model", "gru", "--clips", "8", "--epochs", "2", "--set", "lr=1e-9", "--set", "hidden=8")
    assert found.value.exit_code == FAILURE
