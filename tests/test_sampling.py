"""Which frames are seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.errors import BenchError
from utils.seeds import generator
from wlasl.sampling import BLACK, Sampling, frame_indices

lengths = st.integers(1, 300)
counts = st.integers(1, 80)
strides = st.integers(1, 5)
schemes = st.sampled_from(["uniform", "consecutive", "centre", "start"])
pads = st.sampled_from(["last", "zero", "loop", "first-or-last"])
seeds = st.one_of(st.none(), st.integers(0, 1000))


@given(lengths, counts, strides, schemes, pads, seeds, st.integers(1, 4))
def test_there_are_always_as_many_frames_as_asked_for_and_all_of_the_clip(
    length, frames, stride, scheme, pad, seed, views
):
    sampling = Sampling(frames, stride, scheme, scheme, pad, views)
    for view in range(views):
        found = frame_indices(length, sampling, None if seed is None else generator(seed), view)
        assert found.shape == (frames,)
        assert found.dtype == np.int64
        assert found.max() < length
        assert found.min() >= (BLACK if pad == "zero" else 0)


@given(lengths, counts, seeds)
def test_uniform_takes_one_frame_of_each_segment_in_order(length, frames, seed):
    found = frame_indices(length, Sampling(frames), None if seed is None else generator(seed))
    edges = np.arange(frames + 1) * length / frames
    assert (np.diff(found) >= 0).all()
    assert (found >= np.floor(edges[:-1])).all()
    assert (found < np.ceil(edges[1:])).all()


@given(lengths, counts, strides, seeds)
def test_consecutive_keeps_its_stride_and_stays_inside_where_it_fits(length, frames, stride, seed):
    sampling = Sampling(frames, stride, "consecutive", "consecutive")
    found = frame_indices(length, sampling, None if seed is None else generator(seed))
    if (frames - 1) * stride < length:
        assert (np.diff(found) == stride).all()
    else:
        assert found[0] == 0
        assert found[-1] == length - 1


@pytest.mark.parametrize(
    ("length", "sampling", "expected"),
    [
        (10, Sampling(5), [1, 3, 5, 7, 9]),
        (5, Sampling(5), [0, 1, 2, 3, 4]),
        (2, Sampling(4), [0, 0, 1, 1]),
        (10, Sampling(4, test="consecutive"), [3, 4, 5, 6]),
        (10, Sampling(4, 2, test="consecutive"), [1, 3, 5, 7]),
        (10, Sampling(4, test="centre"), [3, 4, 5, 6]),
        (3, Sampling(5, test="consecutive"), [0, 1, 2, 2, 2]),
        (3, Sampling(5, test="consecutive", pad="zero"), [0, 1, 2, BLACK, BLACK]),
        (3, Sampling(5, test="consecutive", pad="loop"), [0, 1, 2, 0, 1]),
        (3, Sampling(3, 2, test="centre", pad="loop"), [0, 2, 1]),
        (1, Sampling(3), [0, 0, 0]),
        (10, Sampling(4, test="start"), [0, 1, 2, 3]),
        (10, Sampling(4, 3, test="start"), [0, 3, 6, 9]),
        (3, Sampling(5, test="start", pad="first-or-last"), [0, 1, 2, 2, 2]),
        (5, Sampling(2, test="whole"), [0, 1, 2, 3, 4]),
        (5, Sampling(2, 2, test="whole"), [0, 2, 4]),
        (3, Sampling(9, test="whole", least=5), [0, 1, 2, 2, 2]),
        (3, Sampling(9, test="whole", least=5, pad="zero"), [0, 1, 2, BLACK, BLACK]),
    ],
)
def test_what_is_seen_at_test(length, sampling, expected):
    assert frame_indices(length, sampling, None).tolist() == expected


def test_views_go_from_the_first_place_to_the_last():
    sampling = Sampling(4, test="consecutive", views=3)
    assert [frame_indices(10, sampling, None, view)[0] for view in range(3)] == [0, 3, 6]
    uniform = Sampling(2, views=2)
    assert [frame_indices(8, uniform, None, view).tolist() for view in range(2)] == [[1, 5], [3, 7]]


def test_training_reaches_every_place_and_centre_never_moves():
    starts = {
        int(frame_indices(10, Sampling(4, train="consecutive"), generator(seed))[0]) for seed in range(200)
    }
    assert starts == set(range(7))
    assert {
        int(frame_indices(10, Sampling(4, train="centre"), generator(seed))[0]) for seed in range(20)
    } == {3}
    first = {int(frame_indices(40, Sampling(4), generator(seed))[0]) for seed in range(300)}
    assert first == set(range(10))


def test_ten_views_begin_at_ten_places_spread_evenly():
    sampling = Sampling(4, test="consecutive", views=10)
    starts = [int(frame_indices(40, sampling, None, view)[0]) for view in range(10)]
    assert starts == [0, 4, 8, 12, 16, 20, 24, 28, 32, 36]


def test_a_start_that_is_drawn_once_comes_from_its_own_numbers_alone():
    once = Sampling(4, train="consecutive", test="consecutive", once=True, random_test=True)

    def starts(sampling, **rngs):
        return int(frame_indices(100, sampling, **rngs)[0])

    in_training = {starts(once, rng=generator(epoch), start=generator(7)) for epoch in range(20)}
    at_test = {starts(once, rng=None, start=generator(7)) for _ in range(3)}
    assert in_training == at_test
    assert len(at_test) == 1
    assert len({starts(once, rng=None, start=generator(seed)) for seed in range(20)}) > 10
    assert (once.fixed_start(train=True), once.fixed_start(train=False)) == (True, True)
    assert not Sampling(4).fixed_start(train=True)


def test_short_clips_end_in_their_first_frame_or_their_last_as_often():
    sampling = Sampling(5, train="consecutive", pad="first-or-last")
    ends = [int(frame_indices(3, sampling, generator(seed))[-1]) for seed in range(400)]
    assert set(ends) == {0, 2}
    assert 150 < ends.count(0) < 250


@pytest.mark.parametrize("scheme", ["consecutive", "start", "centre"])
def test_a_clip_runs_faster_as_often_as_slower_and_no_faster_than_was_said(scheme):
    told = Sampling(9, stride=4, train=scheme, speed=2.0)
    spans = []
    for seed in range(300):
        found = frame_indices(500, told, generator(seed))
        assert set(np.diff(found)) <= set(range(2, 9))
        spans.append((found[-1] - found[0]) / 32)
    assert 0.5 <= min(spans) < 0.6
    assert 1.8 < max(spans) <= 2.0
    assert 120 < sum(span < 1 for span in spans) < 180


def test_tempo_changes_nothing_at_test_nor_where_it_is_one():
    plain, told = (Sampling(9, 4, "consecutive", "consecutive", speed=speed) for speed in (1.0, 2.0))
    assert frame_indices(99, told, None).tolist() == frame_indices(99, plain, None).tolist()
    starts = {int(frame_indices(99, plain, generator(seed))[0]) for seed in range(50)}
    assert len(starts) > 20
    assert all((np.diff(frame_indices(99, plain, generator(seed))) == 4).all() for seed in range(50))


def test_only_at_test_a_clip_can_be_seen_whole():
    assert [Sampling(4, test="whole").shown(length, train=False) for length in (1, 9)] == [1, 9]
    assert Sampling(4, test="whole").shown(9, train=True) == 4
    with pytest.raises(BenchError, match="only test_sampling"):
        Sampling(4, train="whole")


@pytest.mark.parametrize(
    ("field", "value"),
    [("frames", 0), ("stride", 0), ("views", 0), ("train", "random"), ("test", ""), ("pad", "mirror")],
)
def test_a_sampling_that_means_nothing_is_refused_in_words(field, value):
    with pytest.raises(BenchError, match=r"must be at least 1|can be"):
        Sampling(**{"frames": 4, field: value})
