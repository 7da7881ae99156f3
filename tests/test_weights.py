"""Initial weights: official formats load, all else is refused in a sentence, downloads are checked."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import http.server
import pickle
import re
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models import download, movinet_weights, weights, weights_files, weights_torch, zoo  # noqa: E402
from utils.errors import BenchError  # noqa: E402

SHAPES = {"x3d-xs": (4, 64), "i3d": (9, 64), "s3d": (14, 224), "movinet-a0": (4, 64)}


def build(name, classes):
    frames, size = SHAPES[name]
    torch.manual_seed(classes)
    return zoo.build(name, "torch", classes, frames=frames, size=size)


@pytest.fixture(scope="module")
def official():
    """Return state dicts with 7 classes, as the origins would publish them."""
    return {name: build(name, 7).state_dict() for name in SHAPES}


def same_but_head(network, state):
    own = network.state_dict()
    rest = [name for name in own if not name.startswith(tuple(network.head))]
    assert len(rest) > 50
    return all(torch.equal(own[name], state[name]) for name in rest)


def as_pytorchvideo(state, path):
    extra = {"epoch": 300, "cfg": "TRAIN:", "best": np.float64(77.4), "step": np.int64(3)}
    torch.save({"model_state": state, "optimizer_state": {"state": {}}, **extra}, path)


def as_old_i3d(state, path):
    """PyTorch 0.3 neither counted batches nor zipped its files."""
    old = {name: t for name, t in state.items() if not name.endswith("num_batches_tracked")}
    torch.save(old, path, _use_new_zipfile_serialization=False)


def as_safetensors(state, path):
    save = pytest.importorskip("safetensors.torch")
    save.save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)


def as_ours(state, path):
    torch.save({"state_dict": state, "recipe": "{}"}, path)


def as_parallel(state, path):
    torch.save({"model": {f"module._orig_mod.{name}": tensor for name, tensor in state.items()}}, path)


FORMATS = [
    ("s3d", "s3d.pth", torch.save),
    ("x3d-xs", "X3D_XS.pyth", as_pytorchvideo),
    ("i3d", "rgb_imagenet.pt", as_old_i3d),
    ("x3d-xs", "x3d.safetensors", as_safetensors),
    ("x3d-xs", "no-suffix", as_safetensors),
    ("movinet-a0", "best.pt", as_ours),
    ("x3d-xs", "parallel.pt", as_parallel),
]


@pytest.mark.parametrize(("name", "file", "write"), FORMATS)
def test_every_format_loads_all_but_a_head_of_other_classes(official, tmp_path, name, file, write):
    path = tmp_path / file
    write(official[name], path)
    network = build(name, 3)
    head = {n: t.clone() for n, t in network.state_dict().items() if n.startswith(tuple(network.head))}
    said = []
    found = weights.load_weights(network, path, system=name, say=said.append)
    assert found == hashlib.sha256(path.read_bytes()).hexdigest() == weights.digest(path)
    assert same_but_head(network, official[name])
    assert all(torch.equal(network.state_dict()[n], t) for n, t in head.items())
    head = "its head of 7 classes is left out, and the one of 3 classes starts at random"
    assert said == [f"{name} starts from {file}; {head}."]


def test_a_head_of_the_same_classes_is_loaded_too(official, tmp_path, capsys):
    path = tmp_path / "best.pt"
    as_ours(official["x3d-xs"], path)
    network = build("x3d-xs", 7)
    torch.nn.init.zeros_(network.blocks[5].proj.weight)
    weights.load_weights(network, path, system="x3d-xs")
    assert all(torch.equal(t, official["x3d-xs"][n]) for n, t in network.state_dict().items())
    assert capsys.readouterr().err == "x3d-xs starts from best.pt, its head included.\n"


def test_a_backbone_alone_is_enough(official, tmp_path):
    path = tmp_path / "backbone.pt"
    state = {n: t for n, t in official["x3d-xs"].items() if not n.startswith("blocks.5.proj.")}
    torch.save(state, path)
    said = []
    weights.load_weights(build("x3d-xs", 3), path, system="x3d-xs", say=said.append)
    assert "it has no head, and the one of 3 classes starts at random" in said[0]


def test_tensorflow_checkpoints_go_to_movinet(official, tmp_path, monkeypatch):
    path = tmp_path / "movinet_a0_base.tar.gz"
    path.write_bytes(gzip.compress(b"stands for an archive"))
    source = build("movinet-a0", 7)
    source.load_state_dict(official["movinet-a0"])
    arrays = movinet_weights.from_torch(source)
    stem = next(name for name, array in arrays.items() if array.ndim == 5)
    arrays[stem] = arrays[stem].squeeze(2)  # a 2-D kernel instead of a 3-D one of length 1
    monkeypatch.setattr(movinet_weights, "read", lambda _: arrays)
    network = build("movinet-a0", 3)
    weights.load_weights(network, path, system="movinet-a0", say=[].append)
    assert same_but_head(network, {**network.state_dict(), **official["movinet-a0"]})
    with pytest.raises(BenchError, match=r"does not fit x3d-xs.*They are of MoViNet"):
        weights.load_weights(build("x3d-xs", 3), path, system="x3d-xs", say=[].append)


@pytest.mark.parametrize("name", ["ckpt-1", "ckpt-1.index", "."])
def test_a_tensorflow_checkpoint_is_known_by_its_prefix_its_index_and_its_folder(tmp_path, name):
    for part in ("ckpt-1.index", "ckpt-1.data-00000-of-00001", "checkpoint"):
        (tmp_path / part).write_bytes(part.encode())
    assert weights_files.is_tensorflow(tmp_path / name)
    assert len(weights.digest(tmp_path / name)) == 64


# What is no checkpoint: its bytes, and words of the sentence.
NOT_WEIGHTS = {
    "page": (b"\n<!DOCTYPE html><html>sign in</html>", "web page"),
    "page-utf8": (b"\xef\xbb\xbf<HTML>", "web page"),
    "empty": (b"", "is empty"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "text": (b"these are no weights\n", "no checkpoint"),
    "json": (b'{"a": 1}', "no checkpoint"),
    "number": (pickle.dumps(3), "no checkpoint"),
    "zip": (b"PK\x03\x04" + bytes(100), "cut off or damaged"),
    "bad.safetensors": (b"\xff" * 7 + b"\x7f{}", "cut off or damaged"),
    "short.safetensors": (b"\x05", "cut off or damaged"),
}


@pytest.mark.parametrize("name", NOT_WEIGHTS)
def test_what_is_no_checkpoint_is_refused_in_words(tmp_path, name):
    content, words = NOT_WEIGHTS[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BenchError, match=words):
        weights.load_weights(build("x3d-xs", 3), path, system="x3d-xs")


def test_a_checkpoint_without_tensors_is_refused(tmp_path):
    path = tmp_path / "log.pt"
    for content in (3, [torch.ones(1)], {"epoch": 3}, {"model": {"model": {}}}):
        torch.save(content, path)
        with pytest.raises(BenchError, match="no table of tensors"):
            weights_torch.read(path)


def test_a_missing_file_and_a_folder_without_a_checkpoint_are_named(tmp_path):
    for path in (tmp_path / "missing.pt", tmp_path):
        for read in (weights.digest, lambda path: weights_torch.read_for(build("movinet-a0", 3), path)):
            with pytest.raises(BenchError, match=re.escape(str(path))):
                read(path)


class Code:
    """A pickle of it asks to open a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_brings_code_is_named_and_not_run(tmp_path, zipped):
    path, proof = tmp_path / "evil.pt", tmp_path / "proof"
    torch.save({"model_state": Code(proof)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(BenchError, match=r"asks to run code when it is read \(\w+\.open\)"):
        weights.load_weights(build("x3d-xs", 3), path, system="x3d-xs")
    assert not proof.exists()


@pytest.mark.parametrize("write", [torch.save, as_old_i3d, as_safetensors])
def test_a_file_cut_off_anywhere_is_refused_in_words(official, tmp_path, write):
    path = tmp_path / "whole"
    write(official["x3d-xs"], path)
    content = path.read_bytes()
    refused = 0
    for share in (0.0001, 0.01, 0.2, 0.5, 0.9, 0.99, 0.99999):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(BenchError, match=r"damaged|cut off|no checkpoint|does not fit"):
            weights.load_weights(build("x3d-xs", 3), path, system="x3d-xs")
        refused += 1
    assert refused == 7


def test_flipped_bytes_end_in_a_sentence_or_in_a_network(tmp_path):
    path = tmp_path / "flipped.pt"
    state = {"layer.weight": torch.ones(3, 3), "head.weight": torch.ones(2, 3)}
    torch.save(state, path, _use_new_zipfile_serialization=False)
    content = bytearray(path.read_bytes())
    random = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(content)
        damaged[random.integers(len(content))] ^= 1 << random.integers(8)
        path.write_bytes(bytes(damaged))
        with suppress(BenchError):
            weights_torch.read(path)


def test_another_networks_weights_are_refused_and_nothing_is_changed(official, tmp_path):
    path = tmp_path / "other.pt"
    network = build("x3d-xs", 3)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    others = {"I3D": official["i3d"], "S3D": official["s3d"], "MoViNet": official["movinet-a0"]}
    for kind, state in others.items():
        torch.save(state, path)
        with pytest.raises(BenchError, match=rf"does not fit x3d-xs\. Of its 478.*They are of {kind}\."):
            weights.load_weights(network, path, system="x3d-xs")
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def damaged(state, **changes):
    changed = {name: tensor.clone() for name, tensor in state.items()}
    for name, change in changes.items():
        change(changed, name)
    return changed


FIRST, LAST = "blocks.0.norm.bias", "blocks.5.pool.post_conv.weight"
FAULTS = {
    f"1 missing, first {FIRST}": {FIRST: lambda s, n: s.pop(n)},
    "1 not its own, first extra.weight": {FIRST: lambda s, _: s.update({"extra.weight": torch.ones(2)})},
    rf"1 of another shape, first {FIRST} \(\(25,\) instead of \(24,\)\)": {
        FIRST: lambda s, n: s.update({n: torch.ones(25)})
    },
    f"values that are not numbers, first in {FIRST}": {FIRST: lambda s, n: s[n].fill_(float("nan"))},
    f"not numbers, first in {LAST}": {LAST: lambda s, n: s[n][0, 0].fill_(float("inf"))},
}


@pytest.mark.parametrize("sentence", FAULTS)
def test_weights_that_nearly_fit_are_refused_with_the_first_fault(official, tmp_path, sentence):
    path = tmp_path / "near.pt"
    torch.save(damaged(official["x3d-xs"], **FAULTS[sentence]), path)
    network = build("x3d-xs", 3)
    before = network.blocks[1].res_blocks[0].branch1_conv.weight.clone()
    with pytest.raises(BenchError, match=sentence):
        weights.load_weights(network, path, system="x3d-xs")
    assert torch.equal(network.blocks[1].res_blocks[0].branch1_conv.weight, before)


def test_half_precision_is_widened(official, tmp_path):
    path = tmp_path / "half.pt"
    torch.save({n: t.half() if t.is_floating_point() else t for n, t in official["x3d-xs"].items()}, path)
    network = build("x3d-xs", 3)
    weights.load_weights(network, path, system="x3d-xs", say=[].append)
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_the_module_imports_no_framework():
    code = "import sys, models.weights; print([m for m in ('torch', 'tensorflow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


CONTENT = bytes(range(256)) * 9000
SHA = hashlib.sha256(CONTENT).hexdigest()


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers by path: whole, cut off, a page, nothing, or an error."""

    def do_GET(self):
        self.server.asked.append(self.path)
        kind = Path(self.path).name.partition("-")[0].partition(".")[0]
        if kind in {"404", "403"}:
            self.send_error(int(kind))
            return
        body = {"page": b"<html>busy</html>", "empty": b""}.get(kind, CONTENT)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:100_000] if kind == "cut" else body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """Serve files from this machine, for the time of one test."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as running:
        running.asked = []
        running.url = f"http://127.0.0.1:{running.server_address[1]}"
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def official_file(server, name, sha256=SHA):
    return zoo.Weights(f"{server.url}/{name}", sha256, "a test")


def test_a_file_is_downloaded_once_and_checked_again(server, tmp_path):
    said = []
    for _ in range(2):
        path = download.fetch(official_file(server, "whole.pth"), tmp_path, said.append)
        assert path.read_bytes() == CONTENT
    assert len(server.asked) == 1
    assert said == [f"Downloading {server.url}/whole.pth (a test)"]


def test_a_damaged_copy_is_not_used(server, tmp_path):
    path = download.fetch(official_file(server, "whole.pth"), tmp_path, [].append)
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(BenchError, match=rf"not the official file.*Delete {re.escape(str(path))}"):
        download.fetch(official_file(server, "whole.pth"), tmp_path, [].append)


def test_a_file_whose_hash_nobody_states_is_held_to_its_first_download(server, tmp_path):
    said = []
    unknown = official_file(server, "whole.pyth", None)
    path = download.fetch(unknown, tmp_path, said.append)
    assert SHA in said[1]
    assert (tmp_path / "whole.pyth.sha256").read_text() == f"{SHA}  whole.pyth\n"
    assert download.fetch(unknown, tmp_path, said.append) == path
    assert len(said) == 2
    path.write_bytes(CONTENT + b"!")
    with pytest.raises(BenchError, match="not the official file"):
        download.fetch(unknown, tmp_path, said.append)


def test_a_file_brought_by_hand_is_recorded_without_a_download(server, tmp_path):
    (tmp_path / "whole.pyth").write_bytes(CONTENT)
    said = []
    download.fetch(official_file(server, "whole.pyth", None), tmp_path, said.append)
    assert server.asked == []
    assert SHA in said[0]


def test_the_digits_in_a_files_name_are_checked(server, tmp_path):
    download.fetch(official_file(server, f"s3d-{SHA[:8]}.pth", None), tmp_path, [].append)
    with pytest.raises(BenchError, match=r"begins .*, not d76dad2f"):
        download.fetch(official_file(server, "s3d-d76dad2f.pth", None), tmp_path, [].append)


FAILED = {
    "404.pth": "the server answered 404",
    "403.tar.gz": "the server answered 403",
    "cut.pth": "ended after 100000 of 2304000 bytes|connection broke off",
    "empty.pth": "ended after 0 of 0 bytes",
    "page.pth": "web page",
}


@pytest.mark.parametrize(("name", "sentence"), FAILED.items())
def test_a_failed_download_ends_in_a_sentence_and_leaves_nothing(server, tmp_path, name, sentence):
    for sha in (SHA, None):
        with pytest.raises(BenchError, match=sentence):
            download.fetch(official_file(server, name, sha), tmp_path, [].append)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_file_is_not_kept(server, tmp_path):
    with pytest.raises(BenchError, match="not the official file") as raised:
        download.fetch(official_file(server, "whole.pth", "0" * 64), tmp_path, [].append)
    assert raised.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_no_network_ends_in_a_sentence(tmp_path):
    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as closed:
        port = closed.server_address[1]
    nowhere = zoo.Weights(f"http://127.0.0.1:{port}/whole.pth", SHA, "a test")
    with pytest.raises(BenchError, match=r"Cannot download http.*give it with --weights FILE"):
        download.fetch(nowhere, tmp_path, [].append)


def test_kinetics_looks_the_row_up(server, tmp_path, monkeypatch, capsys):
    row = dataclasses.replace(zoo.system("i3d"), weights={"kinetics": official_file(server, "whole.pt")})
    monkeypatch.setitem(zoo.ZOO, "i3d", row)
    assert weights.kinetics("i3d", tmp_path) == tmp_path / "whole.pt"
    assert "Downloading" in capsys.readouterr().err
    monkeypatch.setitem(zoo.ZOO, "i3d", dataclasses.replace(row, weights={}))
    with pytest.raises(BenchError, match="i3d has no official weights"):
        weights.kinetics("i3d", tmp_path)
    assert download.weights_folder().parts[-2:] == ("data", "weights")
