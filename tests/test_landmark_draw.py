"""Skeletons over frames: in the right place, in the right colours, and nothing where nothing was seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wlasl.clips import Clip
from wlasl.landmarks.draw import (
    BODY,
    GROUND,
    LEFT,
    RIGHT,
    Sheet,
    Window,
    bones,
    closer,
    filmed_frames,
    landmark_sheet,
    shares,
    skeleton,
    whole,
)
from wlasl.landmarks.form import Landmarks
from wlasl.landmarks.joints import HANDS, HOLISTIC, SKELETONS
from wlasl.sample import SampleOptions, ensure
from wlasl.subsets import load

SIDE = 256
WINDOW = Window(0, 0, 1, (SIDE, SIDE))


def blank(joints=HOLISTIC) -> np.ndarray:
    """Return the points of a frame in which nothing is seen."""
    return np.full((len(joints), 3), np.nan, np.float32)


def grey() -> np.ndarray:
    """Return a grey frame."""
    return np.full((SIDE, SIDE, 3), 128, np.uint8)


def near(picture: np.ndarray, colour) -> np.ndarray:
    """Say of each pixel whether it has about this colour."""
    return np.abs(picture.astype(int) - colour).max(axis=2) < 40


def test_unseen_joints_draw_nothing():
    assert np.array_equal(skeleton(grey(), blank(), HOLISTIC, WINDOW), grey())
    points = blank()
    points[HOLISTIC.index("left_shoulder")] = (0.5, 0.5, 0)
    assert np.array_equal(skeleton(grey(), points, HOLISTIC, WINDOW), grey())


@pytest.mark.parametrize(
    ("first", "last", "colour"),
    [
        ("left_elbow", "left_wrist", BODY),
        ("left_hand_index_mcp", "left_hand_index_pip", LEFT),
        ("right_hand_wrist", "right_hand_thumb_cmc", RIGHT),
    ],
)
def test_a_line_lies_where_its_joints_do_in_its_own_colour(first, last, colour):
    points = blank()
    points[HOLISTIC.index(first)] = (0.25, 0.5, 0)
    points[HOLISTIC.index(last)] = (0.75, 0.5, 0)
    picture = skeleton(grey(), points, HOLISTIC, WINDOW)
    rows, columns = np.nonzero(near(picture, colour))
    assert abs(rows.mean() - 127.5) < 1
    assert (abs(columns.min() - 64), abs(columns.max() - 192)) < (3, 3)
    others = {BODY, LEFT, RIGHT} - {colour}
    assert not any(near(picture, other).any() for other in others)
    # Thin: a line of 128 pixels and its dark edge cover little of the picture.
    assert 100 < (picture != 128).any(axis=2).sum() < 128 * 9


def test_a_line_has_soft_edges_and_shows_on_white_and_on_its_own_colour():
    points = blank()
    points[HOLISTIC.index("left_elbow")] = (0.2, 0.3, 0)
    points[HOLISTIC.index("left_wrist")] = (0.8, 0.45, 0)
    for ground in ((255, 255, 255), (0, 0, 0), (128, 128, 128)):
        frame = np.full((SIDE, SIDE, 3), ground, np.uint8)
        picture = skeleton(frame, points, HOLISTIC, WINDOW)
        changed = picture[(picture != frame).any(axis=2)].astype(int)
        assert len(np.unique(changed[:, 0])) > 10
        assert max(abs(changed - ground).max(axis=1)) > 120


def test_points_far_away_do_no_harm():
    points = blank()
    points[HOLISTIC.index("left_elbow")] = (0.5, 0.5, 0)
    points[HOLISTIC.index("left_wrist")] = (1e6, -1e6, 0)
    assert near(skeleton(grey(), points, HOLISTIC, WINDOW), BODY).any()


def test_a_window_shows_its_part_of_the_frame():
    frame = grey()
    frame[100:120, 50:70] = (255, 0, 0)
    picture = skeleton(frame, blank(), HOLISTIC, Window(50, 100, 4, (80, 80)))
    assert near(picture, (255, 0, 0)).mean() > 0.95
    outside = skeleton(frame, blank(), HOLISTIC, Window(-100, -100, 1, (50, 50)))
    assert near(outside, GROUND).all()
    assert whole((1280, 720), 256).shape == (256, 144)
    assert whole((720, 1280), 256).shape == (144, 256)


def test_the_close_window_holds_the_hands_and_keeps_off_the_legs():
    points = np.stack([blank()] * 3)
    points[:, HOLISTIC.index("nose")] = (0.5, 0.3, 0)
    points[:, HOLISTIC.index("right_hand_wrist")] = (0.4, 0.5, 0)
    points[:, HOLISTIC.index("left_hand_wrist")] = (0.6, 0.5, 0)
    points[:, HOLISTIC.index("left_knee")] = (0.5, 0.95, 0)
    points[:, HOLISTIC.index("left_hip")] = (0.5, 1.4, 0)
    window = closer(points, HOLISTIC, (1000, 1000), 100)
    edge = 100 / window.scale
    assert window.left < 400
    assert window.left + edge > 600
    assert window.top < 300
    assert 500 < window.top + edge < 600
    assert closer(points[:, :0], (), (1000, 500), 100).shape == (100, 100)
    # It does not leave a frame in which it fits.
    points[:, HOLISTIC.index("nose")] = (0.5, 0.02, 0)
    assert closer(points, HOLISTIC, (1000, 1000), 100).top >= 0


WHOLE = tuple(name for name, joints in SKELETONS.items() if set(HANDS) <= set(joints))


def test_a_skeleton_of_some_joints_has_bones_among_those_and_the_neck_alone():
    assert len(WHOLE) == len(SKELETONS) - 1
    joints = SKELETONS["signs27"]
    ends = {name for start, end, _ in bones(joints) for name in (start, end)}
    assert {"left_hand_wrist", "left_shoulder", "right_hand_index_mcp"} <= ends <= {*joints, "neck"}


@pytest.mark.parametrize("name", WHOLE)
def test_every_skeleton_with_whole_hands_has_its_bones(name):
    joints = SKELETONS[name]
    lines = list(bones(joints))
    assert {colour for _, _, colour in lines} >= {LEFT, RIGHT}
    assert len([line for line in lines if line[2] == LEFT]) == 5 * 4 + 3
    assert {end for line in lines for end in line[:2]} <= {*joints, "neck"}
    assert any(line[2] == BODY for line in lines) is (name != "hands")


def test_shares_count_frames_in_which_a_part_is_seen():
    points = np.stack([blank()] * 4)
    points[:3, [HOLISTIC.index("left_shoulder"), HOLISTIC.index("right_shoulder")]] = 0.5
    points[0, 33:54] = 0.5
    assert shares(points, HOLISTIC) == {"body": 0.75, "left hand": 0.25, "right hand": 0.0}
    assert set(shares(points[:, 33:], HANDS)) == {"left hand", "right hand"}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return load(
        "sample", ensure(tmp_path_factory.mktemp("draw") / "sample", SampleOptions(glosses=2, clips=2))
    )


def landmarks_of(count: int) -> Landmarks:
    """Return landmarks of an arm that is in the middle of the picture."""
    points = np.stack([blank()] * count)
    points[:, HOLISTIC.index("left_elbow")] = (0.3, 0.4, 0)
    points[:, HOLISTIC.index("left_wrist")] = (0.7, 0.6, 0)
    return Landmarks(points, HOLISTIC, "true", size=(320, 240), fps=25.0)


def test_a_sheet_shows_the_video_and_plain_ground_without_one(dataset):
    clip = dataset.available()[0]
    path = dataset.files.path(clip.id)
    filmed = np.asarray(landmark_sheet(clip, landmarks_of(40), path, Sheet("true", 8, 96)))
    plain = np.asarray(landmark_sheet(clip, landmarks_of(40), None, Sheet("true", 8, 96)))
    assert near(plain, GROUND).mean() > 0.25
    assert near(filmed, GROUND).mean() < 0.15
    assert filmed.shape[1] == plain.shape[1] > 8 * 96


def test_landmarks_of_the_first_frames_alone_are_drawn_on_those(dataset):
    clip = dataset.available()[0]
    path = dataset.files.path(clip.id)
    shown = [filmed_frames(clip, landmarks_of(count), path) for count in (8, 1000)]
    whole = shown[1][0]
    assert len(shown[0][0]) == 8 < 0.75 * len(whole)
    assert "the first 8 of" in shown[0][1]
    assert "at its place" in shown[1][1]


def test_a_video_that_cannot_be_read_leaves_plain_ground(dataset, tmp_path):
    path = tmp_path / "bad.mp4"
    path.write_text("<html>")
    sheet = landmark_sheet(dataset.available()[0], landmarks_of(5), path, Sheet("true", 8, 96))
    assert near(np.asarray(sheet), GROUND).mean() > 0.2


def test_a_clip_of_one_frame_and_one_without_size_are_drawn():
    clip = Clip("00001", "book", 0, "train")
    found = replace(landmarks_of(1), size=None, fps=None)
    assert landmark_sheet(clip, found, None, Sheet("true", 8, 96)).height > 2 * 96
