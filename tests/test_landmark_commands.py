"""`bench prepare --landmarks`, `bench data show --landmarks` and `bench data doctor`, as one types them."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from benchmarks.cli import app
from benchmarks.landmarks_at_hand import at_hand, find_landmarks
from utils.errors import BenchError
from wlasl.landmarks import extract as extraction
from wlasl.landmarks.extract import Program
from wlasl.landmarks.extract_process import Patience
from wlasl.landmarks.form import Landmarks
from wlasl.landmarks.joints import HOLISTIC
from wlasl.landmarks.mediapipe_env import VERSION
from wlasl.sample import SampleOptions, ensure
from wlasl.subsets import load
from wlasl.video import read

# The joints of the body on a line across the picture; the hands unseen.
FAKE = """
import socket, struct, sys
HEADER = struct.Struct("<4sII")
line = socket.socket(fileno=int(sys.argv[-1])).makefile("rwb")
def answer(kind, data):
    line.write(HEADER.pack(kind, len(data), 0) + data)
    line.flush()
answer(b"HELO", b"{version}")
while header := line.read(HEADER.size):
    kind, width, height = HEADER.unpack(header)
    if kind == b"RGB8":
        line.read(width * height * 3)
        answer(b"XYZ4", struct.pack("<225f", *(n / 99 for n in range(99)), *[float("nan")] * 126))
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Return the folder of a small sample."""
    return ensure(tmp_path_factory.mktemp("landmarks") / "sample", SampleOptions(glosses=2, clips=3))


@pytest.fixture(autouse=True)
def fake(tmp_path, monkeypatch):
    """Let a program of the tests' own stand in for MediaPipe."""
    script = tmp_path / "fake_worker.py"
    script.write_text(FAKE.format(version=VERSION))
    program = Program((sys.executable, str(script)), os.environ, Patience(30, 30))
    monkeypatch.setattr(extraction, "mediapipe", lambda _: program)


@pytest.fixture
def bench(root, tmp_path):
    """Return a function that runs a command on the small sample, with stores of the test's own."""

    def run(*words: str, store: bool = True):
        stores = ["--store", str(tmp_path / "stores")] if store else []
        where = ["--split", "sample", "--data", str(root), *stores]
        return CliRunner().invoke(app, [*words, *where], env={"COLUMNS": "100"})

    return run


def test_landmarks_are_prepared_once_and_what_they_see_is_shown(bench):
    first = bench("prepare", "--landmarks", "true")
    assert first.exit_code == 0, first.output
    assert "6 clips are ready (6 new" in " ".join(first.stdout.split())
    assert "The clips that show the fewest hands" in first.stdout
    again = json.loads(bench("prepare", "--landmarks", "true", "--json").stdout)
    assert (again["clips"], again["new"], again["skipped"]) == (6, 0, {})


def test_landmarks_out_of_videos_go_to_a_store_of_their_own(bench, root, tmp_path):
    found = json.loads(bench("prepare", "--landmarks", "mediapipe", "--workers", "2", "--json").stdout)
    assert (found["clips"], found["new"], found["source"]) == (6, 6, "mediapipe-holistic")
    again = json.loads(bench("prepare", "--landmarks", "mediapipe", "--json").stdout)
    assert (again["clips"], again["new"]) == (6, 0)
    assert dict(at_hand(load("sample", root), tmp_path / "stores")).keys() == {"true", "mediapipe"}


def test_no_pixels_are_prepared_with_landmarks(bench, tmp_path):
    bench("prepare", "--landmarks", "true")
    assert [path.name.split("-")[1] for path in (tmp_path / "stores").iterdir()] == ["landmarks"]


def test_a_wrong_source_is_a_sentence(bench):
    for words in (["prepare"], ["data", "show", "80001"]):
        result = bench(*words, "--landmarks", "ture")
        assert isinstance(result.exception, BenchError)
        assert "Did you mean true?" in str(result.exception)


@pytest.mark.parametrize("name", ["auto", "true", "mediapipe"])
def test_a_skeleton_is_drawn_over_the_frames(bench, tmp_path, name):
    target = tmp_path / "sheet.png"
    words = ("--landmarks", name, "--frames", "4", "--size", "64", "--out", str(target))
    result = bench("data", "show", "80001", *words)
    assert result.exit_code == 0, result.output
    source = "true" if name == "auto" else name
    said = rf"^{source}: body in \d+%, left hand in \d+%, right hand in \d+% of \d+ frames"
    assert re.search(said, result.stdout, re.MULTILINE)
    with Image.open(target) as sheet:
        assert sheet.width >= 4 * 168
        white = (np.asarray(sheet.convert("RGB"))[90:] == 255).all(axis=2).sum()
    assert white > 20


def test_pictures_of_pixels_and_of_landmarks_do_not_overwrite_each_other(bench, tmp_path, monkeypatch):
    monkeypatch.setattr("wlasl.root.project_folder", lambda: tmp_path)
    for words in ([], ["--landmarks", "true"]):
        assert bench("data", "show", "80001", *words).exit_code == 0
    folder = tmp_path / "data" / "show"
    assert sorted(path.name for path in folder.iterdir()) == ["sample-80001-true.png", "sample-80001.png"]


def test_landmarks_that_were_prepared_are_not_searched_again(bench, root, tmp_path, monkeypatch):
    bench("prepare", "--landmarks", "mediapipe")
    monkeypatch.setattr(extraction, "mediapipe", lambda _: pytest.fail("MediaPipe was asked for"))
    dataset = load("sample", root)
    clip = dataset.subset.clips[0]
    name, found = find_landmarks(dataset, clip, "mediapipe", tmp_path / "stores")
    assert (name, found.source, found.joints) == ("mediapipe", "mediapipe-holistic", HOLISTIC)
    frames = read(dataset.files.path(clip.id), clip, lambda frame: frame)
    assert len(found.points) == len(frames)
    assert found.size == (frames[0].width, frames[0].height)


def test_the_clip_s_own_frames_are_shown_whatever_else_a_file_holds(root, tmp_path):
    dataset = load("sample", root)
    cut = [clip for clip in dataset.subset.clips if clip.frame_end > 0]
    assert cut
    for clip in cut:
        found: Landmarks = find_landmarks(dataset, clip, "true", tmp_path)[1]
        assert len(found.points) == len(read(dataset.files.path(clip.id), clip, lambda _: 0))


def test_a_clip_without_landmarks_is_answered_with_clips_that_have_some(root, tmp_path):
    dataset = load("sample", root)
    stranger = replace(dataset.subset.clips[0], id="99999")
    with pytest.raises(BenchError, match=r"no landmarks of use in true: missing.* that it has: 80000"):
        find_landmarks(dataset, stranger, "true", tmp_path)
    with pytest.raises(BenchError, match=r"it is not in true\), and it has no video to find them in"):
        find_landmarks(dataset, stranger, "auto", tmp_path)
    with pytest.raises(BenchError, match="there is no video to find them in"):
        find_landmarks(dataset, stranger, "mediapipe", tmp_path)


def test_the_doctor_says_which_landmarks_are_at_hand(bench, tmp_path, monkeypatch):
    monkeypatch.setattr("wlasl.root.project_folder", lambda: tmp_path)
    words = ("data", "doctor", "--no-videos", "--missing-file", str(tmp_path / "missing.txt"))
    assert "Landmarks at hand: true (6 clips)." in bench(*words, store=False).stdout
    assert json.loads(bench(*words, "--json", store=False).stdout)["landmarks"] == {"true": 6}


def test_the_real_sources_are_at_hand(wlasl_root, tmp_path):
    found = {name: len(ids) for name, ids in at_hand(load("100", wlasl_root), tmp_path)}
    assert found == {"holistic": 22, "pose-hands": 353, "hands": 1013}
