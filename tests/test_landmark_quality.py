"""What landmarks show: shares of frames with body and hands, clip by clip and part by part."""

import io

import landmark_files as files
import numpy as np
import pytest
from rich.console import Console

from benchmarks.landmark_report import as_json, print_landmarks
from wlasl.landmarks.joints import HANDS, HOLISTIC, POSE
from wlasl.landmarks.prepare import prepare_landmarks
from wlasl.landmarks.quality import GROUPS, presence, quality_of, survey, together

BODY, LEFT, RIGHT = slice(0, 33), slice(33, 54), slice(54, 75)


def without(frames, **unseen):
    """A signer of so many frames, some of them without a part."""
    points = files.points(frames)
    for part, rows in unseen.items():
        points[rows, {"body": BODY, "left": LEFT, "right": RIGHT}[part]] = np.nan
    return points


@pytest.fixture
def prepared(tmp_path):
    clips = {
        "00000": without(10, left=slice(0, 4)),
        "00001": without(20, left=slice(None), right=slice(None)),
        "00002": without(5, body=slice(0, 1), right=slice(0, 2)),
    }
    for name, points in clips.items():
        files.write_npz(tmp_path / "npz" / f"{name}.npz", points)
    (tmp_path / "npz" / "00003.npz").write_text("<html>")
    dataset = files.dataset(tmp_path, [*clips, "00003", "00004"])
    return prepare_landmarks(dataset, str(tmp_path / "npz"), tmp_path / "stores"), dataset


def test_shares_are_counted_by_frames(prepared):
    store = prepared[0].store
    one = quality_of(store, "00000")
    assert [one.share(group) for group in GROUPS] == [1.0, 0.6, 1.0]
    assert (one.frames, one.any_hand, one.handless) == (10, 10, 0)
    seen = survey(store, prepared[1].subset.clips)
    assert list(seen) == ["00000", "00001", "00002"]
    whole = together(seen.values())
    assert (whole.clips, whole.frames, whole.handless) == (3, 35, 1)
    assert whole.seen == {"body": 34, "left hand": 11, "right hand": 13}
    assert whole.any_hand == 15


def test_a_hand_counts_from_half_of_its_joints_and_a_body_with_both_shoulders():
    points = files.points(3)
    points[0, LEFT.start + 1 : LEFT.start + 11] = np.nan
    points[1, LEFT.start : LEFT.start + 11] = np.nan
    points[2, POSE.index("right_shoulder")] = np.nan
    found = presence(points, HOLISTIC)
    assert found["left hand"].tolist() == [True, False, True]
    assert found["body"].tolist() == [True, True, False]


def test_a_source_of_hands_knows_nothing_of_a_body():
    found = presence(files.points(3)[:, 33:], HANDS)
    assert set(found) == {"left hand", "right hand"}


def test_nothing_at_all_has_no_share():
    none = together([])
    assert (none.clips, none.frames, none.share("body"), none.any_hand) == (0, 0, None, 0)


def text_of(prepared):
    console = Console(file=io.StringIO(), width=120)
    print_landmarks(*prepared, console)
    return console.file.getvalue()


def test_the_report_says_what_is_there_what_is_seen_and_what_was_skipped(prepared):
    text = text_of(prepared)
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line.strip()}
    assert rows["train"] == ["train", "5", "3", "35", "97.1%", "31.4%", "37.1%", "42.9%", "1"]
    assert rows["test"] == ["test", "0", "0", "0", "-", "-", "-", "-", "0"]
    assert rows["00001"] == ["00001", "20", "100.0%", "0.0%", "0.0%", "0.0%"]
    assert "Landmarks of WLASL100: mediapipe-holistic, 75 joints x 3" in text
    assert "00003 (00003.npz: not an .npz file)" in text
    assert "no landmarks for it" in text
    assert "3 of 3 clips have another frame rate than the metadata says" in text


def test_the_json_has_the_same_numbers(prepared):
    found = as_json(*prepared)
    assert found["clips"] == 3
    assert found["parts"]["train"]["seen"] == pytest.approx(
        {"body": 34 / 35, "left hand": 11 / 35, "right hand": 13 / 35}
    )
    assert found["parts"]["val"] == {
        "clips": 0,
        "frames": 0,
        "seen": dict.fromkeys(GROUPS),
        "clips_without_a_hand": 0,
    }
    assert found["skipped"] == {"00003": "unreadable", "00004": "missing"}


def test_every_reason_has_words_for_people():
    from benchmarks import landmark_report  # noqa: PLC0415 - its table
    from wlasl.landmarks.form import REASONS  # noqa: PLC0415

    assert set(landmark_report._WORDS) == set(REASONS)


def test_the_real_hands_are_seen_in_the_share_of_frames_that_the_file_has(wlasl_root, tmp_path):
    from wlasl.subsets import load  # noqa: PLC0415 - here alone

    dataset = load("100", wlasl_root)
    found = prepare_landmarks(dataset, "hands", tmp_path)
    whole = together(survey(found.store, dataset.subset.clips).values())
    assert (whole.clips, whole.handless) == (1013, 0)
    assert whole.any_hand / whole.frames == pytest.approx(0.618, abs=0.001)
    assert 0.56 < whole.share("right hand") < 0.59
