"""Batches: the same samples whatever the threads, the restarts and the processes."""

import numpy as np
import pytest
import videos
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from utils.errors import BenchError
from wlasl.augment import Crop
from wlasl.loader import ClipLoader, LoaderOptions
from wlasl.prepare import prepare
from wlasl.sampling import Sampling
from wlasl.view import View

CROP = Crop(12, (0.3, 1.0), (0.8, 1.25), 0.5)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loader")
    dataset = videos.dataset(folder / "data", 7)
    return prepare(dataset, View(size=16), folder / "stores").store, dataset.subset.clips


def loader(prepared, sampling=Sampling(4), crop=CROP, **options):  # noqa: B008 - frozen
    store, clips = prepared
    return ClipLoader(store, clips, sampling, crop, LoaderOptions(**{"batch_size": 3, **options}))


def collected(batches):
    found = list(batches)
    return [
        np.concatenate([getattr(batch, name) for batch in found]) for name in ("inputs", "labels", "indices")
    ]


def test_every_clip_comes_once_and_in_order_at_test(prepared):
    batches = list(loader(prepared).epoch(0))
    assert [len(batch.labels) for batch in batches] == [3, 3, 1]
    inputs, labels, indices = collected(batches)
    assert (inputs.shape, inputs.dtype) == ((7, 4, 12, 12, 3), np.uint8)
    assert indices.tolist() == list(range(7))
    assert labels.tolist() == [clip.label for clip in prepared[1]] == loader(prepared).labels.tolist()
    # Frame brightness tells which frame it is: 20 + 4 x number; the clip of 6 frames is seen at 0, 2, 3, 5.
    assert np.abs(inputs[0].mean(axis=(1, 2, 3)) - [20, 28, 32, 40]).max() < 3


def test_every_clip_comes_once_and_shuffled_in_training(prepared):
    train = loader(prepared, train=True)
    orders = [collected(train.epoch(epoch))[2].tolist() for epoch in range(3)]
    assert all(sorted(order) == list(range(7)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(threads=st.integers(1, 4), start=st.integers(0, 3), epoch=st.integers(0, 3), world=st.integers(1, 4))
def test_samples_depend_on_nothing_but_seed_epoch_and_clip(prepared, threads, start, epoch, world):
    wanted = collected(loader(prepared, train=True, seed=3).epoch(epoch))
    shares = [loader(prepared, train=True, seed=3, threads=threads) for _ in range(world)]
    parts = [
        list(share.epoch(epoch, start=start, rank=rank, world=world)) for rank, share in enumerate(shares)
    ]
    assert [len(part) for part in parts] == [3 - start] * world
    found = {}
    for part in parts:
        for batch in part:
            found.update(zip(batch.indices.tolist(), batch.inputs, strict=True))
    left = wanted[2][3 * start :].tolist()
    assert sorted(found) == sorted(left)
    for position, index in enumerate(wanted[2].tolist()):
        if index in found:
            assert np.array_equal(found[index], wanted[0][position])


def test_ranks_take_turns_within_each_batch(prepared):
    parts = [
        [batch.indices.tolist() for batch in loader(prepared).epoch(0, rank=rank, world=2)] for rank in (0, 1)
    ]
    assert parts == [[[0, 2], [3, 5], [6]], [[1], [4], []]]


def test_seed_and_epoch_change_what_is_seen(prepared):
    def first(seed, epoch):
        inputs, _, indices = collected(loader(prepared, train=True, seed=seed).epoch(epoch))
        return inputs[indices.tolist().index(4)].tobytes()

    assert len({first(0, 0), first(1, 0), first(0, 1)}) == 3


def test_views_of_a_clip_come_one_after_the_other(prepared):
    inputs, _, indices = collected(loader(prepared, Sampling(2, test="consecutive", views=3)).epoch(0))
    assert indices.tolist() == np.repeat(np.arange(7), 3).tolist()
    means = inputs.reshape(7, 3, 2, -1).mean(axis=(2, 3))
    assert (np.diff(means, axis=1) > 1).all()
    assert len(collected(loader(prepared, Sampling(2, views=3), train=True).epoch(0))[2]) == 7


def test_whole_clips_come_once_each_at_a_length_of_its_own(prepared):
    whole = loader(prepared, Sampling(2, test="whole", least=8), batch_size=2)
    batches = list(whole.epoch(0))
    # Clips of 6 to 12 frames; those of 6 and 7 are padded to 8.
    assert [(batch.inputs.shape[1], batch.indices.tolist()) for batch in batches] == [
        (8, [0, 1]),
        (8, [2]),
        *((frames, [frames - 6]) for frames in (9, 10, 11, 12)),
    ]
    assert whole.steps() == len(batches) == 6
    assert np.abs(batches[-1].inputs[0].mean(axis=(1, 2, 3)) - (20 + 4 * np.arange(12))).max() < 3
    alone = [next(iter(whole.epoch(0, start=step))).indices.tolist() for step in range(6)]
    assert alone == [batch.indices.tolist() for batch in batches]


def test_ranks_share_whole_clips_too(prepared):
    whole = loader(prepared, Sampling(2, test="whole", least=8), batch_size=2)
    parts = [[batch.indices.tolist() for batch in whole.epoch(0, rank=rank, world=2)] for rank in (0, 1)]
    assert parts == [[[0], [2], [3], [4], [5], [6]], [[1], [], [], [], [], []]]
    assert loader(prepared, Sampling(2, test="whole"), train=True, batch_size=2).steps() == 4


def test_a_start_is_drawn_once_per_clip_and_seed_where_it_is_asked_for(prepared):
    def firsts(seed, epoch, *, train, **fields):
        sampling = Sampling(2, train="consecutive", test="consecutive", **fields)
        inputs, _, indices = collected(
            loader(prepared, sampling, Crop(16), train=train, seed=seed).epoch(epoch)
        )
        return inputs[np.argsort(indices), 0].mean(axis=(1, 2, 3)).round()

    once = [firsts(0, epoch, train=True, once=True) for epoch in range(3)]
    assert np.array_equal(once[0], once[1])
    assert np.array_equal(once[0], once[2])
    assert not np.array_equal(firsts(0, 0, train=True), firsts(0, 1, train=True))
    at_test = firsts(0, 0, train=False, random_test=True)
    assert np.array_equal(at_test, once[0])
    assert not np.array_equal(at_test, firsts(1, 0, train=False, random_test=True))
    assert not np.array_equal(at_test, firsts(0, 0, train=False))


def test_the_middle_of_the_square_is_seen_at_test(prepared):
    whole, _, _ = collected(loader(prepared, crop=Crop(16)).epoch(0))
    middle, _, _ = collected(loader(prepared, crop=Crop(8, middle=0.5)).epoch(0))
    assert np.array_equal(middle, whole[:, :, 4:12, 4:12])


def test_black_frames_stand_for_missing_ones(prepared):
    inputs, _, _ = collected(loader(prepared, Sampling(9, test="consecutive", pad="zero")).epoch(0))
    assert inputs[0, 6:].max() == 0 < inputs[0, :6].min()


def test_a_last_batch_that_is_not_full_counts(prepared):
    assert loader(prepared).steps() == 3 == len(list(loader(prepared).epoch(0)))
    assert loader(prepared, batch_size=50).steps() == 1


def test_no_clips_are_no_batches(prepared):
    empty = ClipLoader(prepared[0], (), Sampling(4), CROP, LoaderOptions(2))
    assert (empty.steps(), list(empty.epoch(0))) == (0, [])


def test_arrays_are_the_callers_to_keep(prepared):
    kept = [(batch, batch.inputs.copy()) for batch in loader(prepared, batch_size=1).epoch(0)]
    assert len(kept) == 7
    assert all(np.array_equal(batch.inputs, copy) for batch, copy in kept)


def test_an_epoch_can_be_left_in_the_middle(prepared):
    batches = loader(prepared, batch_size=1).epoch(0)
    next(batches)
    batches.close()


def test_a_damaged_clip_stops_the_epoch_and_is_named(prepared, monkeypatch):
    store, _ = prepared
    monkeypatch.setattr("zlib.crc32", lambda *_: 0)
    with pytest.raises(BenchError, match=r"Clip \d+ is damaged"):
        list(loader((type(store)(store.folder), prepared[1])).epoch(0))


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"threads": 0}])
def test_options_that_mean_nothing_are_refused_in_words(prepared, wrong):
    with pytest.raises(BenchError, match="must be at least 1"):
        loader(prepared, **wrong)


def test_a_clip_that_is_not_in_the_store_is_refused_at_once(prepared):
    store, clips = prepared
    with pytest.raises(BenchError, match="not among"):
        ClipLoader(type(store)(store.folder, ["00001"]), clips, Sampling(4), CROP, LoaderOptions(2))
