"""`bench data import`: the layouts that people have, copies that lie, and imports that are cut short."""

from __future__ import annotations

import json
import os
import shutil
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from utils.errors import FAILURE, BenchError
from wlasl import importing, sources
from wlasl.importing import import_copy
from wlasl.metadata import INSTANCES
from wlasl.sources import open_source
from wlasl.subsets import load

YOUTUBE = "https://www.youtube.com/watch?v=0UsjUE-TXns"
IDS = {"69241": "http://aslbricks.org/book.mp4", "70212": YOUTUBE}


def metadata() -> dict[str, bytes]:
    """Return two metadata files; 100 glosses, of which the first has two clips."""
    instance = {"split": "train", "frame_start": 1, "frame_end": -1}
    first = [{**instance, "video_id": id_, "url": url} for id_, url in IDS.items()]
    glosses = [{"gloss": f"g{label}", "instances": [] if label else first} for label in range(100)]
    nslt = {id_: {"subset": "train", "action": [0, 1, 9]} for id_ in [*IDS, "20065"]}
    return {INSTANCES: json.dumps(glosses).encode(), "nslt_100.json": json.dumps(nslt).encode()}


# how people have it: files of the copy, and the places that its videos get
LAYOUTS = {
    "the Kaggle copy": (
        [*metadata(), "missing.txt", "wlasl_class_list.txt", "videos/69241.mp4", "videos/70212.mp4"],
        ["videos/69241.mp4", "videos/70212.mp4"],
    ),
    "a zip of a folder": (
        [f"wlasl-complete/{name}" for name in [*metadata(), "videos/69241.mp4"]],
        ["videos/69241.mp4"],
    ),
    "WLASL's repository": (
        [
            f"WLASL/start_kit/{INSTANCES}",
            "WLASL/code/I3D/preprocess/nslt_100.json",
            "WLASL/start_kit/raw_videos/69241.swf",
            "WLASL/start_kit/raw_videos/0UsjUE-TXns.mkv",
            "WLASL/start_kit/videos/20065.mp4",
        ],
        ["raw_videos/0UsjUE-TXns.mkv", "raw_videos/69241.swf", "videos/20065.mp4"],
    ),
    "converted whole videos": (
        [*metadata(), "raw_videos_mp4/69241.mp4", "raw_videos_mp4/0UsjUE-TXns.mp4"],
        ["raw_videos_mp4/0UsjUE-TXns.mp4", "raw_videos_mp4/69241.mp4"],
    ),
    "a flat folder": ([*metadata(), "69241.mp4", "70212.MP4"], ["videos/69241.mp4", "videos/70212.MP4"]),
    "videos by gloss": (
        [*metadata(), "book/69241.mp4", "book/70212.mp4"],
        ["videos/69241.mp4", "videos/70212.mp4"],
    ),
    "a whole video among clips": ([*metadata(), "videos/0UsjUE-TXns.mp4"], ["raw_videos/0UsjUE-TXns.mp4"]),
    "what a Mac adds": (
        [*metadata(), "videos/69241.mp4", "__MACOSX/videos/._69241.mp4"],
        ["videos/69241.mp4"],
    ),
    "Windows' names": ([*metadata(), "copy\\videos\\69241.mp4"], ["videos/69241.mp4"]),
    "videos alone": (["videos/69241.mp4", "videos/99999.mp4"], ["videos/69241.mp4", "videos/99999.mp4"]),
    "one clip twice": ([*metadata(), "a/69241.mp4", "b/69241.mp4"], ["videos/69241.mp4"]),
    "other videos too": (
        [*metadata(), "videos/69241.mp4", "videos/99999.mp4", "cat.mp4"],
        ["videos/69241.mp4"],
    ),
}


def content(name: str) -> bytes:
    """Return what a file of the copy holds: metadata, or bytes of its own."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    return metadata().get(base, f"content of {name}".encode())


def make_folder(folder: Path, names: list[str]) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content(name))
    return folder


def make_zip(path: Path, names: list[str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content(name))
    return path


def videos(root: Path) -> list[str]:
    """Return the files under a root that are no metadata; a temporary one would be among them."""
    return sorted(str(path.relative_to(root)) for path in root.glob("*/**/*") if not path.is_dir())


@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_ends_in_one(tmp_path, layout, kind):
    names, places = LAYOUTS[layout]
    if kind == "folder" and any("\\" in name for name in names):
        pytest.skip("a backslash is no separator in a folder here")
    copy = make_zip(tmp_path / "c.zip", names) if kind == "zip" else make_folder(tmp_path / "c", names)
    done = import_copy(copy, tmp_path / "root")
    assert videos(tmp_path / "root") == places
    assert sum(done.videos.values()) == sum(done.done.values()) == len(places)
    assert set(done.done) == {"unpacked" if kind == "zip" else "linked"}
    assert len(names) == len(done.metadata) + len(places) + done.others
    for name in done.metadata:
        assert (tmp_path / "root" / name).read_bytes() == content(name)


def test_what_was_brought_in_can_be_loaded(tmp_path):
    names, _ = LAYOUTS["WLASL's repository"]
    import_copy(make_zip(tmp_path / "c.zip", names), tmp_path / "root")
    dataset = load("100", tmp_path / "root")
    assert {clip.id for clip in dataset.available()} == {"69241", "70212", "20065"}
    assert dataset.files.path("70212") == tmp_path / "root" / "raw_videos" / "0UsjUE-TXns.mkv"


def test_a_folder_of_another_file_system_is_copied(tmp_path, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(sources.os, "link", refuse)
    copy = make_folder(tmp_path / "c", LAYOUTS["the Kaggle copy"][0])
    done = import_copy(copy, tmp_path / "root")
    assert done.done == {"copied": 2}
    assert (tmp_path / "root/videos/69241.mp4").read_bytes() == content("videos/69241.mp4")


def test_metadata_is_never_linked(tmp_path):
    copy = make_folder(tmp_path / "c", LAYOUTS["the Kaggle copy"][0])
    import_copy(copy, tmp_path / "root")
    assert os.stat(tmp_path / "root" / INSTANCES).st_nlink == 1
    assert os.stat(tmp_path / "root" / "videos" / "69241.mp4").st_nlink == 2


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_the_same_import_again_does_nothing(tmp_path, kind):
    names, places = LAYOUTS["the Kaggle copy"]
    copy = make_zip(tmp_path / "c.zip", names) if kind == "zip" else make_folder(tmp_path / "c", names)
    import_copy(copy, tmp_path / "root")
    before = {path: path.stat().st_ino for path in (tmp_path / "root").rglob("*")}
    assert import_copy(copy, tmp_path / "root").done == {"there already": len(places)}
    assert {path: path.stat().st_ino for path in (tmp_path / "root").rglob("*")} == before


def test_an_import_that_was_cut_short_goes_on(tmp_path):
    names = [*metadata(), *(f"videos/{id_}.mp4" for id_ in [*IDS, "20065"])]
    copy = make_zip(tmp_path / "c.zip", names)

    def stop_after_one(planned):
        yield planned[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_copy(copy, tmp_path / "root", track=stop_after_one)
    assert len(videos(tmp_path / "root")) == 1
    assert import_copy(copy, tmp_path / "root").done == {"there already": 1, "unpacked": 2}
    assert len(videos(tmp_path / "root")) == 3


def test_another_file_at_the_place_is_kept_unless_told(tmp_path):
    root = make_folder(tmp_path / "root", LAYOUTS["the Kaggle copy"][0])
    (root / "videos" / "69241.mp4").write_bytes(b"mine")
    copy = make_zip(tmp_path / "c.zip", LAYOUTS["the Kaggle copy"][0])
    done = import_copy(copy, root)
    assert (done.kept, done.done) == (["videos/69241.mp4"], {"kept": 1, "there already": 1})
    assert (root / "videos" / "69241.mp4").read_bytes() == b"mine"
    assert import_copy(copy, root, replace=True).done == {"unpacked": 2}
    assert (root / "videos" / "69241.mp4").read_bytes() == content("videos/69241.mp4")


def test_other_metadata_is_refused_unless_told(tmp_path):
    root = make_folder(tmp_path / "root", [*metadata(), "missing.txt"])
    (root / "missing.txt").write_text("00001\n")
    copy = make_zip(tmp_path / "c.zip", ["missing.txt", "videos/69241.mp4"])
    with pytest.raises(BenchError, match=r"missing\.txt in .*c\.zip is not the one in .*root.* --replace"):
        import_copy(copy, root)
    assert videos(root) == []
    import_copy(copy, root, replace=True)
    assert (root / "missing.txt").read_bytes() == content("missing.txt")


def test_line_ends_do_not_make_other_metadata(tmp_path):
    root = make_folder(tmp_path / "root", [*metadata(), "missing.txt"])
    (root / "missing.txt").write_bytes(content("missing.txt") + b"\r\n")
    import_copy(make_zip(tmp_path / "c.zip", ["missing.txt"]), root)
    assert (root / "missing.txt").read_bytes().endswith(b"\r\n")


@pytest.mark.parametrize("name", [INSTANCES, "nslt_100.json"])
def test_damaged_metadata_is_never_brought_in(tmp_path, name):
    folder = make_folder(tmp_path / "c", LAYOUTS["the Kaggle copy"][0])
    (folder / name).write_bytes(b'{"half')
    with pytest.raises(BenchError, match=f"{name} is not a JSON file"):
        import_copy(folder, tmp_path / "root")
    assert not (tmp_path / "root").exists()


# entries of an archive that lead elsewhere, and how the sentence names what is wrong
ESCAPES = {
    "../69241.mp4": "leads out of the archive",
    "videos/../../69241.mp4": "leads out of the archive",
    "..\\..\\69241.mp4": "leads out of the archive",
    "/etc/69241.mp4": "is an absolute name",
    "\\\\server\\share\\69241.mp4": "is an absolute name",
    "C:\\videos\\69241.mp4": "is an absolute name",
    "C:69241.mp4": "is an absolute name",
}


@pytest.mark.parametrize("name", ESCAPES)
def test_an_archive_that_leads_elsewhere_is_refused_whole(tmp_path, name):
    copy = make_zip(tmp_path / "c.zip", ["videos/70212.mp4", name, *metadata()])
    with pytest.raises(BenchError, match=ESCAPES[name]) as error:
        import_copy(copy, tmp_path / "deep" / "root")
    assert repr(name) in str(error.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.zip"]


@pytest.mark.parametrize(
    ("kind", "sentence"), [(stat.S_IFLNK, "is a symbolic link"), (stat.S_IFIFO, "is no ordinary file")]
)
def test_an_archive_with_a_link_or_a_device_is_refused_whole(tmp_path, kind, sentence):
    info = zipfile.ZipInfo("videos/69241.mp4")
    info.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(BenchError, match=f"'videos/69241.mp4' {sentence}"):
        import_copy(tmp_path / "c.zip", tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_an_encrypted_archive_is_refused(tmp_path):
    copy = make_zip(tmp_path / "c.zip", ["videos/69241.mp4"])
    data = bytearray(copy.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    copy.write_bytes(data)
    with pytest.raises(BenchError, match="is encrypted"):
        import_copy(copy, tmp_path / "root")


def test_links_in_a_folder_are_not_followed_and_named(tmp_path):
    secret = tmp_path / "secret.mp4"
    secret.write_text("secret")
    copy = make_folder(tmp_path / "c", [*metadata(), "videos/69241.mp4"])
    (copy / "videos" / "70212.mp4").symlink_to(secret)
    (copy / "more").symlink_to(tmp_path)
    done = import_copy(copy, tmp_path / "root")
    assert done.links == ("more", "videos/70212.mp4")
    assert videos(tmp_path / "root") == ["videos/69241.mp4"]


def patched_size(path: Path, size: int) -> Path:
    """State another size for the only file of an archive, in both of its headers."""
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, 22, size)
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, size)
    path.write_bytes(data)
    return path


def test_a_file_that_is_not_as_long_as_stated_is_damaged_and_leaves_nothing(tmp_path):
    for stated in (4, 4000):
        copy = patched_size(make_zip(tmp_path / "c.zip", ["videos/69241.mp4"]), stated)
        done = import_copy(copy, tmp_path / "root")
        assert list(done.damaged) == ["videos/69241.mp4"]
        assert videos(tmp_path / "root") == []


def test_more_bytes_than_stated_are_never_written(tmp_path):
    source = tmp_path / "long"
    source.write_bytes(bytes(3 << 20))
    target = tmp_path / "target"
    with (
        source.open("rb") as long,
        target.open("wb") as file,
        pytest.raises(sources.DamagedError, match="longer"),
    ):
        sources._pour(long, file, 10)
    assert target.stat().st_size == 0


def test_a_damaged_file_does_not_stop_the_others(tmp_path):
    copy = make_zip(tmp_path / "c.zip", ["videos/69241.mp4", "videos/70212.mp4"])
    data = bytearray(copy.read_bytes())
    data[35 + len("videos/69241.mp4")] ^= 255
    copy.write_bytes(data)
    done = import_copy(copy, tmp_path / "root")
    assert list(done.damaged) == ["videos/69241.mp4"]
    assert videos(tmp_path / "root") == ["videos/70212.mp4"]


def test_a_bomb_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    copy = make_zip(tmp_path / "c.zip", ["videos/69241.mp4", "videos/70212.mp4"])
    monkeypatch.setattr(importing, "free_space", lambda _root: 40)
    with pytest.raises(BenchError, match=r"needs 0\.0 GB in .*root, and 0\.0 GB are free") as error:
        import_copy(copy, tmp_path / "root")
    assert error.value.exit_code == FAILURE
    assert not (tmp_path / "root").exists()


def test_what_is_there_already_needs_no_room(tmp_path, monkeypatch):
    copy = make_zip(tmp_path / "c.zip", ["videos/69241.mp4"])
    import_copy(copy, tmp_path / "root")
    monkeypatch.setattr(importing, "free_space", lambda _root: 0)
    assert import_copy(copy, tmp_path / "root").done == {"there already": 1}


def test_metadata_of_gigabytes_is_not_read(tmp_path):
    copy = patched_size(make_zip(tmp_path / "c.zip", ["nslt_100.json"]), 3_000_000_000)
    with pytest.raises(BenchError, match="states 3000000000 bytes, which no metadata of WLASL's has"):
        import_copy(copy, tmp_path / "root")


def test_metadata_that_cannot_be_unpacked_is_a_sentence(tmp_path):
    copy = patched_size(make_zip(tmp_path / "c.zip", ["nslt_100.json"]), 5)
    with pytest.raises(BenchError, match=r"nslt_100\.json cannot be read"):
        import_copy(copy, tmp_path / "root")


def no_copy(folder: Path) -> dict[str, tuple[Path, str]]:
    """Return things that are no copy of WLASL, each with a part of the sentence."""
    (folder / "page.zip").write_text("<!DOCTYPE html>")
    make_zip(folder / "half.zip", LAYOUTS["the Kaggle copy"][0])
    os.truncate(folder / "half.zip", 300)
    make_zip(folder / "cats.zip", ["cats/cat.mp4", "readme.txt"])
    (folder / "empty").mkdir()
    return {
        "nothing": (folder / "gone", "There is no file or folder"),
        "a web page": (folder / "page.zip", "neither a folder nor a whole zip file"),
        "half a zip": (folder / "half.zip", "neither a folder nor a whole zip file"),
        "other videos": (folder / "cats.zip", "holds nothing of WLASL's"),
        "an empty folder": (folder / "empty", "holds nothing of WLASL's"),
    }


@pytest.mark.parametrize("kind", ["nothing", "a web page", "half a zip", "other videos", "an empty folder"])
def test_what_is_no_copy_is_said_to_be_none(tmp_path, kind):
    path, sentence = no_copy(tmp_path)[kind]
    with pytest.raises(BenchError, match=sentence):
        import_copy(path, tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_a_data_set_is_not_imported_into_itself(tmp_path):
    root = make_folder(tmp_path / "root", LAYOUTS["the Kaggle copy"][0])
    (tmp_path / "same").symlink_to(root)
    for path in (root, tmp_path / "same"):
        with pytest.raises(BenchError, match="nothing to import"):
            import_copy(path, root)
    for path in (root / "videos", tmp_path):
        with pytest.raises(BenchError, match="lie in one another"):
            import_copy(path, root)


def test_a_root_that_cannot_be_written_is_a_sentence(tmp_path):
    copy = make_zip(tmp_path / "c.zip", ["videos/69241.mp4"])
    (tmp_path / "root").write_text("a file")
    with pytest.raises(BenchError, match="Cannot write"):
        import_copy(copy, tmp_path / "root")
    folder = make_folder(tmp_path / "c", ["videos/69241.mp4"])
    with pytest.raises(BenchError, match="Cannot write"):
        import_copy(folder, tmp_path / "root")


def test_a_folder_or_file_that_cannot_be_read_is_said_so(tmp_path, monkeypatch):
    folder = make_folder(tmp_path / "c", ["videos/69241.mp4"])
    monkeypatch.setattr(sources, "_linked", lambda *_paths: False)
    with open_source(folder) as source:
        shutil.rmtree(folder / "videos")
        with pytest.raises(sources.DamagedError, match="No such file"):
            source.place(source.items[0], tmp_path / "x.mp4")
    monkeypatch.setattr(
        sources.os, "scandir", lambda _folder: (_ for _ in ()).throw(PermissionError(13, "denied"))
    )
    with pytest.raises(BenchError, match=r"Cannot list .*: denied"):
        import_copy(folder, tmp_path / "root")


def test_the_real_copy_comes_in_whole(wlasl_root, tmp_path):
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        for name in ("WLASL_v0.3.json", "nslt_100.json", "wlasl_class_list.txt"):
            archive.write(wlasl_root / name, f"wlasl-processed/{name}")
        for path in sorted((wlasl_root / "videos").glob("69*.mp4")):
            archive.write(path, f"wlasl-processed/videos/{path.name}")
    done = import_copy(tmp_path / "c.zip", tmp_path / "root")
    assert done.done == {"unpacked": 9}
    here, there = load("100", tmp_path / "root"), load("100", wlasl_root)
    assert here.subset == there.subset
    assert len(here.available()) >= 5
