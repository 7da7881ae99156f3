"""Files of weights that nobody vouches for: pickles, bombs, pipes, and thousands of damaged ones."""

import gzip
import io
import os
import resource
import tarfile
import threading
import time
import zipfile
from contextlib import suppress

import bundles
import numpy as np
import pytest

from models import tf_bundle, weights_files
from utils.errors import BenchError

torch = pytest.importorskip("torch")
weights_torch = pytest.importorskip("models.weights_torch")

STATE = {"layer.weight": torch.ones(3, 3), "layer.bias": torch.zeros(3), "head.weight": torch.ones(2, 3)}


def within(seconds, work):
    """Do some work that may hang, and return the sentence that it ends in."""
    found = []

    def carried_out():
        with pytest.raises(BenchError) as caught:
            work()
        found.append(str(caught.value))

    thread = threading.Thread(target=carried_out, daemon=True)
    thread.start()
    thread.join(seconds)
    assert found, f"nothing after {seconds} s"
    return found[0]


@pytest.fixture(autouse=True)
def bounded():
    """No test here may take a gigabyte or half a minute of a core."""
    memory, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 1 << 20
    assert time.process_time() - began < 30


def packed(path):
    """Pack a checkpoint of 128 MB of zeros into a thousandth of it."""
    plain = io.BytesIO()
    torch.save(STATE, plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        with new.open("archive/data/9", "w") as file:
            for _ in range(1 << 7):
                file.write(bytes(1 << 20))
    return path


def test_a_checkpoint_that_unpacks_to_a_thousand_times_its_size_is_not_read(tmp_path):
    path = packed(tmp_path / "bomb.pt")
    assert path.stat().st_size < 1 << 20
    assert "would unpack to" in within(20, lambda: weights_torch.read(path))


def test_a_checkpoint_that_somebody_packed_is_read(tmp_path):
    plain, path = tmp_path / "plain.pt", tmp_path / "packed.pt"
    torch.save(STATE, plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    weights_files.refuse_bomb(path)
    with suppress(BenchError):  # torch may not read packed files; it must not be us who refuse it
        assert torch.equal(weights_torch.read(path)["layer.weight"], STATE["layer.weight"])


@pytest.mark.parametrize("name", ["zeros.pt", "zeros.safetensors", "zeros.tar.gz", "header.safetensors"])
def test_gigabytes_of_zeros_are_refused_at_once(tmp_path, name):
    path = tmp_path / name
    with path.open("wb") as file:
        if name.startswith("header"):
            file.write((1 << 40).to_bytes(8, "little") + b'{"a":')
        file.truncate(10 << 30)
    assert within(20, lambda: weights_torch.read(path))


def test_a_pipe_is_named_and_not_waited_for(tmp_path):
    path = tmp_path / "pipe.pt"
    os.mkfifo(path)
    assert "a pipe or a device" in within(20, lambda: weights_torch.read(path))
    assert "a pipe or a device" in within(20, lambda: weights_files.digest(path))


def test_wrappers_in_wrappers_end(tmp_path):
    path, content = tmp_path / "deep.pt", dict(STATE)
    for _ in range(200):
        content = {"model": content}
    torch.save(content, path)
    assert "no table of tensors" in within(20, lambda: weights_torch.read(path))
    names = {"module." * 5000 + name: tensor for name, tensor in STATE.items()}
    torch.save(names, path)
    assert len(weights_torch.read(path)) == 3


def bomb(path, size):
    """Write an archive of TensorFlow's in which one file has so many bytes, all zero."""
    with gzip.open(path, "wb") as file:
        info = tarfile.TarInfo("movinet/ckpt-1.data-00000-of-00001")
        info.size = size
        file.write(info.tobuf())
        for _ in range(64):
            file.write(bytes(1 << 20))
    return path


def test_an_archive_that_unpacks_to_gigabytes_is_not_read(tmp_path):
    path = bomb(tmp_path / "bomb.tar.gz", 100 << 30)
    assert "unpacks to more than 2 GB" in within(20, lambda: tf_bundle.read(path))
    path = bomb(tmp_path / "cut.tar.gz", 1 << 30)
    assert "not an archive" in within(20, lambda: tf_bundle.read(path))


def test_an_index_that_names_the_same_block_again_and_again_is_refused(tmp_path):
    folder = bundles.write(tmp_path / "ckpt", {f"v{i}": np.ones(3, np.float32) for i in range(300)})
    path = folder / "ckpt-1.index"
    data = path.read_bytes()
    entry = bundles.block([(b"a", bytes(4))])
    handles = [(f"{i:06d}".encode(), bundles.handle(0, entry)) for i in range(20000)]
    index = bundles.block(handles)
    footer = bundles.handle(len(entry) + len(index), index) + bundles.handle(len(entry), index)
    path.write_bytes(entry + index + footer.ljust(40, b"\0") + data[-8:])
    assert "lie over each other" in within(20, lambda: tf_bundle.read(folder))
    path.write_bytes(b"\xff" * (8 << 20) + data[-48:])
    assert "damaged" in within(20, lambda: tf_bundle.read(folder))


def damaged(content, draw):
    """Damage bytes in one of five ways."""
    data, way = bytearray(content), int(draw.integers(5))
    begin = int(draw.integers(len(data)))
    end = min(len(data), begin + int(draw.integers(1, 64)))
    if way == 0:
        data[begin] ^= 1 << int(draw.integers(8))
    elif way == 1:
        del data[begin:]
    elif way == 2:
        data[begin:end] = bytes(end - begin)
    elif way == 3:
        data[begin:end] = draw.bytes(end - begin)
    else:
        data[begin:end] = data[begin:end] * 2
    return bytes(data)


def torch_file(path):
    torch.save({"epoch": 3, "model_state": STATE}, path)
    return path, lambda: weights_torch.read(path)


def old_torch_file(path):
    torch.save(STATE, path, _use_new_zipfile_serialization=False)
    return path, lambda: weights_torch.read(path)


def safetensors_file(path):
    pytest.importorskip("safetensors.torch").save_file(STATE, path)
    return path, lambda: weights_torch.read(path)


def tensorflow_index(path):
    folder = bundles.write(path, {"model/a": np.ones((2, 3), np.float32), "model/b": np.arange(9)})
    return folder / "ckpt-1.index", lambda: every_array(folder)


def tensorflow_archive(path):
    folder = bundles.write(path, {"model/a": np.ones((2, 3), np.float32), "model/b": np.arange(9)})
    archive = path.with_name("a.tar.gz")
    with tarfile.open(archive, "w:gz") as file:
        for part in sorted(folder.iterdir()):
            file.add(part, f"a/{part.name}")
    return archive, lambda: every_array(archive)


def every_array(path):
    bundle = tf_bundle.read(path)
    return {key: bundle.array(key) for key in bundle.entries}


@pytest.mark.parametrize(
    "make", [torch_file, old_torch_file, safetensors_file, tensorflow_index, tensorflow_archive]
)
def test_damaged_files_end_in_a_sentence_or_in_tensors(tmp_path, make):
    path, read = make(tmp_path / "weights")
    content, draw, refused = path.read_bytes(), np.random.default_rng(0), 0
    assert read()
    for _ in range(150):
        path.write_bytes(damaged(content, draw))
        try:
            read()
        except BenchError:
            refused += 1
    assert refused > 25
