"""`--landmarks`: names and paths, and a sentence for what is neither."""

import os

import landmark_files as files
import numpy as np
import pytest

from utils.errors import BenchError
from utils.progress import Silent
from wlasl.clips import Clip
from wlasl.landmarks.form import LandmarkError, Landmarks
from wlasl.landmarks.joints import HOLISTIC
from wlasl.landmarks.sources import SOURCES, open_source
from wlasl.subsets import load

IDS = ("00001", "00002")


def npz(root):
    for name in IDS:
        files.write_npz(root / f"{name}.npz", files.points())


def npy(root):
    for name in IDS:
        files.write_npy(root / f"{name}.npy", files.points())


def hrnet(root):
    for name in IDS:
        files.write_hrnet(root / f"{name}.npy", files.points())


def openpose(root):
    for name in IDS:
        files.write_openpose(root / name, files.points(3))


def spoter(root):
    rows = [{**files.spoter_row(files.points(9)), "labels": str(at)} for at in range(2)]
    files.write_csv(root / "WLASL100_train.csv", rows)


def hands(root):
    files.write_hands(root / "x.npz", {name: files.points()[:, 33:].reshape(-1, 2, 21, 3) for name in IDS})


def both(root):
    files.write_pose_hands(root / "x.npz", {name: files.points() for name in IDS})


KINDS = {
    "npz": (npz, "", "mediapipe-holistic"),
    "npy": (npy, "", "mediapipe-holistic"),
    "hrnet": (hrnet, "", "hrnet"),
    "openpose": (openpose, "", "openpose"),
    "spoter": (spoter, "", "vision"),
    "spoter file": (spoter, "WLASL100_train.csv", "vision"),
    "hands": (hands, "x.npz", "mediapipe-hands"),
    "both": (both, "x.npz", "mediapipe-holistic"),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_path_is_opened_by_what_is_in_it(tmp_path, name):
    write, path, kind = KINDS[name]
    folder = tmp_path / "My Landmarks"
    folder.mkdir()
    write(folder)
    dataset = files.dataset(tmp_path, IDS)
    source = open_source(dataset, str(folder / path))
    assert source.kind == kind
    assert source.name == ("my-landmarks" if not path else path.lower().rpartition(".")[0])
    assert set(source.ids()) == set(IDS)
    for clip in dataset.subset.clips:
        landmarks = source.read(clip).checked()
        assert landmarks.source == kind
        assert landmarks.joints == source.joints
        assert source.stamp(clip) == source.stamp(clip)
        assert len(source.digest(clip)) == 32
    with pytest.raises(LandmarkError, match="missing"):
        source.read(Clip("9", "a", 0, "train"))


@pytest.mark.parametrize("name", ["npy", "hrnet"])
def test_a_folder_of_arrays_is_what_those_of_the_clips_are(tmp_path, name):
    KINDS[name][0](tmp_path)
    np.save(tmp_path / "000-notes.npy", np.zeros(3))
    (tmp_path / f"{IDS[0]}.npy").write_bytes(b"")
    source = open_source(files.dataset(tmp_path, IDS), str(tmp_path))
    assert source.kind == KINDS[name][2]


def test_a_name_beside_the_videos_is_found_there(tmp_path):
    (tmp_path / "landmarks" / "mine").mkdir(parents=True)
    npy(tmp_path / "landmarks" / "mine")
    source = open_source(files.dataset(tmp_path, IDS), "mine")
    assert (source.name, set(source.ids())) == ("mine", set(IDS))


@pytest.mark.parametrize("name", KINDS)
def test_a_file_that_changes_has_another_stamp_and_another_digest(tmp_path, name):
    write, path, _ = KINDS[name]
    write(tmp_path)
    dataset = files.dataset(tmp_path, IDS)
    clip = dataset.subset.clips[0]
    before = open_source(dataset, str(tmp_path / path))
    stamp, digest = before.stamp(clip), before.digest(clip)
    for file in tmp_path.rglob("*.*"):
        if file.is_file():
            file.write_bytes(file.read_bytes() + b" ")
            os.utime(file, ns=(1, 1))
    after = open_source(dataset, str(tmp_path / path))
    assert after.stamp(clip) != stamp
    assert after.digest(clip) != digest
    assert after.key == before.key


def test_two_paths_have_two_stores_and_a_name_has_one(tmp_path):
    npz(tmp_path / "landmarks" / "holistic")
    npz(tmp_path / "other" / "holistic")
    dataset = files.dataset(tmp_path, IDS)
    paths = [open_source(dataset, str(tmp_path / place / "holistic")) for place in ("landmarks", "other")]
    assert paths[0].key != paths[1].key
    npz(tmp_path / "copy" / "landmarks" / "holistic")
    named = [open_source(files.dataset(root, IDS), "holistic") for root in (tmp_path, tmp_path / "copy")]
    assert named[0].key == named[1].key


@pytest.mark.parametrize("name", ["holistic", "hands", "pose-hands"])
def test_a_source_beside_the_videos_that_is_not_there_says_what_is(tmp_path, name):
    dataset = files.dataset(tmp_path, IDS)
    with pytest.raises(BenchError, match=r"has none\). Try --landmarks mediapipe"):
        open_source(dataset, name)
    hands(tmp_path)
    (tmp_path / "landmarks").mkdir()
    (tmp_path / "x.npz").rename(tmp_path / "landmarks" / "asl300_hands.npz")
    if name != "hands":
        with pytest.raises(BenchError, match=r"has hands\)"):
            open_source(dataset, name)
    else:
        assert open_source(dataset, name).name == "hands"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("handss", "Did you mean hands"),
        ("nonsense/of/a/path", "no file or folder nonsense/of/a/path"),
        ("nothing.npz", "no file or folder nothing.npz"),
        ("true", "Only the sample has true landmarks"),
    ],
)
def test_a_wrong_name_is_answered_with_what_to_do(tmp_path, name, words):
    with pytest.raises(BenchError, match=words):
        open_source(files.dataset(tmp_path, IDS), name)


def test_files_of_no_format_are_refused_with_the_formats_that_are(tmp_path):
    dataset = files.dataset(tmp_path, IDS)
    (tmp_path / "a.txt").write_text("")
    np.savez(tmp_path / "a.npz", y=np.ones(3))
    (tmp_path / "b.npz").write_text("<html>")
    (tmp_path / "empty").mkdir()
    for name, words in {
        "a.txt": "Read are: a folder",
        "a.npz": "Read are: a folder",
        "b.npz": "cannot be read",
        "empty": "no landmarks of the clips of 100",
    }.items():
        with pytest.raises(BenchError, match=words):
            open_source(dataset, str(tmp_path / name))


def test_folders_of_frames_notice_an_added_and_a_rewritten_file(tmp_path):
    openpose(tmp_path)
    dataset = files.dataset(tmp_path, IDS)
    clip = dataset.subset.clips[0]
    source = open_source(dataset, str(tmp_path))
    before = source.stamp(clip)
    files.write_openpose(tmp_path / clip.id, files.points(4))
    added = source.stamp(clip)
    first = tmp_path / clip.id / "image_00001_keypoints.json"
    os.utime(first, ns=(2**62, 2**62))
    assert len({before, added, source.stamp(clip)}) == 3


def test_landmarks_of_videos_are_what_mediapipe_finds_in_them(tmp_path, monkeypatch):
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "00001.mp4").write_bytes(b"a video")
    dataset = files.dataset(tmp_path, IDS)
    dataset.files.found["00001"] = videos / "00001.mp4"
    heard = []

    def extract(jobs, workers, progress):
        for clip, path in jobs:
            heard.append((clip.id, path, workers, progress))
            yield clip, Landmarks(files.points(), HOLISTIC, "mediapipe-holistic")

    monkeypatch.setattr("wlasl.landmarks.extract.extract", extract)
    source = open_source(dataset, "mediapipe")
    assert list(source.ids()) == ["00001"]
    silent = Silent()
    ((clip, found),) = source.outcomes(dataset.subset.clips[:1], 3, silent)
    assert (clip.id, found.source) == ("00001", source.kind)
    assert heard == [("00001", videos / "00001.mp4", 3, silent)]
    assert source.read(dataset.subset.clips[0]).joints == HOLISTIC


def test_every_name_is_explained_and_those_that_are_there_open(wlasl_root):
    dataset = load("300", wlasl_root)
    assert all(SOURCES.values())
    kinds = {name: open_source(dataset, name).kind for name in SOURCES if name != "true"}
    assert kinds == {
        "holistic": "mediapipe-holistic",
        "hands": "mediapipe-hands",
        "pose-hands": "mediapipe-holistic",
        "mediapipe": "mediapipe-holistic",
    }
