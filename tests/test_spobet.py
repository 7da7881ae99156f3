"""SPOBET is the network that was published: its size, what it sees, what its defects do, how it is kept."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

if importlib.util.find_spec("tensorflow") is None or importlib.util.find_spec("tf_keras") is None:
    pytest.skip("TensorFlow is not installed", allow_module_level=True)

from benchmarks.engine import Job
from benchmarks.fitting import Step
from benchmarks.inputs_landmarks import options
from benchmarks.keras_engine import KerasLearner
from benchmarks.keras_network import build as built
from benchmarks.recipe import parse_settings, recipe_fields, resolve
from benchmarks.spobet_published import also_reported, as_read
from benchmarks.where import multiply_adds
from models import spobet, zoo
from models.spobet import tf
from utils.errors import BenchError
from utils.seeds import generator
from wlasl.clips import Clip
from wlasl.landmarks.joints import SPOBET
from wlasl.loader import Batch

pytestmark = pytest.mark.tensorflow

PUBLISHED = {"no_pos": True, "no_mask": True}
LENGTHS = np.array([12, 7])


def recipe(name="fixed", **fields):
    return resolve("spobet", "sample", recipe_fields("spobet", name), fields)


def points(frames=12, seed=0):
    return generator(seed).normal(size=(2, frames, 54, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def networks():
    """Return the fixed and the published network, at 100 classes, stirred so that positions matter."""
    tf.keras.utils.set_random_seed(1)
    return {"fixed": spobet.build(100), "published": spobet.build(100, **PUBLISHED)}


def size(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def products(network, shape):
    """Count multiply-adds from the traced graph: every matrix product, whatever the formula says."""
    graph = tf.function(network).get_concrete_function(
        tf.TensorSpec(shape, tf.float32), tf.TensorSpec(shape[:1], tf.int64)
    )
    total = 0
    functions = [graph.graph]
    for operation in (operation for one in functions for operation in one.get_operations()):
        if operation.type in {"MatMul", "BatchMatMulV2"}:
            assert not operation.get_attr("transpose_a" if operation.type == "MatMul" else "adj_x")
            total += int(np.prod(operation.outputs[0].shape)) * operation.inputs[0].shape[-1]
        elif operation.type == "Einsum":
            left, right = operation.get_attr("equation").decode().partition("->")[0].split(",")
            sizes = dict(zip(left, operation.inputs[0].shape, strict=True))
            sizes |= dict(zip(right, operation.inputs[1].shape, strict=True))
            total += int(np.prod(list(sizes.values())))
    return total / 1e9


def test_the_row_states_what_the_network_measures(networks):
    row = zoo.system("spobet")
    assert size(networks["fixed"]) == row.parameters == 527_524
    assert size(networks["published"]) == row.parameters - spobet.ROWS * spobet.WIDTH == 511_524
    assert multiply_adds(recipe(), 100) == pytest.approx(row.gmacs, rel=0.005)
    assert multiply_adds(recipe("as-published"), 100) == pytest.approx(0.1726, rel=0.001)


def test_the_multiply_adds_are_those_of_the_graph(networks):
    shape = (1, 20, 54, 2)
    assert spobet.gmacs(100, shape) == pytest.approx(products(networks["fixed"], shape), rel=1e-9)
    whole = spobet.gmacs(100, (1, spobet.ROWS - 1, 54, 2))
    assert spobet.gmacs(100, shape, no_mask=True) == pytest.approx(whole, rel=1e-9)


def test_what_lies_behind_a_clip_s_end_does_not_matter(networks):
    rubbish = points()
    rubbish[1, 7:] = 9.0
    longer = np.pad(rubbish, [(0, 0), (0, 30), (0, 0), (0, 0)], constant_values=-5.0)
    assert len(networks) == 2
    for network in networks.values():
        expected = network(points(), LENGTHS).numpy()
        np.testing.assert_allclose(network(longer, LENGTHS), expected, atol=2e-5)
        alone = network(points()[1:, :7], LENGTHS[1:]).numpy()
        np.testing.assert_allclose(alone, expected[1:], atol=2e-5)


def test_only_the_fixed_network_sees_the_order_of_frames(networks):
    shuffled = points()[:, generator(3).permutation(12)]
    full = np.array([12, 12])
    moved = {
        name: float(np.abs(network(shuffled, full) - network(points(), full)).max())
        for name, network in networks.items()
    }
    assert moved["published"] < 1e-5
    assert moved["fixed"] > 1e-3


def test_padding_is_attended_to_as_published_alone(networks):
    with_pad, without = (
        network.rows(points(), LENGTHS)[1][0].numpy()[1, :, 0]
        for network in (networks["published"], networks["fixed"])
    )
    assert with_pad.shape == (spobet.HEADS, spobet.ROWS)
    assert (with_pad[:, 8:].sum(-1) > 0.5).all()
    assert without.shape == (spobet.HEADS, 13)
    np.testing.assert_allclose(without[:, 8:], 0, atol=1e-7)


def test_a_clip_is_cut_where_the_published_input_ends_and_nowhere_else(networks):
    long = points(300)
    other = long.copy()
    other[:, 260:] += 1
    full = np.array([300, 300])
    np.testing.assert_array_equal(networks["published"](long, full), networks["published"](other, full))
    assert np.abs(networks["fixed"](long, full) - networks["fixed"](other, full)).max() > 1e-3


def test_a_clip_without_frames_has_logits(networks):
    for network in networks.values():
        assert np.isfinite(network(points(), np.array([0, 0]))).all()


def test_the_vector_is_all_x_then_all_y():
    vectors = spobet.vectors(tf.constant(points())).numpy()
    np.testing.assert_array_equal(vectors[..., :54], points()[..., 0])
    np.testing.assert_array_equal(vectors[..., 54:], points()[..., 1])


def test_positions_begin_as_sines_and_cosines_with_zeros_for_the_token():
    table = spobet.sinusoids()
    assert not table[0].any()
    np.testing.assert_allclose(table[3, :2], [np.sin(3), np.cos(3)], atol=1e-6)
    np.testing.assert_allclose(table[3, 62], np.sin(3 / 10_000 ** (62 / 64)), atol=1e-6)


# --- The recipe


def test_the_recipes_have_the_published_numbers():
    for name in ("as-published", "fixed"):
        one = recipe(name)
        told = (one.optimizer, one.lr, one.min_lr, one.schedule, one.batch_size, one.epochs)
        assert told == ("radam", 1e-3, 1e-5, "linear", 128, 200)
        assert one.warmup_epochs == 20
        assert (one.spin, one.spin_degrees, one.mask_draws, one.mask_rows) == (0.3, 13, 83, 249)
        assert (one.pretrain_rounds, one.pretrain_epochs, one.pretrain_batch_size) == (10, 5, 64)
        assert (one.pretrain_mask, one.pretrain_random, one.pretrain_lr_value) == (0.3, 0.1, 1e-4)


SWITCHES = (
    *("frozen_aug", "aug_val", "pretrain_lr", "class0_topk", "glob_order", "no_mask", "zero_head"),
    *("missing_wrist", "frame_end_minus1", "no_pos"),
)


def test_the_fixed_recipe_has_no_defect_and_the_published_one_all_but_what_leaves_nothing_to_learn():
    on = {name: {s for s in SWITCHES if getattr(recipe(name), s)} for name in ("as-published", "fixed")}
    assert on == {"as-published": set(SWITCHES) - {"frame_end_minus1"}, "fixed": set()}
    assert (recipe("as-published").select, recipe().select) == ("last", "val_top1")


def test_the_warm_up_is_a_tenth_of_the_epochs_unless_it_is_set():
    assert resolve("spobet", "100", parse_settings(["epochs=30"])).warmup_epochs == 3
    assert recipe(epochs=30, warmup_epochs=1).warmup_epochs == 1
    with pytest.raises(BenchError, match="epochs='many'"):
        recipe(epochs="many")


def test_switches_reach_the_normalisation_and_the_augmentation():
    published = recipe("as-published")
    train = options(published, train=True)
    assert dict(train.switches) == {"zero_head": True, "missing_wrist": True}
    assert (train.frozen_aug, train.augment_eval, train.square) == (True, False, True)
    assert options(published, watched=True).augment_eval
    assert not options(published).augment_eval
    fixed = options(recipe(), watched=True)
    assert (fixed.frozen_aug, fixed.augment_eval, any(fixed.switches.values())) == (False, False, False)
    assert train.joints == SPOBET


class Store:
    """Two clips of which the first ends with its video."""

    joints = SPOBET
    clips = (Clip("a", "x", 0, "train"), Clip("b", "x", 0, "train", frame_end=30))

    def points(self, clip_id):
        return points(9)["ab".index(clip_id)]


def test_frames_come_in_arbitrary_order_where_a_folder_s_order_is_asked_for():
    store = as_read(recipe(glob_order=True), Store(), Store.clips)
    for clip in "ab":
        read, whole = store.points(clip), Store().points(clip)
        assert (read != whole).any()
        np.testing.assert_array_equal(read, store.points(clip))
        np.testing.assert_array_equal(np.sort(read, axis=0), np.sort(whole, axis=0))
    assert store.joints == SPOBET


def test_a_clip_that_ends_with_its_video_shows_nothing_where_minus_one_is_taken_for_a_frame():
    store = as_read(recipe(frame_end_minus1=True), Store(), Store.clips)
    assert store.points("a").shape == (1, 54, 2)
    assert np.isnan(store.points("a")).all()
    np.testing.assert_array_equal(store.points("b"), Store().points("b"))


def test_without_these_defects_a_store_is_read_as_it_is():
    store = Store()
    assert as_read(recipe(), store, Store.clips) is store


def test_the_published_top_k_counts_class_0_as_right_whatever_was_predicted():
    labels = np.array([0, 0, 1, 2])
    scores = np.log(np.eye(12, dtype=np.float32)[[3, 0, 1, 4]] + 1e-3)  # right: the second and the third
    assert also_reported(recipe(), scores, labels) == {}
    assert also_reported(recipe(class0_topk=True), scores, labels)["class0_top1"] == 0.75


# --- Training and weights


def job(folder, classes=5, **fields):
    expected = zoo.system("spobet").input
    return Job(**{"classes": classes, "input": expected, "folder": folder, "device": "cpu", **fields})


def batch(frames, clips, seed):
    whole = generator(seed).normal(size=(clips, frames, 54, 2)).astype(np.float32)
    labels, lengths = np.arange(clips) % 5, np.maximum(1, frames - np.arange(clips))
    return Batch(whole, labels, np.arange(clips), lengths)


def test_a_step_is_traced_once_for_any_number_of_clips_and_frames(tmp_path, monkeypatch):
    learner = KerasLearner(recipe(), job(tmp_path))
    losses, traced = [], []
    trace = learner._traced
    monkeypatch.setattr(learner, "_traced", lambda *told: traced.append(told[0].__name__) or trace(*told))
    for number, (frames, clips) in enumerate([(6, 4), (11, 3), (3, 1)]):
        step = Step((0, 0, number), 1e-3, 1.0, update=True)
        losses.append(learner.step(batch(frames, clips, number), step))
    assert traced == ["_learn", "_move"]
    assert len(losses) == 3
    assert np.isfinite(losses).all()


def test_a_run_s_weights_start_another_one_with_other_classes(tmp_path):
    kept = KerasLearner(recipe(seed=1), job(tmp_path))
    kept.keep()
    file = tmp_path / kept.file
    same, other = (
        built(recipe(), job(tmp_path, weights=file)),
        built(recipe(), job(tmp_path, 7, weights=file)),
    )
    for network in (same, other):
        for mine, its in zip(network.encoder[3].weights, kept.network.encoder[3].weights, strict=True):
            np.testing.assert_array_equal(mine, its)
    np.testing.assert_array_equal(same(points(), LENGTHS), kept.network(points(), LENGTHS))
    assert other(points(), LENGTHS).shape == (2, 7)
    with pytest.raises(BenchError, match="another network"):
        built(recipe(no_pos=True), job(tmp_path, weights=file))
    (tmp_path / "none.npz").write_bytes(b"no weights")
    with pytest.raises(BenchError, match="no file of weights"):
        built(recipe(), job(tmp_path, weights=tmp_path / "none.npz"))
