"""Batches of landmarks: which clips, in which order, as many as promised, and the same whoever asks."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.errors import BenchError
from wlasl.clips import Clip
from wlasl.landmarks.augment import Augment
from wlasl.landmarks.form import Landmarks
from wlasl.landmarks.joints import HANDS, HOLISTIC, SIDES, SKELETONS, SPOTER
from wlasl.landmarks.loader import LandmarkLoader, LandmarkOptions
from wlasl.landmarks.normalise import normalise

LIVELY = Augment(
    **dict.fromkeys(("mirror", "one_of", "speed", "spin", "hand_dropout"), 0.5),
    **dict.fromkeys(("noise", "scale", "time_crop", "time_warp", "span"), 0.2),
)


class FakeStore:
    """Random landmarks of clips c0, c1, ... in memory."""

    def __init__(self, lengths, joints=HOLISTIC, dims=2, unseen_share=0.1):
        rng = np.random.default_rng(0)
        self.joints, self.dims, self.found = joints, dims, {}
        for number, frames in enumerate(lengths):
            points = rng.uniform(0.3, 0.7, (frames, len(joints), dims)).astype(np.float32)
            points[rng.random(points.shape[:2]) < unseen_share] = np.nan
            self.found[f"c{number}"] = points

    def points(self, clip_id):
        """One clip's landmarks."""
        return self.found[clip_id]


def clips_of(count):
    """Clips c0, c1, ... of ten glosses."""
    return [Clip(f"c{number}", "gloss", number % 10, "train") for number in range(count)]


def lengths_of(count, seed=0):
    """Numbers of frames, all kinds."""
    return np.random.default_rng(seed).integers(1, 40, count).tolist()


def loader_of(count=37, store=None, **options):
    """A loader over a fake store."""
    options = {"batch_size": 4, **options}
    return LandmarkLoader(store or FakeStore(lengths_of(count)), clips_of(count), LandmarkOptions(**options))


def equal(one, other):
    """Whether two batches are the same to the bit."""
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("inputs", "labels", "indices", "lengths")
    )


@given(st.integers(1, 60), st.integers(1, 9), st.booleans(), st.booleans(), st.integers(0, 3))
def test_an_epoch_has_every_clip_once_and_its_short_batch_last(count, size, train, buckets, epoch):
    store = FakeStore(lengths_of(count), ("nose",))
    loader = loader_of(count, store, batch_size=size, train=train, buckets=buckets, normalisation="none")
    batches = list(loader.epoch(epoch))
    assert len(batches) == loader.steps() == -(-count // size)
    assert sorted(np.concatenate([batch.indices for batch in batches])) == list(range(count))
    assert [len(batch.labels) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    for batch in batches:
        assert batch.labels.tolist() == [index % 10 for index in batch.indices]
        assert batch.lengths.tolist() == loader.lengths[batch.indices].tolist()
        assert batch.inputs.shape == (len(batch.labels), batch.lengths.max(), 54, 2)
        assert batch.inputs.dtype == np.float32
        assert batch.lengths.dtype == np.int64


def test_batches_hold_the_normalised_clip_then_zeros():
    loader = loader_of()
    seen = 0
    for batch in loader.epoch(0):
        for inputs, index, length in zip(batch.inputs, batch.indices, batch.lengths, strict=True):
            points = Landmarks(FakeStore(lengths_of(37)).found[f"c{index}"], HOLISTIC, "").select(SPOTER)
            wanted = normalise("spoter", points[None], SPOTER)[0]
            assert np.allclose(inputs[:length], np.where(np.isnan(wanted), -0.5, wanted), atol=1e-6)
            assert not inputs[length:].any()
            seen += 1
    assert seen == 37


def test_without_training_the_clips_come_in_order_or_by_length():
    plain, buckets = (loader_of(buckets=on) for on in (False, True))
    order = [np.concatenate([batch.indices for batch in each.epoch(3)]) for each in (plain, buckets)]
    assert order[0].tolist() == list(range(37))
    assert (np.diff(plain.lengths[order[1]]) >= 0).all()


def test_training_shuffles_by_seed_and_epoch_alone():
    def order(seed, epoch, *, buckets):
        loader = loader_of(train=True, seed=seed, buckets=buckets)
        return np.concatenate([batch.indices for batch in loader.epoch(epoch)]).tolist()

    for buckets in (False, True):
        orders = [order(*key, buckets=buckets) for key in ((0, 0), (0, 1), (1, 0))]
        assert orders[0] == order(0, 0, buckets=buckets)
        assert len({tuple(each) for each in orders}) == 3


def test_buckets_spare_most_of_the_padding():
    lengths = np.random.default_rng(1).integers(20, 120, 600).tolist()
    store = FakeStore(lengths, ("nose",))
    frames = {}
    for buckets in (False, True):
        loader = loader_of(600, store, batch_size=16, train=True, buckets=buckets, normalisation="none")
        frames[buckets] = sum(batch.inputs.shape[0] * batch.inputs.shape[1] for batch in loader.epoch(0))
    assert frames[True] < 1.1 * sum(lengths) < 1.4 * sum(lengths) < frames[False]


@pytest.mark.parametrize("options", [{}, {"frames": 16, "sampling": "crop"}, {"frozen_aug": True}])
def test_a_sample_is_the_same_alone_or_in_company(options):
    loader = loader_of(train=True, augment=LIVELY, buckets=True, **options)
    seen = 0
    for batch in loader.epoch(2):
        for row, (index, length) in enumerate(zip(batch.indices, batch.lengths, strict=True)):
            alone = loader.batch([index], 2, train=True)
            assert alone.lengths.tolist() == [length]
            assert np.array_equal(alone.inputs[0], batch.inputs[row, :length])
            assert not batch.inputs[row, length:].any()
            seen += 1
    assert seen == 37


def test_the_random_numbers_depend_on_seed_epoch_and_position():
    def inputs(seed, key, positions):
        return (
            loader_of(train=True, augment=Augment(noise=0.1), seed=seed)
            .batch(positions, key, train=True)
            .inputs
        )

    first = inputs(0, 0, [5])
    assert np.array_equal(first, inputs(0, 0, [5]))
    assert not np.array_equal(first, inputs(0, 1, [5]))
    assert not np.array_equal(first, inputs(1, 0, [5]))
    assert not np.array_equal(first, inputs(0, (0, 1), [5]))
    twice = inputs(0, 0, [5, 5])
    assert np.array_equal(twice[0], twice[1])


def test_an_epoch_can_be_taken_up_in_its_middle():
    loader = loader_of(train=True, augment=LIVELY)
    whole = list(loader.epoch(1))
    for start in (0, 3, 9, 10):
        rest = list(loader.epoch(1, start=start))
        assert len(rest) == len(whole) - start
        assert all(equal(one, other) for one, other in zip(rest, whole[start:], strict=True))


@pytest.mark.parametrize("world", [2, 3, 40])
def test_ranks_share_every_batch_and_count_the_same_steps(world):
    loader = loader_of(train=True, buckets=True, augment=LIVELY)
    whole = list(loader.epoch(1))
    shares = [list(loader.epoch(1, rank=rank, world=world)) for rank in range(world)]
    assert {len(share) for share in shares} == {len(whole)}
    for step, batch in enumerate(whole):
        for rank in range(world):
            part = shares[rank][step]
            assert part.indices.tolist() == batch.indices[rank::world].tolist()
            frames = int(part.lengths.max(initial=0))
            assert part.inputs.shape == (len(part.indices), frames, 54, 2)
            assert np.array_equal(part.inputs, batch.inputs[rank::world, :frames])


@pytest.mark.parametrize("options", [{}, {"pad_to": 20}, {"buckets": True}])
def test_small_batches_are_what_they_were_alone(options):
    loader = loader_of(train=True, augment=LIVELY, batch_size=3, **options)
    batches = list(loader.epoch(4))
    assert len(batches) == 13
    for batch in batches:
        assert equal(batch, loader.batch(batch.indices, 4, train=True))
        assert batch.inputs.flags.c_contiguous
        assert (
            batch.inputs.flags.owndata
            or batch.inputs.base is None
            or batch.inputs.base.size == batch.inputs.size
        )


def test_a_clip_that_the_store_lacks_is_named():
    with pytest.raises(BenchError, match="Clip c3 has no landmarks in the store"):
        LandmarkLoader(FakeStore([5, 5, 5]), clips_of(4), LandmarkOptions(batch_size=2))


def test_no_clips_are_no_batches():
    loader = loader_of(0, FakeStore([]))
    assert loader.steps() == 0
    assert list(loader.epoch(0)) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"batch_size": 0}, "batch_size is 0; it must be at least 1"),
        ({"seed": -1}, "seed is -1"),
        ({"frames": 0}, "frames is 0"),
        ({"pad_to": 0}, "pad_to is 0"),
        ({"bridge": -1}, "bridge is -1"),
        ({"dims": 4}, "dims is 4; landmarks have 2 coordinates or 3"),
        ({"skeleton": "spotter"}, "Did you mean spoter"),
        ({"normalisation": "shoulder"}, "Did you mean shoulders"),
        ({"switches": {"y_axes": True}}, "no switch 'y_axes'. Did you mean y_axis"),
        ({"features": ("velocities",)}, "Did you mean velocity"),
        ({"features": ()}, "No feature is named"),
        ({"sampling": "uniform"}, "sampling=uniform needs a number of frames"),
        ({"sampling": "random", "frames": 3}, "There is no sampling named 'random'"),
        ({"hide": "feet"}, "There is no thing to hide named 'feet'"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, sentence):
    with pytest.raises(BenchError, match=sentence):
        LandmarkOptions(**{"batch_size": 4, **options})


def test_pad_to_gives_every_batch_its_length_and_cuts_longer_clips():
    loader = loader_of(pad_to=20)
    cut = 0
    for batch in loader.epoch(0):
        assert batch.inputs.shape[1] == 20
        assert batch.lengths.tolist() == np.minimum(loader.lengths[batch.indices], 20).tolist()
        cut += int((loader.lengths[batch.indices] > 20).sum())
    assert cut > 3
    assert next(loader.epoch(0, rank=8, world=9)).inputs.shape == (0, 20, 54, 2)


def test_uniform_sampling_gives_every_clip_the_same_number_of_frames():
    loader = loader_of(frames=16, sampling="uniform", normalisation="none")
    for batch in loader.epoch(0):
        assert batch.inputs.shape[1:] == (16, 54, 2)
        assert (batch.lengths == 16).all()


def test_between_two_frames_joints_lie_on_a_straight_line_and_gaps_stay_gaps():
    store = FakeStore([3], ("nose", "left_eye", "neck"))
    store.found["c0"] = np.array(
        [
            [[0, 0], [0, 0], [np.nan, np.nan]],
            [[1, 2], [np.nan, np.nan], [np.nan, np.nan]],
            [[2, 0], [1, 1], [3, 3]],
        ],
        np.float32,
    )
    loader = loader_of(
        1, store, frames=5, sampling="uniform", normalisation="none", features=("coordinates", "seen")
    )
    found = next(loader.epoch(0)).inputs[0]
    nose, eye, neck = (found[:, SPOTER.index(name)] for name in store.joints)
    assert nose[:, 0].tolist() == [0, 0.5, 1, 1.5, 2]
    assert nose[:, 1].tolist() == [0, 1, 2, 1, 0]
    assert eye[:, 2].tolist() == [1, 0, 0, 1, 1]  # half-way, the later frame counts as the nearer one
    assert neck[:, 2].tolist() == [0, 0, 0, 1, 1]


def test_frozen_augmentation_is_one_draw_for_all_clips_and_epochs():
    augment = Augment(mask_draws=10, mask_rows=20, spin=1.0)
    options = {
        "train": True,
        "frozen_aug": True,
        "skeleton": "spobet",
        "normalisation": "spobet",
        "pad_to": 20,
    }
    loader = loader_of(8, FakeStore([20] * 8, unseen_share=0), batch_size=8, augment=augment, **options)
    hidden = [(batch.inputs == 0).all((2, 3)) for epoch in range(3) for batch in loader.epoch(epoch)]
    assert len(hidden) == 3
    assert all((each == hidden[0][0]).all() for each in hidden)
    assert hidden[0][0].any()
    assert not hidden[0][0].all()
    other = loader_of(
        8, FakeStore([20] * 8, unseen_share=0), batch_size=8, augment=augment, seed=1, **options
    )
    assert not ((next(other.epoch(0)).inputs == 0).all((2, 3)) == hidden[0]).all()
    free = LandmarkLoader(
        FakeStore([20] * 8, unseen_share=0),
        clips_of(8),
        LandmarkOptions(batch_size=8, augment=augment, **{**options, "frozen_aug": False}),
    )
    masks = (next(free.epoch(0)).inputs == 0).all((2, 3))
    assert not (masks == masks[0]).all()


def test_evaluation_varies_nothing_unless_told():
    plain, quiet = loader_of(), loader_of(augment=LIVELY)
    told = loader_of(augment=LIVELY, augment_eval=True)
    for one, other in zip(plain.epoch(0), quiet.epoch(0), strict=True):
        assert equal(one, other)
    assert not equal(next(plain.epoch(0)), next(told.epoch(0)))
    assert equal(next(told.epoch(0)), next(told.epoch(0)))


def test_hidden_hands_are_unseen_before_anything_else():
    features = ("seen",)
    for side in ("left", "right", "hands"):
        seen = next(loader_of(skeleton="holistic", hide=side, features=features).epoch(0)).inputs.any(
            (0, 1, 3)
        )
        gone = {name for name, there in zip(HOLISTIC, seen, strict=True) if not there}
        sides = ("left", "right") if side == "hands" else (side,)
        wanted = {name for each in sides for name in HANDS if name.startswith(each)}
        assert gone == wanted | {
            f"{each}_{finger}" for each in sides for finger in ("pinky", "index", "thumb")
        }
    only = next(loader_of(4, FakeStore([9] * 4, HANDS), hide="left", features=features).epoch(0)).inputs
    assert not only[..., SPOTER.index("left_wrist"), :].any()
    assert only[..., SPOTER.index("right_wrist"), :].any()


def test_a_hand_that_training_hides_takes_the_wrist_along_where_no_other_knows_it():
    wrists = [SPOTER.index(f"{side}_wrist") for side in ("left", "right")]
    hands = [[at for at, name in enumerate(SPOTER) if name.startswith(f"{side}_hand")] for side in SIDES]
    for store, along in ((FakeStore([9] * 8, HANDS), True), (FakeStore([9] * 8, unseen_share=0.0), False)):
        store.found = {name: np.nan_to_num(points, nan=0.5) for name, points in store.found.items()}
        loader = loader_of(8, store, features=("seen",), augment=Augment(hand_dropout=1.0))
        seen = loader.batch(range(8), 0, train=True).inputs.any(axis=(1, 3))
        hidden = np.array([~seen[:, hand].any(1) for hand in hands])
        assert (hidden.sum(0) == 1).all(), "one of both, in every clip"
        assert (~seen[:, wrists].T[hidden] == along).all()


def test_a_mirrored_evaluation_is_that_of_mirrored_clips():
    store = FakeStore([9] * 4, unseen_share=0)
    turned = FakeStore([9] * 4)
    for name, points in store.found.items():
        swap = [HOLISTIC.index(_other(joint)) for joint in HOLISTIC]
        turned.found[name] = points[:, swap] * np.float32([-1, 1]) + np.float32([1, 0])
    one = next(loader_of(4, store, mirror_eval=True).epoch(0)).inputs
    assert np.allclose(one, next(loader_of(4, turned).epoch(0)).inputs, atol=1e-4)
    assert not np.allclose(one, next(loader_of(4, store).epoch(0)).inputs, atol=1e-2)


def _other(joint):
    """The joint on the other side."""
    return (
        " ".join(joint.split("_"))
        .replace("left", "?")
        .replace("right", "left")
        .replace("?", "right")
        .replace(" ", "_")
    )


def test_square_gives_both_axes_one_unit():
    store = FakeStore([9] * 2)
    store.size = lambda clip_id: (200, 100) if clip_id == "c0" else None
    plain, square = (
        next(loader_of(2, store, normalisation="none", square=on).epoch(0)).inputs for on in (0, 1)
    )
    assert np.array_equal(square[0, ..., 0], plain[0, ..., 0] * 2)
    assert np.array_equal(square[0, ..., 1], plain[0, ..., 1])
    assert np.array_equal(square[1], plain[1])


@pytest.mark.parametrize("skeleton", SKELETONS)
@pytest.mark.parametrize("known", [HANDS, HOLISTIC])
def test_every_skeleton_comes_from_every_source_in_numbers(skeleton, known):
    features = ("coordinates", "velocity", "bone", "shape", "seen")
    for normalisation in ("none", "spoter", "spobet", "shoulders", "hands"):
        for dims in (2, 3):
            store = FakeStore(lengths_of(9), known, dims=3, unseen_share=0.3)
            options = {
                "skeleton": skeleton,
                "normalisation": normalisation,
                "dims": dims,
                "features": features,
            }
            loader = loader_of(9, store, train=True, augment=LIVELY, bridge=2, **options)
            assert loader.shape == (len(SKELETONS[skeleton]), 4 * dims + 1)
            for batch in loader.epoch(0):
                assert batch.inputs.shape[2:] == loader.shape
                assert np.isfinite(batch.inputs).all()
                assert batch.inputs.any()


def test_the_store_is_read_once_and_never_again():
    store = FakeStore(lengths_of(5))
    loader = loader_of(5, store)
    store.found.clear()
    assert len(list(loader.epoch(0))) == 2


def test_a_reader_that_stops_early_leaves_no_thread():
    loader = loader_of()
    before = threading.active_count()
    batches = loader.epoch(0)
    next(batches)
    batches.close()
    for thread in threading.enumerate():
        if thread.name.startswith("landmarks"):
            thread.join(10)
    assert threading.active_count() <= before


def test_batches_belong_to_the_caller():
    loader = loader_of()
    batch = loader.batch([0, 1], 0, train=False)
    batch.inputs[:] = 7
    assert not (loader.batch([0, 1], 0, train=False).inputs == 7).any()


def test_options_can_be_derived_from_each_other():
    options = LandmarkOptions(batch_size=4, train=True)
    assert replace(options, train=False) == LandmarkOptions(batch_size=4)


def test_real_hands_become_batches_of_numbers(wlasl_root):
    path = wlasl_root / "landmarks" / "asl300_hands.npz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    with np.load(path) as archive:
        lengths, points = archive["lengths"][:200], archive["x"]
    store = FakeStore([], HANDS)
    for number, (end, frames) in enumerate(zip(np.cumsum(lengths), lengths, strict=True)):
        found = points[end - frames : end].reshape(frames, 42, 3)
        store.found[f"c{number}"] = np.where(found == -1, np.nan, found).astype(np.float32)
    clips = 0
    for normalisation in ("spoter", "spobet", "shoulders", "hands"):
        loader = loader_of(200, store, batch_size=32, buckets=True, train=True, normalisation=normalisation)
        for batch in loader.epoch(0):
            assert np.isfinite(batch.inputs).all()
            assert np.abs(batch.inputs).max() < 40
            clips += len(batch.labels)
    assert clips == 800


def test_a_trimmed_clip_begins_and_ends_with_a_hand():
    store = FakeStore([9, 6], unseen_share=0.0)
    hands = [column for column, name in enumerate(HOLISTIC) if "_hand_" in name]
    store.found["c0"][:, hands] = np.nan
    store.found["c0"][[2, 6], hands[3]] = 0.5  # one joint of one hand is enough
    store.found["c1"][:, hands] = np.nan
    plain, trimmed = (loader_of(2, store, normalisation="none", trim=trim) for trim in (False, True))
    assert plain.lengths.tolist() == [9, 6]
    assert trimmed.lengths.tolist() == [5, 6], "a clip without hands stays whole"
    inner = plain.batch([0], 0, train=False).inputs[0, 2:7]
    assert np.array_equal(trimmed.batch([0], 0, train=False).inputs[0], inner)
    # Which frames of the clip those are; a crop is from the middle of what is left.
    assert plain.moments(0).tolist() == list(range(9))
    assert trimmed.moments(0).tolist() == [2, 3, 4, 5, 6]
    cropped = loader_of(2, store, normalisation="none", trim=True, sampling="crop", frames=3)
    assert cropped.moments(0).tolist() == [3, 4, 5]
    assert np.array_equal(cropped.batch([0], 0, train=False).inputs[0], inner[1:4])
