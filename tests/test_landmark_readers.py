"""Readers: a signer is the same in every format, and what is broken is refused with a reason."""

import json
import os
import random

import landmark_files as files
import numpy as np
import pytest

from utils.errors import BenchError
from wlasl.clips import Clip
from wlasl.landmarks.form import LandmarkError
from wlasl.landmarks.joints import COCO, HANDS, HOLISTIC, POSE, SPOTER
from wlasl.landmarks.readers_arrays import HandsFile, PoseHandsFile
from wlasl.landmarks.readers_hrnet import hrnet
from wlasl.landmarks.readers_mediapipe import holistic_npy, holistic_npz
from wlasl.landmarks.readers_openpose import openpose
from wlasl.landmarks.readers_pose import pose_file

CLIP = Clip("00001", "a", 0, "train")
SOME = [name for name in SPOTER if name in set(COCO) | set(HANDS)]


def holed(frames=12):
    """A signer whose left hand is unseen in one frame, and who is unseen in another."""
    points = files.points(frames)
    points[3, HOLISTIC.index("left_hand_wrist") : HOLISTIC.index("right_hand_wrist")] = np.nan
    points[5] = np.nan
    return points


def write_pose(path, points, size=files.SIZE, fps=30.0):
    """Write a `.pose` file by the library that reads it."""
    pytest.importorskip("pose_format")
    from pose_format import Pose  # noqa: PLC0415 - optional
    from pose_format.numpy import NumPyPoseBody  # noqa: PLC0415
    from pose_format.pose_header import (  # noqa: PLC0415
        PoseHeader,
        PoseHeaderComponent,
        PoseHeaderDimensions,
    )

    face = PoseHeaderComponent("FACE_LANDMARKS", ["F1", "F2"], [], [], "XYZC")
    parts = {"POSE_LANDMARKS": points[:, :33], "FACE_LANDMARKS": np.ones((len(points), 2, 3))}
    parts |= {"LEFT_HAND_LANDMARKS": points[:, 33:54], "RIGHT_HAND_LANDMARKS": points[:, 54:]}
    components = [
        face if name.startswith("FACE")
        else PoseHeaderComponent(name, [f"P{at}" for at in range(part.shape[1])], [], [], "XYZC")
        for name, part in parts.items()
    ]  # fmt: skip
    whole = np.concatenate(list(parts.values()), axis=1)[:, None] * [*size, 1]
    body = NumPyPoseBody(fps, np.nan_to_num(whole), (~np.isnan(whole[..., 0])).astype(np.float32))
    header = PoseHeader(0.2, PoseHeaderDimensions(*size, 1), components)
    with path.open("wb") as file:
        Pose(header, body).write(file)
    return path


def write_one_of_many(path, points):
    return PoseHandsFile(files.write_pose_hands(path, {CLIP.id: points})).read(CLIP)


READ = {
    "holistic npz": lambda path, points: holistic_npz(files.write_npz(path / "a.npz", points), CLIP),
    "holistic npy": lambda path, points: holistic_npy(files.write_npy(path / "a.npy", points), CLIP),
    "openpose": lambda path, points: openpose(files.write_openpose(path / "a", points), CLIP),
    "hrnet": lambda path, points: hrnet(files.write_hrnet(path / "a.npy", points), CLIP),
    "pose": lambda path, points: pose_file(write_pose(path / "a.pose", points), CLIP),
    "pose and hands": lambda path, points: write_one_of_many(path / "a.npz", points),
}


@pytest.mark.parametrize("name", READ)
def test_the_same_signer_in_every_format_is_the_same_signer(tmp_path, name):
    points = holed()
    found = READ[name](tmp_path, points)
    if found.unit == "pixels" and found.size is None:
        found = found.__class__(found.points, found.joints, found.source, unit="pixels", size=files.SIZE)
    found = found.checked().canonical()
    told = files.named(points)
    expected = np.stack([told[joint] for joint in SOME], axis=1)
    assert np.allclose(found.select(SOME), expected, atol=1e-5, equal_nan=True)
    assert len(SOME) > 50
    assert np.isnan(found.points[5]).all()


def test_holistic_tells_size_rate_and_depth(tmp_path):
    found = holistic_npz(files.write_npz(tmp_path / "a.npz", holed()), CLIP)
    assert (found.size, found.fps, found.source, found.joints) == (
        files.SIZE,
        30.0,
        "mediapipe-holistic",
        HOLISTIC,
    )
    assert np.array_equal(found.points, holed(), equal_nan=True)


@pytest.mark.parametrize("more", [{"size": np.zeros(2)}, {"size": np.array([7])}, {"fps": np.array(np.nan)}])
def test_a_size_or_rate_that_means_nothing_is_unknown(tmp_path, more):
    found = holistic_npz(files.write_npz(tmp_path / "a.npz", holed(), **more), CLIP)
    assert None in (found.size, found.fps)


def test_a_part_of_zeros_is_unseen_in_an_npy_and_a_single_zero_is_not(tmp_path):
    points = files.points()
    points[2, 0] = 0
    found = holistic_npy(files.write_npy(tmp_path / "a.npy", points), CLIP).points
    assert not np.isnan(found).any()
    points[2, :33] = np.nan
    found = holistic_npy(files.write_npy(tmp_path / "a.npy", points), CLIP).points
    assert np.isnan(found[2, :33]).all()
    assert np.isnan(found).sum() == 66


def unpicklable(path):
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)
    return path


def cut(path):
    files.write_npz(path, holed())
    path.write_bytes(path.read_bytes()[:-300])
    return path


def other_parts(path):
    points = files.parts(holed())
    np.savez(path, **{**points, "left_hand": points["left_hand"][:-1]})
    return path


def words(path):
    np.savez(path, **files.parts(np.full((2, 75, 3), "x")))
    return path


def text(path):
    path.write_text("<html>")
    return path


@pytest.mark.parametrize(
    ("read", "spoil", "reason"),
    [
        (holistic_npz, text, "unreadable"),
        (holistic_npz, cut, "unreadable"),
        (holistic_npz, lambda path: path, "unreadable"),
        (holistic_npz, other_parts, "shape"),
        (holistic_npz, lambda path: np.savez(path, pose=np.ones((3, 33, 3))) or path, "shape"),
        (holistic_npz, words, "unreadable"),
        (holistic_npy, text, "unreadable"),
        (holistic_npy, unpicklable, "unreadable"),
        (holistic_npy, lambda path: path, "missing"),
        (holistic_npy, lambda path: np.save(path, np.ones((3, 149))) or path, "shape"),
        (hrnet, lambda path: np.save(path, np.ones((3, 130, 3))) or path, "shape"),
        (hrnet, text, "unreadable"),
        (pose_file, text, "unreadable"),
        (pose_file, lambda path: path, "missing"),
        (openpose, lambda path: path, "missing"),
    ],
)  # fmt: skip
def test_broken_files_are_refused_with_a_reason(tmp_path, read, spoil, reason):
    if read is pose_file:
        pytest.importorskip("pose_format")
    path = spoil(tmp_path / ("a.npz" if read is holistic_npz else "a.npy"))
    with pytest.raises(LandmarkError) as caught:
        read(path, CLIP)
    assert caught.value.reason == reason


WHOLE = {
    "holistic npz": (lambda path, points: files.write_npz(path / "a.npz", points), holistic_npz),
    "holistic npy": (lambda path, points: files.write_npy(path / "a.npy", points), holistic_npy),
    "hrnet": (lambda path, points: files.write_hrnet(path / "a.npy", points), hrnet),
    "pose": (lambda path, points: write_pose(path / "a.pose", points), pose_file),
    "hands": (
        lambda path, points: files.write_hands(
            path / "a.npz", {CLIP.id: points[:, 33:].reshape(-1, 2, 21, 3)}
        ),
        lambda path, clip: HandsFile(path).read(clip),
    ),
    "pose and hands": (
        lambda path, points: files.write_pose_hands(path / "a.npz", {CLIP.id: points}),
        lambda path, clip: PoseHandsFile(path).read(clip),
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", WHOLE)
def test_no_damaged_byte_ends_in_a_traceback(tmp_path, name):
    write, read = WHOLE[name]
    path = write(tmp_path, files.points(4))
    whole, rng, outcomes = path.read_bytes(), random.Random(name), []
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(rng.choice([len(data), min(len(data), 500)]))] = rng.randrange(256)
        path.write_bytes(data[: rng.choice([len(data), rng.randrange(len(data))])])
        try:
            outcomes.append(read(path, CLIP).checked())
        except (LandmarkError, BenchError) as error:
            outcomes.append(error)
    assert sum(isinstance(outcome, Exception) for outcome in outcomes) > 50


# OpenPose


def test_openpose_frames_are_in_the_order_of_their_numbers_and_a_gap_is_unseen(tmp_path):
    points = files.points(11)
    folder = files.write_openpose(tmp_path / "a", points, first=7)
    for path in list(folder.iterdir()):
        number = path.name[6:11].lstrip("0")
        path.rename(folder / f"video_{number}_keypoints.json")
    (folder / "video_9_keypoints.json").unlink()
    (folder / "notes.txt").write_text("")
    found = openpose(folder, CLIP).checked().canonical().select(["nose"])
    expected = points[:, :1, :2].copy()
    expected[2] = np.nan
    assert np.allclose(found, expected, atol=1e-5, equal_nan=True)


def test_openpose_takes_the_first_person_and_a_frame_without_people_is_unseen(tmp_path):
    folder = files.write_openpose(tmp_path / "a", files.points(3))
    (folder / "image_00002_keypoints.json").write_text('{"people": []}')
    found = openpose(folder, CLIP).points
    assert np.isnan(found[1]).all()
    assert not np.isnan(found[[0, 2]]).any()


def test_openpose_without_hands_is_read_and_the_hands_are_unseen(tmp_path):
    folder = files.write_openpose(tmp_path / "a", files.points(2))
    for path in folder.iterdir():
        found = json.loads(path.read_text())
        for one in found["people"]:
            del one["hand_left_keypoints_2d"]
            one["hand_right_keypoints_2d"] = []
        path.write_text(json.dumps(found))
    found = openpose(folder, CLIP)
    assert np.isnan(found.select(HANDS)[:, 1:21]).all()
    assert not np.isnan(found.select(["nose"])).any()


@pytest.mark.parametrize(("side", "size"), [(256, (256, 256)), (720, None)])
def test_only_the_squares_of_wlasl_have_a_size_that_goes_without_saying(tmp_path, side, size):
    assert openpose(files.write_openpose(tmp_path / "a", files.points(2), side=side), CLIP).size == size


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "unreadable"),
        ("[]", "unreadable"),
        ("{}", "unreadable"),
        ('{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}', "shape"),
        ('{"people": [{"pose_keypoints_2d": "abc"}]}', "unreadable"),
        ('{"people": [[1, 2]]}', "unreadable"),
        ('{"people": [{"pose_keypoints_2d": [1' + "0" * 400 + "]}]}", "unreadable"),
        ("[" * 100000, "unreadable"),
    ],
)
def test_a_broken_frame_of_openpose_is_refused(tmp_path, content, reason):
    folder = files.write_openpose(tmp_path / "a", files.points(3))
    (folder / "image_00002_keypoints.json").write_text(content)
    with pytest.raises(LandmarkError) as caught:
        openpose(folder, CLIP)
    assert caught.value.reason == reason


def test_openpose_folders_without_frames_or_with_too_few_are_refused(tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(LandmarkError, match="empty"):
        openpose(tmp_path / "none", CLIP)
    folder = files.write_openpose(tmp_path / "a", files.points(2))
    (folder / "image_90000_keypoints.json").write_text('{"people": []}')
    with pytest.raises(LandmarkError, match="3 files for the frames 1 to 90000"):
        openpose(folder, CLIP)
    (folder / "other_1_keypoints.json").write_text('{"people": []}')
    with pytest.raises(LandmarkError, match="several files"):
        openpose(folder, CLIP)


# HRNet


def test_the_selections_of_sam_slr_are_the_same_points(tmp_path):
    points = holed()
    files.write_hrnet(tmp_path / "all.npy", points)
    whole = np.load(tmp_path / "all.npy")
    ten = [0, 4, 5, 8, 9, 12, 13, 16, 17, 20]
    chosen = {
        59: [*range(17), *range(91, 133)],
        27: [0, 5, 6, 7, 8, 9, 10, *(91 + at for at in ten), *(112 + at for at in ten)],
    }
    expected = hrnet(tmp_path / "all.npy", CLIP)
    for count, indices in chosen.items():
        np.save(tmp_path / "some.npy", whole[:, indices])
        found = hrnet(tmp_path / "some.npy", CLIP)
        assert len(found.joints) == count == len(indices)
        assert np.array_equal(found.points, expected.select(found.joints), equal_nan=True)


# .pose


def test_a_pose_file_tells_size_rate_and_source(tmp_path):
    found = pose_file(write_pose(tmp_path / "a.pose", holed(), fps=24.0), CLIP)
    assert (found.size, found.fps, found.source) == (files.SIZE, 24.0, "mediapipe-holistic")
    assert found.joints == HOLISTIC
    assert np.allclose(found.points, holed(), atol=1e-5, equal_nan=True)


def test_a_pose_file_without_a_size_is_refused(tmp_path):
    with pytest.raises(LandmarkError, match="normalised already"):
        pose_file(write_pose(tmp_path / "a.pose", holed(), size=(1, 1)), CLIP)


def test_a_pose_file_of_openpose_has_its_joints(tmp_path):
    pose_format = pytest.importorskip("pose_format")
    from pose_format.utils.openpose import load_openpose  # noqa: PLC0415 - optional

    told = files.named(files.points(3))
    frames = {at: {"people": [files.person(told, at, 500)]} for at in range(3)}
    with (tmp_path / "a.pose").open("wb") as file:
        load_openpose(frames, width=500, height=500).write(file)
    found = pose_file(tmp_path / "a.pose", CLIP)
    assert pose_format
    assert found.source == "openpose"
    expected = openpose(files.write_openpose(tmp_path / "a", files.points(3)), CLIP).canonical()
    assert np.allclose(found.select(SPOTER), expected.select(SPOTER), atol=1e-5)


def test_a_pose_file_of_nothing_known_is_refused(tmp_path):
    pytest.importorskip("pose_format")
    path = write_pose(tmp_path / "a.pose", holed())
    path.write_bytes(
        path.read_bytes().replace(b"POSE_LANDMARKS", b"FOOT_LANDMARKS").replace(b"HAND", b"EARS")
    )
    with pytest.raises(LandmarkError, match="FOOT_LANDMARKS"):
        pose_file(path, CLIP)


def test_without_the_library_a_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(os.sys.modules, "pose_format", None)
    with pytest.raises(BenchError, match=r"\[formats\]"):
        pose_file(tmp_path / "a.pose", CLIP)


# Files of many clips


def test_hands_in_order_of_detection_become_left_and_right(tmp_path):
    rng = np.random.default_rng(1)
    clips, told = {}, {}
    for at in range(3):
        true = files.signed(0, at)
        told[f"0000{at}"] = np.concatenate([true["left_hand"], true["right_hand"]], axis=1)
        hands = np.stack([true["left_hand"], true["right_hand"]], axis=1)
        swapped = rng.random(len(hands)) < 0.5
        hands[swapped] = hands[swapped][:, ::-1]
        clips[f"0000{at}"] = hands
    file = HandsFile(files.write_hands(tmp_path / "a.npz", clips, signer=np.array([1, 1, 2])))
    assert file.ids() == tuple(clips)
    for name, expected in told.items():
        found = file.read(Clip(name, "a", 0, "train"))
        assert found.joints == HANDS
        assert np.array_equal(found.points, expected, equal_nan=True)


def test_a_clip_shorter_than_30_frames_ends_where_its_zeros_begin(tmp_path):
    assert len(write_one_of_many(tmp_path / "a.npz", holed(9)).points) == 9
    assert len(write_one_of_many(tmp_path / "a.npz", files.points(30)).points) == 30


def test_a_hand_without_a_body_has_no_place(tmp_path):
    points = files.points(4)
    points[1, : len(POSE)] = np.nan
    found = write_one_of_many(tmp_path / "a.npz", points).points
    assert np.isnan(found[1]).all()
    assert not np.isnan(found[[0, 2, 3]]).any()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"video_id": np.zeros((0,), str)}, "must list the clips"),
        ({"video_id": np.array(["a", "a"])}, "1 clips twice"),
        ({"lengths": np.array([3, 4])}, "by its lengths it should be"),
        ({"lengths": np.array([6])}, "one whole number"),
        ({"lengths": np.array([3.0, 3.0])}, "one whole number"),
        ({"x": np.ones((6, 2, 20, 3))}, "by its lengths it should be"),
        ({"x": np.ones((6, 1, 21, 3))}, "by its lengths it should be"),
    ],
)
def test_a_file_of_hands_that_does_not_fit_together_says_so(tmp_path, change, words):
    good = {"x": np.ones((6, 2, 21, 3)), "lengths": np.array([3, 3]), "video_id": np.array(["a", "b"])}
    np.savez(tmp_path / "a.npz", **{**good, **change})
    with pytest.raises(BenchError, match=words):
        HandsFile(tmp_path / "a.npz").read(Clip("a", "a", 0, "train"))


def test_a_clip_that_a_file_does_not_hold_is_missing(tmp_path):
    file = PoseHandsFile(files.write_pose_hands(tmp_path / "a.npz", {"1": files.points(3)}))
    with pytest.raises(LandmarkError, match="missing"):
        file.read(CLIP)


def test_the_real_files_are_read(wlasl_root):
    folder = wlasl_root / "landmarks"
    hands, both = HandsFile(folder / "asl300_hands.npz"), PoseHandsFile(folder / "asl300_pose_hands_30.npz")
    assert (len(hands.ids()), len(both.ids())) == (2660, 964)
    clip = Clip("00623", "across", 51, "train")
    assert hands.read(clip).checked().points.shape == (104, 42, 3)
    assert both.read(clip).checked().points.shape == (30, 75, 3)
    names = [path.stem for path in sorted((folder / "holistic").glob("*.npz"))]
    found = [holistic_npz(folder / "holistic" / f"{name}.npz", CLIP).checked() for name in names]
    assert len(found) == 46
    assert all(one.size and one.fps for one in found)
