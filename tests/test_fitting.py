"""The training loop that every framework shares: choice on val, schedule, checkpoints, resuming."""

from __future__ import annotations

import copy
import inspect
import io
import json
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import checkpoints
from benchmarks.engine import Engine, Fitted, Job, Pruned
from benchmarks.fitting import CHECKPOINT, Fit, Step, classified
from benchmarks.recipe_base import Recipe
from benchmarks.recipe_clips import ClipRecipe
from models.zoo import Input
from utils.errors import FAILURE, BenchError
from utils.lease import HeldElsewhereError
from utils.progress import Silent
from utils.seeds import generator
from wlasl.clips import Clip
from wlasl.loader import Batch

CLASSES = 3


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _file: None)


def recipe(**fields: object) -> Recipe:
    base = {"model": "any", "split": "sample", "frames": 1, "size": 16, "seed": 5}
    training = {"epochs": 3, "batch_size": 4, "lr": 0.5, "warmup_epochs": 1.0, "select": "val_top1"}
    return ClipRecipe.model_validate({**base, **training, **fields})


class Points:
    """A part of a set of points in four dimensions, as batches: labels follow from where a point lies."""

    def __init__(self, clips: int, batch: int = 4, *, train: bool = False, views: int = 1) -> None:
        self.clips = tuple(Clip(f"clip{i}", "gloss", i % CLASSES, "train") for i in range(clips))
        self.labels = np.array([clip.label for clip in self.clips], np.int64)
        self.batch, self.train, self.views = batch, train, views
        noise = generator(1, clips).normal(size=(clips, 4))
        self.points = noise + 3 * np.eye(4)[self.labels]

    def steps(self) -> int:
        return math.ceil(len(self.clips) * self.views / self.batch)

    def epoch(self, epoch: int, *, start: int = 0, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        order = np.repeat(np.arange(len(self.clips)), self.views)
        if self.train:
            order = generator(5, epoch).permutation(order)
        for step in range(start, self.steps()):
            mine = order[step * self.batch : (step + 1) * self.batch][rank::world]
            yield Batch(self.points[mine], self.labels[mine], mine)


class Linear:
    """Softmax regression with momentum, whose inputs are dropped at random by the step's key."""

    rank, world = 0, 1

    def __init__(self, job: Job, *, drop: float = 0.3) -> None:
        self.job, self.drop = job, drop
        self.weights, self.velocity = np.zeros((4, CLASSES)), np.zeros((4, CLASSES))
        self.gradient = np.zeros((4, CLASSES))
        self.rates: list[float] = []

    def step(self, batch: Batch, step: Step) -> float:
        kept = generator(*step.key).random(batch.inputs.shape) >= self.drop
        points = batch.inputs * kept
        logs = _log_softmax(points @ self.weights)
        wrong = np.exp(logs) - np.eye(CLASSES)[batch.labels]
        self.gradient += step.share * points.T @ wrong / len(points)
        if step.update:
            self.velocity = 0.9 * self.velocity + self.gradient
            self.weights = self.weights - step.lr * self.velocity
            self.gradient = np.zeros_like(self.gradient)
            self.rates.append(step.lr)
        return float(-logs[np.arange(len(points)), batch.labels].mean())

    def measures(self, val: Points) -> dict[str, float]:
        return classified(self.scores(val), val.labels)

    def scores(self, batches: Points) -> np.ndarray:
        total = np.zeros((len(batches.clips), CLASSES), np.float32)
        for batch in batches.epoch(0):
            total[batch.indices] = _log_softmax(batch.inputs @ self.weights)
            self.job.progress.advance()
        return total

    def agreed(self, wish):
        return wish

    def keep(self) -> None:
        np.save(self.job.folder / "best.npy", self.weights)

    def choose(self) -> None:
        self.weights = np.load(self.job.folder / "best.npy")

    def state(self) -> bytes:
        buffer = io.BytesIO()
        np.savez(buffer, weights=self.weights, velocity=self.velocity)
        return buffer.getvalue()

    def restore(self, state: bytes) -> None:
        with np.load(io.BytesIO(state)) as stored:
            self.weights, self.velocity = stored["weights"], stored["velocity"]


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def new_job(folder: Path, **fields: Any) -> Job:
    folder.mkdir(parents=True, exist_ok=True)
    return Job(CLASSES, Input(1, 16), folder, **fields)


class Cut(Silent):
    """A progress that does something at its nth step."""

    def __init__(self, at: int, action: Callable[[], None]) -> None:
        self.left, self.action = at, action

    def advance(self, note: str = "") -> None:  # noqa: ARG002
        self.left -= 1
        if self.left == 0:
            self.action()


def die() -> None:
    """End like a killed process: nothing more is written."""
    raise KeyboardInterrupt


def ask() -> None:
    """Press Ctrl-C once."""
    signal.raise_signal(signal.SIGINT)


TRAIN, VAL = Points(26, train=True), Points(9)
ADVANCES = 3 * (TRAIN.steps() + VAL.steps())


def train(folder: Path, settings: Recipe, **fields: Any) -> tuple[Linear, Fitted]:
    job = new_job(folder, **fields)
    learner = Linear(job)
    return learner, Fit(learner, settings, job).run(TRAIN, VAL)


def without_time(history: list[dict[str, float]]) -> list[dict[str, float]]:
    return [
        {name: value for name, value in row.items() if name not in {"seconds", "waited"}} for row in history
    ]


# --- Resuming


@pytest.mark.parametrize("action", [die, ask])
@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("checkpoint_seconds", [0.0, 1e9])
def test_a_run_cut_anywhere_ends_bit_for_bit_like_one_that_was_not(
    tmp_path: Path,
    action: Callable[[], None],
    accumulate: int,
    checkpoint_seconds: float,
):
    settings = recipe(accumulate=accumulate, schedule="plateau", plateau_patience=0, lr=0.5)
    whole, expected = train(tmp_path / "whole", settings)
    cuts = 0
    for at in range(1, ADVANCES + 1):
        folder, fields = tmp_path / f"{at}", {"checkpoint_seconds": checkpoint_seconds}
        try:
            train(folder, settings, progress=Cut(at, action), **fields)
        except KeyboardInterrupt:
            cuts += 1
        learner, fitted = train(folder, settings, **fields)
        np.testing.assert_array_equal(learner.weights, whole.weights)
        assert without_time(fitted.history) == without_time(expected.history)
        assert (fitted.chosen_epoch, fitted.steps) == (expected.chosen_epoch, expected.steps)
    assert cuts == ADVANCES


def test_a_run_cut_at_every_step_ends_like_one_that_was_not(tmp_path: Path):
    whole, expected = train(tmp_path / "whole", recipe())
    cuts = 0
    while True:
        try:
            learner, fitted = train(tmp_path / "cut", recipe(), progress=Cut(1, ask))
        except KeyboardInterrupt:  # noqa: PERF203
            cuts += 1
        else:
            break
    np.testing.assert_array_equal(learner.weights, whole.weights)
    assert without_time(fitted.history) == without_time(expected.history)
    assert fitted.resumed == cuts >= 3 * TRAIN.steps()
    assert expected.resumed == 0


def test_one_whose_run_was_taken_over_stops_and_writes_nothing_more(tmp_path: Path):
    lost = threading.Event()
    cut = Cut(2 + TRAIN.steps() + VAL.steps(), lost.set)
    with pytest.raises(HeldElsewhereError, match="Another process has taken this run over"):
        train(tmp_path, recipe(), progress=cut, lost=lost, checkpoint_seconds=0.0)
    kept = json.loads((checkpoints.load(tmp_path / "last.ckpt") or b"").partition(b"\n")[0])
    assert (kept["epoch"], kept["step"]) == (1, 1)


class Peer(Linear):
    """One of two processes, of which the other is asked to stop at its third step."""

    world = 2
    asked = 0

    def agreed(self, wish):
        self.asked += 1
        return max(wish, int(self.asked == 3))


def test_all_processes_stop_after_the_step_at_which_one_was_asked(tmp_path: Path):
    job = new_job(tmp_path)
    learner = Peer(job)
    fit = Fit(learner, recipe(), job)
    with pytest.raises(KeyboardInterrupt):
        fit.run(TRAIN, VAL)
    assert (fit.loop.epoch, fit.loop.step, learner.asked) == (0, 3, 3)


def test_a_finished_fit_is_not_repeated(tmp_path: Path):
    first, expected = train(tmp_path, recipe())
    second, fitted = train(tmp_path, recipe())
    np.testing.assert_array_equal(second.weights, first.weights)
    assert fitted.history == expected.history
    assert second.rates == []


def test_a_process_that_dies_between_the_chosen_weights_and_the_checkpoint_ends_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole, expected = train(tmp_path / "whole", recipe())
    with monkeypatch.context() as patch:
        patch.setattr(Fit, "_save", lambda _self: die())
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "cut", recipe(), checkpoint_seconds=1e9)
    assert (tmp_path / "cut" / "best.npy").exists()
    learner, fitted = train(tmp_path / "cut", recipe())
    np.testing.assert_array_equal(learner.weights, whole.weights)
    assert fitted.chosen_epoch == expected.chosen_epoch


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path: Path):
    whole, _ = train(tmp_path / "whole", recipe())
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", recipe(), progress=Cut(16, die), checkpoint_seconds=0)
    path = tmp_path / "cut" / CHECKPOINT
    path.write_bytes(path.read_bytes()[:-3])
    learner, fitted = train(tmp_path / "cut", recipe())
    np.testing.assert_array_equal(learner.weights, whole.weights)
    assert fitted.resumed == 1
    # It died in the 6th step of epoch 2: the 5th was saved and damaged.
    assert len(learner.rates) == 3 * TRAIN.steps() - (TRAIN.steps() + 4)


def test_gathered_gradients_are_never_part_of_a_checkpoint(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, recipe(accumulate=3), progress=Cut(4, ask))
    loop = json.loads((checkpoints.load(tmp_path / CHECKPOINT) or b"").partition(b"\n")[0])
    assert (loop["step"], loop["steps"]) == (6, 2)


@pytest.mark.parametrize("seconds", [0.0, 1e9])
def test_checkpoints_are_written_as_often_as_was_asked(
    tmp_path: Path, seconds: float, monkeypatch: pytest.MonkeyPatch
):
    saved: list[Path] = []
    monkeypatch.setattr(checkpoints, "save", lambda path, _payload: saved.append(path))
    train(tmp_path, recipe(), checkpoint_seconds=seconds)
    assert len(saved) == 3 + (0 if seconds else 3 * TRAIN.steps())


def test_ctrl_c_while_val_is_scored_stops_after_that_epoch(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, recipe(), progress=Cut(TRAIN.steps() + 1, ask))
    loop = json.loads((checkpoints.load(tmp_path / CHECKPOINT) or b"").partition(b"\n")[0])
    assert (loop["epoch"], loop["step"], len(loop["history"])) == (1, 0, 1)


def test_ctrl_c_in_the_last_epoch_stops_too(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, recipe(), progress=Cut(ADVANCES, ask))


# --- Choice on val


class Scripted(Linear):
    """A learner whose scores on val are told: per epoch (top-1 of four clips, how sure it is)."""

    def __init__(self, job: Job, script: list[tuple[int, float]], losses: tuple[float, ...]) -> None:
        super().__init__(job)
        self.script, self.epoch, self.kept = script, -1, []
        self.losses = losses or (1.0,) * len(script)

    def step(self, batch: Batch, step: Step) -> float:  # noqa: ARG002
        self.epoch = step.key[1]
        self.rates.append(step.lr)
        return self.losses[self.epoch]

    def measures(self, val: Points) -> dict[str, float]:
        return classified(self.scores(val), val.labels)

    def scores(self, batches: Points) -> np.ndarray:
        right, sure = self.script[self.epoch]
        guesses = np.where(
            np.arange(len(batches.labels)) < right, batches.labels, (batches.labels + 1) % CLASSES
        )
        return _log_softmax(sure * np.eye(CLASSES)[guesses]).astype(np.float32)

    def keep(self) -> None:
        self.kept.append(self.epoch)

    def choose(self) -> None:
        """Nothing to go back to."""

    def state(self) -> bytes:
        return b""


def scripted(
    folder: Path, script: list[tuple[int, float]], losses: tuple[float, ...] = (), **fields: object
) -> tuple[Scripted, Fitted]:
    job = new_job(folder)
    learner = Scripted(job, script, losses)
    settings = recipe(epochs=len(script), **fields)
    return learner, Fit(learner, settings, job).run(Points(4, train=True), Points(4))


CHOICES = [
    ("the best on top-1", "val_top1", [(1, 1), (3, 1), (2, 1)], 1, [0, 1]),
    ("of equal ones the lower loss", "val_top1", [(3, 1), (3, 2), (3, 0.5)], 1, [0, 1]),
    ("of wholly equal ones the first", "val_top1", [(3, 1), (3, 1), (3, 1)], 0, [0]),
    ("never the loss above top-1", "val_top1", [(3, 0.1), (2, 0.1), (2, 0.2)], 0, [0]),
    ("the lowest loss", "val_loss", [(4, 0.1), (3, 3), (4, 0.2)], 1, [0, 1]),
    ("the last", "last", [(4, 1), (1, 1), (0, 1)], 2, [0, 1, 2]),
]


@pytest.mark.parametrize(("_what", "rule", "script", "chosen", "kept"), CHOICES, ids=[c[0] for c in CHOICES])
def test_the_epoch_is_chosen_by_val_alone(
    tmp_path: Path, _what: str, rule: str, script: list[tuple[int, float]], chosen: int, kept: list[int]
):
    learner, fitted = scripted(tmp_path, script, select=rule)
    assert (fitted.chosen_epoch, fitted.selection) == (chosen, rule)
    assert learner.kept == kept


@pytest.mark.parametrize(("patience", "epochs"), [(1, 3), (2, 4), (3, 7), (None, 7)])
def test_training_ends_when_val_has_not_improved_for_so_long(tmp_path: Path, patience: int, epochs: int):
    script = [(1, 1), (2, 1), (1, 1), (1, 1), (3, 1), (1, 1), (1, 1)]
    _, fitted = scripted(tmp_path, script, patience=patience)
    assert len(fitted.history) == epochs
    assert fitted.chosen_epoch == (4 if epochs == 7 else 1)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [("plateau", [0.5, 0.5, 0.5, 0.05, 0.05, 0.005]), ("train-plateau", [0.5, 0.5, 0.5, 0.5, 0.5, 0.05])],
)
def test_a_plateau_of_the_watched_loss_lowers_the_learning_rate(
    tmp_path: Path, schedule: str, rates: list[float]
):
    # On val nothing is gained after the first epoch, in training after the third.
    script, losses = [(4, 2)] + [(4, 1)] * 5, (4.0, 3.0, 2.0, 2.0, 2.5, 2.0)
    fields = {"schedule": schedule, "plateau_patience": 1, "plateau_factor": 0.1, "warmup_epochs": 0.0}
    learner, fitted = scripted(tmp_path, script, losses, **fields)
    assert learner.rates == pytest.approx(rates)
    assert [row["lr"] for row in fitted.history] == pytest.approx(rates)


def test_a_part_without_val_clips_can_still_keep_its_last_epoch(tmp_path: Path):
    job = new_job(tmp_path)
    fitted = Fit(Linear(job), recipe(select="last"), job).run(TRAIN, Points(0))
    assert fitted.chosen_epoch == 2
    assert "val_loss" not in fitted.history[-1]


def test_no_epochs_leave_the_initial_weights(tmp_path: Path):
    learner, fitted = train(tmp_path, recipe(epochs=0))
    assert (fitted.chosen_epoch, fitted.history, fitted.steps) == (-1, [], 0)
    assert not learner.weights.any()


def test_the_chosen_weights_are_those_of_the_chosen_epoch(tmp_path: Path):
    learner, fitted = train(tmp_path, recipe(epochs=8, lr=0.2))
    assert 0 < fitted.chosen_epoch < 7, "the test is about an epoch in the middle"
    row = fitted.history[fitted.chosen_epoch]
    right = (learner.scores(VAL).argmax(axis=1) == VAL.labels).mean()
    assert right == row["val_top1"] == max(row["val_top1"] for row in fitted.history)


# --- The arithmetic


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("accumulate", [1, 2, 3, 99])
@pytest.mark.parametrize("clips", [1, 4, 13, 26])
def test_the_shares_of_one_move_of_the_optimiser_add_up_to_one(
    tmp_path: Path, world: int, accumulate: int, clips: int
):
    job, part = new_job(tmp_path), Points(clips, train=True)
    shares: dict[int, float] = {}
    moves = []
    for rank in range(world):
        learner = Linear(job)
        learner.rank, learner.world = rank, world
        moves.append(0)
        for _, step in Fit(learner, recipe(accumulate=accumulate), job)._steps(part):
            shares[moves[rank]] = shares.get(moves[rank], 0.0) + step.share / world
            moves[rank] += step.update
    assert set(moves) == {math.ceil(part.steps() / accumulate)}
    assert len(shares) == moves[0]
    assert list(shares.values()) == pytest.approx([1.0] * len(shares))


def test_gradients_gathered_over_batches_are_those_of_one_large_batch(tmp_path: Path):
    weights = []
    for batch, accumulate in ((12, 1), (4, 3), (3, 4), (1, 12)):
        job = new_job(tmp_path / f"{batch}")
        learner = Linear(job, drop=0.0)
        settings = recipe(batch_size=batch, accumulate=accumulate, warmup_epochs=0.0, schedule="constant")
        Fit(learner, settings, job).run(Points(26, batch, train=True), VAL)
        weights.append(learner.weights)
    assert len(weights) == 4
    for other in weights[1:]:
        np.testing.assert_allclose(other, weights[0], rtol=1e-12, atol=1e-14)


def test_every_step_has_a_key_of_its_own(tmp_path: Path):
    job = new_job(tmp_path)
    keys = []
    fit = Fit(Linear(job), recipe(), job)
    for fit.loop.epoch in range(3):
        keys += [step.key for _, step in fit._steps(TRAIN)]
    assert len(set(keys)) == len(keys) == 3 * TRAIN.steps()
    assert {key[0] for key in keys} == {5}


def test_the_learning_rate_is_that_of_the_schedule_within_an_epoch(tmp_path: Path):
    learner, _ = train(tmp_path, recipe(warmup_epochs=1.0, schedule="constant"))
    steps = TRAIN.steps()
    rising = [0.5 * max(0.01, step * 4 / len(TRAIN.clips)) for step in range(steps)]
    assert learner.rates == pytest.approx([*rising, *[0.5] * 2 * steps])


def test_the_loop_trains(tmp_path: Path):
    _, fitted = train(tmp_path, recipe(epochs=10, lr=0.02))
    assert fitted.history[-1]["val_top1"] > 0.75
    assert fitted.history[-1]["train_loss"] < fitted.history[0]["train_loss"]
    assert fitted.steps == 10 * TRAIN.steps()
    assert [row["epoch"] for row in fitted.history] == list(range(10))


# --- What goes wrong


class Broken(Linear):
    """A learner whose loss or scores are no numbers from the second epoch on."""

    def __init__(self, job: Job, what: str) -> None:
        super().__init__(job)
        self.what, self.late = what, False

    def step(self, batch: Batch, step: Step) -> float:
        self.late = step.key[1:] >= (1, 2)
        return math.nan if self.late and self.what == "loss" else super().step(batch, step)

    def scores(self, batches: Points) -> np.ndarray:
        return super().scores(batches) * (math.nan if self.late and self.what == "scores" else 1)


def test_a_loss_that_is_no_number_ends_the_run_with_its_clips(tmp_path: Path):
    job = new_job(tmp_path, checkpoint_seconds=0.0)
    with pytest.raises(BenchError, match=r"The loss is nan at epoch 2, step 3 \(clips clip\d+, ") as caught:
        Fit(Broken(job, "loss"), recipe(), job).run(TRAIN, VAL)
    assert "Try a lower lr" in str(caught.value)
    assert caught.value.exit_code == FAILURE
    loop = json.loads((checkpoints.load(tmp_path / CHECKPOINT) or b"").partition(b"\n")[0])
    assert (loop["epoch"], loop["step"]) == (1, 2)


class Fewer(Points):
    """A part whose epochs are of full batches alone, drawn from all clips, as those of hard batches are."""

    def of_epoch(self, _epoch: int) -> Points:
        fewer = copy.copy(self)
        fewer.clips = self.clips[: len(self.labels) // self.batch * self.batch]
        return fewer

    def epoch(self, epoch: int, *, start: int = 0, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        del epoch, rank, world
        last_first = np.arange(len(self.labels))[::-1][: len(self.clips)]
        for mine in np.roll(last_first, 2 * self.batch).reshape(-1, self.batch)[start:]:
            yield Batch(self.points[mine], self.labels[mine], mine)


def test_the_clips_of_a_loss_are_named_where_an_epoch_has_fewer(tmp_path: Path):
    job = new_job(tmp_path)
    train = Fewer(23, train=True)
    with pytest.raises(BenchError, match=r"epoch 2, step 3 \(clips clip22, clip21, clip20, clip19\)"):
        Fit(Broken(job, "loss"), recipe(), job).run(train, VAL)


def test_scores_that_are_no_numbers_end_the_run_and_are_never_the_best(tmp_path: Path):
    job = new_job(tmp_path)
    with pytest.raises(BenchError, match="not finite"):
        Fit(Broken(job, "scores"), recipe(), job).run(TRAIN, VAL)


def test_a_checkpoint_that_cannot_be_written_ends_the_run_with_a_sentence(tmp_path: Path):
    job = replace(new_job(tmp_path), folder=tmp_path / "file" / "run")
    (tmp_path / "file").write_text("in the way")
    learner = Linear(new_job(tmp_path / "elsewhere"))
    with pytest.raises(BenchError, match="Cannot write"):
        Fit(learner, recipe(), job).run(TRAIN, VAL)


@pytest.mark.parametrize("fit", [Fit.run, Engine.fit])
def test_what_trains_has_no_place_for_the_test_part(fit: Callable[..., Fitted]):
    assert list(inspect.signature(fit).parameters) == ["self", "train", "val"]


def test_epochs_are_reported_after_their_checkpoint_and_a_cut_run_reports_those_before_too(tmp_path: Path):
    heard: list[list[float]] = []

    def report(history: Sequence[dict[str, float]]) -> None:
        assert checkpoints.load(tmp_path / CHECKPOINT) is not None
        heard.append([row["epoch"] for row in history])
        if len(heard) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, recipe(), report=report)
    train(tmp_path, recipe(), report=report)
    assert heard == [[0], [0, 1], [0, 1, 2]]


def test_whoever_hears_of_an_epoch_may_end_the_training(tmp_path: Path):
    def report(history: Sequence[dict[str, float]]) -> None:
        raise Pruned(str(len(history)))

    with pytest.raises(Pruned, match="1"):
        train(tmp_path, recipe(), report=report)


def test_a_phase_before_the_training_reports_nothing(tmp_path: Path):
    heard: list[int] = []
    job = new_job(tmp_path, report=lambda history: heard.append(len(history)))
    Fit(Linear(job), recipe(), job, name="pre-training", checkpoint="before.ckpt").run(TRAIN, VAL)
    assert heard == []
    Fit(Linear(job), recipe(), job).run(TRAIN, VAL)
    assert heard == [1, 2, 3]


class Slow(Points):
    """Points that take a while to come."""

    def epoch(self, epoch: int, **shares: int) -> Iterator[Batch]:
        for batch in super().epoch(epoch, **shares):
            time.sleep(0.002)
            yield batch


def test_the_history_says_how_long_training_waited_for_the_loader(tmp_path: Path):
    job, slow = new_job(tmp_path), Slow(26, train=True)
    fitted = Fit(Linear(job), recipe(), job).run(slow, VAL)
    waits = [row["waited"] for row in fitted.history]
    assert len(waits) == 3
    assert all(
        0.002 * slow.steps() <= wait <= row["seconds"]
        for wait, row in zip(waits, fitted.history, strict=True)
    )
