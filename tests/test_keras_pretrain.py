"""SPOBET's pre-training: which frames are masked, what is learnt of them, and where it goes on."""

from __future__ import annotations

import importlib.util
import math

import numpy as np
import pytest

if importlib.util.find_spec("tensorflow") is None or importlib.util.find_spec("tf_keras") is None:
    pytest.skip("TensorFlow is not installed", allow_module_level=True)

from benchmarks.engine import Job
from benchmarks.fitting import Step
from benchmarks.keras_engine import KerasEngine
from benchmarks.keras_pretrain import (
    CHECKPOINT,
    HISTORY,
    Before,
    MaskedBatches,
    PretrainLearner,
    mask,
    phase_of,
    pretrain,
)
from benchmarks.keras_runtime import start
from benchmarks.recipe import resolve
from models import spobet, zoo
from utils.errors import BenchError
from utils.files import read_json
from utils.progress import Silent
from utils.seeds import generator
from utils.stopping import ASKED
from wlasl.clips import Clip
from wlasl.loader import Batch

pytestmark = pytest.mark.tensorflow

CLASSES, LONGEST = 3, 12


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """One block instead of six: the same computation, traced in a sixth of the time."""
    monkeypatch.setattr(spobet, "BLOCKS", 1)


class Clips:
    """Clips of 8 to 12 frames, as a LandmarkLoader yields them."""

    def __init__(self, count, seed=0):
        self.clips = tuple(Clip(f"c{i}", f"g{i % CLASSES}", i % CLASSES, "train") for i in range(count))
        self.labels = np.arange(count) % CLASSES
        self.seed, self.size = seed, 4

    def steps(self):
        return math.ceil(len(self.clips) / self.size)

    def epoch(self, epoch, *, start=0, **_ranks):
        order = generator(self.seed, epoch).permutation(len(self.clips))
        for step in range(start, self.steps()):
            yield self.batch(order[step * self.size : (step + 1) * self.size], epoch, train=True)

    def batch(self, positions, _key, *, train):
        del train
        lengths = np.array([LONGEST - int(position) % 5 for position in positions])
        points = np.zeros((len(positions), LONGEST, 54, 2), np.float32)
        for row, (position, length) in enumerate(zip(positions, lengths, strict=True)):
            points[row, :length] = generator(self.seed, int(position), 9).normal(1, 0.3, (length, 54, 2))
        return Batch(points, self.labels[positions], np.asarray(positions), lengths)


class Listener(Silent):
    """A progress that keeps what it is told."""

    def __init__(self):
        self.said = []

    def say(self, sentence):
        self.said.append(sentence)


def recipe(**fields):
    small = {"epochs": 2, "pretrain_rounds": 2, "pretrain_epochs": 2, "pretrain_batch_size": 4}
    return resolve("spobet", "sample", {**small, "batch_size": 4, "mask_draws": 0}, fields)


def job(folder, **fields):
    expected = zoo.system("spobet").input
    return Job(**{"classes": CLASSES, "input": expected, "folder": folder, "device": "cpu", **fields})


def drawn(batches, epoch):
    """Return every clip's masked frames of one epoch, [clips, T], in the clips' order."""
    found = np.zeros((len(batches.clips), LONGEST), np.float32)
    for batch in batches.epoch(epoch):
        found[batch.indices] = batch.weights
    return found


# --- Masks


def test_frames_are_drawn_with_replacement_and_filled_with_zeros_or_random_numbers():
    zeros, randoms = 0, []
    for seed in range(200):
        frames = np.full((40, 54, 2), 7.0, np.float32)
        found = mask(frames, recipe(), generator(seed))
        assert len(found) == int(0.3 * 40)
        changed = np.flatnonzero((frames != 7).any((1, 2)))
        np.testing.assert_array_equal(changed, np.unique(found))
        values = frames[changed]
        assert ((values >= 0) & (values < 1)).all()
        empty = (values == 0).all((1, 2))
        zeros += int(empty.sum())
        randoms += list(values[~empty])
    assert len(randoms) / (zeros + len(randoms)) == pytest.approx(0.1, abs=0.02)
    assert zeros + len(randoms) < 200 * 12  # some are drawn twice
    assert np.mean(randoms) == pytest.approx(0.5, abs=0.01)


def test_a_clip_too_short_for_a_draw_stays_as_it_is():
    frames = np.ones((3, 54, 2), np.float32)
    assert len(mask(frames, recipe(), generator(0))) == 0
    assert (frames == 1).all()


def test_masks_last_for_a_round_and_are_others_in_the_next_and_for_val():
    phase = phase_of(recipe())
    train, val = MaskedBatches(Clips(9), phase, 1), MaskedBatches(Clips(9), phase, 2)
    first = drawn(train, 0)
    np.testing.assert_array_equal(first, drawn(train, 1))
    assert (first != drawn(train, 2)).any()
    assert (first != drawn(val, 0)).any()
    assert first.sum(1).max() <= 3
    assert first[4, 8:].sum() == 0  # that clip ends there


def test_a_masked_batch_keeps_what_was_there_beside():
    (batch,) = MaskedBatches(Clips(4), phase_of(recipe()), 1).epoch(0)
    whole = Clips(4).batch(batch.indices, 0, train=False).inputs
    np.testing.assert_array_equal(batch.whole, whole)
    hidden = batch.weights == 1
    assert hidden.sum() >= 4
    np.testing.assert_array_equal(batch.inputs[~hidden], whole[~hidden])
    assert (batch.inputs[hidden] != whole[hidden]).any((1, 2)).all()


def test_clips_that_are_no_numbers_are_named_before_the_loss_is_none():
    class Poisoned(Clips):
        def batch(self, positions, key, *, train):
            batch = super().batch(positions, key, train=train)
            batch.inputs[batch.indices == 2, 3, 5] = np.inf
            return batch

    with pytest.raises(BenchError, match=r"1 of 4 clips are no numbers \(c2\).*set zero_head=false"):
        list(MaskedBatches(Poisoned(4), phase_of(recipe()), 1).epoch(0))


def test_the_phase_has_adam_s_own_rate_unless_the_defect_takes_the_other():
    phase = phase_of(recipe(epochs=50, patience=3, ema=0.9))
    told = (phase.optimizer, phase.lr, phase.schedule, phase.epochs, phase.batch_size, phase.warmup_epochs)
    assert told == ("adam", 1e-4, "constant", 4, 4, 0)
    assert (phase.select, phase.patience, phase.ema) == ("last", None, 0.0)
    assert phase_of(recipe(pretrain_lr=True)).lr == recipe().lr == 1e-3


# --- Learning


def test_the_loss_is_the_mean_squared_error_over_drawn_frames_alone(tmp_path):
    start("cpu")
    for defects in ({}, {"no_mask": True, "no_pos": True}):
        phase = phase_of(recipe(dropout=0.0, **defects))
        network = zoo.build("spobet", "tensorflow", CLASSES, **phase.architecture())
        learner = PretrainLearner(phase, job(tmp_path), network)
        (batch,) = MaskedBatches(Clips(4), phase, 1).epoch(0)
        rows = network.rows(batch.inputs, batch.lengths)[0][:, 1 : 1 + LONGEST]
        errors = (learner.guess(rows).numpy() - spobet.vectors(batch.whole).numpy()) ** 2
        expected = errors.mean(-1)[batch.weights == 1].mean()
        head = [weight.numpy() for weight in network.head.weights]
        loss = learner.step(batch, Step((0, 0, 0), 1e-3, 1.0, update=True))
        assert loss == pytest.approx(expected, rel=1e-5)
        for before, weight in zip(head, network.head.weights, strict=True):
            np.testing.assert_array_equal(before, weight)


class Watch:
    """A progress that counts the steps of each kind of epoch, and may do something after so many."""

    def __init__(self, steps=0, action=None):
        self.left, self.action, self.epochs = steps, action, []

    def begin(self, task, *_counts):
        self.epochs.append(task)

    def advance(self, note=""):
        self.left -= bool(note)
        if note and self.left == 0 and self.action:
            self.action()

    def end(self, note=""):
        pass


def carried_out(folder, progress, **fields):
    engine = KerasEngine(recipe(**fields), job(folder, progress=progress, checkpoint_seconds=0))
    fitted = engine.fit(Clips(9), Clips(5, seed=1))
    return fitted, engine.predict(Clips(5, seed=2))


@pytest.mark.slow
def test_a_run_cut_in_pre_training_ends_with_the_same_scores_and_a_finished_one_is_not_repeated(tmp_path):
    whole, expected = carried_out(tmp_path / "whole", watch := Watch())
    assert watch.epochs == [
        *(f"pre-training epoch {n}/4" for n in (1, 2, 3, 4)),
        "epoch 1/2",
        "epoch 2/2",
    ]
    assert whole.steps == 4 * 3 + 2 * 3
    assert whole.seconds_before > 0
    assert [row["epoch"] for row in whole.history] == [0, 1]
    noted = read_json(tmp_path / "whole" / HISTORY)
    assert noted[-1]["val_loss"] < noted[0]["val_loss"]

    with pytest.raises(KeyboardInterrupt):
        carried_out(tmp_path / "cut", Watch(7, ASKED.set))
    assert not (tmp_path / "cut" / "last.ckpt").exists()
    _, scores = carried_out(tmp_path / "cut", Watch())
    np.testing.assert_array_equal(scores, expected)

    again, scores = carried_out(tmp_path / "cut", watch := Watch())
    assert watch.epochs == []
    assert again.steps == whole.steps
    np.testing.assert_array_equal(scores, expected)


def test_a_network_that_starts_from_weights_is_not_pre_trained_again(tmp_path):
    begun = job(tmp_path, weights=tmp_path / "best.weights.npz", progress=(heard := Listener()))
    assert pretrain(recipe(), begun, None, (Clips(8), Clips(8))) == Before()
    assert heard.said == ["spobet starts from weights: it is not pre-trained again."]
    assert not list(tmp_path.iterdir())


def test_without_rounds_there_is_no_pre_training(tmp_path):
    fitted, _ = carried_out(tmp_path, watch := Watch(), pretrain_rounds=0, epochs=1)
    assert watch.epochs == ["epoch 1/1"]
    assert fitted.seconds_before == 0
    assert not (tmp_path / CHECKPOINT).exists()
