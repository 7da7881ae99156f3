"""`--evaluate-on`: signs that were not trained on, found by embeddings alone."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks import zero_shot, zero_shot_signs
from benchmarks.inputs import Inputs
from benchmarks.recipe import resolve
from benchmarks.records import read_record, write_record
from benchmarks.run import Machine, Places, run
from benchmarks.schema import ZeroShot
from benchmarks.scores import Scores, write_scores
from benchmarks.zero_shot import Around, Target, evaluated, targets
from benchmarks.zero_shot_report import print_zero_shot
from utils.errors import BenchError
from wlasl.clips import Clip, Subset
from wlasl.landmarks.joints import SKELETONS
from wlasl.subsets import DataSet, load

TRAINED, OTHERS = ("book", "drink", "go"), ("dog", "fish", "hat", "cow")
SMALL = {"heads": 3, "layers": 1, "hidden": 16}


class Store:
    """Landmarks of every clip of a few signs: each sign holds its hands at a place of its own."""

    joints = SKELETONS["spoter"]
    source = "true"
    nbytes = 0

    def __init__(self, clips):
        self.ids = tuple(clip.id for clip in clips)
        self.gloss = {clip.id: clip.gloss for clip in clips}

    def points(self, clip_id):
        noise = np.random.default_rng(int(clip_id)).normal(size=(5, 54, 2)) * 0.02
        base = np.random.default_rng(100).random((54, 2))
        base[12:] += (*TRAINED, *OTHERS).index(self.gloss[clip_id]) * 0.3
        return (base + noise).astype(np.float32)

    def digest(self, ids):
        return f"{len(list(ids)):016}"


def inputs_of(name, glosses, first, counts=(4, 2, 2)):
    """Return the clips of some signs: so many of each in train, val and test."""
    clips = [
        (part, label) for part, count in zip(("train", "val", "test"), counts, strict=True)
        for label in range(len(glosses)) for _ in range(count)
    ]  # fmt: skip
    made = tuple(
        Clip(f"{first + number:05}", glosses[label], label, part)
        for number, (part, label) in enumerate(clips)
    )
    subset = Subset(name, glosses, made, "r" * 16)
    return Inputs(DataSet(subset, Path("/nowhere"), None), Store(made), {})


@pytest.fixture
def shelves(monkeypatch):
    """Let data sets be found by name, and note who asked for which."""
    known = {
        "100": inputs_of("100", TRAINED, 0),
        "300": inputs_of("300", (*OTHERS, *TRAINED), 100),
        "sample": inputs_of("sample", ("dog", "cow"), 300),
        "1000": inputs_of("1000", OTHERS, 400, (0, 1, 1)),
        "2000": inputs_of("2000", OTHERS, 400, (1, 1, 0)),
    }
    asked = []

    def load(split, data, _progress=None):
        if split not in known:
            raise BenchError(f"There is no split named {split!r}.")
        asked.append([split, data])
        return known[split].dataset

    def prepared(recipe, dataset, _store, *, progress=None):
        del progress
        asked[-1].append(recipe.landmarks)
        return known[dataset.subset.name]

    monkeypatch.setattr(zero_shot, "load", load)
    monkeypatch.setattr(zero_shot, "prepared", prepared)
    return known, asked


def recipe(**changes):
    usual = {"landmarks": "hands", "epochs": 2, "batch_size": 6, "normalisation": "none", "lr": 1e-3}
    return resolve("spoter-embeddings", "100", {**usual, "start_mining_hard": None, **changes})


def around(**changes):
    return Around(Path("/wlasl"), Path("/stores"), Machine(**changes), Places(Path("/none"), Path("/none")))


def found(shelves, *names, **changes):
    return targets(names, recipe(**changes), shelves[0]["100"], around())


def test_signs_that_were_trained_on_are_left_out_and_the_others_counted_anew(shelves):
    (target,) = found(shelves, "300")
    subset = target.inputs.dataset.subset
    assert subset.glosses == OTHERS
    assert {clip.label for clip in subset.clips} == {0, 1, 2, 3}
    assert all(OTHERS[clip.label] == clip.gloss for clip in subset.clips)
    assert target.unseen
    assert len(target.inputs.clips("train")) == 16


def test_signs_of_the_runs_before_count_as_trained_on(shelves, make_record, tmp_path, monkeypatch):
    start = make_record("spoter-embeddings", "300")
    write_record(tmp_path / "results", start)
    begun = recipe(weights=f"run:{start.id}")
    places = Places(tmp_path / "results", tmp_path / "runs")

    def untaught():
        (target,) = targets(["300"], begun, shelves[0]["100"], replace(around(), places=places))
        return target.inputs.dataset.subset.glosses

    # What it was trained on is known from its own scores, else from its subset, else not at all.
    write_scores(tmp_path / "runs" / start.id / "scores.npz", Scores(("fish", "hat"), {}))
    assert untaught() == ("dog", "cow")
    (tmp_path / "runs" / start.id / "scores.npz").unlink()
    monkeypatch.setattr(zero_shot_signs, "load", lambda *_: inputs_of("300", ("dog", "hat"), 0).dataset)
    assert untaught() == ("fish", "cow")
    monkeypatch.setattr(zero_shot_signs, "load", load)
    with pytest.raises(BenchError, match=rf"which signs are new: run {start.id} .* not known here"):
        untaught()


@pytest.mark.parametrize(
    ("mine", "theirs", "left"),
    [
        ("asl-citizen", "100", ["OLD"]),  # one language, other capitals
        ("lsa64", "100", ["BOOK", "Drink", "OLD", "go"]),  # Argentine signs are others by whatever name
        ("100", "300", ["BOOK", "Drink", "OLD"]),  # one list
        ("folder-mine", "100", ["OLD"]),  # who knows
        ("sample", "folder-mine", ["OLD"]),
        ("autsl", "lsa64", ["BOOK", "Drink", "OLD", "go"]),
    ],
)
def test_names_are_compared_within_a_language_alone(mine, theirs, left):
    signs, taught = (
        DataSet(Subset(name, glosses, (), "r" * 16), Path("/nowhere"), None)
        for name, glosses in ((mine, ("BOOK", "Drink", "OLD", "go")), (theirs, TRAINED))
    )
    begun = recipe().model_copy(update={"split": theirs})
    assert zero_shot_signs.unseen(signs, taught, begun, Places(Path("/none"), Path("/none"))) == left


def test_other_data_is_looked_for_in_its_own_place_with_its_own_landmarks(shelves):
    found(shelves, "300", "300:holistic", "sample")
    assert shelves[1] == [
        ["300", Path("/wlasl"), "hands"],
        ["300", Path("/wlasl"), "holistic"],
        ["sample", None, "true"],
    ]


def test_the_same_signs_by_other_landmarks_are_all_asked_about(shelves):
    (target,) = found(shelves, "100:holistic")
    assert not target.unseen
    assert target.inputs.dataset.subset.glosses == TRAINED


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("100", "100 was trained on every sign of 100"),
        ("100:hands", "Name a larger subset, or other landmarks"),
        ("1000", "no train clip of these signs is at hand"),
        ("2000", "no test clip of these signs is at hand"),
        ("400", "There is no split named '400'"),
    ],
)
def test_what_cannot_be_evaluated_is_said_before_training(shelves, name, words):
    with pytest.raises(BenchError, match=words):
        found(shelves, name)


def test_systems_that_embed_nothing_and_several_processes_are_refused(shelves):
    known = shelves[0]["100"]
    for model in ("gru", "movinet-a0"):
        with pytest.raises(BenchError, match=f"spoter, spoter-embeddings. {model} does not"):
            targets(["300"], resolve(model, "100"), known, around())
    with pytest.raises(BenchError, match="leave --devices at 1"):
        targets(["300"], recipe(), known, around(devices=2))
    with pytest.raises(BenchError, match="set epochs to 1 or more"):
        targets(["300"], recipe(epochs=0), known, around())
    assert targets([], resolve("gru", "100"), known, around(devices=2)) == []


@pytest.fixture
def small(monkeypatch):
    """Make SPOTER small."""
    pytest.importorskip("torch")
    from models import spoter  # noqa: PLC0415 - torch

    usual = spoter.Spoter.__init__

    def made(self, d=108, heads=9, layers=6, hidden=2048, dropout=0.1, **switches):
        del heads, layers, hidden
        usual(self, d, dropout=dropout, **SMALL, **switches)

    monkeypatch.setattr(spoter.Spoter, "__init__", made)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("model", ["spoter-embeddings", "spoter"])
def test_a_finished_run_is_evaluated_once_and_its_record_says_how(shelves, tmp_path, model, monkeypatch):
    known = shelves[0]["100"]
    places = Places(tmp_path / "results", tmp_path / "runs")
    machine = Machine(device="cpu")
    fields = recipe().model_dump(include={"landmarks", "epochs", "batch_size", "normalisation", "lr"})
    chosen = resolve(model, "100", fields)
    outcome = run(chosen, known, places, machine)
    wanted = targets(["300", "sample"], chosen, known, around())
    done = evaluated(outcome, wanted, known, places, machine)
    stored = read_record(done.path)
    assert not stored.altered
    assert stored.record == done.record
    assert stored.record.metrics == outcome.record.metrics
    assert list(stored.record.zero_shot) == ["300", "sample"]
    first = stored.record.zero_shot["300"]
    assert (first.split, first.landmarks, first.unseen, first.gallery) == ("300", "true", True, 16)
    assert (first.metrics["clips"], first.metrics["classes"]) == (8, 4)
    assert first.metrics["nearest_top1"] > 0.6

    def never(*_):
        raise AssertionError("evaluated again")

    monkeypatch.setattr(zero_shot, "taken_up", never)
    assert evaluated(done, wanted, known, places, machine) is done
    other = replace(wanted[0], inputs=inputs_of("300", OTHERS, 600))
    with pytest.raises(AssertionError, match="evaluated again"):
        evaluated(done, [other], known, places, machine)


def test_what_was_found_is_printed_beside_chance(make_record):
    metrics = {"clips": 80, "classes": 4, "within5": 0.9, "centroid_top1": 0.5, "centroid_top1_low": 0.4}
    metrics |= {"centroid_top1_high": 0.6, "centroid_top5": None, "vote_top1": 0.25}
    zero = ZeroShot(
        split="300", landmarks="mediapipe-hands", unseen=True, gallery=16, clips="c" * 16, metrics=metrics
    )
    console = Console(width=200, record=True, file=io.StringIO())
    print_zero_shot(make_record(zero_shot={"300:hands": zero}), console)
    printed = console.export_text()
    for words in (
        "Evaluated on 300:hands",
        "4 signs of 300",
        "never trained on",
        "50.00 (40.0-60.0)",
        "25.00",
    ):
        assert words in printed
    print_zero_shot(make_record(), console)
    assert not console.export_text().strip()


def test_a_target_keeps_the_reasons_of_its_own_clips_alone(shelves, monkeypatch):
    known = shelves[0]["300"]
    clips = known.dataset.subset.clips
    lost = {clips[0].id: "missing", next(clip.id for clip in clips if clip.gloss == "go"): "unseen"}
    monkeypatch.setattr(zero_shot, "prepared", lambda *_, **__: Inputs(known.dataset, known.store, lost))
    (target,) = found(shelves, "300")
    assert isinstance(target, Target)
    assert target.inputs.reasons == {clips[0].id: "missing"}
