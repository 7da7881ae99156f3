"""TensorFlow checkpoints are read without TensorFlow, from every place where people keep them."""

from __future__ import annotations

import tarfile

import bundles
import numpy as np
import pytest

from models import tf_bundle
from utils.errors import BenchError

ARRAYS = {
    "model/a/kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "model/a/scale": np.float32(0.5),
    "model/b": np.arange(300, dtype=np.int64),
    "save_counter": np.int32(7),
}


@pytest.fixture
def folder(tmp_path):
    return bundles.write(tmp_path / "movinet_a0_base", ARRAYS)


def archive(folder, path, *, only=""):
    with tarfile.open(path, "w:gz") as file:
        for part in sorted(folder.iterdir()):
            if only in part.name:
                file.add(part, f"movinet_a0_base/{part.name}")
        file.add(folder / "checkpoint", "movinet_a0_base/._ckpt-1.index")  # as macOS adds
    return path


@pytest.mark.parametrize("kind", ["folder", "index", "prefix", "archive"])
def test_every_tensor_comes_back(folder, tmp_path, kind):
    path = {
        "folder": folder,
        "index": folder / "ckpt-1.index",
        "prefix": folder / "ckpt-1",
        "archive": archive(folder, tmp_path / "movinet_a0_base.tar.gz"),
    }[kind]
    bundle = tf_bundle.read(path)
    assert set(bundle.entries) == set(ARRAYS)
    for key, array in ARRAYS.items():
        found = bundle.array(key)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


def test_several_checkpoints_in_a_folder_are_named(folder):
    bundles.write(folder, ARRAYS, "ckpt-2")
    with pytest.raises(BenchError, match=r"ckpt-1.index, ckpt-2.index"):
        tf_bundle.read(folder)
    assert set(tf_bundle.read(folder / "ckpt-2").entries) == set(ARRAYS)


def spoil(folder, name, change):
    path = folder / name
    path.write_bytes(change(path.read_bytes()))
    return folder


WRONG = {
    "a folder without one": (lambda folder: (folder / "ckpt-1.index").unlink() or folder, "Found: none"),
    "a name that is not there": (lambda folder: folder / "nothing" / "here", "Found: none"),
    "an index cut off": (
        lambda folder: spoil(folder, "ckpt-1.index", lambda b: b[:30]),
        "does not end as one",
    ),
    "an index of noise": (
        lambda folder: spoil(folder, "ckpt-1.index", lambda b: b"\xff" * 150 + b[150:]),
        "not a TensorFlow checkpoint, or it is damaged",
    ),
    "a compressed index": (lambda folder: bundles.write(folder, ARRAYS, compression=1), "compressed"),
    "an archive of something else": (
        lambda folder: (folder / "x.tar.gz").write_bytes(b"<html>") and folder / "x.tar.gz",
        "not an archive",
    ),
    "an index without data": (
        lambda folder: archive(folder, folder / "x.tar.gz", only="index"),
        "lacks a data file",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_checkpoint_is_refused_in_words(folder, what):
    make, sentence = WRONG[what]
    with pytest.raises(BenchError, match=sentence):
        tf_bundle.read(make(folder))


def test_data_cut_off_is_noticed_at_the_tensor_that_it_lacks(folder):
    bundle = tf_bundle.read(spoil(folder, "ckpt-1.data-00000-of-00001", lambda data: data[:-2]))
    np.testing.assert_array_equal(bundle.array("model/b"), ARRAYS["model/b"])
    with pytest.raises(BenchError, match="cut off or damaged"):
        bundle.array("save_counter")
