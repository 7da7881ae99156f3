"""Frames in another order: nothing is lost that should stay, and nothing stays that should be gone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from utils.seeds import generator
from wlasl.order import ORDERS, half, held, ordered

FRAMES = st.integers(1, 60)


@given(FRAMES, st.integers(0, 99))
def test_a_shuffled_clip_has_every_frame_once(frames: int, seed: int):
    assert sorted(ordered("shuffled", frames, generator(seed)).tolist()) == list(range(frames))


@given(FRAMES)
def test_a_clip_reversed_twice_is_the_clip(frames: int):
    once = ordered("reversed", frames, generator(0))
    assert once[once].tolist() == list(range(frames))
    assert once[0] == frames - 1


@given(FRAMES)
def test_the_middle_frame_stands_everywhere(frames: int):
    (middle,) = set(ordered("middle", frames, generator(0)).tolist())
    assert abs(middle - (frames - 1) / 2) <= 0.5


def test_a_shuffle_is_the_seed_s_and_moves_frames():
    same, again, other = (ordered("shuffled", 30, generator(seed)).tolist() for seed in (1, 1, 2))
    assert same == again != other
    assert same != list(range(30))


def test_every_order_of_one_frame_is_that_frame():
    assert [ordered(order, 1, generator(0)).tolist() for order in ORDERS] == [[0]] * 3


@given(FRAMES, st.integers(0, 99))
def test_half_of_the_frames_stay_in_their_order(frames: int, seed: int):
    kept = half(frames, generator(seed))
    assert len(kept) == max(1, frames // 2)
    assert (np.diff(kept) > 0).all()
    assert 0 <= kept.min() <= kept.max() < frames


@given(FRAMES, st.integers(0, 99))
def test_where_frames_are_gone_the_last_one_stands(frames: int, seed: int):
    kept = half(frames, generator(seed))
    seen = held(frames, kept).tolist()
    assert len(seen) == frames
    for place, frame in enumerate(seen):
        before = [one for one in kept.tolist() if one <= place]
        assert frame == (before[-1] if before else kept[0])
