"""The Keras engine trains, chooses on val, resumes to the same scores, and says what it cannot do."""

from __future__ import annotations

import importlib.util
import inspect
import math
import subprocess
import sys

import numpy as np
import pytest

if importlib.util.find_spec("tensorflow") is None or importlib.util.find_spec("tf_keras") is None:
    pytest.skip("TensorFlow is not installed", allow_module_level=True)

from benchmarks import keras_runtime
from benchmarks.engine import Job
from benchmarks.fitting import Step
from benchmarks.keras_engine import BEST, KerasEngine, KerasLearner
from benchmarks.keras_network import normalised
from benchmarks.keras_optim import clipped
from benchmarks.keras_runtime import keras, tf
from benchmarks.keras_state import pack, unpack
from benchmarks.recipe import resolve
from models import zoo
from utils.errors import FAILURE, BenchError
from utils.seeds import generator
from utils.stopping import ASKED
from wlasl.clips import Clip
from wlasl.loader import Batch

pytestmark = pytest.mark.tensorflow

CLASSES, FRAMES, SIZE = 3, 2, 8
LOADED: list[object] = []
RANDOM = {"dropout": 0.3, "drop_path": 0.3, "clip_norm": 1.0}


# --- A tiny network of the zoo, as a models/*_tf.py file offers one


def _block(filters, name):
    layers = keras.layers
    convolution = layers.Conv3D(filters, 3, strides=2, padding="same")
    norm = layers.BatchNormalization(momentum=0.5)
    return keras.Sequential([convolution, norm, layers.ReLU(), layers.Dropout(0.1)], name=name)


def build(classes, *, dropout=None, drop_path=None, frames, size, odd=None):
    layers = keras.layers
    inputs = layers.Input((frames, size, size, 3))
    x = _block(6, "first")(inputs)
    x = layers.Dropout(drop_path or 0.0, noise_shape=(None, 1, 1, 1, 1))(x)
    x = layers.GlobalAveragePooling3D()(_block(6, "second")(x))
    if odd is not None:
        x = layers.Lambda(odd)(x)
    return keras.Model(inputs, layers.Dense(classes, name="head")(layers.Dropout(dropout or 0.0)(x)))


def build_with_hidden_randomness(classes, **options):
    return build(classes, odd=lambda x: x + tf.random.uniform(tf.shape(x)), **options)


def build_for_any_length(classes, **options):
    return build(classes, **{**options, "frames": None})


def build_for_fp32_only(classes, **options):
    return build(classes, odd=lambda x: x + tf.ones_like(x, tf.float32), **options)


def blocks(model):
    return [model.get_layer("first"), model.get_layer("second")]


def load_checkpoint(model, path):
    LOADED.append((len(model.weights), path))
    return "0" * 64


class Clips:
    """Clips whose colour is their class, as a ClipLoader yields them."""

    def __init__(self, count, *, batch_size=4, seed=0, train=False, views=1):
        self.clips = tuple(Clip(f"c{i}", f"g{i % CLASSES}", i % CLASSES, "train") for i in range(count))
        self.labels = np.arange(count, dtype=np.int64) % CLASSES
        self.batch_size, self.seed, self.train, self.views = batch_size, seed, train, views

    def steps(self):
        return math.ceil(len(self.clips) / self.batch_size)

    def epoch(self, epoch, *, start=0, rank=0, world=1):
        count = len(self.clips)
        order = generator(self.seed, epoch).permutation(count) if self.train else np.arange(count)
        for step in range(start, self.steps()):
            chosen = order[step * self.batch_size : (step + 1) * self.batch_size][rank::world]
            chosen = np.repeat(chosen, self.views)
            clips = [self._clip(index, view) for view, index in enumerate(chosen)]
            yield Batch(np.stack(clips), self.labels[chosen], chosen)

    def _clip(self, index, view):
        key = (self.seed, int(index), view % self.views)
        noise = generator(*key).integers(0, 60, (FRAMES, SIZE, SIZE, 3))
        noise[..., index % CLASSES] += 120
        return noise.astype(np.uint8)


def add_rows(patch):
    for name, function in (
        ("tiny", "build"),
        ("hidden", "build_with_hidden_randomness"),
        ("fp32-only", "build_for_fp32_only"),
        ("ragged", "build_for_any_length"),
    ):
        row = zoo.System(
            name=name,
            paper="-",
            licence="-",
            input=zoo.Input(FRAMES, SIZE, (0.5, 0.4, 0.3), (0.5, 0.25, 0.2)),
            builders={"tensorflow": f"{__name__}:{function}"},
            parameters=1,
            gmacs=0.0,
        )
        patch.setitem(zoo.ZOO, name, row)


@pytest.fixture(autouse=True)
def tiny_zoo(monkeypatch):
    LOADED.clear()
    add_rows(monkeypatch)


def recipe(model="tiny", **fields):
    shape = {"engine": "tensorflow", "frames": FRAMES, "size": 16}
    training = {"epochs": 2, "batch_size": 4, "lr": 0.02, "warmup_epochs": 0, "weight_decay": 0.0}
    # The network is made for clips smaller than recipes allow.
    return resolve(model, "sample", shape, training, fields).model_copy(update={"size": SIZE})


def job(folder, **fields):
    return Job(
        **{"classes": CLASSES, "input": zoo.system("tiny").input, "folder": folder, "device": "cpu", **fields}
    )


def learner(folder, **fields):
    keras_runtime.start("cpu")
    return KerasLearner(recipe(**fields), job(folder))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One learner with all that is random, for tests that leave it as it was or restore it."""
    with pytest.MonkeyPatch.context() as patch:
        add_rows(patch)
        return learner(tmp_path_factory.mktemp("shared"), **RANDOM)


def one_batch(count=4, seed=7):
    return next(Clips(count, batch_size=count, seed=seed).epoch(0))


def step(number=0, lr=0.02, share=1.0, *, update=True):
    return Step((0, 0, number), lr, share, update)


def values(variables):
    return [variable.numpy() for variable in variables]


TRAIN, VAL = Clips(14, train=True), Clips(6, seed=1)


def scores_of(folder, a_recipe, **fields):
    engine = KerasEngine(a_recipe, job(folder, **fields))
    fitted = engine.fit(TRAIN, VAL)
    return fitted, engine.predict(Clips(7, seed=2))


# --- Training


def test_it_learns_what_can_be_learnt_and_chooses_the_best_epoch_on_val(tmp_path):
    fitted, scores = scores_of(tmp_path, recipe(epochs=12, dropout=0.1))
    assert (scores.argmax(1) == Clips(7).labels).all()
    assert (scores.shape, scores.dtype) == ((7, CLASSES), np.float32)
    np.testing.assert_allclose(np.exp(scores).sum(1), 1, atol=1e-5)
    assert fitted.history[fitted.chosen_epoch]["val_top1"] == max(row["val_top1"] for row in fitted.history)
    assert len(fitted.history) == 12


def test_whole_clips_are_scored_at_lengths_of_their_own(tmp_path):
    whole = Clips(3, batch_size=1)
    batches = [
        Batch(np.repeat(batch.inputs, repeats, axis=1), batch.labels, batch.indices)
        for repeats, batch in zip((1, 3, 2), whole.epoch(0), strict=True)
    ]
    whole.epoch = lambda _: iter(batches)
    a_recipe = recipe("ragged", test_sampling="whole")
    keras_runtime.start("cpu")
    one = KerasLearner(a_recipe, Job(CLASSES, zoo.system("ragged").input, tmp_path, device="cpu"))
    found = one.scores(whole)
    for batch in batches:
        clips = normalised(tf.constant(batch.inputs), zoo.system("ragged").input)
        alone = tf.nn.log_softmax(one.network(clips, training=False)).numpy()
        np.testing.assert_allclose(found[batch.indices], alone, atol=1e-5)


def test_a_gradient_is_held_with_the_others_or_by_itself():
    gradients = [tf.constant([3.0, 4.0]), tf.constant([0.6, 0.8])]
    norm = tf.linalg.global_norm(gradients)
    together = clipped(resolve("movinet-a0", "100", {"clip_norm": 1.0}), gradients, norm)
    assert float(tf.linalg.global_norm(together)) == pytest.approx(1, abs=1e-5)
    each = clipped(resolve("movinet-a0", "100", {"clip_norm": 1.0, "clip_each": True}), gradients, norm)
    assert [float(tf.norm(one)) for one in each] == pytest.approx([1, 1], abs=1e-5)
    assert clipped(resolve("movinet-a0", "100", {"clip_norm": None}), gradients, norm) is gradients


def test_what_trains_has_no_place_for_the_test_part():
    assert list(inspect.signature(KerasEngine.fit).parameters) == ["self", "train", "val"]


def test_the_same_seed_gives_the_same_scores_and_another_seed_others(tmp_path):
    whole = {"dropout": 0.3, "drop_path": 0.2}
    first = scores_of(tmp_path / "1", recipe(**whole))[1]
    again = scores_of(tmp_path / "2", recipe(**whole))[1]
    other = scores_of(tmp_path / "3", recipe(seed=1, **whole))[1]
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_after_fitting_the_network_has_the_weights_of_the_chosen_epoch(tmp_path):
    engine = KerasEngine(recipe(epochs=3, ema=0.5), job(tmp_path))
    engine.fit(TRAIN, VAL)
    with np.load(tmp_path / BEST, allow_pickle=False) as kept:
        chosen = [kept[name] for name in sorted(kept.files)]
    present, averaged = values(engine.learner.weights), values(engine.learner.average.variables)
    assert len(chosen) == len(present) == len(averaged) > 0
    for one, other, average in zip(chosen, present, averaged, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one, average)


# --- Resuming


class Cut:
    """A progress that does something after so many training steps."""

    def __init__(self, steps, action):
        self.left, self.action = steps, action

    def begin(self, task, total, done=0):
        pass

    def advance(self, note=""):
        if note:  # a training step; scoring has none
            self.left -= 1
            if self.left == 0:
                self.action()

    def end(self, note=""):
        pass


def die():
    raise KeyboardInterrupt


CUTS = [
    ("killed", die, 6, {"optimizer": "adamw", "weight_decay": 0.05, "ema": 0.8}),
    ("asked to stop between two moves", ASKED.set, 5, {"optimizer": "rmsprop", "accumulate": 3}),
    ("asked to stop in fp16", ASKED.set, 3, {"optimizer": "adam", "precision": "fp16"}),
]


@pytest.mark.parametrize(("_when", "action", "steps", "fields"), CUTS, ids=[cut[0] for cut in CUTS])
def test_a_run_that_was_cut_ends_with_the_same_scores(tmp_path, _when, action, steps, fields):
    settings = recipe(**RANDOM, **fields)
    expected, whole = scores_of(tmp_path / "whole", settings)
    with pytest.raises(KeyboardInterrupt):
        scores_of(tmp_path / "cut", settings, progress=Cut(steps, action), checkpoint_seconds=0)
    fitted, scores = scores_of(tmp_path / "cut", settings)
    assert (fitted.resumed, fitted.steps) == (1, expected.steps)
    np.testing.assert_array_equal(scores, whole)


def test_what_is_random_in_a_step_depends_on_its_key_alone(shared):
    state, batch = shared.state(), one_batch()
    losses = []
    for number in (0, 1, 0):
        losses.append(shared.step(batch, step(number)))
        shared.restore(state)
    assert losses[0] == losses[2] != losses[1]


def test_every_layer_draws_numbers_of_its_own(shared):
    keys = shared.random.keys((0, 1, 2))
    assert len(set(keys.tolist())) == len(keys) == 4


def test_a_network_with_randomness_that_cannot_be_repeated_is_refused(tmp_path):
    engine = KerasEngine(recipe("hidden"), job(tmp_path))
    with pytest.raises(TypeError, match="RandomUniform, whose hidden state"):
        engine.fit(TRAIN, VAL)


def test_a_state_is_all_that_training_goes_on_from(tmp_path):
    settings = {"ema": 0.9, "optimizer": "adam"}
    first, second = learner(tmp_path, **settings), learner(tmp_path, seed=9, **settings)
    batch = one_batch()
    for number in range(2):
        first.step(batch, step(number))
    second.restore(first.state())
    assert first.state() == second.state()
    assert first.step(batch, step(2)) == second.step(batch, step(2))
    assert first.state() == second.state()


# --- State files


def test_a_state_of_another_network_is_refused_whole():
    one, other = tf.Variable([1.0, 2.0]), tf.Variable([3.0])
    content = pack({"weight": [one, other]})
    before = tf.Variable([0.0, 0.0])
    for groups in (
        {"weight": [before]},
        {"weight": [before, tf.Variable([[3.0]])]},
        {"other": [before, other]},
    ):
        with pytest.raises(BenchError, match="another network or optimiser") as caught:
            unpack(content, groups)
        assert caught.value.exit_code == FAILURE
    assert before.numpy().tolist() == [0.0, 0.0]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"no archive at all"])
def test_a_damaged_state_is_a_sentence(content):
    with pytest.raises(BenchError, match=r"damaged\. Run again with --again"):
        unpack(content, {"weight": [tf.Variable(0.0)]})


def test_a_state_that_holds_python_objects_is_never_unpickled(tmp_path):
    np.savez(tmp_path / "bad.npz", **{"weight/00000": np.array([print], dtype=object)})
    with pytest.raises(BenchError, match="damaged"):
        unpack((tmp_path / "bad.npz").read_bytes(), {"weight": [tf.Variable(0.0)]})


def test_a_finished_run_s_weights_are_taken_up_again(tmp_path):
    first = KerasEngine(recipe(epochs=1), job(tmp_path))
    first.fit(TRAIN, VAL)
    again = KerasEngine(recipe(epochs=1), job(tmp_path))
    assert not np.allclose(again.predict(VAL), first.predict(VAL))
    again.restore(TRAIN)
    np.testing.assert_array_equal(again.predict(VAL), first.predict(VAL))


def test_chosen_weights_that_are_gone_are_a_sentence(shared):
    with pytest.raises(BenchError, match="Run again with --again"):
        shared.choose()


# --- The arithmetic


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_cross_entropy_with_smoothed_labels(tmp_path, smoothing):
    one, batch = learner(tmp_path, label_smoothing=smoothing, unfreeze=0), one_batch()
    logs = one._logs(tf.constant(batch.inputs)).numpy()
    targets = np.eye(CLASSES)[batch.labels] * (1 - smoothing) + smoothing / CLASSES
    expected = -(targets * logs).sum(1).mean()
    assert one.step(batch, step()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop"])
def test_the_optimisers_move_as_torch_s_do(tmp_path, optimizer):
    torch = pytest.importorskip("torch")
    from benchmarks import torch_optim  # noqa: PLC0415 - torch may be missing

    one = learner(tmp_path, optimizer=optimizer, weight_decay=0.1, clip_norm=0.5, eps=1e-30)
    start, gradients = (
        values(one.trained),
        [generator(1, i).normal(size=v.shape) for i, v in enumerate(one.trained)],
    )
    network = torch.nn.Module()
    network.all = torch.nn.ParameterList([torch.tensor(value) for value in start])
    theirs = torch_optim.optimizer(one.recipe, network)
    for group in theirs.param_groups:
        group["lr"] = 0.03
    one.optimizer.learning_rate = 0.03
    for _ in range(3):
        for total, parameter, gradient in zip(one.gradients, network.all, gradients, strict=True):
            total.assign(gradient.astype(np.float32))
            parameter.grad = torch.tensor(gradient.astype(np.float32))
        torch.nn.utils.clip_grad_norm_(network.all, 0.5)
        theirs.step()
        one._run(one._move)
    for mine, other, began in zip(values(one.trained), network.all, start, strict=True):
        np.testing.assert_allclose(mine, other.detach().numpy(), rtol=2e-4, atol=2e-6)
        assert np.abs(mine - began).max() > 1e-3


def test_gradients_are_clipped_once_per_move_over_all_weights(tmp_path):
    one = learner(tmp_path, optimizer="sgd", momentum=0.0, clip_norm=0.01)
    before = values(one.trained)
    one.step(one_batch(), step(0, lr=1.0, share=0.5, update=False))
    assert all((a == b).all() for a, b in zip(before, values(one.trained), strict=True))
    one.step(one_batch(seed=8), step(1, lr=1.0, share=0.5))
    moved = [a - b for a, b in zip(before, values(one.trained), strict=True)]
    assert math.sqrt(sum((part**2).sum() for part in moved)) == pytest.approx(0.01, rel=1e-4)
    assert not any(total.any() for total in values(one.gradients))


def test_gradients_gathered_over_batches_are_those_of_one_large_batch(tmp_path):
    fixed = {"unfreeze": 0, "optimizer": "sgd", "clip_norm": None}
    large, small = learner(tmp_path, **fixed), learner(tmp_path, **fixed)
    batch = one_batch(6)
    large.step(batch, step())
    for first, last in ((0, 4), (4, 6)):
        part = Batch(*(array[first:last] for array in (batch.inputs, batch.labels, batch.indices)))
        small.step(part, step(first, share=(last - first) / 6, update=last == 6))
    for one, other in zip(values(large.trained), values(small.trained), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_the_average_follows_the_weights_and_is_what_is_scored_and_kept(tmp_path):
    one = learner(tmp_path, ema=0.75, dropout=0.2)
    batch, expected = one_batch(), None
    for number in range(3):
        one.step(batch, step(number))
        present = values(one.weights)
        expected = (
            present
            if expected is None
            else [0.75 * old + 0.25 * new for old, new in zip(expected, present, strict=True)]
        )
    averaged = values(one.average.variables)
    assert len(averaged) == len(one.weights) > len(one.trained)  # batch statistics too
    for mine, by_hand in zip(averaged, expected, strict=True):
        np.testing.assert_allclose(mine, by_hand, rtol=1e-5, atol=1e-7)
    scores = one.scores(VAL)
    for kept, now in zip(present, values(one.weights), strict=True):
        np.testing.assert_array_equal(kept, now)  # put back after scoring
    one.keep()
    plain = learner(tmp_path, seed=3)
    plain.choose()
    np.testing.assert_allclose(plain.scores(VAL), scores, atol=1e-6)


@pytest.mark.parametrize(
    ("unfreeze", "moving"), [(0, ["head"]), (1, ["second", "head"]), (9, None), (None, None)]
)
def test_all_but_the_last_blocks_are_frozen_with_their_batch_statistics(tmp_path, unfreeze, moving):
    one = learner(tmp_path, unfreeze=unfreeze)
    layers = {name: one.network.get_layer(name) for name in ("first", "second", "head")}
    before = {name: values(layer.weights) for name, layer in layers.items()}
    loss = [one.step(one_batch(), step(number)) for number in range(2)]
    moved = [
        name
        for name, layer in layers.items()
        if any((a != b).any() for a, b in zip(before[name], values(layer.weights), strict=True))
    ]
    assert moved == (moving or ["first", "second", "head"])
    assert one.parameters == 6 * 81 + 18 + 6 * 162 + 18 + 7 * CLASSES
    assert loss[0] != loss[1]


def test_a_frozen_block_drops_nothing(tmp_path):
    one, batch = learner(tmp_path, unfreeze=0), one_batch()
    state = one.state()
    losses = set()
    for number in range(3):
        one.restore(state)
        losses.add(one.step(batch, step(number)))
    assert len(losses) == 1


def test_a_network_with_nothing_left_to_train_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "blocks", lambda model: [model])
    with pytest.raises(BenchError, match="Nothing is left to train: set unfreeze"):
        learner(tmp_path, unfreeze=0)


def test_scores_are_the_log_of_the_mean_chance_over_views(shared):
    many = Clips(5, seed=4, views=3)
    by_hand = np.zeros((5, CLASSES))
    for batch in many.epoch(0):
        np.add.at(by_hand, batch.indices, np.exp(shared._logs(tf.constant(batch.inputs)).numpy()) / 3)
    np.testing.assert_allclose(shared.scores(many), np.log(by_hand), atol=1e-5)


def test_every_clip_must_be_scored(shared):
    part = Clips(5)
    part.steps = lambda: 1  # a loader that forgets the fifth clip
    with pytest.raises(AssertionError, match="left clips out"):
        shared.scores(part)


@pytest.mark.parametrize("channels", ["rgb", "bgr"])
def test_clips_are_normalised_in_the_graph_in_the_order_of_the_channels(channels):
    expected = zoo.Input(FRAMES, SIZE, (0.5, 0.4, 0.3), (0.5, 0.25, 0.2), channels)
    clip = np.array([255, 51, 0], np.uint8).reshape(1, 1, 1, 1, 3)
    colours = [1.0, 0.2, 0.0] if channels == "rgb" else [0.0, 0.2, 1.0]
    by_hand = [(c - m) / s for c, m, s in zip(colours, expected.mean, expected.std, strict=True)]
    np.testing.assert_allclose(normalised(tf.constant(clip), expected).numpy().ravel(), by_hand, rtol=1e-6)


def test_inputs_that_are_no_clips_reach_the_network_as_they_are():
    landmarks = tf.constant([[0.25, -3.0]])
    assert normalised(landmarks, zoo.Input(1, 16)) is landmarks


@pytest.mark.parametrize(
    "fields", [{"ema": 0.5, "optimizer": "sgd", "weight_decay": 0.1}, {"precision": "fp16"}]
)
def test_the_traced_step_does_what_its_functions_say(tmp_path, fields, monkeypatch):
    one, other = (learner(tmp_path, dropout=0.3, **fields) for _ in range(2))
    monkeypatch.setattr(other, "_run", lambda function, *arrays: function(*map(tf.constant, arrays)))
    for number, batch in enumerate(TRAIN.epoch(0)):
        share, update = 0.5, number % 2 == 1
        traced, eager = (each.step(batch, step(number, share=share, update=update)) for each in (one, other))
        assert traced == pytest.approx(eager, rel=1e-2)
    np.testing.assert_allclose(one.scores(VAL), other.scores(VAL), atol=2e-2)


def test_a_step_is_traced_once_for_any_number_of_clips(tmp_path, monkeypatch):
    traced = []
    real = KerasLearner._traced
    monkeypatch.setattr(KerasLearner, "_traced", lambda *args: traced.append(args[1].__name__) or real(*args))
    scores_of(tmp_path, recipe())
    assert traced == ["_learn", "_move", "_logs"]


# --- Precision and compilation


def losses_without_dropout(folder, **fields):
    one = learner(folder, optimizer="sgd", **fields)
    for layer in one.network.submodules:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return one, [one.step(batch, step(number)) for number, batch in enumerate(TRAIN.epoch(0))]


@pytest.fixture(scope="module")
def plain_losses(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        add_rows(patch)
        return losses_without_dropout(tmp_path_factory.mktemp("plain"))[1]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_alike_with_weights_in_full_precision(tmp_path, precision, plain_losses):
    one, losses = losses_without_dropout(tmp_path, precision=precision)
    assert losses == pytest.approx(plain_losses, rel=0.02)
    assert losses != plain_losses
    assert keras.mixed_precision.global_policy().name == "float32"
    assert {weight.dtype for weight in one.weights} == {tf.float32}
    assert one.network.output.dtype != tf.float32
    assert one.scores(VAL).dtype == np.float32


def test_a_compiled_network_learns_alike(tmp_path, plain_losses):
    _, losses = losses_without_dropout(tmp_path, compile=True)
    assert losses == pytest.approx(plain_losses, rel=1e-4)


def test_an_overflow_in_fp16_skips_the_move_and_halves_the_scale(tmp_path):
    one, batch = learner(tmp_path, precision="fp16", ema=0.5), one_batch()
    one.step(batch, step())
    assert one.scale.scale.numpy() == 2.0**15
    one.scale.scale.assign(2.0**24)
    before = values(one.trained)
    assert math.isfinite(one.step(batch, step(1)))
    assert one.scale.scale.numpy() == 2.0**23
    for old, new in zip(before, values(one.trained), strict=True):
        np.testing.assert_array_equal(old, new)
    one.scale.scale.assign(2.0**10)
    one.scale.calm.assign(1999)
    one.step(batch, step(2))
    assert (one.scale.scale.numpy(), one.scale.calm.numpy()) == (2.0**11, 0)


def test_a_network_that_does_not_run_in_half_precision_is_a_sentence(tmp_path):
    with pytest.raises(BenchError, match=r"fp32-only does not run in bf16 here: .* Set precision=fp32\."):
        KerasEngine(recipe("fp32-only", precision="bf16"), job(tmp_path)).fit(TRAIN, VAL)
    KerasEngine(recipe("fp32-only", epochs=1), job(tmp_path)).fit(TRAIN, VAL)


def test_too_little_memory_is_a_sentence(shared, monkeypatch):

    def exhausted(*_tensors):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setitem(shared._graphs, "_learn", exhausted)
    with pytest.raises(BenchError, match="batch_size=4 needs more memory than there is") as caught:
        shared.step(one_batch(), step())
    assert caught.value.exit_code == FAILURE


# --- Devices, weights, facts


def test_several_processes_are_the_torch_engine_s(tmp_path):
    with pytest.raises(BenchError, match=r"one process\. Use --devices 1, or --engine torch"):
        KerasEngine(recipe(), job(tmp_path, devices=2))


def test_a_memory_layout_of_torch_is_refused(tmp_path):
    with pytest.raises(BenchError, match="Set channels_last=false"):
        KerasEngine(recipe(channels_last=True), job(tmp_path))


def test_a_wish_for_cuda_without_a_gpu_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _kind: [])
    with pytest.raises(BenchError, match="No CUDA device is visible to TensorFlow"):
        KerasEngine(recipe(), job(tmp_path, device="cuda"))
    assert KerasEngine(recipe(), job(tmp_path, device="auto")).device == keras_runtime.CPU


@pytest.mark.parametrize(("wish", "device"), [("auto", "/GPU:0"), ("cuda", "/GPU:0"), ("cpu", "/CPU:0")])
def test_a_gpu_is_used_where_there_is_one_and_nobody_wished_otherwise(monkeypatch, wish, device):
    config, visible, growing = tf.config, [], []
    monkeypatch.setattr(config, "list_physical_devices", lambda _kind: ["gpu 0", "gpu 1"])
    monkeypatch.setattr(config, "set_visible_devices", lambda gpus, _kind: visible.extend(gpus))
    monkeypatch.setattr(
        config.experimental, "set_memory_growth", lambda gpu, enable: growing.append((gpu, enable))
    )
    for name in ("set_intra_op_parallelism_threads", "set_inter_op_parallelism_threads"):
        monkeypatch.setattr(config.threading, name, lambda _count: None)
    assert keras_runtime.start(wish) == device
    assert visible == (["gpu 0"] if device == "/GPU:0" else [])
    assert growing == [(gpu, True) for gpu in visible]


def test_facts_of_a_gpu_hold_its_name_and_memory(monkeypatch):
    experimental = tf.config.experimental
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda _kind: ["gpu"])
    monkeypatch.setattr(experimental, "get_device_details", lambda _gpu: {"device_name": "A Fine GPU"})
    monkeypatch.setattr(experimental, "get_memory_info", lambda _name: {"peak": 3 * 2**20})
    facts = keras_runtime.facts(keras_runtime.GPU)
    assert (facts["device"], facts["peak_device_memory_mb"]) == ("A Fine GPU", 3.0)


def test_facts_say_where_it_ran(tmp_path):
    facts = KerasEngine(recipe(precision="bf16"), job(tmp_path)).facts()
    assert (facts["device"], facts["devices"], facts["precision"]) == ("cpu", 1, "bf16")
    assert facts["parameters"] == 6 * 81 + 18 + 6 * 162 + 18 + 7 * CLASSES
    assert 50 < facts["peak_memory_mb"] < 50_000
    assert facts["versions"]["tensorflow"] == tf.__version__
    assert {"tensorflow", "tf_keras", "numpy"} == set(facts["versions"])


def test_threads_come_from_the_job_s_allotment(monkeypatch):
    told = []
    for name in ("set_intra_op_parallelism_threads", "set_inter_op_parallelism_threads"):
        monkeypatch.setattr(tf.config.threading, name, told.append)
    monkeypatch.setattr(keras_runtime, "allotted_cores", lambda: 3)
    keras_runtime.start("cpu")
    assert told == [3, 3]


def test_initial_weights_are_loaded_by_the_network_s_own_file(tmp_path):
    KerasEngine(recipe(), job(tmp_path, weights=tmp_path / "weights"))
    assert [(14, tmp_path / "weights")] == LOADED


def test_a_missing_tensorflow_is_answered_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(BenchError, match=r"pip install -e '\.\[tensorflow\]'"):
        keras_runtime.load()


def test_tensorflow_starts_and_compiles_without_a_word():
    code = (
        "from benchmarks.keras_runtime import start, tf; start('cpu');"
        "print(float(tf.function(lambda: tf.constant(2.0) * 2, jit_compile=True)()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("4.0\n", "")


# --- The real network


@pytest.mark.slow
def test_a_movinet_that_was_cut_ends_with_the_same_scores(tmp_path, monkeypatch):
    official = pytest.importorskip("official.projects.movinet.modeling.movinet")
    # Its first three of fifteen layers between stem and head: every kind of layer, a third of the minutes.
    stem, flat, timed, *_, head = official.BLOCK_SPECS["a0"]
    first = {name: getattr(timed, name)[:2] for name in ("expand_filters", "kernel_sizes", "strides")}
    few = (stem, flat, official.MovinetBlockSpec(timed.base_filters, **first), head)
    monkeypatch.setitem(official.BLOCK_SPECS, "a0", few)
    monkeypatch.setattr(sys.modules[__name__], "SIZE", 32)
    settings = resolve(
        "movinet-a0-stream",
        "sample",
        {"engine": "tensorflow", "frames": FRAMES, "size": 32, "epochs": 1, "batch_size": 2, "unfreeze": 2},
        {"dropout": 0.2, "drop_path": 0.2, "optimizer": "sgd"},
    )
    train, val = Clips(4, batch_size=2, train=True), Clips(2)
    row = zoo.system("movinet-a0-stream")

    def scores(folder, **fields):
        engine = KerasEngine(settings, job(folder, input=row.input, **fields))
        engine.fit(train, val)
        return engine.predict(val)

    whole = scores(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        scores(tmp_path / "cut", progress=Cut(1, ASKED.set))
    np.testing.assert_allclose(scores(tmp_path / "cut"), whole, atol=1e-5)


def test_batch_norms_follow_as_fast_as_the_recipe_says(tmp_path):
    norms = []
    for fields in ({}, {"norm_momentum": 0.3}):
        layers = learner(tmp_path, **fields).network.submodules
        norms.append({layer.momentum for layer in layers if hasattr(layer, "moving_mean")})
    assert norms == [{0.5}, {0.7}]
