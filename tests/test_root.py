"""Where the data set is looked for, and which file stands for a clip."""

from __future__ import annotations

from pathlib import Path

import pytest

from utils.errors import BenchError
from wlasl import root as root_module
from wlasl.clips import Clip
from wlasl.metadata import INSTANCES
from wlasl.root import VideoFiles, default_root, find_metadata, find_root, project_folder, youtube_name


@pytest.fixture
def data(tmp_path) -> Path:
    folder = tmp_path / "wlasl"
    (folder / "videos").mkdir(parents=True)
    (folder / INSTANCES).write_text("[]")
    return folder


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_the_folder_that_is_told_comes_before_the_environment(data, tmp_path, monkeypatch):
    monkeypatch.setenv("WLASL_ROOT", str(tmp_path))
    assert find_root(data) == data
    with pytest.raises(BenchError, match=f"{tmp_path} holds no {INSTANCES}"):
        find_root(None)
    monkeypatch.setenv("WLASL_ROOT", str(data))
    assert find_root(None) == data == default_root()


def test_without_either_it_is_the_projects_own_data_folder(data, monkeypatch):
    monkeypatch.delenv("WLASL_ROOT", raising=False)
    assert default_root() == project_folder() / "data" / "wlasl"
    monkeypatch.setattr(root_module, "project_folder", lambda: data.parent.parent)
    with pytest.raises(BenchError, match=r"There is no folder .* `bench data import PATH`"):
        find_root(None)


def test_the_project_folder_is_the_one_above_the_package():
    assert (project_folder() / "wlasl" / "root.py").is_file()


def test_the_folder_of_videos_is_answered_with_its_parent(data):
    with pytest.raises(BenchError, match=f"--data {data}$"):
        find_root(data / "videos")


def test_a_home_sign_is_the_home_folder(data, monkeypatch):
    monkeypatch.setenv("HOME", str(data.parent))
    assert find_root(Path("~/wlasl")) == data


def test_metadata_is_found_as_wlasls_own_repository_has_it(tmp_path):
    touch(tmp_path / "start_kit" / INSTANCES, tmp_path / "code" / "I3D" / "preprocess" / "nslt_100.json")
    assert find_root(tmp_path) == tmp_path
    assert find_metadata(tmp_path, "nslt_100.json") == tmp_path / "code/I3D/preprocess/nslt_100.json"
    assert find_metadata(tmp_path, "nslt_300.json") is None


# the files of a root, the preferred one for clip 00001 first
PREFERENCES = [
    ("videos/00001.mp4", "videos/00001.mkv", "raw_videos/00001.mp4", "00001.mp4"),
    ("videos/00001.MP4", "videos/00001.webm"),
    ("raw_videos_mp4/00001.mp4", "raw_videos/00001.swf"),
    ("raw_videos/00001.mov", "start_kit/raw_videos/00001.mp4"),
    ("start_kit/videos/00001.mp4", "00001.mp4"),
    ("00001.mp4",),
]


@pytest.mark.parametrize("names", PREFERENCES)
def test_a_cut_file_is_preferred_to_a_whole_one_and_mp4_to_others(data, names):
    touch(*(data / name for name in names))
    assert VideoFiles.of(data).path("00001") == data / names[0]


def test_a_whole_youtube_video_stands_for_its_clips_unless_they_are_cut(data):
    url = "https://www.youtube.com/watch?v=0UsjUE-TXns"
    clips = [Clip(id_, "book", 0, "train", url=url) for id_ in ("00001", "00002")]
    touch(data / "raw_videos" / "0UsjUE-TXns.mp4", data / "videos" / "00002.mp4")
    files = VideoFiles.of(data, clips)
    assert files.path("00001") == data / "raw_videos" / "0UsjUE-TXns.mp4"
    assert files.path("00002") == data / "videos" / "00002.mp4"


def test_what_is_no_video_stands_for_no_clip(data):
    touch(data / "videos" / "00001.txt", data / "videos" / ".00001.mp4", data / "videos" / "00001.mp4.part")
    (data / "videos" / "00001.mp4").symlink_to(data / "gone.mp4")
    (data / "videos" / "00001.mov").symlink_to(data / "videos" / "00001.mov")
    assert VideoFiles.of(data).path("00001") is None


def test_a_folder_named_as_a_video_is_found_for_want_of_a_file(data):
    (data / "videos" / "00001.mp4").mkdir()
    assert VideoFiles.of(data).path("00001") == data / "videos" / "00001.mp4"
    touch(data / "raw_videos" / "00001.swf")
    assert VideoFiles.of(data).path("00001") == data / "raw_videos" / "00001.swf"


def test_a_root_without_video_folders_has_no_files(tmp_path):
    assert VideoFiles.of(tmp_path / "nowhere").path("00001") is None


def test_a_folder_that_cannot_be_listed_is_a_sentence(data, monkeypatch):
    def refuse(_folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(root_module.os, "scandir", refuse)
    with pytest.raises(BenchError, match=r"Cannot list .*videos: Permission denied"):
        VideoFiles.of(data)


URLS = {
    "https://www.youtube.com/watch?v=0UsjUE-TXns": "0UsjUE-TXns",
    "https://www.youtube.com/watch?feature=x&v=-kKuV4iM_NQ": "-kKuV4iM_NQ",
    "https://youtu.be/rALpH4aCRzo": "rALpH4aCRzo",
    "http://aslbricks.org/New/ASL-Videos/book.mp4": None,
    "": None,
}


def test_youtubes_name_is_read_from_every_form_of_url():
    assert {url: youtube_name(url) for url in URLS} == URLS


def test_every_youtube_clip_of_wlasl_has_a_name(wlasl_root):
    text = (wlasl_root / INSTANCES).read_text()
    urls = [part.split('"')[0] for part in text.split('"url": "')[1:]]
    on_youtube = [url for url in urls if "youtu" in url.split("/")[2]]
    assert len(on_youtube) > 3000
    assert all(youtube_name(url) for url in on_youtube)
