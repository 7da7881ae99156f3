"""What the sample's clips show: parts, signers, signs, reversed pairs, landmarks that fit the pictures."""

from __future__ import annotations

import io
from collections import Counter
from functools import cache

import av
import numpy as np
import pytest

from utils.seeds import generator
from wlasl.sample.clips import GUEST, LEFT_HANDED, Take, draw_landmarks, draw_video, instance, plan_clip
from wlasl.sample.folder import SampleOptions, takes
from wlasl.sample.motion import POSITION, hand_paths, perform
from wlasl.sample.scene import SITES
from wlasl.sample.signs import REVERSED_PAIRS, SIGNS

BY_NAME = {sign.gloss: sign for sign in SIGNS}


@cache
def plans():
    return [plan_clip(take) for take in takes(SampleOptions())]


def test_every_gloss_has_eight_two_and_two_clips():
    counts = Counter((take.gloss, take.part) for take in takes(SampleOptions()))
    assert len(counts) == 16 * 3
    assert {(part, count) for (_, part), count in counts.items()} == {("train", 8), ("val", 2), ("test", 2)}


def test_ids_are_five_digits_and_stay_when_more_clips_are_drawn():
    few, many = ({take.id for take in takes(SampleOptions(clips=clips))} for clips in (12, 100))
    assert len(few) == 192
    assert few < many
    assert all(len(name) == 5 and name.isdigit() for name in many)


def test_most_signers_of_the_test_part_are_in_training_too():
    parts = {
        part: Counter(p.signer.number for p in plans() if p.take.part == part) for part in ("train", "test")
    }
    assert len(parts["train"]) == 7
    assert set(parts["test"]) - set(parts["train"]) == {GUEST}
    assert parts["test"][GUEST] == 2
    left = [plan.take.gloss for plan in plans() if plan.signer.left_handed]
    assert len(left) == 8
    assert {plan.signer.number for plan in plans() if plan.signer.left_handed} == {LEFT_HANDED}


def test_nothing_but_the_order_of_frames_differs_between_the_glosses_of_a_pair():
    numbers = {sign.gloss: number for number, sign in enumerate(SIGNS)}
    assert len(REVERSED_PAIRS) == 4
    for pair in REVERSED_PAIRS:
        special = [
            sorted(
                plan.signer.number
                for plan in plans()
                if plan.take.gloss == numbers[gloss] and plan.signer.number in {GUEST, LEFT_HANDED}
            )
            for gloss in pair
        ]
        assert special[0] == special[1]


def test_clips_differ_in_size_rate_length_place_and_frame_numbers():
    rows = [instance(plan) for plan in plans()]
    assert {plan.site.name for plan in plans()} == {site.name for site in SITES}
    assert len({plan.camera.size for plan in plans()}) == 6
    assert {row["fps"] for row in rows} == {24, 25, 29.97, 30}
    lengths = [plan.frames for plan in plans()]
    assert min(lengths) < 40
    assert max(lengths) > 60
    whole = sum(row["frame_end"] == -1 for row in rows)
    long = sum(row["frame_start"] > 100 for row in rows)
    assert min(whole, long, len(rows) - whole - long) > 20
    middles = [
        (row["bbox"][0] + row["bbox"][2]) / 2 / plan.camera.size[0]
        for row, plan in zip(rows, plans(), strict=True)
    ]
    assert min(middles) < 0.4
    assert max(middles) > 0.6


@pytest.mark.parametrize(("forward", "backward"), REVERSED_PAIRS)
@pytest.mark.parametrize("seed", range(3))
def test_a_reversed_sign_is_the_other_one_played_backwards(forward, backward, seed):
    performance = perform(generator(seed))
    one, other = (hand_paths(BY_NAME[gloss], performance, 25.0) for gloss in (forward, backward))
    assert np.array_equal(one[::-1], other)
    assert np.abs(one - other).max() > 0.5


def leading(plan):
    """Return the leading hand's centre over the clip, from the true landmarks' body, 16 moments, own side."""
    slot = 0 if plan.signer.left_handed else 1
    points = plan.body.hands[:, slot].mean(axis=1) * [1 if slot == 0 else -1, 1, 1]
    first = plan.span[0] - 1 if plan.site.lead == "kept" else 0
    return points[first + np.linspace(0, plan.frames - 1, 16).round().astype(int)]


@pytest.mark.parametrize(("forward", "backward"), REVERSED_PAIRS)
def test_the_mean_path_of_a_pair_is_a_time_reversal(forward, backward):
    one, other = (
        np.mean([leading(plan) for plan in plans() if SIGNS[plan.take.gloss].gloss == gloss], axis=0)
        for gloss in (forward, backward)
    )
    backwards, as_it_is = np.abs(one[::-1] - other).mean(), np.abs(one - other).mean()
    assert backwards < 0.08
    assert as_it_is > 2.5 * backwards


def guesses(features):
    """Return the gloss of the nearest class mean, for every clip that is not in training."""
    train = np.array([plan.take.part == "train" for plan in plans()])
    labels = np.array([plan.take.gloss for plan in plans()])
    features = (features - features[train].mean(0)) / (features[train].std(0) + 0.05)
    centres = np.stack([features[train & (labels == label)].mean(0) for label in range(16)])
    distances = np.square(features[~train][:, None] - centres).mean(-1)
    return distances.argmin(1), labels[~train]


def shapes(plan):
    """Return both hands' points relative to the body, own side first, 16 moments, [16, 2 * 21 * 2]."""
    hands = plan.body.hands[..., :2]
    if plan.signer.left_handed:
        hands = hands[:, ::-1] * [-1, 1]
    first = plan.span[0] - 1 if plan.site.lead == "kept" else 0
    moments = first + np.linspace(0, plan.frames - 1, 16).round().astype(int)
    return hands[moments].reshape(16, -1)


def test_who_sees_the_order_of_frames_tells_the_pairs_apart_and_who_ignores_it_guesses():
    clips = np.stack([shapes(plan) for plan in plans()])
    told, truth = guesses(clips.reshape(len(clips), -1))
    assert (told == truth).mean() > 0.95
    told, truth = guesses(np.concatenate([clips.mean(1), clips.std(1)], axis=1))
    paired = truth < 2 * len(REVERSED_PAIRS)
    assert paired.sum() == 32
    assert (told // 2 == truth // 2)[paired].mean() > 0.9
    assert 0.25 <= (told == truth)[paired].mean() <= 0.75


def test_every_sign_has_a_handshape_place_and_movement_of_its_own():
    looks = {(sign.handshape, sign.place, sign.movement, sign.other, sign.reversal_of) for sign in SIGNS}
    assert len(looks) == len(SIGNS) == 16


@pytest.mark.parametrize(("gloss", "number"), [(8, 0), (2, 4), (9, 5), (14, 6)])
def test_landmarks_lie_on_the_hands_of_the_decoded_picture(gloss, number):
    plan = plan_clip(Take(0, gloss, number))
    marks = np.load(io.BytesIO(draw_landmarks(plan)))
    with av.open(io.BytesIO(draw_video(plan))) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    hand = marks["left_hand" if plan.signer.left_handed else "right_hand"]
    assert len(frames) == len(hand)
    height, width = frames[0].shape[:2]
    middle = plan.frames // 2 + (plan.span[0] - 1 if plan.site.lead == "kept" else 0)
    # The middles of the fingers' last bones but one, which nothing but another finger can hide.
    for finger in (6, 10):
        x, y = hand[middle, finger, :2] * [width, height]
        skin = np.array(plan.signer.skin, float)
        assert np.abs(frames[middle][int(y), int(x)] - skin).max() < 70, finger


def test_landmarks_are_absent_where_nothing_is_seen():
    marks = np.load(io.BytesIO(draw_landmarks(plan_clip(Take(0, 12, 0)))))
    assert np.isfinite(marks["pose"][:, :13]).all()
    assert np.isnan(marks["pose"][:, 25:]).all()
    seen = np.isfinite(marks["right_hand"]).all(axis=(1, 2))
    assert seen.any()
    finite = marks["pose"][np.isfinite(marks["pose"]).all(-1)]
    assert len(finite)
    assert finite[:, :2].min() >= 0
    assert finite[:, :2].max() <= 1
    assert np.abs(marks["right_hand"][seen][:, 0, 2]).max() == 0


def test_bones_keep_their_lengths_and_arms_reach_their_hands():
    assert len(plans()) == 192
    for plan in plans()[::12]:
        pose, hands = plan.body.pose, plan.body.hands
        for shoulder, elbow, wrist, slot in ((11, 13, 15, 0), (12, 14, 16, 1)):
            upper = np.linalg.norm(pose[:, elbow] - pose[:, shoulder], axis=-1)
            fore = np.linalg.norm(pose[:, wrist] - pose[:, elbow], axis=-1)
            assert np.allclose(upper, plan.signer.upper_arm, atol=1e-6)
            assert np.allclose(fore, plan.signer.forearm, atol=1e-6)
            assert np.allclose(pose[:, wrist], hands[:, slot, 0])
        bones = np.linalg.norm(hands[:, :, 6] - hands[:, :, 5], axis=-1)
        assert np.allclose(bones, 0.22 * plan.signer.hand, atol=1e-6)


def test_hands_move_smoothly():
    for sign in SIGNS:
        path = hand_paths(sign, perform(generator(3)), 30.0)[..., POSITION]
        assert np.linalg.norm(np.diff(path, axis=0), axis=-1).max() < 0.35, sign.gloss
