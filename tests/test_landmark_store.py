"""A store of landmarks: what went in comes out, bit by bit, and never anything else."""

import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import landmark_files as files
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from utils.errors import BenchError
from wlasl.entries import Source as FileSeen
from wlasl.landmarks.form import Landmarks
from wlasl.landmarks.joints import HOLISTIC
from wlasl.landmarks.manifest import (
    FORMAT,
    MANIFEST,
    Manifest,
    entry_facts,
    form_of,
    packed,
    read_manifest,
    write_manifest,
)
from wlasl.landmarks.prepare import prepare_landmarks
from wlasl.landmarks.store import LandmarkStore
from wlasl.shards import ShardWriter, latest, shards


@pytest.fixture
def store(tmp_path):
    for at in range(4):
        files.write_npz(tmp_path / "npz" / f"0000{at}.npz", files.points(6 + at, at))
    dataset = files.dataset(tmp_path, [f"0000{at}" for at in range(4)])
    return prepare_landmarks(dataset, str(tmp_path / "npz"), tmp_path / "stores").store


def kept(folder, clips):
    """Write clips into a store by hand, and return it."""
    writer = ShardWriter(folder)
    folder.mkdir(exist_ok=True)
    facts = {}
    for name, landmarks in clips.items():
        facts[name], pieces = packed(landmarks, len(landmarks.points), None)
        writer.add(name, FileSeen(1, 1, "0"), "", pieces)
    writer.close()
    names = tuple(path.name for path in shards(folder))
    write_manifest(folder, Manifest(form_of(next(iter(clips.values()))), facts, names))
    return LandmarkStore(folder)


@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(2, 3)),
        elements=st.floats(width=32, allow_infinity=False),
    ),
    st.one_of(st.none(), st.floats(1, 240)),
    st.one_of(st.none(), st.tuples(st.integers(1, 5000), st.integers(1, 5000))),
)  # fmt: skip
def test_what_goes_in_comes_out_to_the_bit(tmp_path_factory, points, fps, size):
    joints = tuple(f"j{at}" for at in range(points.shape[1]))
    landmarks = Landmarks(points, joints, "test", fps=fps, size=size)
    store = kept(tmp_path_factory.mktemp("store"), {"a": landmarks})
    found = store.points("a")
    assert found.dtype == np.float32
    assert np.ascontiguousarray(found).tobytes() == np.ascontiguousarray(points).tobytes()
    assert (store.fps("a"), store.size("a"), store.length("a")) == (fps, size, len(points))
    assert (store.source, store.joints, store.dims) == ("test", joints, points.shape[2])
    shard, entry = latest(store.folder, [path.name for path in shards(store.folder)])["a"]
    assert entry_facts(shard, entry) == (form_of(landmarks), store.facts("a"))


def test_every_clip_is_there_with_its_facts(store):
    assert store.ids == ("00000", "00001", "00002", "00003")
    assert (store.source, store.joints, store.dims) == ("mediapipe-holistic", HOLISTIC, 3)
    for at, name in enumerate(store.ids):
        assert np.array_equal(store.points(name), files.points(6 + at, at))
        assert (store.length(name), store.fps(name), store.size(name)) == (6 + at, 30.0, files.SIZE)
        assert name in store
    assert "9" not in store
    assert store.nbytes > sum(store.points(name).nbytes for name in store.ids)


def test_points_are_the_callers_to_change(store):
    store.points("00001")[:] = 0
    assert store.points("00001").any()


@pytest.mark.parametrize("ask", ["points", "length", "fps", "size"])
def test_a_clip_that_is_not_there_is_refused_in_words(store, ask):
    with pytest.raises(BenchError, match="not among the 4 clips"):
        getattr(store, ask)("9")


def test_some_of_the_clips_can_be_asked_for_and_travel_to_other_processes_and_threads(store):
    few = pickle.loads(pickle.dumps(LandmarkStore(store.folder, ["00001", "00003", "none"])))  # noqa: S301
    assert few.ids == ("00001", "00003")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda at: few.points(few.ids[at % 2]).sum(), range(100)))
    assert found[:2] * 50 == found


def test_the_digest_names_the_content_and_not_the_order_or_the_place(store, tmp_path):
    assert store.digest(["00001", "00000"]) == store.digest(["00000", "00001"]) != store.digest(["00000"])
    assert len(store.digest([])) == 16
    points = {name: store.points(name) for name in store.ids}
    same = {
        name: Landmarks(one, HOLISTIC, store.source, size=files.SIZE, fps=30.0)
        for name, one in points.items()
    }
    other = {
        **same,
        "00002": Landmarks(points["00002"] + 1e-6, HOLISTIC, store.source, size=files.SIZE, fps=30.0),
    }
    assert kept(tmp_path / "same", same).digest(store.ids) == store.digest(store.ids)
    assert kept(tmp_path / "other", other).digest(store.ids) != store.digest(store.ids)
    with pytest.raises(BenchError, match="not among"):
        store.digest(["9"])


def damage(store, place):
    """Change one byte of clip 00002's entry in its shard."""
    shard, entry = store._entries["00002"]
    data = bytearray(shard.read_bytes())
    data[entry.offset + place(entry)] ^= 255
    shard.write_bytes(data)
    return LandmarkStore(store.folder)


@pytest.mark.parametrize(
    "place", [lambda _: 2, lambda _: 40, lambda entry: entry.nbytes - 3], ids=["head", "meta", "points"]
)
def test_a_damaged_clip_is_named_and_the_others_are_read(store, place):
    damaged = damage(store, place)
    with pytest.raises(BenchError, match="clip 00002 are damaged"):
        damaged.points("00002")
    assert damaged.points("00001").shape == (7, 75, 3)


@given(st.data())
def test_no_damaged_byte_goes_unseen(tmp_path_factory, data):
    points = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    store = kept(tmp_path_factory.mktemp("store"), {"a": Landmarks(points, ("a", "b", "c", "d"), "test")})
    shard, entry = store._entries["a"]
    bytes_ = bytearray(shard.read_bytes())
    bytes_[data.draw(st.integers(0, entry.nbytes - 1))] ^= data.draw(st.integers(1, 255))
    shard.write_bytes(bytes_)
    try:
        found = LandmarkStore(store.folder).points("a")
    except BenchError:
        return
    # What is not the points (the facts beside them) may be damaged: the manifest has them too.
    assert np.array_equal(found, points)


def test_a_clip_in_anothers_place_or_of_another_shape_is_not_taken_for_it(store):
    store._entries["00000"], length = store._entries["00001"], store._facts["00003"]
    with pytest.raises(BenchError, match="00001 lies in its place"):
        store.points("00000")
    store._facts["00003"] = length._replace(frames=5)
    with pytest.raises(BenchError, match="bytes are not"):
        store.points("00003")


def test_a_folder_without_a_manifest_is_no_store(tmp_path):
    with pytest.raises(BenchError, match="run `bench prepare --landmarks` first"):
        LandmarkStore(tmp_path)


REST = {"format": FORMAT, "shards": [], "skipped": {}, "seen": {}}
NO_MANIFESTS = [[], {}, {"format": FORMAT}, {"format": 0}, {**REST, "form": [1], "clips": {}}]
NO_MANIFESTS += [{**REST, "form": ["a", [], 2], "clips": {"a": [1]}}]


@pytest.mark.parametrize("content", ["no json", *map(json.dumps, NO_MANIFESTS)])
def test_a_manifest_that_is_none_is_refused_in_words(tmp_path, content):
    (tmp_path / MANIFEST).write_text(content)
    with pytest.raises(BenchError):
        LandmarkStore(tmp_path)


def test_the_manifest_has_a_line_per_clip_and_says_what_it_was_given(store):
    manifest = read_manifest(store.folder)
    assert manifest.form == (store.source, store.joints, store.dims)
    assert set(manifest.clips) == set(store.ids)
    lines = (store.folder / MANIFEST).read_text().splitlines()
    assert [line.split('"')[1] for line in lines if line.startswith('  "')] == list(store.ids)
    write_manifest(store.folder, manifest)
    assert read_manifest(store.folder) == manifest


def test_a_store_that_lost_a_shard_says_so(store):
    store._entries["00000"][0].unlink()
    with pytest.raises(BenchError, match="run `bench prepare` again"):
        LandmarkStore(store.folder)
