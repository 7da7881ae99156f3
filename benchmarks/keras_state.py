"""Groups of TensorFlow variables as the bytes of an npz file, and back; nothing is ever unpickled."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.errors import FAILURE, BenchError

Groups = Mapping[str, Sequence[Any]]
"""tf.Variables by group, each in an order that depends on the recipe alone."""


def pack(groups: Groups) -> bytes:
    """Return the values of variables as an npz file with one array per `group/number`."""
    buffer = io.BytesIO()
    np.savez(buffer, **{name: variable.numpy() for name, variable in _named(groups).items()})
    return buffer.getvalue()


def unpack(content: bytes, groups: Groups) -> None:
    """Set variables from what `pack` returned for the same groups; all of them, or none.

    Raises:
        BenchError: it is damaged, or of another network or optimiser.
    """
    arrays, variables = _arrays(content), _named(groups)
    stored = {name: array.shape for name, array in arrays.items()}
    wanted = {name: tuple(variable.shape) for name, variable in variables.items()}
    if stored != wanted:
        differing = {name for name in stored.keys() | wanted.keys() if stored.get(name) != wanted.get(name)}
        raise BenchError(
            f"The kept weights are of another network or optimiser: {len(differing)} of {len(wanted)} arrays"
            f" differ, {min(differing)} first. Run again with --again.",
            exit_code=FAILURE,
        )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def take_over(
    content: bytes, weights: Sequence[Any], left_out: Sequence[Any], *, optional: Sequence[Any]
) -> bool:
    """Set a network's weights from those that a run kept; say whether those of `optional` were set too.

    Args:
        content: what `pack` returned for the group `weight` of that run's network.
        weights: this network's, in the same order.
        left_out: those that stay as they are.
        optional: those that stay as they are where that run's have other shapes.

    Raises:
        BenchError: it is damaged, or of another network; nothing is set then.
    """
    kept = [array for _, array in sorted(_arrays(content).items())]
    loose = {id(weight) for weight in optional}
    pairs = list(zip(kept, weights, strict=False))
    unlike = [weight for array, weight in pairs if array.shape != tuple(weight.shape)]
    if len(kept) != len(weights) or any(id(weight) not in loose for weight in unlike):
        raise BenchError(
            f"The run to start from is of another network: {len(kept)} arrays, not {len(weights)},"
            f" {len(unlike)} of another shape. Start from a run of the same model and shape."
        )
    spared = {id(weight) for weight in left_out} | (loose if unlike else set())
    for array, weight in pairs:
        if id(weight) not in spared:
            weight.assign(array)
    return not spared


def _arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """Read an npz file whole."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise BenchError(
            "The kept weights are damaged. Run again with --again.", exit_code=FAILURE
        ) from error


def _named(groups: Groups) -> dict[str, Any]:
    """Return variables by `group/number`: names that Keras gives depend on what else the process built."""
    return {
        f"{group}/{number:05d}": variable
        for group, variables in groups.items()
        for number, variable in enumerate(variables)
    }
