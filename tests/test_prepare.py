"""Preparing: every clip once, whatever happens on the way."""

import errno
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import videos

from utils.errors import BenchError
from wlasl import prepare as preparing
from wlasl.clips import Clip
from wlasl.prepare import LOCK, prepare, store_folder
from wlasl.shards import ShardWriter, read_index, shards
from wlasl.store import MANIFEST, ClipStore, read_manifest
from wlasl.view import View

VIEW = View(size=16)
JOB = Path(__file__).with_name("prepare_job.py")


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


def entry_ids(folder):
    """Every entry of every shard, also those that a newer one replaces."""
    return sorted(entry.id for shard in shards(folder) for entry in read_index(shard))


def test_progress_hears_of_every_clip(tmp_path):
    listener = Listener()
    prepare(videos.dataset(tmp_path / "data", 3), VIEW, tmp_path / "stores", progress=listener)
    assert listener.heard == [("preparing 100", 3, 0), "", "", "", "3 clips"]


def test_a_second_call_decodes_nothing_and_writes_nothing(tmp_path):
    dataset = videos.dataset(tmp_path / "data")
    first = prepare(dataset, VIEW, tmp_path / "stores")
    before = {path: path.stat().st_mtime_ns for path in first.store.folder.iterdir()}
    second = prepare(dataset, VIEW, tmp_path / "stores")
    assert (first.done, second.done) == (4, 0)
    assert second.store.ids == first.store.ids
    assert {path: path.stat().st_mtime_ns for path in second.store.folder.iterdir()} == before


def test_a_larger_subset_adds_only_what_is_new_and_a_smaller_one_nothing(tmp_path):
    small, large = videos.dataset(tmp_path / "data", 2, "100"), videos.dataset(tmp_path / "data", 5, "300")
    assert prepare(small, VIEW, tmp_path / "stores").done == 2
    grown = prepare(large, VIEW, tmp_path / "stores")
    assert (grown.done, len(grown.store.ids)) == (3, 5)
    again = prepare(small, VIEW, tmp_path / "stores")
    assert (again.done, again.store.ids) == (0, ("00000", "00001"))
    assert len(shards(grown.store.folder)) == 2


def test_an_open_store_is_not_disturbed_by_a_job_that_adds_to_it(tmp_path):
    reader = prepare(videos.dataset(tmp_path / "data", 2), VIEW, tmp_path / "stores").store
    before = reader.frames("00001").tobytes()
    prepare(videos.dataset(tmp_path / "data", 6, "300"), VIEW, tmp_path / "stores")
    assert reader.ids == ("00000", "00001")
    assert reader.frames("00001").tobytes() == before


def test_a_video_that_was_replaced_is_decoded_anew(tmp_path):
    dataset = videos.dataset(tmp_path / "data", 2)
    prepare(dataset, VIEW, tmp_path / "stores")
    videos.write(dataset.files.found["00001"], videos.numbered(9), videos.Kind("mpeg4"))
    done = prepare(dataset, VIEW, tmp_path / "stores")
    assert (done.done, done.store.length("00001"), done.store.length("00000")) == (1, 9, 6)


def test_a_copy_of_the_videos_is_known_by_its_content_and_remembered(tmp_path):
    dataset = videos.dataset(tmp_path / "data", 2)
    prepare(dataset, VIEW, tmp_path / "stores")
    for path in dataset.files.found.values():
        os.utime(path, ns=(1, 1))
    assert prepare(dataset, VIEW, tmp_path / "stores").done == 0
    folder = store_folder(tmp_path / "stores", VIEW, dataset)
    assert {pair[1] for pair in read_manifest(folder).seen.values()} == {1}
    for shard in shards(folder):
        shard.with_suffix(".json").chmod(0o400)
    before = (folder / MANIFEST).stat().st_mtime_ns
    assert prepare(dataset, VIEW, tmp_path / "stores").done == 0
    assert (folder / MANIFEST).stat().st_mtime_ns == before


def test_a_clip_whose_box_changed_in_the_metadata_is_cut_anew(tmp_path):
    dataset = videos.dataset(tmp_path / "data", 2)
    prepare(dataset, VIEW, tmp_path / "stores")
    clips = [
        Clip(**{name: getattr(clip, name) for name in Clip.__slots__} | {"box": (0, 0, 30, 30)})
        for clip in dataset.subset.clips[:1]
    ]
    changed = videos.DataSet(
        videos.Subset("100", ("a", "b"), tuple(clips), "r2"), dataset.root, dataset.files
    )
    assert prepare(changed, VIEW, tmp_path / "stores").done == 1


def spoil(dataset):
    """Make three of a data set's files unreadable and one vanish."""
    files = dataset.files.found
    files["00000"].write_bytes(b"")
    files["00001"].write_bytes(b"<!doctype html><html>")
    files["00002"].write_bytes(files["00002"].read_bytes()[:-50])
    files["00003"].unlink()


def test_clips_that_cannot_be_read_are_skipped_with_a_reason_and_tried_again_when_they_change(
    tmp_path, monkeypatch
):
    dataset = videos.dataset(tmp_path / "data", 6)
    spoil(dataset)
    done = prepare(dataset, VIEW, tmp_path / "stores")
    assert done.skipped == {"00000": "empty", "00001": "html", "00002": "truncated", "00003": "missing"}
    assert done.store.ids == ("00004", "00005")
    kept = read_manifest(done.store.folder).skipped
    assert kept["00001"]["reason"] == "html"

    tried = []
    encode = preparing.encode_clip
    monkeypatch.setattr(preparing, "encode_clip", lambda *args: (tried.append(args[1].id), encode(*args))[1])
    assert prepare(dataset, VIEW, tmp_path / "stores").skipped == done.skipped
    assert tried == []
    videos.write(dataset.files.found["00001"], videos.numbered(8), videos.Kind("mpeg4"))
    videos.write(dataset.files.found["00003"], videos.numbered(8), videos.Kind("mpeg4"))
    again = prepare(dataset, VIEW, tmp_path / "stores")
    assert (sorted(tried), again.skipped) == (["00001", "00003"], {"00000": "empty", "00002": "truncated"})


def test_the_summary_counts_what_was_skipped_and_why(tmp_path):
    dataset = videos.dataset(tmp_path / "data", 6)
    spoil(dataset)
    dataset.files.found["00004"].write_bytes(b"")
    text = prepare(dataset, VIEW, tmp_path / "stores").summary()
    assert "1 clips are ready (1 new" in text
    assert "Skipped 5: 2 empty" in text


def test_not_one_readable_clip_is_an_error_in_words(tmp_path):
    dataset = videos.dataset(tmp_path / "data", 3)
    for path in dataset.files.found.values():
        path.write_bytes(b"")
    for _ in range(2):
        with pytest.raises(BenchError, match=r"None of the 3 clips .* Skipped 3: 3 empty"):
            prepare(dataset, VIEW, tmp_path / "stores")


def test_a_file_that_may_not_be_read_is_skipped(tmp_path, monkeypatch):
    def refused(_):
        raise PermissionError(errno.EACCES, "Permission denied")

    dataset = videos.dataset(tmp_path / "data", 1)
    monkeypatch.setattr(preparing, "sha256", refused)
    found = preparing.encode_clip(dataset.files.found["00000"], dataset.subset.clips[0], VIEW)
    assert (found.reason, found.detail) == ("unreadable", "Permission denied")


def test_a_full_disk_ends_in_a_sentence_and_keeps_the_clips_before(tmp_path, monkeypatch):
    dataset = videos.dataset(tmp_path / "data", 6)
    add, added = ShardWriter.add, []

    def fills_up(self, clip_id, *rest):
        if len(added) == 3:
            raise BenchError(
                "Cannot write it: the disk is full; free some space and run the same command again."
            )
        added.append(clip_id)
        return add(self, clip_id, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(ShardWriter, "add", fills_up)
        with pytest.raises(BenchError, match="disk is full"):
            prepare(dataset, VIEW, tmp_path / "stores", workers=1)
    folder = store_folder(tmp_path / "stores", VIEW, dataset)
    assert not (folder / MANIFEST).exists()
    assert not (folder / LOCK).exists()
    assert prepare(dataset, VIEW, tmp_path / "stores").done == 3
    assert entry_ids(folder) == [clip.id for clip in dataset.subset.clips]


def test_ctrl_c_keeps_what_is_finished(tmp_path):
    class Impatient(Listener):
        def advance(self, note=""):
            super().advance(note)
            if len(self.heard) == 4:
                raise KeyboardInterrupt

    dataset = videos.dataset(tmp_path / "data", 8)
    with pytest.raises(KeyboardInterrupt):
        prepare(dataset, VIEW, tmp_path / "stores", workers=1, progress=Impatient())
    assert prepare(dataset, VIEW, tmp_path / "stores").done == 5


def test_a_damaged_shard_is_made_good_by_the_next_call(tmp_path):
    dataset = videos.dataset(tmp_path / "data", 4)
    store = prepare(dataset, VIEW, tmp_path / "stores").store
    (shard,) = shards(store.folder)
    shard.write_bytes(shard.read_bytes()[:-10])
    done = prepare(dataset, VIEW, tmp_path / "stores")
    assert (done.done, done.store.ids) == (1, store.ids)


def test_a_finished_store_needs_no_leave_to_write(tmp_path, monkeypatch):
    dataset = videos.dataset(tmp_path / "data", 2)
    prepare(dataset, VIEW, tmp_path / "stores")
    monkeypatch.setattr(preparing, "lease", lambda *_: pytest.fail("asked for the lock"))
    assert prepare(dataset, VIEW, tmp_path / "stores").done == 0


def start(tmp_path, count, seconds):
    words = [
        sys.executable,
        str(JOB),
        str(tmp_path / "data"),
        str(tmp_path / "stores"),
        str(count),
        str(seconds),
    ]
    folders = f"{JOB.parent.parent}{os.pathsep}{JOB.parent}"
    return subprocess.Popen(
        words, env={**os.environ, "PYTHONPATH": folders}, stdout=subprocess.PIPE, text=True
    )


def test_killed_again_and_again_it_neither_loses_nor_repeats_a_clip(tmp_path):
    count, kills = 40, 0
    dataset = videos.dataset(tmp_path / "data", count, frames=2)
    started = tmp_path / "stores.started"
    random.seed(5)
    for _ in range(5):
        before = len(started.read_text().split()) if started.exists() else 0
        job = start(tmp_path, count, 0.02)
        while (
            job.poll() is None and len(started.read_text().split() if started.exists() else "") <= before + 4
        ):
            time.sleep(0.01)
        time.sleep(random.random() * 0.1)
        kills += job.poll() is None
        job.kill()
        job.wait()
    assert kills >= 3
    last = start(tmp_path, count, 0)
    done, ready = map(int, last.communicate(timeout=60)[0].split())
    assert ready == count
    assert done < count
    folder = store_folder(tmp_path / "stores", VIEW, dataset)
    assert entry_ids(folder) == [clip.id for clip in dataset.subset.clips]
    # Repeated are at most those that were in the two workers' hands at a kill, or waiting to be written.
    assert len(started.read_text().split()) <= count + kills * 4


def test_two_jobs_at_once_end_with_one_correct_store(tmp_path):
    dataset = videos.dataset(tmp_path / "data", 12, frames=2)
    jobs = [start(tmp_path, 12, 0.05) for _ in range(2)]
    answers = [tuple(map(int, job.communicate(timeout=60)[0].split())) for job in jobs]
    assert sorted(answers) == [(0, 12), (12, 12)]
    assert entry_ids(store_folder(tmp_path / "stores", VIEW, dataset)) == [
        clip.id for clip in dataset.subset.clips
    ]


def test_a_writer_that_lost_its_lock_does_no_harm(tmp_path):
    dataset = videos.dataset(tmp_path / "data", 4)
    folder = store_folder(tmp_path / "stores", VIEW, dataset)
    folder.mkdir(parents=True)
    sleeper = ShardWriter(folder)
    clip = dataset.subset.clips[0]
    source, frames = preparing.encode_clip(dataset.files.found[clip.id], clip, VIEW)
    sleeper.add(clip.id, source, preparing.cut_of(clip), frames)
    # Another job takes the lock meanwhile, finds what is whole in the sleeper's shard, and does the rest.
    assert prepare(dataset, VIEW, tmp_path / "stores").done == 3
    second = dataset.subset.clips[1]
    source, more = preparing.encode_clip(dataset.files.found[second.id], second, VIEW)
    sleeper.add(second.id, source, preparing.cut_of(second), more)
    sleeper.close()
    done = prepare(dataset, VIEW, tmp_path / "stores")
    assert (done.done, len(done.store.ids)) == (0, 4)
    assert [done.store.length(clip.id) for clip in dataset.subset.clips] == [6, 7, 8, 9]


def test_a_store_that_lost_clips_to_another_job_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(preparing, "ClipStore", lambda folder, ids: ClipStore(folder, sorted(ids)[1:]))
    with pytest.raises(BenchError, match="run it again"):
        prepare(videos.dataset(tmp_path / "data", 2), VIEW, tmp_path / "stores")


def test_the_real_clips_are_prepared_and_the_mangled_ones_named(wlasl_root, tmp_path):
    from wlasl.subsets import load  # noqa: PLC0415 - here alone

    dataset = load("100", wlasl_root)
    bad = {path.stem: path for path in (wlasl_root / "corrupt").glob("*.mp4")}
    clips = [clip for clip in dataset.subset.clips if clip.id in bad or dataset.files.path(clip.id)]
    clips = clips[:3] + [Clip(name, "book", 0, "train") for name in bad]
    files = videos.VideoFiles({**dataset.files.found, **bad}, {})
    some = videos.DataSet(videos.Subset("100", ("book",), tuple(clips), "r"), wlasl_root, files)
    done = prepare(some, VIEW, tmp_path)
    assert len(done.store.ids) == 3
    assert sorted(done.skipped.values()) == ["mangled"] * 10
