"""Landmarks seen in another order, as a probe shows them: what is computed is computed of that order."""

from __future__ import annotations

import numpy as np
import pytest

from utils.errors import BenchError
from wlasl.clips import Clip
from wlasl.landmarks.joints import HOLISTIC
from wlasl.landmarks.loader import LandmarkLoader, LandmarkOptions

LENGTHS = (1, 2, 9, 14, 30)


class FakeStore:
    """Landmarks in memory: of clip c2 all x are 0.02, 1.02, 2.02, ... from frame to frame."""

    joints = HOLISTIC

    def points(self, clip_id):
        """Return one clip's landmarks."""
        number = int(clip_id[1:])
        points = np.zeros((LENGTHS[number], len(HOLISTIC), 2), np.float32)
        points[..., 0] = np.arange(LENGTHS[number], dtype=np.float32)[:, None] + number / 100
        return points


def seen(channel=0, **options):
    """Return per clip one channel of its first joint, [T]: 0 is its x."""
    told = {"batch_size": 3, "normalisation": "none", "buckets": True, **options}
    clips = [Clip(f"c{number}", "gloss", 0, "test") for number in range(len(LENGTHS))]
    loader = LandmarkLoader(FakeStore(), clips, LandmarkOptions(**told))
    found = {}
    for batch in loader.epoch(0):
        for inputs, index, length in zip(batch.inputs, batch.indices, batch.lengths, strict=True):
            assert not inputs[length:].any()
            found[int(index)] = inputs[:length, 0, channel]
    return [found[number] for number in range(len(LENGTHS))]


def test_a_reversed_clip_is_the_clip_played_backwards():
    for plain, backwards in zip(seen(), seen(order="reversed"), strict=True):
        np.testing.assert_array_equal(backwards, plain[::-1])


def test_the_middle_frame_is_repeated_as_often_as_the_clip_has_frames():
    for number, clip in enumerate(seen(order="middle")):
        np.testing.assert_allclose(clip, [LENGTHS[number] // 2 + number / 100] * LENGTHS[number])


def test_a_shuffled_clip_has_its_own_frames_in_an_order_of_its_seed_s():
    plain, one, again, other = (
        seen(**fields)
        for fields in (
            {},
            {"order": "shuffled"},
            {"order": "shuffled"},
            {"order": "shuffled", "order_seed": 1},
        )
    )
    for a, b, c in zip(plain, one, again, strict=True):
        np.testing.assert_array_equal(np.sort(b), a)
        np.testing.assert_array_equal(b, c)
    assert not np.array_equal(one[4], plain[4])
    assert not np.array_equal(one[4], other[4])


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_the_order_does_not_depend_on_the_batch(batch_size):
    for one, other in zip(
        seen(order="shuffled"), seen(order="shuffled", batch_size=batch_size, buckets=False), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_where_frames_are_chosen_those_are_what_changes_places():
    plain, backwards = (
        seen(sampling="uniform", frames=5),
        seen(sampling="uniform", frames=5, order="reversed"),
    )
    for one, other in zip(plain, backwards, strict=True):
        np.testing.assert_allclose(other, one[::-1], atol=1e-6)


def test_an_order_that_is_none_is_a_sentence():
    with pytest.raises(BenchError, match="There is no order named 'sorted'"):
        LandmarkOptions(1, order="sorted")


def test_velocities_are_those_of_the_order_that_is_seen():
    options = {"features": ("coordinates", "velocity"), "channel": 2}  # 0 and 1 are x and y
    plain, backwards, still = (
        seen(**options)[4],
        seen(**options, order="reversed")[4],
        seen(**options, order="middle"),
    )
    np.testing.assert_allclose(plain[1:], 1, atol=1e-5)
    np.testing.assert_allclose(backwards[1:], -1, atol=1e-5)
    assert not any(clip.any() for clip in still)
