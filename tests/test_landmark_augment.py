"""Augmentations of landmarks: what they do, what they leave alone, and what they are drawn from."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.errors import BenchError
from utils.seeds import generator
from wlasl.landmarks.augment import Augment, after, before
from wlasl.landmarks.augment_draws import Draws
from wlasl.landmarks.augment_space import affine, arms, mirror, perspective, rotate, squeeze, turned
from wlasl.landmarks.augment_time import Timing
from wlasl.landmarks.augment_unseen import hide_hand, rows, span
from wlasl.landmarks.columns import columns
from wlasl.landmarks.joints import HANDS, HOLISTIC, SKELETONS, SPOBET, SPOTER

seeds = st.integers(0, 10_000)
ALL = Augment(
    **dict.fromkeys(("mirror", "rotate", "perspective", "squeeze", "arms", "spin", "hand_dropout"), 0.5),
    **dict.fromkeys(("scale", "stretch", "shear", "shift", "noise"), 0.1),
    **dict.fromkeys(("frame_dropout", "span", "joint_dropout"), 0.3),
    mask_draws=2,
    mask_rows=9,
)
SEEN_STAYS = replace(ALL, frame_dropout=0, span=0, joint_dropout=0, mask_draws=0, hand_dropout=0)


def planes_of(seed, joints=SPOTER, batch=4, frames=7, unseen_share=0.2, dims=2):
    """Random planes in the picture, some of them unseen."""
    rng = np.random.default_rng(seed)
    planes = rng.uniform(0.2, 0.8, (len(joints), dims, batch, frames)).astype(np.float32)
    hidden = rng.random((len(joints), batch, frames)) < unseen_share
    planes[np.broadcast_to(hidden[:, None], planes.shape)] = np.nan
    return planes


def draws_of(seed, batch=4):
    """The draws of clips 0, 1, ... of an epoch."""
    return Draws([generator(seed, 0, clip + 1) for clip in range(batch)])


def both(augment, planes, joints, draws, lengths=None):
    """Both halves of what training does, one after the other."""
    lengths = np.full(planes.shape[2], planes.shape[3]) if lengths is None else lengths
    return after(augment, before(augment, planes, joints, draws), lengths, draws)


def same(one, other, atol=1e-6):
    """Whether two arrays are alike, unseen in the same places."""
    return np.allclose(one, other, rtol=0, atol=atol, equal_nan=True)


def length(planes, joints, one, other):
    """The distance between two joints, [B, T]."""
    difference = planes[joints.index(one), :2] - planes[joints.index(other), :2]
    return np.hypot(difference[0], difference[1])


@given(seeds, st.sampled_from(sorted(SKELETONS)), st.sampled_from([2, 3]))
def test_missing_stays_missing_and_what_is_not_hidden_stays_seen(seed, skeleton, dims):
    joints = SKELETONS[skeleton]
    planes = planes_of(seed, joints, dims=dims)
    hidden = both(ALL, planes, joints, draws_of(seed))
    kept = both(SEEN_STAYS, planes, joints, draws_of(seed))
    unseen = np.isnan(planes)
    swapped = np.isnan(mirror(planes, joints))
    assert (np.isnan(kept) == np.where(draws_of(seed)["mirror"][:, :1] < 0.5, swapped, unseen)).all()
    assert np.isnan(hidden)[np.isnan(kept)].all()


@given(seeds)
def test_nothing_happens_by_default(seed):
    planes = planes_of(seed)
    assert np.array_equal(both(Augment(), planes, SPOTER, draws_of(seed)), planes, equal_nan=True)


@given(seeds, st.sampled_from([ALL, Augment.spoter(), Augment.spobet()]))
def test_a_clip_s_neighbours_and_padding_change_nothing(seed, augment):
    planes = planes_of(seed)
    lengths = np.array([7, 3, 5, 1])
    planes[..., np.arange(7) >= lengths[:, None]] = np.nan
    found = both(augment, planes, SPOTER, draws_of(seed), lengths)
    for clip, frames in enumerate(lengths):
        draws = Draws([generator(seed, 0, clip + 1)])
        alone = both(augment, planes[:, :, [clip], :frames], SPOTER, draws, lengths[[clip]])
        assert np.array_equal(found[:, :, clip, :frames], alone[:, :, 0], equal_nan=True)
        assert np.isnan(found[:, :, clip, frames:]).all()


@given(seeds)
def test_the_given_planes_stay_as_they_were(seed):
    planes = planes_of(seed)
    kept = planes.copy()
    both(ALL, planes, SPOTER, draws_of(seed))
    assert np.array_equal(planes, kept, equal_nan=True)


@given(seeds, st.sampled_from(sorted(SKELETONS)))
def test_a_mirror_in_a_mirror_shows_the_signer(seed, skeleton):
    joints = SKELETONS[skeleton]
    planes = planes_of(seed, joints)
    once = mirror(planes, joints)
    assert same(mirror(once, joints), planes)
    left, right = joints.index("left_hand_wrist"), joints.index("right_hand_wrist")
    assert same(once[left, 0], 1 - planes[right, 0])
    assert same(once[left, 1], planes[right, 1])


@given(seeds, st.floats(-3, 3))
def test_turns_keep_lengths_and_can_be_turned_back(seed, angle):
    planes = planes_of(seed)
    angles = np.full(4, angle)
    once = rotate(planes, angles)
    assert same(rotate(once, -angles), planes, 1e-5)
    assert same(rotate(planes, np.zeros(4)), planes)
    for found in (once, turned(planes, angles)):
        assert same(length(found, SPOTER, "nose", "neck"), length(planes, SPOTER, "nose", "neck"), 1e-5)


def test_a_quarter_turn_takes_the_right_edge_to_the_lower_one_where_y_is_down():
    planes = np.array([1.0, 0.5], np.float32).reshape(1, 2, 1, 1)
    assert same(rotate(planes, np.array([math.pi / 2])).ravel(), [0.5, 1.0])


@given(seeds, st.floats(0, 0.1), st.booleans())
def test_perspective_is_the_map_of_the_four_corners(seed, ratio, left):
    corners = np.array([(0, 1), (1, 1), (0, 0), (1, 0)], np.float32)
    x = [ratio, 1, ratio, 1] if left else [0, 1 - ratio, 0, 1 - ratio]
    y = [1 - ratio, 1, ratio, 0] if left else [1, 1 - ratio, 0, ratio]
    matrix = cv2.getPerspectiveTransform(corners, np.stack([x, y], 1).astype(np.float32))
    planes = planes_of(seed, batch=1, unseen_share=0)
    wanted = cv2.perspectiveTransform(planes.transpose(0, 2, 3, 1).reshape(1, -1, 2), matrix)
    found = perspective(planes, slice(0, 54), np.array([ratio]), np.array([left]))
    assert same(found.transpose(0, 2, 3, 1).reshape(1, -1, 2), wanted, 1e-5)


def test_squeezed_edges_lie_where_they_were_moved():
    planes = np.array([[0, 1, 0.5], [0.3, 0.3, 0.3]], np.float32).reshape(1, 2, 1, 3)
    found = squeeze(planes, slice(0, 1), np.array([[0.1, 0.05]]))
    assert same(found[0, :, 0], [[0.1, 0.95, 0.525], [0.3, 0.3, 0.3]])


@given(seeds, st.booleans())
def test_turned_arms_keep_their_bones(seed, hands):
    planes = planes_of(seed, unseen_share=0)
    turns = np.random.default_rng(seed).uniform(-1, 1, (4, 8))
    found = arms(planes, SPOTER, turns, hands=hands)
    bones = [("left_shoulder", "left_elbow"), ("right_elbow", "right_wrist"), ("neck", "right_shoulder")]
    bones += [("left_hand_index_mcp", "left_hand_index_tip")]
    bones += [("left_wrist", "left_hand_wrist"), ("right_wrist", "right_hand_little_tip")] * hands
    for bone in bones:
        assert same(length(found, SPOTER, *bone), length(planes, SPOTER, *bone), 1e-5)
    assert not same(found[SPOTER.index("left_elbow")], planes[SPOTER.index("left_elbow")], 1e-3)
    assert same(found[12:], planes[12:]) is not hands


def test_an_arm_turns_about_no_joint_that_is_unseen():
    planes = planes_of(1, unseen_share=0)
    planes[SPOTER.index("left_elbow"), :, 0, 3] = np.nan
    turns = np.zeros((4, 8))
    turns[:, 2] = 1.0  # the left elbow's
    found = arms(planes, SPOTER, turns)
    wrist = SPOTER.index("left_wrist")
    assert same(found[wrist, :, 0, 3], planes[wrist, :, 0, 3], 0)
    assert not same(found[wrist, :, 0, 2], planes[wrist, :, 0, 2], 1e-3)


def test_body_only_changes_leave_hands_where_they_are():
    planes = planes_of(2, unseen_share=0)
    for name in ("perspective", "squeeze", "arms"):
        augment = Augment(**{name: 1.0}, arm_joint=1.0, arm_degrees=30)
        found = before(augment, planes, SPOTER, draws_of(3))
        assert same(found[12:], planes[12:], 0), name
        assert not same(found[:12], planes[:12], 1e-3), name
        everywhere = before(replace(augment, body_only=False), planes, SPOTER, draws_of(3))
        assert not same(everywhere[12:], planes[12:], 1e-3), name


def test_affine_scales_leans_and_moves():
    planes = np.array([2.0, 3.0, 4.0], np.float32).reshape(1, 3, 1, 1)
    found = affine(planes, np.array([[2.0, 0.5]]), np.array([0.1]), np.array([[10.0, 20.0]]))
    assert same(found.ravel(), [2 * 2 + 0.1 * 3 + 10, 0.5 * 3 + 20, 0.5 * 4])


def test_spoter_s_four_are_as_likely_and_exclude_each_other():
    count = 4000
    planes = np.tile(planes_of(5, batch=1, frames=1, unseen_share=0), (1, 1, count, 1))
    augment = replace(Augment.spoter(), arm_joint=1.0, noise=0.0)
    found = before(augment, planes, SPOTER, draws_of(7, count))
    moved = np.abs(found - planes).max(1)[..., 0]
    hands, nose = moved[12:].max(0) > 0, moved[SPOTER.index("nose")] > 0
    elbow, y = moved[SPOTER.index("left_elbow")] > 0, np.abs(found - planes)[0, 1, :, 0] > 0
    kinds = {
        "rotate": hands,
        "arms": elbow & ~nose & ~hands,
        "squeeze": nose & ~y,
        "perspective": nose & y & ~hands,
    }
    shares = {name: float(kind.mean()) for name, kind in kinds.items()}
    assert all(abs(share - 0.125) < 0.02 for share in shares.values()), shares
    assert abs(elbow.mean() - 0.5) < 0.03


def test_spobet_hides_71_of_its_250_rows_and_never_the_token_s():
    hidden = rows(draws_of(3, 2000).rows(83, 249), 249)
    assert abs(hidden.sum(1).mean() - 249 * (1 - (1 - 1 / 249) ** 83)) < 0.3
    assert 70 < hidden.sum(1).mean() < 72
    assert hidden.any(0).all()
    planes = planes_of(1, SPOBET, batch=2, frames=100, unseen_share=0)
    found = after(Augment.spobet(), planes, np.array([100, 100]), draws_of(2, 2))
    gone = np.isnan(found)
    assert (gone.all((0, 1)) == gone.any((0, 1))).all()
    assert 0.1 < gone.mean() < 0.5


def test_spobet_turns_three_clips_of_ten_one_way_by_up_to_13_degrees():
    planes = np.tile(planes_of(5, SPOBET, 1, 1, 0), (1, 1, 3000, 1))
    found = after(replace(Augment.spobet(), mask_draws=0), planes, np.ones(3000, int), draws_of(1, 3000))
    angle = np.degrees(np.arctan2(found[0, 1], found[0, 0]) - np.arctan2(planes[0, 1], planes[0, 0]))[:, 0]
    assert abs((angle > 1e-3).mean() - 0.3) < 0.03
    assert angle.min() > -1e-3
    assert 12 < angle.max() < 13


def test_noise_has_its_size_and_each_clip_its_own():
    planes = planes_of(1, batch=3, frames=50, unseen_share=0)
    found = after(Augment(noise=0.01), planes, np.full(3, 50), draws_of(1, 3)) - planes
    assert abs(found.std() - 0.01) < 3e-4
    assert abs(np.corrcoef(found[:, :, 0].ravel(), found[:, :, 1].ravel())[0, 1]) < 0.05


def test_one_purpose_never_moves_another_s_draws():
    planes = planes_of(1, unseen_share=0)
    one = before(Augment(rotate=1.0), planes, SPOTER, draws_of(1))
    other = after(Augment(noise=0.01, joint_dropout=0.1), one, np.full(4, 7), draws_of(1))
    again = both(Augment(rotate=1.0, noise=0.01, joint_dropout=0.1), planes, SPOTER, draws_of(1))
    assert same(other, again, 0)


def test_one_hand_is_hidden_but_never_the_only_one():
    planes = planes_of(1, HANDS, unseen_share=0)
    planes[:21, :, 0] = np.nan
    hands, on = columns(HANDS).hands, np.array([True, True, True, False])
    hide_hand(planes, hands, hands, on, np.array([0.1, 0.1, 0.9, 0.1]))
    gone = np.isnan(planes).all((1, 3))
    assert [gone[:21, clip].all() for clip in range(4)] == [True, True, False, False]
    assert [gone[21:, clip].all() for clip in range(4)] == [False, False, True, False]


@given(seeds, st.floats(0, 0.99), st.floats(0, 0.999), st.integers(1, 40))
def test_a_hidden_span_is_in_one_piece_within_the_clip(seed, share, start, frames):
    del seed
    hidden = span(np.array([share]), np.array([start]), np.array([frames]), 50)[0]
    assert hidden.sum() == math.floor(share * frames)
    assert not hidden[frames:].any()
    assert np.abs(np.diff(hidden.astype(int))).sum() <= 2


def test_dropouts_stay_below_their_shares():
    planes = planes_of(1, batch=200, frames=100, unseen_share=0)
    lengths = np.full(200, 100)
    frames = after(Augment(frame_dropout=0.4), planes, lengths, draws_of(1, 200))
    joints = after(Augment(joint_dropout=0.4), planes, lengths, draws_of(1, 200))
    lost = np.isnan(frames).mean((0, 1, 3))
    assert abs(lost.mean() - 0.2) < 0.03
    assert lost.max() < 0.6
    gone = np.isnan(joints)
    assert (gone.all((1, 3)) == gone.any((1, 3))).all()
    assert abs(gone.mean() - 0.2) < 0.03


# Time.

LENGTHS = np.array([1, 2, 10, 60])


def test_all_frames_are_read_at_their_own_moments():
    found = Timing().moments(LENGTHS, None, None)
    assert found.lengths.tolist() == [1, 2, 10, 60]
    for at, frames in zip(found.at, LENGTHS, strict=True):
        assert at[:frames].tolist() == list(range(frames))
        assert (at[frames:] == -1).all()


def test_frames_caps_spreads_or_cuts():
    first = Timing("all", 4).moments(LENGTHS, None, None)
    assert first.lengths.tolist() == [1, 2, 4, 4]
    assert first.at[3].tolist() == [0, 1, 2, 3]
    even = Timing("uniform", 4).moments(LENGTHS, None, None)
    assert even.lengths.tolist() == [4] * 4
    assert even.at[2].tolist() == [0, 3, 6, 9]
    assert even.at[0].tolist() == [0, 0, 0, 0]
    middle = Timing("crop", 4).moments(LENGTHS, None, None)
    assert middle.at[2].tolist() == [3, 4, 5, 6]
    assert middle.lengths.tolist() == [1, 2, 4, 4]
    assert Timing("all", None, 5).moments(LENGTHS, None, None).lengths.tolist() == [1, 2, 5, 5]


def test_a_random_cut_reaches_both_ends_and_stays_inside():
    found = Timing("crop", 58).moments(np.full(200, 60), Augment(), draws_of(1, 200)).at
    assert set(found[:, 0]) == {0.0, 1.0, 2.0}
    assert (np.diff(found) == 1).all()


@given(seeds, st.floats(0, 0.9), st.floats(0, 0.99), st.sampled_from(["all", "uniform", "crop"]))
def test_varied_time_runs_forwards_within_the_clip(seed, crop, warp, sampling):
    augment = Augment(speed=0.7, speed_factor=1.6, time_crop=crop, time_warp=warp)
    timing = Timing(sampling, None if sampling == "all" else 16)
    found = timing.moments(LENGTHS, augment, draws_of(seed))
    for at, frames, known in zip(found.at, found.lengths, LENGTHS, strict=True):
        assert frames >= 1
        assert (np.diff(at[:frames]) >= 0).all()
        assert (at[:frames] >= 0).all()
        assert (at[:frames] <= known - 1).all()
        assert (at[frames:] == -1).all()


def test_speed_changes_the_number_of_frames_by_its_factor():
    found = Timing().moments(np.full(500, 60), Augment(speed=1.0, speed_factor=1.5), draws_of(1, 500))
    assert found.lengths.min() in range(40, 43)
    assert found.lengths.max() in range(88, 91)
    assert abs(np.median(found.lengths) - 60) < 4
    half = Timing().moments(np.full(500, 60), Augment(speed=0.5, speed_factor=1.5), draws_of(1, 500))
    assert abs((half.lengths == 60).mean() - 0.5) < 0.1


# Options.


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("mirror", 1.5, "augment.mirror is 1.5; a probability is from 0 to 1"),
        ("span", 1.0, "augment.span is 1.0; it must be at least 0, below 1"),
        ("noise", -0.1, "augment.noise is -0.1; it must not be negative"),
        ("noise", float("nan"), "augment.noise is nan"),
        ("rotate_degrees", float("inf"), "augment.rotate_degrees is inf"),
        ("speed_factor", 0.5, "speed_factor and mask_rows must be at least 1"),
        ("squeeze_ratio", 0.5, "squeeze_ratio below 0.5"),
    ],
)
def test_values_that_mean_nothing_are_refused(field, value, sentence):
    with pytest.raises(BenchError, match=sentence):
        Augment(**{field: value})


def test_the_published_recipes_are_what_the_papers_say():
    spoter, spobet = Augment.spoter(), Augment.spobet()
    assert (spoter.one_of, spoter.noise, spoter.rotate_degrees) == (0.5, 0.001, 13)
    assert (spoter.perspective_ratio, spoter.squeeze_ratio) == (0.1, 0.15)
    assert (spoter.arm_joint, spoter.arm_degrees, spoter.body_only) == (0.3, 4, True)
    assert (spobet.spin, spobet.spin_degrees, spobet.mask_draws, spobet.mask_rows) == (0.3, 13, 83, 249)
    assert Augment.spoter(0.75).one_of == 0.75


def test_a_skeleton_without_a_neck_turns_its_arms_too():
    planes = planes_of(1, HOLISTIC, unseen_share=0)
    augment = Augment(arms=1.0, arm_joint=1.0, arm_degrees=30)
    found = before(augment, planes, HOLISTIC, draws_of(1))
    changed = {name for name, old, new in zip(HOLISTIC, planes, found, strict=True) if not same(old, new, 0)}
    assert changed == {"left_elbow", "right_elbow", "left_wrist", "right_wrist"}
