"""Shards: what was written is found again, however the writer ended."""

import errno
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from utils.errors import BenchError
from wlasl import shards
from wlasl.entries import DamagedError, Source, layout, mapped
from wlasl.shards import ShardWriter, index_path, latest, read_index, recover, scan

SOURCE = Source(10, 20, "ab" * 16)
CLIPS = {"00001": [b"first", b"", b"x" * 300], "00002": [b"second"], "00003": []}


def fill(folder, clips=CLIPS, limit=1 << 30):
    writer = ShardWriter(folder, limit)
    entries = [writer.add(name, SOURCE, "1..-1 None", frames) for name, frames in clips.items()]
    writer.close()
    return entries


def frames_of(shard, entry):
    data = mapped(shard)
    found = layout(data, entry.offset)
    return [bytes(data[start : start + size]) for start, size in zip(found.starts, found.sizes, strict=True)]


def test_what_is_written_is_read_again(tmp_path):
    entries = fill(tmp_path)
    (shard,) = shards.shards(tmp_path)
    assert read_index(shard) == tuple(entries) == scan(shard)
    assert {entry.id: frames_of(shard, entry) for entry in entries} == CLIPS


def test_a_shard_that_is_large_enough_is_followed_by_another(tmp_path):
    fill(tmp_path, limit=1)
    found = shards.shards(tmp_path)
    assert [path.name[:4] for path in found] == ["0000", "0001", "0002"]
    assert len(latest(tmp_path, [path.name for path in found])) == 3


def test_a_closed_writer_without_clips_leaves_nothing(tmp_path):
    ShardWriter(tmp_path).close()
    assert list(tmp_path.iterdir()) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(share=st.floats(0, 1), junk=st.binary(max_size=40))
def test_a_torn_shard_gives_back_every_whole_entry_and_no_other(tmp_path, share, junk):
    for path in tmp_path.iterdir():
        path.unlink()
    entries = fill(tmp_path)
    (shard,) = shards.shards(tmp_path)
    data = shard.read_bytes()
    kept = int(len(data) * share)
    shard.write_bytes(data[:kept] + junk)
    index_path(shard).unlink()
    whole = tuple(entry for entry in entries if entry.offset + entry.nbytes <= kept)
    recover(tmp_path)
    found = read_index(shard) if shard.exists() else ()
    assert found[: len(whole)] == whole
    assert len(found) == len(whole)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_never_taken_for_a_frame(tmp_path, place, bit):
    for path in tmp_path.iterdir():
        path.unlink()
    fill(tmp_path)
    (shard,) = shards.shards(tmp_path)
    data = bytearray(shard.read_bytes())
    data[int(len(data) * place)] ^= 1 << bit
    shard.write_bytes(data)
    for entry in scan(shard):
        assert frames_of(shard, entry) == CLIPS[entry.id]
    assert len(scan(shard)) < len(CLIPS)


def test_a_shard_shorter_than_its_index_says_is_read_as_far_as_it_goes(tmp_path):
    fill(tmp_path)
    (shard,) = shards.shards(tmp_path)
    shard.write_bytes(shard.read_bytes()[:-5])
    with pytest.raises(BenchError, match="run `bench prepare` again"):
        read_index(shard)
    recover(tmp_path)
    assert [entry.id for entry in read_index(shard)] == ["00001", "00002"]


def test_an_index_that_is_no_index_is_refused_in_words(tmp_path):
    fill(tmp_path)
    (shard,) = shards.shards(tmp_path)
    index_path(shard).write_text('{"entries": [{}], "bytes": 1}')
    with pytest.raises(BenchError, match="cannot be read"):
        read_index(shard)


def test_of_two_entries_of_a_clip_the_newer_counts(tmp_path):
    fill(tmp_path, {"00001": [b"old"]})
    fill(tmp_path, {"00001": [b"new"]})
    found = latest(tmp_path, [path.name for path in shards.shards(tmp_path)])
    assert frames_of(*found["00001"]) == [b"new"]


def test_a_full_disk_is_a_sentence_and_the_clips_before_it_stay(tmp_path, monkeypatch):
    writer = ShardWriter(tmp_path)
    writer.add("00001", SOURCE, "", CLIPS["00001"])
    write = os.write

    def full(descriptor, data):
        write(descriptor, data[:7])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(BenchError, match="disk is full"):
            writer.add("00002", SOURCE, "", CLIPS["00002"])
    writer.add("00003", SOURCE, "", [b"there is room again"])
    writer.close()
    (shard,) = shards.shards(tmp_path)
    assert [entry.id for entry in scan(shard)] == ["00001", "00003"]
    assert scan(shard) == read_index(shard)


def test_the_disk_is_told_to_keep_what_was_written_now_and_then(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "_SYNC_BYTES", 1)
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(descriptor), fsync(descriptor)))
    fill(tmp_path)
    assert len(synced) >= 4


def test_nothing_is_read_where_no_entry_begins():
    with pytest.raises(DamagedError):
        layout(memoryview(b"CLIP"), 0)
    with pytest.raises(DamagedError):
        layout(memoryview(b"CLIQ" + bytes(60)), 0)
