"""The data set's doctor: each kind of sick file has its reason; tables and JSON say what was found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.commands import data as commands
from utils.errors import BenchError
from wlasl import doctor, sources
from wlasl.clips import Clip
from wlasl.doctor import OUTSIDE, SHORT, as_json, check, examine, expected_frames, missing_text
from wlasl.metadata import INSTANCES
from wlasl.subsets import DataSet, load
from wlasl.video import probe

BOX = [8, 4, 40, 44]


def write_video(path: Path, frames: int = 20, rate: int = 25, size: tuple[int, int] = (64, 48)) -> Path:
    """Write an H.264 file of grey frames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(frames):
            picture = np.full((size[1], size[0], 3), number * 5 % 255, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
    return path


def write_sound(path: Path) -> None:
    """Write an MP4 file without a picture."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        file.mux(stream.encode(frame))
        file.mux(stream.encode())


def mangle(path: Path) -> None:
    """Do what a tool does that takes the bytes for UTF-8 text."""
    path.write_bytes(path.read_bytes().decode(errors="replace").encode())


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


# a clip's id: what is done to its sound file of 20 frames, and the reason that the doctor gives
SICK = {
    "00001": (lambda path: path.write_bytes(b""), "empty"),
    "00002": (lambda path: path.write_text("<!DOCTYPE html><html>404</html>"), "html"),
    "00003": (mangle, "mangled"),
    "00004": (cut_off, "truncated"),
    "00005": (write_sound, "no video stream"),
    "00006": (lambda path: path.write_bytes(bytes(range(200)) * 9), "unreadable"),
    "00007": (lambda path: write_video(path, frames=3), SHORT),
}
DOUBTFUL = {
    "00008": (lambda path: write_video(path, frames=12), SHORT),
    "00009": (lambda path: write_video(path, size=(32, 32)), OUTSIDE),
}
SOUND = ("00010", "00011")
MISSING = ("00012", "00013")
PARTS = ("train", "val", "test")


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Return a data set of 100 glosses, 13 of which have a clip; some files are sick, two are missing."""
    folder = tmp_path_factory.mktemp("wlasl")
    ids = [*SICK, *DOUBTFUL, *SOUND, *MISSING]
    instances, nslt = [], {}
    for number, id_ in enumerate(ids):
        part = PARTS[number % 3]
        range_ = {
            "frame_start": 1,
            "frame_end": -1,
            "bbox": BOX,
            "signer_id": number % 2,
            "url": f"http://x/{id_}",
        }
        instances.append({**range_, "video_id": id_, "split": part})
        nslt[id_] = {"subset": part, "action": [number, 1, 20]}
    instances[-1]["url"] = instances[0]["url"]
    rows = [{"gloss": f"[g]{n}", "instances": instances[n : n + 1]} for n in range(100)]
    (folder / INSTANCES).write_text(json.dumps(rows))
    (folder / "nslt_100.json").write_text(json.dumps(nslt))
    sound = write_video(folder / "videos" / f"{SOUND[0]}.mp4")
    for id_ in [*SICK, *DOUBTFUL, *SOUND[1:]]:
        shutil.copy(sound, folder / "videos" / f"{id_}.mp4")
    for id_, (harm, _) in {**SICK, **DOUBTFUL}.items():
        harm(folder / "videos" / f"{id_}.mp4")
    return folder


@pytest.fixture(scope="module")
def dataset(root) -> DataSet:
    return load("100", root)


@pytest.fixture(scope="module")
def health(dataset):
    return examine(dataset)


def test_every_sick_file_has_its_reason(health):
    assert {finding.clip.id: finding.reason for finding in health.unreadable} == {
        id_: reason for id_, (_, reason) in SICK.items()
    }


def test_files_that_are_usable_and_odd_are_named_apart(health):
    assert {finding.clip.id: finding.reason for finding in health.doubtful} == {
        id_: reason for id_, (_, reason) in DOUBTFUL.items()
    }
    assert [finding.detail for finding in health.doubtful] == [
        "12 frames at 25 per second, about 20 by the metadata",
        "box [8, 4, 40, 44], picture 32x32",
    ]


def test_missing_clips_are_listed_as_wlasls_own_list_has_them(health):
    assert missing_text(health) == "00012\n00013\n"


def test_coverage_adds_up(health):
    coverage = {part: health.coverage(part) for part in PARTS}
    assert sum(part.official for part in coverage.values()) == 13
    assert sum(part.at_hand for part in coverage.values()) == 11
    assert sum(part.readable for part in coverage.values()) == len(DOUBTFUL) + len(SOUND) == 4
    assert sum(part.glosses for part in coverage.values()) == 4


def test_without_opening_files_all_that_are_there_count(dataset):
    health = examine(dataset, open_files=False)
    assert not health.opened
    assert health.findings == ()
    assert sum(health.coverage(part).readable for part in PARTS) == 11


def test_json_holds_all_that_was_found(health):
    found = json.loads(json.dumps(as_json(health)))
    assert found["split"] == "100"
    assert found["missing"] == ["00012", "00013"]
    assert {row["id"]: row["reason"] for row in found["unreadable"]} == {i: r for i, (_, r) in SICK.items()}
    assert [row["reason"] for row in found["doubtful"]] == [SHORT, OUTSIDE]
    assert found["parts"]["train"]["official"] == 5
    assert len(found["parts"]["test"]["glosses_without_clip"]) == 96
    assert found["duplicates"]["groups"] == found["duplicates"]["across_glosses"] == 1
    assert found["duplicates"]["contradictory_labels"] == {"count": 2, "of": 13, "share": round(2 / 13, 6)}
    assert [clip["id"] for clip in found["duplicates"]["clips"][0]["clips"]] == ["00001", "00013"]
    assert found["signers"]["test_seen_in_train"]["count"] == 4


def test_one_file_of_many_clips_is_decoded_once_and_judged_for_each(tmp_path, monkeypatch):
    path, decoded = write_video(tmp_path / "long.mp4", frames=40), []
    monkeypatch.setattr(doctor, "probe", lambda path, last: decoded.append(path) or probe(path, last))
    ranges = {"first": (1, 10), "last": (31, 40), "beyond": (301, 400)}
    clips = [Clip(id_, "g", 0, "train", frame_start=a, frame_end=b) for id_, (a, b) in ranges.items()]
    assert [(finding.clip.id, finding.reason) for finding in check(path, clips)] == [("beyond", SHORT)]
    assert decoded == [path]


def test_a_clip_that_runs_over_the_end_of_a_long_file_is_doubted(tmp_path):
    path = write_video(tmp_path / "long.mp4", frames=120)
    whole, over = (
        Clip(id_, "g", 0, "train", frame_start=first, frame_end=last)
        for id_, first, last in (("whole", 81, 120), ("over", 96, 135))
    )
    (finding,) = check(path, [whole, over])
    assert (finding.clip.id, finding.reason, finding.usable) == ("over", SHORT, True)
    assert finding.detail.startswith("25 frames at 25 per second")


# clip's fields, the file's rate, the least frames to expect
EXPECTED = [
    ({}, 30, 0),
    ({"frames": 50}, 30, 50),
    ({"frames": 50}, 15, 30),
    ({"frames": 50}, 0, 50),
    ({"frames": 43, "frame_start": 1265, "frame_end": 1314}, 29.97, 43),
    ({"frames": 147, "frame_start": 7686, "frame_end": 7832}, 29.97, 147),
    ({"frame_start": 11, "frame_end": 20}, 25, 10),
]


@pytest.mark.parametrize(("fields", "fps", "least"), EXPECTED)
def test_the_frames_to_expect_follow_the_files_own_rate(fields, fps, least):
    assert expected_frames(Clip("1", "g", 0, "train", **fields), fps) == pytest.approx(least)


def run(*arguments: str):
    result = CliRunner().invoke(commands.app, list(map(str, arguments)), env={"COLUMNS": "100"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_the_doctor_prints_every_reason_and_writes_the_missing_ids(root, tmp_path):
    shown = run("doctor", "--data", root, "--missing-file", tmp_path / "missing.txt").stdout
    for words in (
        "a web page under a video's name",
        "mangled",
        "truncated",
        "no video stream",
        "empty",
        SHORT,
    ):
        assert words in shown
    assert "2 clips have no file" in shown
    assert "WLASL100 in" in shown
    assert (tmp_path / "missing.txt").read_text() == "00012\n00013\n"
    assert max(map(len, shown.splitlines())) <= 100


def test_the_doctor_prints_json_alone_when_asked(root, tmp_path):
    result = run(
        "doctor", "--data", root, "--json", "--no-videos", "--missing-file", tmp_path / "missing.txt"
    )
    found = json.loads(result.stdout)
    assert found["missing_file"] == str(tmp_path / "missing.txt")
    assert found["opened"] is False


def test_the_doctor_says_when_it_opened_nothing(root, tmp_path):
    shown = run("doctor", "--data", root, "--no-videos", "--missing-file", tmp_path / "missing.txt").stdout
    assert "No file was opened" in shown


def test_the_missing_ids_go_beside_our_own_data_unless_told(root, tmp_path, monkeypatch):
    monkeypatch.setattr("wlasl.root.project_folder", lambda: tmp_path)
    run("doctor", "--data", root, "--no-videos")
    assert (tmp_path / "data" / "doctor" / "missing_100.txt").read_text() == "00012\n00013\n"


def test_glosses_are_listed_in_class_order_with_brackets_and_all(root):
    lines = run("glosses", "--data", root).stdout.splitlines()
    assert lines[3].split() == ["[g]0", "0", "1", "/", "1", "0", "/", "0", "0", "/", "0"]
    rows = json.loads(run("glosses", "--data", root, "--json").stdout)
    assert [row["class"] for row in rows] == list(range(100))
    assert rows[12] == {
        "class": 12,
        "gloss": "[g]12",
        "clips": {"train": 1, "val": 0, "test": 0},
        "at_hand": {"train": 0, "val": 0, "test": 0},
    }


def test_an_import_says_what_it_found_and_what_is_there_now(root, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    (copy / "readme.txt").write_text("hello")
    (copy / "videos" / "link.mp4").symlink_to(root)
    shown = run("import", copy, "--data", tmp_path / "new").stdout
    for words in ("videos/", "11", "11 linked", "readme.txt", "Symbolic links are not followed", "WLASL100"):
        assert words in shown
    again = run("import", copy, "--data", tmp_path / "new").stdout
    assert "11 there already" in " ".join(again.split())
    (tmp_path / "new" / "videos" / "00010.mp4").unlink()
    (tmp_path / "new" / "videos" / "00010.mp4").write_text("other")
    assert "was kept" in run("import", copy, "--data", tmp_path / "new").stdout


def test_an_import_of_videos_alone_asks_for_the_metadata(root, tmp_path):
    shutil.copytree(root / "videos", tmp_path / "copy" / "videos")
    assert "Metadata is still missing" in run("import", tmp_path / "copy", "--data", tmp_path / "new").stdout


def test_an_import_with_damaged_files_fails_and_names_them(root, tmp_path, monkeypatch):
    def refuse(*_arguments):
        raise sources.DamagedError("bad")

    shutil.copytree(root, tmp_path / "copy")
    monkeypatch.setattr(sources.Folder, "place", refuse)
    result = run("import", tmp_path / "copy", "--data", tmp_path / "new")
    assert result.exit_code == 1
    assert "Damaged in the copy, and left out" in result.stdout


def test_a_place_that_cannot_be_written_is_a_sentence(root, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BenchError, match="Cannot write"):
        run("doctor", "--data", root, "--no-videos", "--missing-file", tmp_path / "file" / "missing.txt")


def test_the_real_mangled_files_are_found_and_the_real_clips_are_sound(wlasl_root, tmp_path):
    (tmp_path / "videos").mkdir()
    for name in (INSTANCES, "nslt_2000.json"):
        (tmp_path / name).symlink_to(wlasl_root / name)
    broken = sorted((wlasl_root / "corrupt").glob("*.mp4"))
    sound = sorted((wlasl_root / "videos").glob("69*.mp4"))
    for path in [*broken, *sound]:
        (tmp_path / "videos" / path.name).symlink_to(path)
    health = examine(load("2000", tmp_path))
    assert len(sound) >= 9
    assert {finding.clip.id for finding in health.unreadable} == {path.stem for path in broken}
    assert {finding.reason for finding in health.unreadable} == {"mangled"}
    assert health.doubtful == ()
    assert sum(health.coverage(part).readable for part in PARTS) == len(sound)
