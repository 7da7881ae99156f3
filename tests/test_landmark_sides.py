"""Left and right hands are told apart over a whole clip."""

import landmark_files as files
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wlasl.clips import Clip
from wlasl.landmarks.readers_arrays import HandsFile, PoseHandsFile
from wlasl.landmarks.readers_mediapipe import holistic_npz
from wlasl.landmarks.sides import middles, rightness, stable

GLOSSES = 16


def hands_of(gloss, number=0):
    true = files.signed(gloss, number)
    return np.stack([true["left_hand"], true["right_hand"]], axis=1)


def detected(hands, rng):
    """Put the hands of each frame into the order of a detector: at random, the first slot filled first."""
    mixed = hands.copy()
    swapped = rng.random(len(hands)) < 0.5
    mixed[swapped] = mixed[swapped][:, ::-1]
    late = np.isnan(mixed[:, 0, 0, 0])
    mixed[late] = mixed[late][:, ::-1]
    return mixed


def right(found, hands):
    """How many of the hands that are there are where they belong, and how many there are."""
    seen = ~np.isnan(hands[..., 0, 0])
    same = ((found == hands) | (np.isnan(found) & np.isnan(hands))).all(axis=(2, 3))
    return int((same & seen).sum()), int(seen.sum())


def test_shuffled_hands_find_their_places_again():
    rng = np.random.default_rng(0)
    counts = np.zeros(2, int)
    before = np.zeros(2, int)
    for gloss in range(GLOSSES):
        hands = hands_of(gloss)
        mixed = detected(hands, rng)
        counts += right(stable(mixed), hands)
        before += right(mixed, hands)
    assert counts[1] > 1000
    # Signs of one hand that crosses the body, in a picture without a body, keep this from being all of them.
    assert counts[0] / counts[1] > 0.93
    assert before[0] / before[1] < 0.6


@given(st.integers(0, GLOSSES - 1), st.integers(0, 2**32 - 1))
def test_the_order_of_detection_makes_no_difference(gloss, seed):
    hands = hands_of(gloss)
    found = stable(detected(hands, np.random.default_rng(seed)))
    assert np.array_equal(found, stable(hands), equal_nan=True)


@given(st.integers(0, GLOSSES - 1))
def test_nothing_is_lost_or_invented_but_a_hand_found_twice(gloss):
    hands = hands_of(gloss)
    found = stable(hands)
    there = ~np.isnan(found[..., 0, 0])
    came = (found[:, :, None] == hands[:, None]).all(axis=(3, 4))
    assert (came.sum(axis=2) == there).all()
    assert came.sum(axis=1).max() <= 1
    assert there.sum() >= 0.97 * (~np.isnan(hands[..., 0, 0])).sum()
    doubled = hands.copy()
    one = np.isnan(hands[:, 0, 0, 0]) & ~np.isnan(hands[:, 1, 0, 0])
    doubled[one, 0] = doubled[one, 1] + 0.001
    kept = stable(doubled)
    assert (~np.isnan(kept[one][..., 0, 0])).sum() == one.sum()


def test_a_mirrored_hand_is_the_other_hand():
    hands = np.concatenate([hands_of(gloss) for gloss in range(GLOSSES)])
    hands = hands[~np.isnan(hands[..., 0, 0])]
    mirrored = hands.copy()
    mirrored[..., 0] = 1 - mirrored[..., 0]
    # All facts change their sign; what is known beforehand (most detections are right hands) does not.
    assert np.allclose(rightness(hands) + rightness(mirrored), 1.0, atol=1e-3)


def test_clips_without_hands_and_single_frames_are_no_trouble():
    empty = np.full((5, 2, 21, 3), np.nan, np.float32)
    assert np.isnan(stable(empty)).all()
    assert np.isnan(middles(empty)).all()
    assert stable(np.zeros((0, 2, 21, 3), np.float32)).shape == (0, 2, 21, 3)
    hands = hands_of(0)
    both = np.flatnonzero(~np.isnan(hands[..., 0, 0]).any(axis=1))
    one = hands[both[:1]] if len(both) else hands[:1]
    assert stable(one).shape == one.shape


def test_hands_without_depth_are_told_apart_too():
    hands = hands_of(2)
    counts = right(stable(detected(hands, np.random.default_rng(3)))[..., :2], hands[..., :2])
    flat = right(stable(detected(hands, np.random.default_rng(3))[..., :2]), hands[..., :2])
    assert counts[1] == flat[1] > 50
    assert flat[0] / flat[1] > 0.9


def beside(found, left, right_):
    """Which of two wrists [T, 2] each hand lies beside: 0 left, 1 right, -1 not plainly one of them."""
    wrists = found[..., 0, :2]
    to_left = np.nan_to_num(np.linalg.norm(wrists - left[:, None], axis=-1), nan=9)
    to_right = np.nan_to_num(np.linalg.norm(wrists - right_[:, None], axis=-1), nan=9)
    near, far = np.minimum(to_left, to_right), np.maximum(to_left, to_right)
    known = ~np.isnan(wrists[..., 0]) & (near < 0.06) & (far > 2.5 * near)
    return np.where(known, to_right < to_left, -1)


def judged(pairs):
    """Count hands on their own side and hands that plainly have a side."""
    counts = np.zeros(2, int)
    for found, left, right_ in pairs:
        sides = beside(found, left, right_)
        counts += int((sides == [0, 1]).sum()), int((sides >= 0).sum())
    return counts


@pytest.mark.slow
def test_real_hands_lie_beside_the_wrists_of_their_side(wlasl_root):
    folder = wlasl_root / "landmarks"
    hands, both = HandsFile(folder / "asl300_hands.npz"), PoseHandsFile(folder / "asl300_pose_hands_30.npz")

    def first_30(name):
        clip = Clip(name, "", 0, "train")
        body = both.read(clip).points
        found = hands.read(clip).points.reshape(-1, 2, 21, 3)[: len(body)]
        body = body[: len(found)]
        return found, body[:, 15, :2], body[:, 16, :2]

    on_side, known = judged(first_30(name) for name in both.ids())
    assert known > 26000
    assert on_side / known > 0.996

    def whole(path):
        clip = Clip(path.stem, "", 0, "train")
        body = holistic_npz(path, clip).points
        wrists = [np.where(np.isnan(body[:, hand, :2]), body[:, wrist, :2], body[:, hand, :2])
                  for wrist, hand in ((15, 33), (16, 54))]  # fmt: skip
        return hands.read(clip).points.reshape(-1, 2, 21, 3), *wrists

    on_side, known = judged(whole(path) for path in sorted((folder / "holistic").glob("*.npz")))
    assert known > 2600
    assert on_side / known > 0.99
