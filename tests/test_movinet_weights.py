"""MoViNet's weights find their names, their layout and their network, and say so where they do not."""

from __future__ import annotations

import hashlib
import re

import bundles
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models import movinet, movinet_weights  # noqa: E402
from utils.errors import BenchError  # noqa: E402

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
BACKBONE = "model/layer_with_weights-0/layer_with_weights"
# Keys as tensorflow/models' own checkpoints have them.
KEYS = {
    f"{BACKBONE}-0/_stem/_conv/kernel": "stem.conv.weight",
    f"{BACKBONE}-0/_stem/_batch_norm/moving_variance": "stem.norm.running_var",
    f"{BACKBONE}-10/_expansion/_conv/kernel": "layers.9.expansion.conv.weight",
    f"{BACKBONE}-2/_expansion/_conv/_conv/kernel": "layers.1.expansion.conv.weight",
    f"{BACKBONE}-2/_feature/_conv/_conv/depthwise_kernel": "layers.1.feature.conv.weight",
    f"{BACKBONE}-2/_feature/_conv_temporal/_conv/depthwise_kernel": "layers.1.feature.conv_temporal.weight",
    f"{BACKBONE}-2/_feature/_batch_norm_temporal/beta": "layers.1.feature.norm_temporal.bias",
    f"{BACKBONE}-2/_attention/_se_reduce/_conv/_conv/bias": "layers.1.attention.reduce.bias",
    f"{BACKBONE}-2/_attention/_pos_encoding/_rezero/scale": "layers.1.attention.position.scale",
    f"{BACKBONE}-2/_mobile_bottleneck/_rezero/_scale": "layers.1.scale",
    f"{BACKBONE}-2/_skip/_projection/_batch_norm/gamma": "layers.1.skip.projection.norm.weight",
    f"{BACKBONE}-16/_project/_conv/kernel": "project.conv.weight",
    "model/layer_with_weights-1/_head/_conv/_conv/kernel": "dense.weight",
    "layer_with_weights-1/_classifier/_conv/bias": "classifier.bias",
    "optimizer/_iterations": None,
    f"{BACKBONE}-0/_stem/_conv/kernel/.OPTIMIZER_SLOT/optimizer/rms": None,
    "save_counter": None,
}


@pytest.mark.parametrize("key", KEYS)
def test_official_keys_find_our_names(tmp_path, key):
    sure = f"{BACKBONE}-0/_stem/_batch_norm/gamma"
    arrays = {f"{key}{VALUE}": np.zeros(2, np.float32), f"{sure}{VALUE}": np.zeros(8, np.float32)}
    found = movinet_weights.read(bundles.write(tmp_path, arrays))
    assert set(found) - {"stem.norm.weight"} == ({KEYS[key]} if KEYS[key] else set())


def tiny(variant="a0", classes=3, **options):
    return movinet.build(classes, variant=variant, frames=1, size=32, **options)


def official_checkpoint(network, folder):
    """Write a base network's weights as TensorFlow keeps them."""
    arrays = {}
    for name, array in movinet_weights.from_torch(network).items():
        arrays[f"{official_key(name)}{VALUE}"] = as_keras(array)
    return bundles.write(folder, arrays)


def as_keras(array):
    if array.ndim == 2:
        array = array[:, :, None, None, None]
    return np.ascontiguousarray(np.moveaxis(array, (0, 1), (-1, -2))) if array.ndim > 2 else array


def official_key(name):
    layer = re.match(r"layers\.(\d+)\.", name)
    name = name.removeprefix(layer[0]) if layer else name
    number = int(layer[1]) + 1 if layer else {"stem": 0, "project": 16}.get(name.partition(".")[0])
    place = "model/layer_with_weights-1/" if number is None else f"{BACKBONE}-{number}/"
    if name == "scale":
        return f"{place}_mobile_bottleneck/_rezero/scale"
    unit, _, leaf = name.rpartition(".")
    leaf = "gamma" if unit.endswith("norm") and leaf == "weight" else leaf
    leaf = "beta" if unit.endswith("norm") and leaf == "bias" else leaf
    leaf = {"weight": "kernel", "running_mean": "moving_mean", "running_var": "moving_variance"}.get(
        leaf, leaf
    )
    unit = re.sub(r"(reduce|expand|dense|classifier)$", r"\1.conv", unit)
    words = {"norm": "_batch_norm", "reduce": "_se_reduce", "expand": "_se_expand", "dense": "_head"}
    return "/".join([place.rstrip("/"), *(words.get(part, f"_{part}") for part in unit.split(".")), leaf])


def same(one, other, but=()):
    theirs = other.state_dict()
    return all(
        torch.equal(mine, theirs[name]) for name, mine in one.state_dict().items() if not name.startswith(but)
    )


def test_a_checkpoint_gives_a_network_all_its_weights(tmp_path):
    source, network = tiny(), tiny()
    path = official_checkpoint(source, tmp_path)
    assert not same(source, network)
    sha256 = movinet_weights.load(network, path)
    assert same(source, network)
    files = [tmp_path / name for name in ("ckpt-1.data-00000-of-00001", "ckpt-1.index")]
    assert sha256 == hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def test_a_classifier_of_other_classes_stays_as_it_is(tmp_path):
    source, network = tiny(), tiny(classes=4)
    before = network.classifier.weight.clone()
    movinet_weights.load(network, official_checkpoint(source, tmp_path))
    assert same(source, network, but="classifier.")
    assert torch.equal(network.classifier.weight, before)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"variant": "a1"}, r"of MoViNet a0 \(base\), and the network is MoViNet a1 \(base\): \d+ weights"),
        (
            {"variant": "a0", "stream": True},
            r"MoViNet a0 \(base\), and the network is MoViNet a0 \(streaming\)",
        ),
    ],
)
def test_another_networks_weights_are_refused_and_nothing_changes(options, sentence):
    network = tiny(**options)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(BenchError, match=sentence):
        movinet_weights.into_torch(movinet_weights.from_torch(tiny()), network)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    path = bundles.write(tmp_path, {"model/encoder/kernel": np.zeros(3, np.float32)})
    with pytest.raises(BenchError, match="not one of a MoViNet"):
        movinet_weights.read(path)
