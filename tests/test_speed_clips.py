"""Speed is measured in turns, on the same clips, and says what it did not measure."""

import json
import os

import pytest
import videos
from typer.testing import CliRunner

from benchmarks import speed, speed_clips, speed_report
from utils.errors import BenchError
from wlasl.sample import SampleOptions, ensure
from wlasl.subsets import load

FFMPEG = '#!/bin/sh\nfor last; do :; done\ncp "$0" "$(printf "$last" 1)"\n'


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """Measure on three tiny clips, one of them unreadable, with no ffmpeg on the path."""
    dataset = videos.dataset(tmp_path / "data", 4)
    dataset.files.found["00001"].write_bytes(b"")
    monkeypatch.setattr(speed_clips, "load", lambda *_: dataset)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return lambda *words: CliRunner().invoke(speed.app, [*words, "--rounds", "1"])


def test_preparing_is_compared_with_decoding_and_with_dumping_frames(bench):
    found = json.loads(bench("prepare", "--json").stdout)
    assert "3 clips of 100" in found["what"]
    assert [row["method"].partition(":")[0] for row in found["rows"]] == [
        "PyAV",
        "this project",
        "this project",
        "OpenCV",
        "OpenCV",
    ]
    assert found["rows"][0]["ratio"] == 1.0
    assert all(row["cpu_ms"] > 0 for row in found["rows"])
    assert found["notes"] == [
        "H&HT: not measured, not all of these clips have landmarks (true, holistic)",
        "ffmpeg dumping frames: not measured, there is no ffmpeg on the path",
    ]


def test_ffmpeg_is_measured_where_there_is_one(bench, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ffmpeg").write_text(FFMPEG)
    (tmp_path / "bin" / "ffmpeg").chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/bin:/usr/bin")
    found = bench("prepare")
    assert found.exit_code == 0
    assert "ffmpeg: crop, scale" in found.stdout
    assert "ffmpeg dumping frames: not measured" not in found.stdout


def test_canvases_are_measured_where_all_clips_have_landmarks(tmp_path):
    dataset = load("sample", ensure(tmp_path / "sample", SampleOptions(glosses=2, clips=3)))
    choice = speed_clips.choose("sample", dataset.root, 2)
    report = speed_clips.preparing(choice, 1, tmp_path)
    assert "H&HT" in report.rows[5].name
    assert report.rows[5].milliseconds > 0
    assert not [note for note in report.notes if "H&HT" in note]


def test_loading_is_compared_with_reading_the_videos(bench):
    found = bench("load", "--clips", "2")
    assert found.exit_code == 0
    assert "2 clips of 100" in found.stdout
    assert "this project, from the JPEG store" in found.stdout
    assert "at most 6 ms of one core: " in found.stdout


def test_a_missed_mark_fails_only_where_that_is_asked_for(bench, monkeypatch):
    monkeypatch.setattr(speed_clips, "LOAD_AT_MOST", 0.0)
    assert bench("load").exit_code == 0
    assert "missed" in bench("load").stdout
    assert isinstance(bench("load", "--check").exception, BenchError)


def test_no_readable_clip_is_a_sentence(bench, tmp_path):
    for path in (tmp_path / "data" / "videos").iterdir():
        path.write_bytes(b"")
    assert "no readable clip" in str(bench("load").exception)


def test_methods_take_turns_and_the_first_turn_does_not_count(monkeypatch):
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(speed_report, "cpu_seconds", lambda: next(clock))
    turns = []
    methods = [
        ("first", lambda: turns.append("first")),
        ("second", lambda: (turns.append("second"), next(clock))),
    ]
    rows = speed_report.measure(methods, 5, 2)
    assert turns == ["first", "second"] * 3
    assert [(row.milliseconds, row.ratio) for row in rows] == [(2000.0, 1.0), (4000.0, 2.0)]


def test_movinet_is_measured_elsewhere(monkeypatch):
    called = []
    monkeypatch.setattr("benchmarks.speed_movinet.main", lambda: called.append(1))
    assert CliRunner().invoke(speed.app, ["movinet"]).exit_code == 0
    assert called == [1]


def test_a_problem_on_the_command_line_is_a_sentence_and_an_exit_code(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["speed", "load", "--split", "1OO"])
    with pytest.raises(SystemExit) as caught:
        speed.main()
    assert caught.value.code == 2
    assert "Traceback" not in capsys.readouterr().err
