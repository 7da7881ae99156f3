"""Preparing landmarks: every clip once, whatever happens, and a reason for each that is left out."""

import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import landmark_files as files
import numpy as np
import pytest
import videos

from benchmarks.landmark_report import in_short
from utils.errors import BenchError
from wlasl.clips import Clip
from wlasl.landmarks import prepare as preparing
from wlasl.landmarks.form import REASONS, LandmarkError, Landmarks
from wlasl.landmarks.joints import HOLISTIC
from wlasl.landmarks.manifest import MANIFEST, read_manifest
from wlasl.landmarks.prepare import LOCK, landmark_folder, prepare_landmarks
from wlasl.landmarks.source_kinds import FileSource
from wlasl.landmarks.sources import open_source
from wlasl.landmarks.store import LandmarkStore
from wlasl.sample.clips import Take, plan_clip
from wlasl.sample.writing import landmark_bytes
from wlasl.shards import ShardWriter, read_index, shards
from wlasl.subsets import load

JOB = Path(__file__).with_name("landmark_job.py")


class Listener:
    """A Progress that keeps what it hears."""

    def __init__(self):
        self.heard = []

    def begin(self, task, total, done=0):
        self.heard.append((task, total, done))

    def advance(self, note=""):
        self.heard.append(note)

    def end(self, note=""):
        self.heard.append(note)

    def say(self, sentence):
        self.heard.append(sentence)


def ids(count):
    return [f"{at:05d}" for at in range(count)]


def folder_of(root, count):
    for at, name in enumerate(ids(count)):
        files.write_npz(root / "npz" / f"{name}.npz", files.points(6 + at % 5, at))
    return root / "npz"


@pytest.fixture
def npz(tmp_path):
    return folder_of(tmp_path, 4)


@pytest.fixture
def dataset(tmp_path):
    return files.dataset(tmp_path, ids(4))


def entry_ids(folder):
    """Every entry of every shard, also those that a newer one replaces."""
    return sorted(entry.id for shard in shards(folder) for entry in read_index(shard))


def prepared(dataset, source, tmp_path, **more):
    return prepare_landmarks(dataset, str(source), tmp_path / "stores", **more)


def test_progress_hears_of_every_clip(tmp_path, npz, dataset):
    listener = Listener()
    (npz / "00002.npz").write_text("")
    prepared(dataset, npz, tmp_path, progress=listener)
    assert listener.heard == [
        ("landmarks of 100 (npz)", 4, 0),
        "",
        "",
        "1 of no use",
        "1 of no use",
        "3 clips",
    ]


def test_a_second_call_reads_nothing_and_writes_nothing(tmp_path, npz, dataset, monkeypatch):
    first = prepared(dataset, npz, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in first.store.folder.iterdir()}
    monkeypatch.setattr(FileSource, "read", lambda *_: pytest.fail("read again"))
    monkeypatch.setattr(preparing, "lease", lambda *_: pytest.fail("asked for the lock"))
    second = prepared(dataset, npz, tmp_path)
    assert (first.done, second.done) == (4, 0)
    assert second.store.ids == first.store.ids == tuple(ids(4))
    assert second.notes == first.notes
    assert {path: path.stat().st_mtime_ns for path in second.store.folder.iterdir()} == before


def test_the_subsets_of_wlasl_share_a_store_and_the_sample_has_its_own(tmp_path, npz):
    small = files.dataset(tmp_path, ids(2))
    large = files.dataset(tmp_path, ids(4), "300")
    assert prepared(small, npz, tmp_path).done == 2
    grown = prepared(large, npz, tmp_path)
    assert (grown.done, len(grown.store.ids)) == (2, 4)
    again = prepared(small, npz, tmp_path)
    assert (again.done, again.store.ids) == (0, ("00000", "00001"))
    other = prepared(files.dataset(tmp_path, ids(2), "sample"), npz, tmp_path)
    assert other.store.folder != grown.store.folder
    assert other.store.folder.name.startswith("sample-landmarks-npz-")


def test_an_open_store_is_not_disturbed_by_a_job_that_adds_to_it(tmp_path, npz):
    reader = prepared(files.dataset(tmp_path, ids(2)), npz, tmp_path).store
    before = reader.points("00001")
    prepared(files.dataset(tmp_path, ids(4), "300"), npz, tmp_path)
    assert np.array_equal(reader.points("00001"), before)
    assert reader.ids == ("00000", "00001")


def test_a_file_that_changed_is_read_anew_and_a_copy_is_known_by_its_content(tmp_path, npz, dataset):
    first = prepared(dataset, npz, tmp_path).store
    digest = first.digest(ids(4))
    for path in npz.iterdir():
        os.utime(path, ns=(1, 1))
    assert prepared(dataset, npz, tmp_path).done == 0
    assert {stamp[1] for stamp in read_manifest(first.folder).seen.values()} == {1}
    before = (first.folder / MANIFEST).stat().st_mtime_ns
    assert prepared(dataset, npz, tmp_path).done == 0
    assert (first.folder / MANIFEST).stat().st_mtime_ns == before
    files.write_npz(npz / "00001.npz", files.points(9, 99))
    again = prepared(dataset, npz, tmp_path)
    assert (again.done, again.store.length("00001"), again.store.length("00000")) == (1, 9, 6)
    assert again.store.digest(ids(4)) != digest
    assert again.store.digest(["00000"]) == first.digest(["00000"])


def test_frames_outside_of_the_clip_are_left_out_and_a_changed_cut_is_read_anew(tmp_path):
    files.write_npz(tmp_path / "npz" / "00000.npz", files.points(30))
    whole = files.dataset(tmp_path, ["00000"], frame_start=11, frame_end=25)
    found = prepared(whole, tmp_path / "npz", tmp_path).store
    assert np.array_equal(found.points("00000"), files.points(30)[10:25])
    assert found.facts("00000").read == 30
    other = prepared(
        files.dataset(tmp_path, ["00000"], frame_start=11, frame_end=24), tmp_path / "npz", tmp_path
    )
    assert (other.done, other.store.length("00000")) == (1, 14)
    files.write_npz(tmp_path / "npz" / "00000.npz", files.points(14))
    already = prepared(
        files.dataset(tmp_path, ["00000"], frame_start=11, frame_end=24), tmp_path / "npz", tmp_path
    )
    assert np.array_equal(already.store.points("00000"), files.points(14))


BAD = {
    "shape": files.points()[:, :, :1],
    "empty": files.points()[:0],
    "unseen": np.full((5, 75, 3), np.nan),
    "infinite": np.full((5, 75, 3), np.inf),
    "short": files.points(3),
}


def spoil(npz):
    """Make each file bad in its own way; return the reasons."""
    for at, points in enumerate(BAD.values()):
        files.write_npz(npz / f"{at:05d}.npz", points)
    (npz / "00005.npz").write_bytes(b"")
    files.write_npz(npz / "00006.npz", files.points()[..., :2])
    (npz / "00007.npz").unlink()
    return dict(zip(ids(8), [*BAD, "unreadable", "shape", "missing"], strict=True))


def test_clips_of_no_use_are_left_out_with_a_reason_and_tried_again_when_they_change(tmp_path, monkeypatch):
    npz, whole = folder_of(tmp_path, 12), files.dataset(tmp_path, ids(12), frames=12)
    expected = spoil(npz)
    done = prepared(whole, npz, tmp_path)
    assert done.skipped == expected
    assert set(expected.values()) <= set(REASONS)
    assert done.store.ids == tuple(ids(12)[8:])
    assert done.details["00002"] == "no joint is seen in any of 5 frames"
    assert "Skipped 8: 2 shape, 1 missing" in done.summary()
    # What a training says of them: those that were never there are counted in its coverage.
    said = in_short(replace(done, notes=("a note",)))
    assert said[0] == "a note"
    assert "Left out, no joint seen in any frame: 00002 (no joint is seen in any of 5 frames)." in said
    assert any(line.startswith("Left out, a wrong shape: 00000 (") and "00006" in line for line in said)
    assert not any("00007" in line for line in said)

    tried, read = [], FileSource.read
    monkeypatch.setattr(FileSource, "read", lambda self, clip: (tried.append(clip.id), read(self, clip))[1])
    assert prepared(whole, npz, tmp_path).skipped == expected
    assert tried == []
    files.write_npz(npz / "00002.npz", files.points(8))
    files.write_npz(npz / "00007.npz", files.points(8))
    again = prepared(whole, npz, tmp_path)
    assert tried == ["00002", "00007"]
    assert again.skipped == {name: why for name, why in expected.items() if name not in tried}


class Odd:
    """A reader of which some clips are of another source, or have other joints."""

    def __init__(self, odd):
        self.odd = odd

    def __call__(self, _, clip):
        points = files.points(5)
        landmarks = Landmarks(points, HOLISTIC, "a")
        changes = {
            "mixed": {"source": "b"},
            "joints": {"joints": ("tail", *HOLISTIC[1:])},
            "order": {"joints": HOLISTIC[::-1]},
            "shape": {"points": points[..., :2]},
        }
        return replace(landmarks, **changes.get(self.odd.get(clip.id), {}))


def test_clips_of_another_source_or_with_other_joints_are_left_out_also_when_they_come_first(
    tmp_path, monkeypatch
):
    npz, whole = folder_of(tmp_path, 9), files.dataset(tmp_path, ids(9))
    odd = {"00000": "mixed", "00001": "joints", "00002": "order", "00003": "shape"}
    source = FileSource("npz", "a", npz, {path.stem: path for path in npz.iterdir()}, Odd(odd))
    monkeypatch.setattr(preparing, "open_source", lambda *_: source)
    done = prepared(whole, npz, tmp_path)
    assert done.skipped == {"00000": "mixed", "00001": "joints", "00002": "joints", "00003": "shape"}
    assert done.details["00001"] == "lacks nose and has tail besides"
    assert done.details["00002"] == "its joints stand in another order"
    assert done.store.source == "a"


def test_a_source_whose_form_changed_gives_a_store_of_the_new_form(tmp_path, npz, dataset):
    assert prepared(dataset, npz, tmp_path).store.dims == 3
    for at, name in enumerate(ids(4)):
        files.write_npz(npz / f"{name}.npz", files.points(5, at)[..., :2])
    again = prepared(dataset, npz, tmp_path)
    assert (again.done, again.store.dims, again.skipped) == (4, 2, {})
    assert LandmarkStore(again.store.folder).ids == tuple(ids(4))


def test_nothing_of_use_is_an_error_with_an_example(tmp_path, npz, dataset):
    for name in ids(4):
        (npz / f"{name}.npz").write_text("<html>")
    with pytest.raises(BenchError, match=r"None of the 4 clips .*Skipped 4: 4 unreadable. For example 00000"):
        prepared(dataset, npz, tmp_path)
    with pytest.raises(BenchError, match=r"Skipped 2: 2 missing\.$"):
        prepared(files.dataset(tmp_path, ["8", "9"]), npz, tmp_path)


def test_a_source_whose_name_cannot_be_a_folder_is_refused(tmp_path, npz):
    with pytest.raises(BenchError, match="cannot name a store"):
        prepared(files.dataset(tmp_path, ids(4), "../up"), npz, tmp_path)


def test_pixels_are_placed_by_the_size_of_the_video_where_they_fit_into_it(tmp_path):
    root = videos.dataset(tmp_path / "data", 2)
    told = files.points(6)
    for clip in root.subset.clips:
        scale = (64, 48) if clip.id == "00000" else (640, 480)
        files.write_hrnet(tmp_path / "hrnet" / f"{clip.id}.npy", told, scale)
    store = prepared(root, tmp_path / "hrnet", tmp_path).store
    nose = files.named(told)["nose"]
    assert np.allclose(store.points("00000")[:, 0], nose, atol=1e-5)
    assert store.size("00000") == (64, 48)
    assert store.size("00001") is None
    assert np.nanmax(store.points("00001")) == 1


def test_lengths_are_compared_with_the_videos_and_the_metadata(tmp_path):
    root = videos.dataset(tmp_path / "data", 3)
    clips = tuple(replace(clip, frames=None) for clip in root.subset.clips)
    clips += (Clip("00009", "a", 0, "train", frames=40), Clip("00010", "a", 0, "train", frames=50))
    whole = videos.DataSet(replace(root.subset, clips=clips), root.root, root.files)
    for name, frames in {"00000": 6, "00001": 60, "00002": 8, "00009": 80, "00010": 58}.items():
        files.write_npz(tmp_path / "npz" / f"{name}.npz", files.points(frames), fps=np.array(25.0))
    notes = prepared(whole, tmp_path / "npz", tmp_path).notes
    assert len(notes) == 2
    assert notes[0].startswith("1 of 3 clips have another number of frames than the video has")
    assert notes[0].endswith("00001 60, not 7.")
    assert notes[1].startswith("2 of 2 clips have another number of frames than the metadata says")
    assert "+8 to +40" in notes[1]


def test_a_source_of_first_frames_is_not_cut_and_says_so(tmp_path):
    files.write_pose_hands(tmp_path / "a.npz", {"00000": files.points(30)})
    done = prepared(
        files.dataset(tmp_path, ["00000"], frames=200, frame_start=50), tmp_path / "a.npz", tmp_path
    )
    assert done.store.length("00000") == 30
    assert done.notes == ("At most the first 30 frames of a clip are there.",)


def test_a_disk_that_fills_up_is_a_sentence_and_what_was_done_is_kept(tmp_path, npz, dataset, monkeypatch):
    add, added = ShardWriter.add, []

    def fills_up(self, clip_id, *rest):
        if len(added) == 2:
            raise BenchError("Cannot write it: the disk is full; free some space and run it again.")
        added.append(clip_id)
        return add(self, clip_id, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(ShardWriter, "add", fills_up)
        with pytest.raises(BenchError, match="disk is full"):
            prepared(dataset, npz, tmp_path)
    (folder,) = (tmp_path / "stores").iterdir()
    assert not (folder / MANIFEST).exists()
    assert not (folder / LOCK).exists()
    assert prepared(dataset, npz, tmp_path).done == 2
    assert entry_ids(folder) == ids(4)


def test_ctrl_c_keeps_what_is_finished(tmp_path):
    class Impatient(Listener):
        def advance(self, note=""):
            super().advance(note)
            if len(self.heard) == 4:
                raise KeyboardInterrupt

    npz, whole = folder_of(tmp_path, 8), files.dataset(tmp_path, ids(8))
    with pytest.raises(KeyboardInterrupt):
        prepared(whole, npz, tmp_path, progress=Impatient())
    assert prepared(whole, npz, tmp_path).done == 5


def test_a_damaged_store_is_made_good_by_the_next_call(tmp_path, npz, dataset):
    store = prepared(dataset, npz, tmp_path).store
    (shard,) = shards(store.folder)
    shard.write_bytes(shard.read_bytes()[:-10])
    done = prepared(dataset, npz, tmp_path)
    assert (done.done, done.store.ids) == (1, store.ids)
    (store.folder / MANIFEST).write_text("nonsense")
    done = prepared(dataset, npz, tmp_path)
    assert (done.done, done.store.ids) == (0, store.ids)
    assert [done.store.length(name) for name in ids(4)] == [6, 7, 8, 9]
    for path in shards(store.folder):
        path.unlink()
    assert prepared(dataset, npz, tmp_path).done == 4


def test_a_file_that_goes_away_meanwhile_is_missing(tmp_path, npz, dataset, monkeypatch):
    read = FileSource.read

    def vanishes(self, clip):
        found = read(self, clip)
        if clip.id == "00001":
            (npz / "00001.npz").unlink()
        return found

    monkeypatch.setattr(FileSource, "read", vanishes)
    assert prepared(dataset, npz, tmp_path).skipped == {"00001": "missing"}


def start(tmp_path, count, seconds):
    words = [sys.executable, str(JOB), str(tmp_path), str(tmp_path / "stores"), str(count), str(seconds)]
    folders = f"{JOB.parent.parent}{os.pathsep}{JOB.parent}"
    return subprocess.Popen(
        words, env={**os.environ, "PYTHONPATH": folders}, stdout=subprocess.PIPE, text=True
    )


def test_killed_again_and_again_it_neither_loses_nor_repeats_a_clip(tmp_path):
    count, kills = 60, 0
    npz, whole = folder_of(tmp_path, count), files.dataset(tmp_path, ids(count))
    started = tmp_path / "stores.started"
    random.seed(5)
    for _ in range(4):
        before = len(started.read_text().split()) if started.exists() else 0
        job = start(tmp_path, count, 0.02)
        while (
            job.poll() is None and len(started.read_text().split() if started.exists() else "") <= before + 18
        ):
            time.sleep(0.01)
        time.sleep(random.random() * 0.05)
        kills += job.poll() is None
        job.kill()
        job.wait()
    assert kills >= 2
    last = start(tmp_path, count, 0)
    done, ready = map(int, last.communicate(timeout=60)[0].split())
    assert ready == count
    assert done < count
    folder = landmark_folder(tmp_path / "stores", whole, open_source(whole, str(npz)))
    assert entry_ids(folder) == ids(count)
    store = LandmarkStore(folder)
    assert all(
        np.array_equal(store.points(name), files.points(6 + at % 5, at)) for at, name in enumerate(ids(count))
    )
    # Repeated is what had been read at a kill and was not written: one clip, or those that settle the form.
    assert len(started.read_text().split()) <= count + kills * 16


def test_two_jobs_at_once_end_with_one_correct_store(tmp_path):
    npz, whole = folder_of(tmp_path, 25), files.dataset(tmp_path, ids(25))
    jobs = [start(tmp_path, 25, 0.03) for _ in range(2)]
    answers = [tuple(map(int, job.communicate(timeout=60)[0].split())) for job in jobs]
    assert sorted(answers) == [(0, 25), (25, 25)]
    folder = landmark_folder(tmp_path / "stores", whole, open_source(whole, str(npz)))
    assert entry_ids(folder) == ids(25)


def test_the_true_landmarks_of_the_sample_are_its_clips_frames(tmp_path):
    from wlasl.sample import SampleOptions, ensure  # noqa: PLC0415 - drawing videos needs heavy packages

    root = ensure(tmp_path / "sample", SampleOptions(glosses=2, clips=3))
    whole = load("sample", root)
    done = prepare_landmarks(whole, "true", tmp_path / "stores")
    assert (len(done.store.ids), done.skipped, done.notes) == (6, {}, ())
    assert (done.store.source, done.store.joints) == ("true", HOLISTIC)
    lengths = {clip.id: clip.frames for clip in whole.subset.clips}
    assert {name: done.store.length(name) for name in done.store.ids} == lengths
    plan = plan_clip(Take(0, 0, 0))
    assert (root / "landmarks" / f"{plan.take.id}.npz").read_bytes() == landmark_bytes(files.signed(0))
    with pytest.raises(BenchError, match="Try --landmarks true"):
        prepare_landmarks(whole, "hands", tmp_path / "stores")


def test_the_real_landmarks_become_stores_within_seconds_and_open_at_once(wlasl_root, tmp_path):
    whole = load("300", wlasl_root)
    counts = {"holistic": 46, "pose-hands": 964}
    for name, count in counts.items():
        done = prepare_landmarks(whole, name, tmp_path)
        assert (len(done.store.ids), done.done) == (count, count)
        assert set(done.skipped.values()) == {"missing"}
    began = time.monotonic()
    again = prepare_landmarks(whole, "pose-hands", tmp_path)
    assert again.done == 0
    # A tenth of a second on a quiet machine.
    assert time.monotonic() - began < 2
    both, alone = (LandmarkStore(path) for path in sorted(tmp_path.iterdir(), reverse=True))
    shared = sorted(set(both.ids) & set(alone.ids))
    assert len(shared) == 16
    for name in shared:
        # Two runs of MediaPipe over the same frames: the same person at the same place.
        wrists = [HOLISTIC.index("left_wrist"), HOLISTIC.index("right_wrist")]
        frames = min(both.length(name), alone.length(name))
        apart = both.points(name)[:frames, wrists, :2] - alone.points(name)[:frames, wrists, :2]
        assert np.nanmedian(np.abs(apart)) < 0.05


def test_an_outcome_that_is_an_error_is_its_clips_alone(tmp_path, npz, dataset, monkeypatch):
    def read(_, clip):
        if clip.id == "00002":
            raise OSError(5, "Input/output error")
        raise LandmarkError("unreadable", "broken")

    monkeypatch.setattr(FileSource, "read", read)
    with pytest.raises(BenchError, match="4 unreadable"):
        prepared(dataset, npz, tmp_path)
