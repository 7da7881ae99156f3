"""MoViNet's weights between TensorFlow and torch: one table of names reads checkpoints and living models.

The names of `models.movinet` are the common ground. A weight of the official network is found by the
attributes that lead to it, `layer_with_weights-3/_feature/_conv/kernel`; the checkpoints that its authors
publish hold the same path as a key. No framework is imported here: arrays are NumPy's, in torch's layout
[out, in, ...].
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models import tf_bundle
from utils.errors import BenchError

Array = NDArray[np.generic]
Arrays = dict[str, Array]

HEAD = "classifier."
_KEY = re.compile(r"(?:model/)?(?:layer_with_weights-0/layer_with_weights-(\d+)|layer_with_weights-1)/(.+)")
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_ATTRIBUTES = {
    "_stem": "stem",
    "_project": "project",
    "_head": "dense",
    "_classifier": "classifier",
    "_expansion": "expansion",
    "_feature": "feature",
    "_attention": "attention",
    "_projection": "projection",
    "_skip": "skip",
    "_se_reduce": "reduce",
    "_se_expand": "expand",
    "_pos_encoding": "position",
    "_mobile_bottleneck": "",
    "_rezero": "",
    "_conv": "conv",
    "_conv_temporal": "conv_temporal",
    "_batch_norm": "norm",
    "_batch_norm_temporal": "norm_temporal",
    "_scale": "scale",
    "scale": "scale",
    "kernel": "weight",
    "depthwise_kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
"""The official network's attributes and what `models.movinet` calls them; an empty name adds no level."""
_VARIANTS = {15: "a0", 24: "a1", 26: "a2", 33: "a3", 47: "a4", 59: "a5"}
"""A variant is known by how many blocks it has."""


class Variable(NamedTuple):
    """A weight of a living Keras model, and whether its last two axes stand the other way round."""

    variable: Any
    depthwise: bool


def _name(layer: int | None, attributes: list[str]) -> str | None:
    """Return the name in `models.movinet` of a weight, or None for what is no weight (counters, optimisers).

    Args:
        layer: its layer in the backbone, stem first; None for the classifier's head.
        attributes: the way from that layer to it.
    """
    if not all(attribute in _ATTRIBUTES for attribute in attributes):
        return None
    parts = [_ATTRIBUTES[attribute] for attribute in attributes]
    if layer is not None and parts[0] not in {"stem", "project"}:
        parts.insert(0, f"layers.{layer - 1}")
    name = (
        ".".join(part for part in parts if part)
        .replace("conv.conv", "conv")
        .replace("temporal.conv", "temporal")
    )
    return re.sub(r"(reduce|expand|dense|classifier)\.conv", r"\1", name)


def _to_torch(array: Array, *, depthwise: bool) -> Array:
    """Turn a kernel [..., in, out] into [out, in, ...]; anything of fewer than three axes stays as it is."""
    if array.ndim < 3:  # noqa: PLR2004
        return array
    if depthwise:  # [..., channels, 1] says the same as [..., 1, channels]
        array = array.swapaxes(-1, -2)
    return np.moveaxis(array, (-1, -2), (0, 1))


def _to_tensorflow(array: Array, variable: Variable) -> Array:
    """Turn a kernel [out, in, ...] into the layout and shape of a Keras variable."""
    if len(variable.variable.shape) >= 3:  # noqa: PLR2004
        array = np.moveaxis(array, (0, 1), (-1, -2))
        array = array.swapaxes(-1, -2) if variable.depthwise else array
    return array.reshape(tuple(variable.variable.shape))


def read(path: Path) -> Arrays:
    """Read an official checkpoint (`.tar.gz`, folder, `.index` or prefix) under our names.

    Raises:
        BenchError: it is no TensorFlow checkpoint, or none of a MoViNet.
    """
    bundle = tf_bundle.read(path)
    arrays: Arrays = {}
    for key in bundle.entries:
        match = _KEY.fullmatch(key.removesuffix(_VALUE))
        if match is None:
            continue
        attributes = match[2].split("/")
        name = _name(None if match[1] is None else int(match[1]), attributes)
        if name is not None:
            arrays[name] = _to_torch(bundle.array(key), depthwise=attributes[-1] == "depthwise_kernel")
    if not arrays:
        raise BenchError(f"{path} holds a TensorFlow checkpoint, but not one of a MoViNet.")
    return arrays


def variables(model: Any) -> dict[str, Variable]:  # noqa: ANN401 - TensorFlow's types are not at hand
    """Return the weights of the official Keras model (`models.movinet_tf.build`) under our names."""
    head = next(layer for layer in model.layers if hasattr(layer, "_classifier"))
    layers: list[tuple[int | None, Any]] = [(None, head)]
    layers += list(enumerate(layer for layer in model.backbone.layers if layer.weights))
    found: dict[str, Variable] = {}
    for number, layer in layers:
        for attributes, variable in _walk(layer, []):
            name = _name(number, attributes)
            if name is not None:
                found[name] = Variable(variable, attributes[-1] == "depthwise_kernel")
    return found


def _walk(layer: Any, way: list[str]) -> Iterator[tuple[list[str], Any]]:  # noqa: ANN401
    """Yield the variables below a Keras layer with the attributes that lead to them."""
    for attribute in _ATTRIBUTES:
        child = getattr(layer, attribute, None)
        if hasattr(child, "assign"):
            yield [*way, attribute], child
        elif hasattr(child, "trainable_weights"):
            yield from _walk(child, [*way, attribute])


def from_tensorflow(model: Any) -> Arrays:  # noqa: ANN401
    """Return a Keras model's weights, by our names and in torch's layout."""
    return {
        name: _to_torch(found.variable.numpy(), depthwise=found.depthwise)
        for name, found in variables(model).items()
    }


def into_tensorflow(arrays: Mapping[str, Array], model: Any) -> None:  # noqa: ANN401
    """Set a Keras model's weights from arrays by our names; the classifier may have another width.

    Raises:
        BenchError: the arrays are another network's.
    """
    own = variables(model)
    fitting = _fitting(arrays, from_tensorflow(model))
    for name, array in fitting.items():
        own[name].variable.assign(_to_tensorflow(array, own[name]))


def from_torch(network: Any) -> Arrays:  # noqa: ANN401 - torch's types are not at hand
    """Return a torch MoViNet's weights by name."""
    state = network.state_dict()
    return {name: tensor.numpy(force=True) for name, tensor in state.items() if not name.endswith("_tracked")}


def into_torch(arrays: Mapping[str, Array], network: Any) -> None:  # noqa: ANN401
    """Set a torch MoViNet's weights from arrays by name; the classifier may have another width.

    Raises:
        BenchError: the arrays are another network's.
    """
    own = network.state_dict()
    for name, array in _fitting(arrays, from_torch(network)).items():
        own[name].copy_(own[name].new_tensor(np.array(array)))


def load(network: Any, path: Path) -> str:  # noqa: ANN401
    """Load an official checkpoint into a torch MoViNet, all but a classifier of another width.

    Returns:
        The SHA-256 of what was read.

    Raises:
        BenchError: it is no checkpoint of this variant.
    """
    into_torch(read(path), network)
    return fingerprint(path)


def load_tensorflow(model: Any, path: Path) -> str:  # noqa: ANN401
    """Load an official checkpoint into the official Keras model; as `load`."""
    into_tensorflow(read(path), model)
    return fingerprint(path)


def _fitting(arrays: Mapping[str, Array], own: Mapping[str, Array]) -> Arrays:
    """Return the arrays in the shapes of `own`, without a classifier of another width.

    Raises:
        BenchError: a name is missing or left over, or a shape differs: it is another network.
    """
    fits = {name for name in arrays if name in own and _alike(arrays[name], own[name])}
    wrong = {name for name in {*arrays, *own} - fits if not name.startswith(HEAD)}
    if wrong:
        first = min(wrong)
        raise BenchError(
            f"These are the weights of {_kind(arrays)}, and the network is {_kind(own)}: "
            f"{len(wrong)} weights do not fit, for example {first}."
        )
    head = {name for name in own if name.startswith(HEAD)}
    whole = head <= fits
    return {name: arrays[name].reshape(own[name].shape) for name in fits if whole or name not in head}


def _alike(one: Array, other: Array) -> bool:
    """Say whether two kernels differ at most by axes of length 1: a 3-D and a 2-D one of the same use."""
    return one.shape[:2] == other.shape[:2] and one.size == other.size


def _kind(arrays: Mapping[str, Array]) -> str:
    """Say what network has these weights."""
    blocks = len({name.split(".")[1] for name in arrays if name.startswith("layers.")})
    variant = _VARIANTS.get(blocks, f"of {blocks} blocks")
    stream = any("conv_temporal" in name for name in arrays)
    return f"MoViNet {variant} ({'streaming' if stream else 'base'})"


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a checkpoint: of its one file, or of its files in the order of their names."""
    digest = hashlib.sha256()
    for file in tf_bundle.parts(path):
        with file.open("rb") as source:
            while piece := source.read(1 << 20):
                digest.update(piece)
    return digest.hexdigest()
