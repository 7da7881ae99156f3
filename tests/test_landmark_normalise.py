"""Normalisations of landmarks against plain loops written from their descriptions, and what keeps."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.errors import BenchError
from wlasl.landmarks import gaps
from wlasl.landmarks.columns import to_planes, to_points
from wlasl.landmarks.features import FEATURES, bone, channels, features, shape, velocity
from wlasl.landmarks.form import Landmarks
from wlasl.landmarks.joints import HANDS, HOLISTIC, SKELETONS, SPOBET, SPOTER, hand
from wlasl.landmarks.normalise import NORMALISATIONS, normalise, switches_of, unseen

seeds = st.integers(0, 10_000)
NAMED = sorted(set(NORMALISATIONS) - {"none"})
AT = {"nose": (0.5, 0.42), "neck": (0.5, 0.5), "left_eye": (0.51, 0.41), "right_eye": (0.49, 0.41)}
AT |= {"left_shoulder": (0.54, 0.5), "right_shoulder": (0.46, 0.5), "left_elbow": (0.56, 0.56)}
AT |= {"right_elbow": (0.44, 0.56), "left_wrist": (0.54, 0.6), "right_wrist": (0.46, 0.6)}


def signer(seed, joints=SPOTER, frames=9, unseen_share=0.0, dims=2):
    """A small signer in the middle of the picture, far from where boxes are cut."""
    rng = np.random.default_rng(seed)
    points = np.full((1, frames, len(joints), dims), 0.5)
    for column, name in enumerate(joints):
        side = name.partition("_")[0]
        points[..., column, :2] = AT.get(name, AT[f"{side}_wrist"] if "_hand_" in name else (0.5, 0.5))
    points += rng.uniform(-0.015, 0.015, points.shape)
    points[rng.random(points.shape[:3]) < unseen_share] = np.nan
    return points.astype(np.float32)


def moved(points, factor, by):
    """The same signer elsewhere and larger, x and y alike."""
    out = points.copy()
    out[..., :2] = (points[..., :2] - 0.5) * np.float32(factor) + 0.5 + np.array(by, np.float32)
    out[..., 2:] *= np.float32(factor)
    return out


def same(one, other, atol=1e-6, rtol=0.0):
    """Whether two arrays are alike, unseen in the same places."""
    return np.allclose(one, other, rtol=rtol, atol=atol, equal_nan=True)


# SPOTER, by FIELD A2: frame by frame and joint by joint.


def loop_box(at, last, *, verbatim):
    """One frame's body box: (x0, y0, x1, y1), the last one where it has none, None where there was none."""
    left, right = at["left_shoulder"], at["right_shoulder"]
    shoulders = None not in {left, right}
    if not shoulders and None in {at["neck"], at["nose"]}:
        return last
    absent = (0.0, 0.0) if verbatim else None
    middle = None if not shoulders else ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2)
    neck = at["neck"] or absent or middle
    eye = at["left_eye"] or absent or at["right_eye"] or at["nose"]
    if neck is None or eye is None:
        return last
    h = math.dist(left, right) if shoulders else math.dist(neck, at["nose"])
    top = eye[1] + h
    return tuple(max(0.0, v) for v in (neck[0] - 3 * h, top - 6 * h, neck[0] + 3 * h, top))


def loop_spoter_body(frames, joints, *, verbatim):
    """Frames of {joint: (x, y) or None}; a frame's body in its box."""
    last, done, valid = None, [], True
    for at in frames:
        last = loop_box(at, last, verbatim=verbatim)
        any_seen = any(at[name] is not None for name in joints)
        usable = last is not None and last[0] != last[2] and last[1] != last[3]
        if not usable:
            valid = valid and not any_seen
            done.append({name: at[name] for name in joints})
            continue
        x0, y0, x1, y1 = last
        done.append({n: at[n] and ((at[n][0] - x0) / (x1 - x0), (at[n][1] - y0) / (y1 - y0)) for n in joints})
    return done if valid or verbatim else [{name: at[name] for name in joints} for at in frames]


def loop_spoter_hand(at, names):
    """One frame's hand in a square with a margin of a tenth of the longer side."""
    found = [at[name] for name in names if at[name] is not None]
    if not found:
        return dict.fromkeys(names)
    (x0, x1), (y0, y1) = ((min(v), max(v)) for v in zip(*found, strict=True))
    wide, high = x1 - x0, y1 - y0
    if wide > high:
        dx = 0.1 * wide
        dy = dx + (wide - high) / 2
    else:
        dy = 0.1 * high
        dx = dy + (high - wide) / 2
    x0, x1, y0, y1 = x0 - dx, x1 + dx, y0 - dy, y1 + dy
    if x0 == x1 or y0 == y1:
        return {name: at[name] for name in names}
    return {n: at[n] and ((at[n][0] - x0) / (x1 - x0), (at[n][1] - y0) / (y1 - y0)) for n in names}


def loop_spoter(points, joints, *, y_axis=False, verbatim=False):
    """SPOTER's normalisation of [T, J, 2] in plain loops."""
    turned = points if y_axis else np.stack([points[..., 0], 1 - points[..., 1]], -1)
    frames = [
        {name: None if np.isnan(at[0]) else tuple(at) for name, at in zip(joints, row, strict=True)}
        for row in turned.astype(np.float64)
    ]
    body_names = [name for name in joints if "_hand_" not in name]
    body = loop_spoter_body(frames, body_names, verbatim=verbatim)
    out = np.full(points.shape, np.nan)
    for t, at in enumerate(frames):
        found = dict(body[t])
        for side in ("left", "right"):
            found |= loop_spoter_hand(at, [name for name in hand(side) if name in joints])
        for j, name in enumerate(joints):
            if found[name] is not None:
                out[t, j] = np.array(found[name]) - 0.5
    return out


@given(seeds, st.sampled_from([0.0, 0.1, 0.5, 0.9]), st.booleans(), st.booleans())
def test_spoter_is_what_plain_loops_make_of_its_description(seed, share, y_axis, verbatim):
    points = signer(seed, unseen_share=share)
    points[..., :2] = points[..., :2] * 2 - 0.5 + seed % 3 * 0.2  # sometimes large enough to be cut
    wanted = loop_spoter(points[0], SPOTER, y_axis=y_axis, verbatim=verbatim)
    found = normalise("spoter", points, SPOTER, y_axis=y_axis, verbatim=verbatim)[0]
    assert np.array_equal(np.isnan(wanted), np.isnan(found))
    assert same(found, wanted, atol=1e-6, rtol=2e-5)


def test_spoter_in_numbers_worked_out_by_hand():
    joints = ("neck", "nose", "left_eye", "left_shoulder", "right_shoulder")
    at = [(0.5, 0.5), (0.5, 0.4), (0.55, 0.35), (0.55, 0.5), (0.45, 0.5)]
    found = normalise("spoter", np.array([[at]], np.float32), joints)[0, 0]
    # h is 0.1; the box is 0.2..0.8 in x and, y up, 0.75 - 0.6 = 0.15..0.75 in y.
    assert same(found[0], [0.0, (0.5 - 0.15) / 0.6 - 0.5])
    assert same(found[2], [0.35 / 0.6 - 0.5, 0.5 / 0.6 - 0.5])


def test_unflipped_landmarks_collapse_the_body_box_as_the_defect_says():
    points = signer(3) * np.float32(1) + np.array([0, 0], np.float32)
    points[..., 1] = points[..., 1] * 2 - 0.6  # a large signer: the box's lower edge is cut at 0
    points[..., 0] = points[..., 0] * 2 - 0.5
    found = normalise("spoter", points, SPOTER, y_axis=True) + 0.5
    eye, h = (
        points[..., SPOTER.index("left_eye"), 1],
        np.linalg.norm(points[..., 6, :] - points[..., 7, :], axis=-1),
    )
    assert (eye + h - 6 * h < 0).all()
    elbow = SPOTER.index("left_elbow")
    assert same(found[..., elbow, 1], points[..., elbow, 1] / (eye + h), 1e-5)


def test_a_body_without_a_box_in_its_first_frame_stays_as_it_is():
    points = signer(4)
    points[0, 0, [SPOTER.index("left_shoulder"), SPOTER.index("nose")]] = np.nan
    found = normalise("spoter", points, SPOTER)
    assert same(found[:, :, :12, 0], points[:, :, :12, 0] - 0.5)
    assert same(found[:, :, :12, 1], 0.5 - points[:, :, :12, 1])
    kept = normalise("spoter", points, SPOTER, verbatim=True)
    assert same(kept[:, 0], found[:, 0])
    assert not np.isclose(kept[0, 1:, :12, 0], found[0, 1:, :12, 0]).any()


def test_the_last_box_serves_frames_that_have_none():
    points = signer(5)
    points[0, 4:] = points[0, 3]
    whole = normalise("spoter", points, SPOTER)
    holes = points.copy()
    holes[0, 4:, [SPOTER.index("left_shoulder"), SPOTER.index("nose")]] = np.nan
    found = normalise("spoter", holes, SPOTER)
    seen = ~np.isnan(holes)
    assert same(found[seen], whole[seen])


def test_hands_reversed_turns_only_the_hands_y():
    points = signer(6)
    plain, turned = (normalise("spoter", points, SPOTER, hands_reversed=on) for on in (False, True))
    assert same(plain[..., :12, :], turned[..., :12, :])
    assert same(plain[..., 12:, 0], turned[..., 12:, 0])
    assert same(plain[..., 12:, 1], -turned[..., 12:, 1])


def test_a_signer_whose_box_is_cut_does_not_normalise_to_the_same_numbers_elsewhere():
    points = moved(signer(7), 3, (0, 0))
    assert not same(
        normalise("spoter", points, SPOTER), normalise("spoter", moved(points, 1, (0.1, 0)), SPOTER), 1e-2
    )


# SPOBET, by FIELD A1.


def loop_spobet(points, joints, *, defects):
    """SPOBET's normalisation of [T, J, 2] in plain loops; unseen joints count as (0, 0) with its defects."""
    at = {name: j for j, name in enumerate(joints)}
    out = np.full(points.shape, np.nan)
    raw = points.astype(np.float64)
    for t, row in enumerate(np.nan_to_num(raw) if defects else raw):
        h = math.dist(row[at["neck"]], row[at["nose"]])
        for name, j in at.items():
            origin, unit = row[at["neck"]], 3 * h
            if "_hand_" in name:
                origin, unit = row[at[f"{name.partition('_')[0]}_wrist"]], h
            if not np.isnan(points[t, j, 0]):
                with np.errstate(all="ignore"):
                    out[t, j] = (raw[t, j] - origin) / np.float64(unit)
    return out


@given(seeds, st.sampled_from([0.0, 0.1, 0.4]))
def test_spobet_is_what_plain_loops_make_of_its_description(seed, share):
    points = signer(seed, SPOBET, unseen_share=share)
    wanted = loop_spobet(points[0], SPOBET, defects=True)
    found = normalise("spobet", points, SPOBET, zero_head=True, missing_wrist=True)[0]
    assert same(found, wanted, rtol=1e-5, atol=1e-5)
    whole = signer(seed, SPOBET)
    assert same(
        normalise("spobet", whole, SPOBET)[0], loop_spobet(whole[0], SPOBET, defects=False), 1e-5, 1e-5
    )


def test_a_head_of_size_0_poisons_a_frame_only_with_the_defect():
    points = signer(8, SPOBET)
    points[0, 2, SPOBET.index("neck")] = points[0, 2, SPOBET.index("nose")]
    assert np.isinf(normalise("spobet", points, SPOBET, zero_head=True)[0, 2]).any()
    found = normalise("spobet", points, SPOBET)
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 10


def test_a_hand_is_not_measured_from_the_picture_s_corner_unless_told():
    points = signer(9, SPOBET)
    points[0, :, SPOBET.index("left_wrist")] = np.nan
    left = [SPOBET.index(name) for name in hand("left")]
    defect = normalise("spobet", points, SPOBET, missing_wrist=True)[0][:, left]
    fixed = normalise("spobet", points, SPOBET)[0][:, left]
    assert np.abs(defect).min() > 4
    assert np.abs(fixed).max() < 1
    assert same(fixed[:, 0], 0)  # the hand's own wrist stands in


# What holds for all of them.


# Small enough that no box is cut at the picture's edge, which changes the numbers (see the test of that).
@given(
    seeds, st.sampled_from(NAMED), st.floats(0.5, 1.4), st.floats(-0.05, 0.05), st.sampled_from([0.0, 0.2])
)
def test_a_moved_and_scaled_signer_normalises_to_the_same_numbers(seed, name, factor, by, share):
    points = signer(seed, unseen_share=share, frames=12)
    points[
        :, :, [SPOTER.index(n) for n in ("nose", "neck", "left_shoulder", "right_shoulder", "left_eye")]
    ] = signer(seed, frames=12)[:, :, [0, 1, 7, 6, 3]]
    points = moved(points, 0.6, (0, 0))
    found = normalise(name, moved(points, factor, (by, -by)), SPOTER)
    assert same(found, normalise(name, points, SPOTER), atol=2e-4)


@given(seeds, st.sampled_from(["shoulders", "hands", "spobet"]), st.floats(0.5, 1.5), st.floats(-0.05, 0.05))
def test_so_do_hands_without_a_body(seed, name, factor, by):
    points = signer(seed, HANDS, frames=12)
    if name == "spobet":
        points = Landmarks(points[0], HANDS, "").select(SPOBET)[None]
    joints = SPOBET if name == "spobet" else HANDS
    found = normalise(name, moved(points, factor, (by, by)), joints)
    assert np.isfinite(found[:, :, -42:]).all()
    assert same(found, normalise(name, points, joints), atol=2e-4)


@pytest.mark.parametrize(
    ("name", "skeleton", "dims"), [*itertools.product(NORMALISATIONS, SKELETONS, (2, 3))]
)
def test_missing_stays_missing_and_seen_stays_seen(name, skeleton, dims):
    joints = SKELETONS[skeleton]
    for known, share in itertools.product((joints, HANDS, HOLISTIC), (0.0, 0.3, 0.97)):
        source = Landmarks(signer(1, known, 20, share, dims)[0], known, "")
        points = source.select(joints, dims)[None]
        before = points.copy()
        found = normalise(name, points, joints)
        assert np.array_equal(np.isnan(points), np.isnan(found))
        assert np.isfinite(found[~np.isnan(points)]).all()
        assert same(points, before, 0)
        assert found.dtype == np.float32


@given(seeds, st.sampled_from(sorted(NORMALISATIONS)), st.sampled_from([0.0, 0.3]))
def test_neighbours_and_padding_change_nothing(seed, name, share):
    clips = [signer(seed + k, frames=frames, unseen_share=share) for k, frames in enumerate((5, 1, 8))]
    batch = np.full((3, 11, len(SPOTER), 2), np.nan, np.float32)
    for row, clip in zip(batch, clips, strict=True):
        row[: clip.shape[1]] = clip[0]
    found = normalise(name, batch, SPOTER)
    for row, clip in zip(found, clips, strict=True):
        assert np.array_equal(row[: clip.shape[1]], normalise(name, clip, SPOTER)[0], equal_nan=True)
        assert np.isnan(row[clip.shape[1] :]).all()


def test_shoulders_lie_at_minus_and_plus_a_half():
    points = signer(2, frames=30)
    points[:, :, SPOTER.index("left_shoulder")] = (0.6, 0.5)
    points[:, :, SPOTER.index("right_shoulder")] = (0.4, 0.5)
    found = normalise("shoulders", points, SPOTER)
    assert same(found[0, 0, SPOTER.index("left_shoulder")], [0.5, 0])
    assert same(found[0, 0, SPOTER.index("right_shoulder")], [-0.5, 0])


def test_one_bad_frame_does_not_move_the_others():
    points = signer(2, frames=31)
    bad = points.copy()
    bad[0, 10] = 100 * points[0, 10]
    found, wanted = (normalise("shoulders", each, SPOTER) for each in (bad, points))
    assert same(np.delete(found, 10, 1), np.delete(wanted, 10, 1), 0.2)


def test_hands_tell_place_by_the_wrist_and_shape_by_the_rest():
    points = signer(11, HANDS, frames=20)
    walk = points + np.linspace(0, 0.3, 20, dtype=np.float32)[None, :, None, None]
    still, walking = (normalise("hands", each, HANDS) for each in (points, walk))
    shape_only = [j for j, name in enumerate(HANDS) if not name.endswith("_hand_wrist")]
    assert same(still[:, :, shape_only], walking[:, :, shape_only], 1e-3)
    wrist = HANDS.index("right_hand_wrist")
    assert np.ptp(walking[0, :, wrist, 0]) > 3 * np.ptp(still[0, :, wrist, 0])


def test_a_hand_that_is_found_once_and_tiny_is_measured_by_the_other():
    points = signer(12, HANDS, frames=20)
    points[0, 1:, :21] = np.nan
    points[0, 0, :21] = 0.5 + (points[0, 0, :21] - 0.5) / 50
    assert np.nanmax(np.abs(normalise("hands", points, HANDS)[:, :, :21])) < 10
    assert np.nanmax(np.abs(shape(to_planes(points), HANDS)[:21])) < 1


def test_wrong_names_are_answered_with_the_right_ones():
    points = signer(0)
    with pytest.raises(BenchError, match="Did you mean spoter"):
        normalise("spooter", points, SPOTER)
    with pytest.raises(BenchError, match=r"spoter has no switch 'y_axes'. Did you mean y_axis"):
        normalise("spoter", points, SPOTER, y_axes=True)
    with pytest.raises(BenchError, match="It has none"):
        normalise("shoulders", points, SPOTER, y_axis=True)
    assert switches_of("spobet") == ("zero_head", "missing_wrist")


def test_unseen_joints_end_as_the_originals_have_them():
    assert {name: unseen(name) for name in NORMALISATIONS} == {
        **dict.fromkeys(NORMALISATIONS, 0.0),
        "spoter": -0.5,
    }


# Values along time in spite of gaps.


@given(st.lists(st.sampled_from([np.nan, 1.0, 2.0, 3.0]), min_size=1, max_size=9), st.floats(0, 1))
def test_gaps_are_bridged_as_loops_would(values, share):
    array = np.array(values)[None, None]
    known = [t for t, value in enumerate(values) if not math.isnan(value)]
    before = [next((values[s] for s in reversed(known) if s <= t), np.nan) for t in range(len(values))]
    close = [min(known, key=lambda s, t=t: (abs(s - t), s), default=None) for t in range(len(values))]
    assert same(gaps.forward(array)[0, 0], before, 0)
    assert same(gaps.nearest(array)[0, 0], [np.nan if s is None else values[s] for s in close], 0)
    wanted = np.nanquantile(values, share) if known else np.nan
    assert same(gaps.quantile(array, share)[0, 0], wanted)


def test_short_gaps_become_straight_lines_and_long_ones_stay():
    nan = np.nan
    clips = [[0.0, nan, 2.0, nan, nan, nan, 6.0, nan], [nan, 10.0, nan, nan, 40.0]]
    frames = np.array([*clips[0], *clips[1]], np.float32)[:, None, None]
    found = gaps.bridged(frames, np.array([8, 5]), 2)[:, 0, 0]
    assert same(found[:8], [0, 1, 2, nan, nan, nan, 6, nan], 1e-6)
    assert same(found[8:], [nan, 10, 20, 30, 40], 1e-5)


# Features.


def test_velocity_is_the_difference_in_time_and_knows_gaps():
    planes = np.array([0.0, 1.0, np.nan, 4.0, 6.0], np.float32).reshape(1, 1, 1, 5)
    assert same(velocity(planes)[0, 0, 0], [0, 1, np.nan, np.nan, 2], 0)


def test_bones_go_from_joint_to_joint():
    planes = to_planes(signer(1))
    found = bone(planes, SPOTER)
    at = SPOTER.index
    assert same(found[at("left_elbow")], planes[at("left_elbow")] - planes[at("left_shoulder")])
    assert same(
        found[at("right_hand_index_tip")],
        planes[at("right_hand_index_tip")] - planes[at("right_hand_index_dip")],
    )
    assert np.isnan(found[at("neck")]).all()
    assert not np.isnan(found[at("left_hand_thumb_cmc")]).any()


@given(seeds, st.floats(0.5, 2), st.floats(-0.2, 0.2))
def test_shape_does_not_know_where_a_hand_is_or_how_large(seed, factor, by):
    points = signer(seed, HANDS)
    one, other = (shape(to_planes(each), HANDS) for each in (points, moved(points, factor, (by, by))))
    assert same(one, other, 1e-3)
    assert same(one[HANDS.index("left_hand_wrist")], 0)


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_features_stand_one_after_the_other_without_gaps(skeleton):
    joints = SKELETONS[skeleton]
    planes = to_planes(signer(1, joints, unseen_share=0.3))
    names = tuple(FEATURES)
    found = features(names, planes, joints, -0.5)
    assert found.shape[1] == channels(names, 2) == 9
    assert np.isfinite(found).all()
    assert (found[:, :2][np.isnan(planes)] == -0.5).all()
    assert same(found[:, -1], ~np.isnan(planes[:, 0]), 0)


def test_planes_are_points_turned_around():
    points = signer(1, unseen_share=0.2)
    planes = to_planes(points)
    assert planes.shape == (54, 2, 1, 9)
    assert np.array_equal(to_points(planes), points, equal_nan=True)
