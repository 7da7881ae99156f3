"""keras-tuner's searches over made trials: what they propose, and how they survive being killed."""

from __future__ import annotations

import dataclasses
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from studies import SPACE, made, worth

from benchmarks.engine import Pruned
from benchmarks.study import FINISHED, Study, Trial
from benchmarks.study_hyperband import sweep
from utils.errors import BenchError
from utils.progress import Silent

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras_tuner = pytest.importorskip("keras_tuner")

from benchmarks import tune_keras  # noqa: E402 - where there is keras-tuner
from benchmarks.tune_keras import left  # noqa: E402
from benchmarks.tune_trial import Around, Found  # noqa: E402

pytestmark = pytest.mark.tensorflow
AROUND: Any = Around(inputs=None, progress=Silent())  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _file: None)


@dataclasses.dataclass
class Trained:
    """What was trained, epoch by epoch, in place of a network: a checkpoint is a file with a number in it."""

    epochs: list[tuple[int, int]] = dataclasses.field(default_factory=list)
    die_at: int | None = None
    fail: bool = False

    def __call__(self, recipe: Any, folder: Path, _around: Around, report: Any) -> Found:
        if self.fail:
            raise BenchError("The loss is nan.")
        folder.mkdir(parents=True, exist_ok=True)
        parameters, file = {name: getattr(recipe, name) for name in SPACE}, folder / "last.ckpt"
        begin = int(file.read_text()) if file.exists() else 0
        for epoch in range(begin + 1, recipe.epochs + 1):
            file.write_text(str(epoch))
            self.epochs.append((report.claim.record.number, epoch))
            if len(self.epochs) == self.die_at:
                raise KeyboardInterrupt
            report([{"val_top1": worth(parameters, e), "seconds": 1.0} for e in range(1, epoch + 1)])
        return Found({"val_top1": worth(parameters, recipe.epochs)}, recipe.epochs, float(recipe.epochs))


def search(study: Study, monkeypatch: pytest.MonkeyPatch, **how: Any) -> Trained:
    trained = Trained(**how)
    monkeypatch.setattr("benchmarks.tune_trial.measured", trained)
    tune_keras._search(study, AROUND)
    return trained


def keras(runs: Path, **fields: Any) -> Study:
    return made(runs, library="keras-tuner", **{"tuner": "bayesian", **fields})


@pytest.mark.parametrize("tuner", ["bayesian", "random"])
def test_a_search_has_as_many_trials_as_were_asked_for_within_the_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tuner: str
):
    study = keras(tmp_path, tuner=tuner)
    search(study, monkeypatch)
    trials = study.all()
    assert [trial.state for trial in trials.values()] == ["complete"] * 6
    for trial in trials.values():
        assert set(trial.parameters) == set(SPACE)
        assert 1e-4 <= trial.parameters["lr"] <= 1e-2
        assert trial.parameters["hidden"] in {16, 32, 64}
        assert trial.values == {"val_top1": worth(trial.parameters)}
    assert left(study) == (0, 0)


def test_hyperband_trains_the_best_of_a_round_on_from_their_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    study = keras(tmp_path, tuner="hyperband", trials=sweep(9))
    trained = search(study, monkeypatch)
    trials = study.all()
    assert len(trials) == sweep(9)
    gone_on = [trial for trial in trials.values() if trial.root != trial.number]
    assert gone_on
    for trial in gone_on:
        assert trial.epochs > trials[trial.root].epochs
        assert trial.parameters == trials[trial.root].parameters
        first = min(epoch for number, epoch in trained.epochs if number == trial.number)
        assert first > trials[trial.root].epochs
    assert max(trial.epochs for trial in trials.values()) == 9
    steps = [(trials[number].root, epoch) for number, epoch in trained.epochs]
    assert len(steps) == len(set(steps))


@pytest.mark.parametrize("tuner", ["bayesian", "hyperband"])
@pytest.mark.parametrize("die_at", [1, 7, 20])
def test_a_search_that_was_cut_goes_on_from_the_trials_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tuner: str, die_at: int
):
    trials = sweep(9) if tuner == "hyperband" else 6
    whole, cut = (keras(tmp_path / name, tuner=tuner, trials=trials) for name in "ab")
    undisturbed = search(whole, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        search(cut, monkeypatch, die_at=die_at)
    assert any(trial.state == "stopped" for trial in cut.all().values())
    rest = search(cut, monkeypatch)
    assert len(rest.epochs) + die_at - len(undisturbed.epochs) in {0, 1}
    outcome = [(trial.parameters, trial.values) for trial in whole.all().values()]
    assert [(trial.parameters, trial.values) for trial in cut.all().values()] == outcome


DAMAGE = {
    "oracle.json": b"",
    "tuner0.json": b'{"half',
    "trial_0/trial.json": b"<html>",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_files_that_a_kill_left_half_written_are_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    study = keras(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        search(study, monkeypatch, die_at=20)
    before = {n: trial for n, trial in study.all().items() if trial.state in FINISHED}
    assert before
    assert (study.folder / "keras-tuner" / name).exists()
    (study.folder / "keras-tuner" / name).write_bytes(DAMAGE[name])
    search(study, monkeypatch)
    assert {n: study.all()[n] for n in before} == before
    assert len(study.all()) == 6


def test_a_copy_that_is_damaged_too_begins_anew_and_trains_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    study = keras(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        search(study, monkeypatch, die_at=20)
    done = sum(trial.state in FINISHED for trial in study.all().values())
    (study.folder / "keras-tuner" / "oracle.json").write_bytes(b"")
    with zipfile.ZipFile(study.folder / "keras-tuner.zip", "w") as archive:
        archive.writestr("oracle.json", "half")
    trained = search(study, monkeypatch)
    assert len(study.all()) == 6
    assert {number for number, _ in trained.epochs} == set(range(done, 6))


def test_trial_after_trial_that_fails_ends_the_search_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    study = keras(tmp_path)
    with pytest.raises(BenchError, match=r"5 trials in a row failed\. The last of them: The loss is nan"):
        search(study, monkeypatch, fail=True)


@pytest.mark.parametrize("epochs", [1, 4, 9, 27, 50, 100])
def test_a_sweep_is_what_keras_tuner_counts(epochs: int):
    goal = keras_tuner.Objective("val_top1", "max")
    oracle = keras_tuner.oracles.HyperbandOracle(goal, max_epochs=epochs)
    brackets = range(oracle._get_num_brackets())
    counted = sum(oracle._get_size(one, number) for one in brackets for number in range(one + 1))
    assert sweep(epochs) == counted


def test_a_trial_whose_epochs_are_over_is_worth_its_best_one(tmp_path: Path):
    study = keras(tmp_path)
    record = Trial(number=0, root=0, parameters={})
    claim = tune_keras.Claimed(study, record, 2, AROUND)
    assert not claim.told([0.5], 1.0)
    assert claim.told([0.5, 0.4], 2.0)
    assert claim.end(state="pruned").values == {"val_top1": 0.5}
    assert not tune_keras.Claimed(study, record, 9, AROUND).told([0.1] * 9, 9.0)
    assert issubclass(Pruned, Exception)
