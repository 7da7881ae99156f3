"""A store: any frame of any clip, and never a wrong one."""

import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import videos

from utils.errors import BenchError
from wlasl.prepare import prepare, store_folder
from wlasl.store import MANIFEST, ClipStore, read_manifest
from wlasl.view import View

VIEW = View(size=16)


@pytest.fixture
def store(tmp_path):
    return prepare(videos.dataset(tmp_path / "data"), VIEW, tmp_path / "stores").store


@pytest.mark.parametrize("codec", ["jpeg", "raw"])
def test_every_frame_of_every_clip_is_there_in_order(tmp_path, codec):
    dataset = videos.dataset(tmp_path / "data")
    store = prepare(dataset, View(size=16, codec=codec), tmp_path / "stores").store
    assert store.ids == ("00000", "00001", "00002", "00003")
    for index, name in enumerate(store.ids):
        frames = store.frames(name)
        assert frames.shape == (6 + index, 16, 16, 3) == (store.length(name), store.size, store.size, 3)
        assert frames.dtype == np.uint8
        expected = 20 + 4 * np.arange(6 + index)
        assert np.abs(frames.mean(axis=(1, 2, 3)) - expected).max() < 3


def test_chosen_frames_come_as_asked_and_minus_one_is_black(store):
    frames = store.frames("00003", [5, 0, -1, 0])
    assert np.array_equal(frames[1], frames[3])
    assert frames[0].mean() > frames[1].mean() > 0 == frames[2].max()


@pytest.mark.parametrize(
    ("clip", "index", "words"),
    [("9", 0, "not among"), ("00000", 6, "no frame 6"), ("00000", -2, "no frame -2")],
)
def test_what_is_not_there_is_refused_in_words(store, clip, index, words):
    with pytest.raises(BenchError, match=words):
        store.frames(clip, [index])


def test_some_of_the_clips_can_be_asked_for(store):
    few = ClipStore(store.folder, ["00001", "none"])
    assert few.ids == ("00001",)
    with pytest.raises(BenchError, match="not among the 1 clips"):
        few.length("00000")


def test_a_store_travels_to_other_processes_and_threads(store):
    copy = pickle.loads(pickle.dumps(ClipStore(store.folder, ["00001"])))  # noqa: S301 - our own
    assert copy.ids == ("00001",)
    with ThreadPoolExecutor(8) as pool:
        means = list(pool.map(lambda index: store.frames("00003", [index % 9]).mean(), range(200)))
    assert np.array_equal(np.argsort(means[:9]), np.arange(9))
    assert means[:9] * 22 == means[:198]


def damage(store, place):
    """Change one byte of clip 00002's entry in its shard."""
    shard, entry = store._find("00002")
    data = bytearray(shard.read_bytes())
    data[entry.offset + place(entry)] ^= 255
    shard.write_bytes(data)
    return ClipStore(store.folder)


@pytest.mark.parametrize(
    "place", [lambda _: 2, lambda _: 40, lambda entry: entry.nbytes - 3], ids=["head", "meta", "frame"]
)
def test_a_damaged_clip_is_named_and_the_others_are_read(store, place):
    damaged = damage(store, place)
    with pytest.raises(BenchError, match="Clip 00002 is damaged"):
        damaged.frames("00002")
    assert damaged.frames("00001").shape[0] == 7


def test_a_clip_in_anothers_place_is_not_taken_for_it(store):
    entries = store._entries
    entries["00000"] = entries["00001"]
    with pytest.raises(BenchError, match="00001 lies in its place"):
        store.frames("00000")


def test_bytes_that_are_no_picture_are_a_sentence_too(tmp_path, monkeypatch):
    monkeypatch.setattr("wlasl.pixels.Squares.encode", lambda *_: b"no JPEG")
    store = prepare(videos.dataset(tmp_path / "data", 1), VIEW, tmp_path / "stores").store
    with pytest.raises(BenchError, match="Clip 00000 is damaged"):
        store.frames("00000")


def test_a_folder_without_a_manifest_is_no_store(tmp_path):
    with pytest.raises(BenchError, match="run `bench prepare` first"):
        ClipStore(tmp_path)


@pytest.mark.parametrize("content", ["[]", "{}", '{"format": 1}', '{"format": 0}', "no json"])
def test_a_manifest_that_is_none_is_refused_in_words(tmp_path, content):
    (tmp_path / MANIFEST).write_text(content)
    with pytest.raises(BenchError):
        ClipStore(tmp_path)


def test_the_manifest_says_what_was_cut_and_what_counts(store):
    manifest = read_manifest(store.folder)
    assert manifest.view == VIEW
    assert len(manifest.shards) == 1
    assert json.loads((store.folder / MANIFEST).read_text())["format"] == 1


def test_a_store_that_lost_a_shard_says_so(store):
    shard, _ = store._find("00000")
    shard.unlink()
    with pytest.raises(BenchError, match="run `bench prepare` again"):
        ClipStore(store.folder)


def test_the_subsets_of_wlasl_share_a_store_and_the_sample_has_its_own(tmp_path):
    def folder(name):
        return store_folder(tmp_path, VIEW, videos.dataset(tmp_path / "data", 1, name))

    assert folder("100") == folder("2000") != folder("sample")
    with pytest.raises(BenchError, match="cannot name a store"):
        folder("../up")
