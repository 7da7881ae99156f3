"""One form of landmarks in memory: what is no use is refused, and coordinates mean one thing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wlasl.landmarks.form import REASONS, LandmarkError, Landmarks
from wlasl.landmarks.joints import SPOTER, hand

JOINTS = ("nose", "left_shoulder", "right_shoulder")


def made(points, **more):
    return Landmarks(np.asarray(points, np.float32), JOINTS, "test", **more)


@pytest.mark.parametrize(
    ("points", "reason", "words"),
    [
        (np.zeros((4, 3)), "shape", r"\[4, 3\], not \[frames, 3, 2 or 3\]"),
        (np.zeros((4, 2, 2)), "shape", r"\[4, 2, 2\]"),
        (np.zeros((4, 3, 4)), "shape", r"\[4, 3, 4\]"),
        (np.zeros((0, 3, 2)), "empty", "not one frame"),
        (np.full((4, 3, 2), np.nan), "unseen", "any of 4 frames"),
        (np.full((4, 3, 2), np.inf), "infinite", "24 coordinates"),
    ],
)
def test_landmarks_of_no_use_are_refused_with_a_reason(points, reason, words):
    with pytest.raises(LandmarkError, match=words) as caught:
        made(points).checked()
    assert caught.value.reason == reason
    assert reason in REASONS


def test_a_joint_with_one_unknown_coordinate_is_unseen_as_a_whole():
    points = np.ones((2, 3, 3))
    points[1, 2, 0] = np.nan
    checked = made(points).checked().points
    assert np.isnan(checked[1, 2]).all()
    assert np.isnan(checked).sum() == 3


@given(
    arrays(np.float32, (3, 3, 3), elements=st.floats(0, 500, width=32)),
    st.tuples(st.integers(1, 4000), st.integers(1, 4000)),
)
def test_pixels_become_shares_of_the_picture_and_back(points, size):
    found = made(points, unit="pixels", size=size).canonical()
    assert (found.unit, found.y) == ("image", "down")
    scale = np.array([size[0], size[1], size[0]])
    assert np.allclose(found.points * scale, points, rtol=1e-5, atol=1e-3)


def test_pixels_without_a_size_keep_their_shape():
    points = np.array([[[10, 20], [40, 80], [np.nan, np.nan]]])
    found = made(points, unit="pixels").canonical().points
    assert np.nanmax(found) == 1
    assert np.allclose(found[0, 1], 4 * found[0, 0])
    assert np.isnan(found[0, 2]).all()


@given(arrays(np.float32, (3, 3, 2), elements=st.floats(-1, 2, width=32)))
def test_turning_the_axis_of_y_twice_changes_nothing(points):
    once = made(points, y="up").canonical()
    assert once.y == "down"
    twice = made(once.points, y="up").canonical().points
    assert np.allclose(twice, points, atol=1e-6)
    assert np.array_equal(made(points).canonical().points, points)


def test_joints_are_taken_by_name_and_unknown_ones_are_unseen():
    points = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    found = made(points).select(["right_shoulder", "left_knee", "nose"])
    assert np.array_equal(found[:, 0], points[:, 2])
    assert np.isnan(found[:, 1]).all()
    assert np.array_equal(found[:, 2], points[:, 0])


def test_a_neck_is_between_the_shoulders_and_wrists_stand_for_each_other():
    points = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    assert np.array_equal(made(points).select(["neck"])[:, 0], points[:, 1:].mean(axis=1))
    hands = Landmarks(np.ones((1, 21, 2), np.float32), hand("left"), "test")
    assert np.array_equal(hands.select(["left_wrist"])[0, 0], [1, 1])
    body = Landmarks(np.ones((1, 1, 2), np.float32), ("right_wrist",), "test")
    assert np.array_equal(
        body.select(["right_hand_wrist", "left_hand_wrist"])[0], [[1, 1], [np.nan] * 2], True
    )


def test_a_neck_of_which_a_shoulder_is_unseen_is_unseen():
    points = np.ones((1, 3, 2), np.float32)
    points[0, 1] = np.nan
    assert np.isnan(made(points).select(["neck"])).all()


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("wanted", [2, 3])
def test_depth_is_left_out_or_0_where_there_is_none(dims, wanted):
    points = np.full((2, 3, dims), 0.5, np.float32)
    points[0, 0] = np.nan
    found = made(points).select(JOINTS, wanted)
    assert found.shape == (2, 3, wanted)
    assert np.isnan(found[0, 0]).all()
    assert (found[1] == ([0.5] * min(dims, wanted) + [0.0] * max(0, wanted - dims))).all()


def test_selecting_keeps_what_was_given_as_it_was():
    points = np.ones((2, 3, 2), np.float32)
    found = made(points).select(SPOTER)
    found[:] = 7
    assert (points == 1).all()
