"""Damaged clips: none may crash, hang, take the memory or be taken for another."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import videos

from benchmarks import fuzz, fuzz_watch
from benchmarks.fuzz_child import likeness, thumbs
from benchmarks.fuzz_mutations import MUTATIONS, boxes
from benchmarks.fuzz_watch import BAD, OUTCOMES, Child, campaign
from utils.seeds import generator
from wlasl.clips import Subset
from wlasl.doctor import examine
from wlasl.prepare import prepare
from wlasl.root import VideoFiles
from wlasl.subsets import DataSet
from wlasl.video import probe
from wlasl.view import View

CLIPS = 154


def moving(count, seed):
    """Frames of noise that drifts: each like itself alone."""
    noise = generator(seed).integers(0, 255, (6, 8 + count), np.uint8)
    frames = [noise[:, index : index + 8] for index in range(count)]
    return [np.repeat(np.repeat(one, 8, 0), 8, 1)[..., None].repeat(3, -1) for one in frames]


KINDS = {
    "0.mp4": videos.Kind(crf=20),
    "1.mp4": videos.Kind(crf=30),
    "2.mp4": videos.Kind("mpeg4"),
    "3.swf": videos.Kind("flv"),
    "4.webm": videos.Kind("libvpx"),
    "5.avi": videos.Kind("mpeg4"),
    "6.mkv": videos.Kind(crf=25),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Sound videos in several containers."""
    folder = tmp_path_factory.mktemp("sound")
    return [
        videos.write(folder / name, moving(20 + 3 * index, index), kind)
        for index, (name, kind) in enumerate(KINDS.items())
    ]


@pytest.fixture(scope="module")
def verdicts(sound, tmp_path_factory):
    """What becomes of damaged clips, in processes of their own."""
    found = fuzz.trials(sound, CLIPS, 0)
    return list(campaign(found, tmp_path_factory.mktemp("damaged"), 2))


def test_nothing_that_must_not_happen_does(verdicts):
    assert len(verdicts) == CLIPS
    assert [verdict for verdict in verdicts if verdict.outcome in BAD] == []
    assert {verdict.way for verdict in verdicts} == set(MUTATIONS)
    outcomes = {verdict.outcome for verdict in verdicts}
    assert {"refused", "whole"} <= outcomes <= set(OUTCOMES)
    assert max(verdict.mib for verdict in verdicts) < 500


def test_a_clip_that_is_taken_is_the_clip_that_it_was(verdicts):
    taken = [verdict for verdict in verdicts if verdict.outcome != "refused"]
    assert len(taken) > CLIPS // 5
    damaged = [verdict for verdict in taken if verdict.unlike > 0.1]
    assert len(damaged) <= len(taken) // 5
    assert np.mean([verdict.unlike == 0 for verdict in taken]) > 0.7


def test_prepare_and_the_doctor_take_a_folder_of_damaged_clips_as_it_is(sound, verdicts, tmp_path):
    (tmp_path / "videos").mkdir()
    clips = []
    for trial in fuzz.trials(sound, CLIPS, 0):
        (tmp_path / "videos" / f"{trial.clip.id}{trial.original.suffix}").write_bytes(trial.data)
        clips.append(replace(trial.clip, label=trial.number % 2))
    dataset = DataSet(
        Subset("fuzz", ("a", "b"), tuple(clips), "r1"), tmp_path, VideoFiles.of(tmp_path, clips)
    )
    refused = {f"{verdict.number:05d}": verdict.why for verdict in verdicts if verdict.outcome == "refused"}
    done = prepare(dataset, View(size=64), tmp_path / "stores")
    assert dict(done.skipped) == refused
    assert {finding.clip.id for finding in examine(dataset).unreadable} == set(refused)
    frames = [len(done.store.frames(name)) for name in done.store.ids]  # every checksum is compared
    assert len(frames) == CLIPS - len(refused) > 0
    assert min(frames) > 0


def test_the_same_seed_damages_in_the_same_way(sound):
    first, second = (list(fuzz.trials(sound, 28, 3)) for _ in range(2))
    assert first == second
    assert [one.data for one in first] == [one.data for one in second]
    changed = [one for one in first if one.data != one.original.read_bytes()]
    assert len(changed) >= 26  # an edit may hit what was there already
    assert [one.data for one in fuzz.trials(sound, 28, 4)] != [one.data for one in first]


@pytest.mark.parametrize("data", [bytes(9), b"no video at all " * 9, b"\0\0\0\x08ftyp"])
@pytest.mark.parametrize("way", MUTATIONS)
def test_even_what_is_no_video_can_be_damaged(way, data):
    assert isinstance(MUTATIONS[way](data, data[::-1], generator(1)), bytes)


def test_the_boxes_of_a_file_are_found_to_the_last_table(sound):
    found = [box.kind for box in boxes(sound[0].read_bytes())]
    assert {b"ftyp", b"mdat", b"moov", b"trak", b"stbl", b"stsd", b"stsz", b"avc1"} <= set(found)
    assert list(boxes(b"no video at all " * 9)) == []


def test_frames_are_like_themselves_and_unlike_others(sound):
    from wlasl.clips import Clip  # noqa: PLC0415 - here alone
    from wlasl.prepare import encode_clip  # noqa: PLC0415

    first, second = (
        thumbs(encode_clip(path, Clip("a", "", 0, "train"), View(size=64))[1]) for path in sound[:2]
    )
    assert likeness(first, first).min() > 40
    assert likeness(first, second).max() < 20


def play(tmp_path, monkeypatch, script):
    """Judge one clip by a child that is this script instead."""
    path = tmp_path / "child.py"
    path.write_text(f"import os, signal, sys, time\n{script}\n")
    monkeypatch.setattr(fuzz_watch, "WORDS", (str(path),))
    monkeypatch.setattr(fuzz_watch, "WALL_SECONDS", 3.0)
    child = Child()
    try:
        return child.judge(fuzz_watch.Trial(0, "none", Path("a.mp4"), 9, b""), Path("b.mp4"))
    finally:
        child.close()


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "crashed"),
        ("sys.stdin.readline(); sys.exit(3)", "crashed"),
        ("os.kill(os.getpid(), signal.SIGXCPU)", "hung"),
        ("time.sleep(60)", "hung"),
        ('print(\'{"outcome": "refused", "why": "empty"}\', flush=True); time.sleep(60)', "refused"),
    ],
)
def test_a_child_that_dies_or_hangs_is_a_verdict(tmp_path, monkeypatch, script, outcome):
    assert play(tmp_path, monkeypatch, script).outcome == outcome


def test_the_table_counts_every_clip_once(verdicts):
    text = fuzz.table(verdicts)
    assert text.splitlines()[-1].split()[:2] == ["all", str(CLIPS)]
    assert len(text.splitlines()) == len(MUTATIONS) + 2
    bad = replace(verdicts[0], outcome="hung", why="no answer")
    assert "hung" in fuzz.table([bad])
    assert any("hung, no answer" in line for line in fuzz.sentences([bad]))


@pytest.mark.slow
def test_real_clips_survive_it_too(wlasl_root, tmp_path):
    found = fuzz.trials(fuzz.sound_videos(wlasl_root / "videos")[::9], 28, 5)
    verdicts = list(campaign(found, tmp_path, 2))
    assert len(verdicts) == 28
    assert [verdict for verdict in verdicts if verdict.outcome in BAD] == []
    assert probe(fuzz.sound_videos(wlasl_root / "videos")[0]).damaged == 0
