"""Folds over train and val: how clips are dealt, and that what judges a recipe did not train it."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest

from utils.errors import BenchError
from wlasl.clips import Clip, Subset
from wlasl.folds import dealt
from wlasl.subsets import load

CLIPS = [
    Clip(
        id=f"{number:05d}",
        gloss=f"g{number % 7}",
        label=number % 7,
        part="test" if number % 5 == 4 else "val" if number % 5 == 3 else "train",
        signer=number % 11,
        frame_end=40,
        # Every tenth clip is another copy of the one that is 70 before it, which has its gloss.
        url=f"http://signs/{number - 70 if number % 10 == 0 and number >= 70 else number}.mp4",
    )
    for number in range(280)
]
SUBSET = Subset("100", tuple(f"g{number}" for number in range(7)), tuple(CLIPS), "revision")


@pytest.mark.parametrize("by", ["clip", "signer"])
@pytest.mark.parametrize("count", [2, 5])
def test_every_clip_of_train_and_val_is_in_one_fold_and_none_of_test(by, count):
    folds = dealt(CLIPS, count, by)
    assert set(folds.of) == {clip.id for clip in CLIPS if clip.part != "test"}
    assert set(folds.of.values()) == set(range(count))
    seen = Counter()
    for fold in range(count):
        clips = folds.clips(SUBSET, fold)
        train, val = ({clip.id for clip in clips if clip.part == part} for part in ("train", "val"))
        assert train | val == set(folds.of)
        assert not train & val
        seen.update(val)
    assert set(seen.values()) == {1}


def test_copies_of_a_recording_share_a_fold_and_glosses_are_spread_evenly():
    folds = dealt(CLIPS, 5)
    pool = [clip for clip in CLIPS if clip.id in folds.of]
    places = {}
    for clip in pool:
        places.setdefault(clip.url, set()).add(folds.of[clip.id])
    assert sum(len([clip for clip in pool if clip.url == url]) > 1 for url in places) >= 5
    assert all(len(found) == 1 for found in places.values())
    per_fold = Counter((clip.label, folds.of[clip.id]) for clip in {clip.url: clip for clip in pool}.values())
    for label in range(7):
        counts = [per_fold[label, fold] for fold in range(5)]
        assert max(counts) - min(counts) <= 1


def test_by_signer_nobody_is_in_two_folds():
    folds = dealt(CLIPS, 4, "signer")
    found = {}
    for clip in CLIPS:
        if clip.id in folds.of:
            found.setdefault(clip.signer, set()).add(folds.of[clip.id])
    assert len(found) == 11
    assert all(len(places) == 1 for places in found.values())


@pytest.mark.parametrize("by", ["clip", "signer"])
def test_the_order_of_the_clips_and_who_else_is_in_test_change_nothing(by):
    shuffled = random.Random(1).sample(CLIPS, len(CLIPS))
    assert dealt(shuffled, 5, by) == dealt([clip for clip in CLIPS if clip.part != "test"], 5, by)
    assert dealt(CLIPS, 5, by).id != dealt(CLIPS, 4, by).id
    assert dealt(CLIPS, 5, "clip").id != dealt(CLIPS, 5, "signer").id


def test_too_few_and_unknown_signers_are_sentences():
    with pytest.raises(BenchError, match="The 11 signers of train and val are too few for 12 folds"):
        dealt(CLIPS, 12, "signer")
    nameless = [replace(CLIPS[0], signer=None), *CLIPS[1:]]
    with pytest.raises(BenchError, match="Who signs clip 00000 is not known: deal the clips --by clip"):
        dealt(nameless, 3, "signer")


def test_real_signers_can_be_kept_apart(wlasl_root):
    subset = load("100", wlasl_root).subset
    folds = dealt(subset.clips, 5, "signer")
    sizes = Counter(folds.of.values())
    assert sum(sizes.values()) == 1442 + 338
    assert min(sizes.values()) > 300
    for fold in range(5):
        clips = folds.clips(subset, fold)
        train, val = ({clip.signer for clip in clips if clip.part == part} for part in ("train", "val"))
        assert not train & val


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """Return a function that carries out `bench folds` on the sample and tells what was trained on what."""
    pytest.importorskip("torch")
    from benchmarks import cli, folds  # noqa: PLC0415 - the tests above need no torch

    trained = []
    real = folds.engine_of

    def watched(recipe, job):
        engine = real(recipe, job)
        fit = engine.fit

        def noted(train, val):
            trained.append(({clip.id for clip in train.clips}, {clip.id for clip in val.clips}))
            return fit(train, val)

        engine.fit = noted
        return engine

    monkeypatch.setattr(folds, "engine_of", watched)
    monkeypatch.setenv("COLUMNS", "160")

    def judge(*words):
        told = ["folds", "--split", "sample", "--runs", str(tmp_path / "runs")]
        told += ["--results", str(tmp_path / "results")]
        cli.app([*told, *words], standalone_mode=False)
        return trained

    return SimpleNamespace(judge=judge, trained=trained, runs=tmp_path / "runs")


TINY = ("--model", "gru", "--set", "hidden=8", "--set", "epochs=1")


def test_each_fold_is_scored_by_what_was_not_trained_on_it_and_only_once(judged, capsys):
    judged.judge(*TINY, "--folds", "3")
    assert len(judged.trained) == 3
    assert all(not train & val for train, val in judged.trained)
    assert len(set.union(*(val for _, val in judged.trained))) == 160
    test = {clip.id for clip in load("sample", None).subset.part("test")}
    assert len(test) == 32
    assert not test & set.union(*(train | val for train, val in judged.trained))
    assert "160 clips of train and val in 3 folds by clip" in capsys.readouterr().out
    assert not list(judged.runs.rglob("*.ckpt*"))
    judged.judge(*TINY, "--folds", "3")
    assert len(judged.trained) == 3


def test_a_second_recipe_is_compared_on_the_folds_that_both_have(judged, capsys):
    judged.judge(*TINY, "--folds", "3")
    capsys.readouterr()
    judged.judge(*TINY, "--folds", "3", "--only", "0..1", "--set", "lr=0.01")
    assert len(judged.trained) == 5
    out = capsys.readouterr().out
    assert "Judged on the same folds" in out
    assert "this one" in out
    assert "lr=0.002" in out
    assert "these" in out


def test_a_damaged_fold_is_trained_again(judged):
    judged.judge(*TINY, "--folds", "2")
    scores = sorted(judged.runs.rglob("scores.npz"))
    assert len(scores) == 2
    scores[0].write_bytes(b"half")
    judged.judge(*TINY, "--folds", "2")
    assert len(judged.trained) == 3


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (
            ("--model", "spoter", "--recipe", "as-published"),
            "chooses on test, and folds are judged by neither",
        ),
        ((*TINY, "--only", "7"), "There is no fold 7: 5 folds are 0 to 4"),
        ((*TINY, "--only", "x"), "--only takes 0..2 or 0,3, not 'x'"),
        ((*TINY, "--by", "signers"), "Did you mean signer"),
        ((*TINY, "--folds", "999"), "The 160 recordings of train and val are too few for 999 folds"),
    ],
)
def test_what_cannot_be_judged_is_a_sentence_and_trains_nothing(judged, words, why):
    with pytest.raises(BenchError, match=why):
        judged.judge(*words)
    assert not judged.trained


def test_a_start_from_a_run_on_these_clips_is_refused(judged, monkeypatch):
    from benchmarks import chain  # noqa: PLC0415 - needs torch no more than these tests do

    link = SimpleNamespace(id="0123456789ab", model="gru", split="sample")
    monkeypatch.setattr(chain, "links", lambda *_: (link,))
    with pytest.raises(
        BenchError, match=r"Run 0123456789ab .gru on sample. was trained on clips of these folds"
    ):
        judged.judge(*TINY)
    assert not judged.trained
