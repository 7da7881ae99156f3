"""Reads files of torch weights, never running code that one brings along, and fits them to a network."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models import movinet_weights
from models.weights_files import is_safetensors, is_tensorflow, refuse_bomb
from utils.errors import BenchError
from utils.imports import optional

Table = dict[str, Tensor]
"""Tensors by name: a state dict."""

WRAPPERS = ("model_state", "state_dict", "model_state_dict", "network", "model", "module")
"""Keys under which checkpoints keep the state dict; pytorchvideo's is the first, our own the second."""
PREFIXES = ("module.", "_orig_mod.", "network.", "model.", "backbone.")
"""What wrappers such as DataParallel and torch.compile put before every name."""
KNOWN_BY = {
    "Conv3d_1a_7x7.conv3d.weight": "I3D",
    "features.0.0.0.weight": "S3D",
    "blocks.5.proj.weight": "X3D",
    "layers.0.feature.conv.weight": "MoViNet",
    "patch_embeddings.projection.weight": "VideoMAE",
    "patch_embed.proj.weight": "VideoMAE",
    "pos_encoding.class_token": "MViT",
}
"""A name that the weights of only one kind of network have."""

_DEEP = 4
"""Wrappers lie in wrappers so many deep, and no deeper."""
_CODE = re.compile(r"GLOBAL ([\w.]+)")


def read(path: Path) -> Table:
    """Read a state dict from a file of torch or safetensors, on the CPU.

    Raises:
        BenchError: it is missing, empty, a web page, cut off, damaged, a pickle that asks to run code,
            or holds no table of tensors.
    """
    table = _unwrapped(_safetensors(path) if is_safetensors(path) else _torch(path))
    if table is None:
        raise BenchError(f"{path.name} holds no weights: no table of tensors is in it.")
    return table


def read_for(network: nn.Module, path: Path) -> Table:
    """Read weights of any format under the network's own names.

    Raises:
        BenchError: as `read`; or a TensorFlow checkpoint that is damaged or not of a MoViNet.
    """
    if not is_tensorflow(path):
        rename: Callable[[Table], Table] = getattr(network, "renamed", _same)
        return rename(read(path))
    own = network.state_dict()
    table: Table = {}
    for name, array in movinet_weights.read(path).items():
        tensor = torch.from_numpy(np.array(array))
        if name in own and own[name].shape[:2] == tensor.shape[:2] and own[name].numel() == tensor.numel():
            tensor = tensor.reshape(own[name].shape)  # a 3-D kernel of length 1 does a 2-D one's work
        table[name] = tensor
    return table


def fit(network: nn.Module, table: Table, *, file: str, system: str, head: bool = True) -> int | None:
    """Put weights into a network; all must fit by name and shape but the head, which may have other classes.

    Args:
        network: of the zoo; left as it was if anything is wrong.
        table: the weights.
        file: their file, for the sentences.
        system: the row's name, for the sentences.
        head: take over a head of as many classes; otherwise it is left out even so.

    Returns:
        None where the head was loaded too; else the number of classes of the one left out, 0 for none.

    Raises:
        BenchError: they are another network's, or hold values that are not numbers.
    """
    own = network.state_dict()
    heads: tuple[str, ...] = tuple(getattr(network, "head", ()))
    whole = (head or not heads) and all(
        name in table and table[name].shape == own[name].shape for name in own if name.startswith(heads)
    )
    given = {name: tensor for name, tensor in table.items() if whole or not name.startswith(heads)}
    wanted = {name: tensor for name, tensor in own.items() if whole or not name.startswith(heads)}
    _check_fit(wanted, given, f"{file} does not fit {system}")
    _check_numbers(given, file)
    network.load_state_dict(given, strict=False)
    return None if whole else _classes(table, heads)


def classes(network: nn.Module) -> int:
    """Return how many classes a network's head tells apart."""
    return _classes(network.state_dict(), tuple(getattr(network, "head", ())))


def _same(table: Table) -> Table:
    """Return a table whose names are the network's own."""
    return table


def _safetensors(path: Path) -> Mapping[str, Any]:
    """Read a safetensors file."""
    safetensors = optional("safetensors", "torch")
    try:
        table: Table = optional("safetensors.torch", "torch").load_file(path)
    except (safetensors.SafetensorError, ValueError, OSError) as error:
        raise _unreadable(path, error) from error
    return table


def _numpy_numbers() -> AbstractContextManager[None]:
    """Let checkpoints hold NumPy's plain numbers, such as an epoch or a learning rate beside the weights."""
    scalar: Any = np.float64(0).__reduce__()[0]
    names = [(scalar, f"numpy.{package}.multiarray.scalar") for package in ("core", "_core")]
    types = [type(np.dtype(kind)) for kind in ("f8", "f4", "i8", "i4", "?")]
    context: AbstractContextManager[None] = torch.serialization.safe_globals([*names, np.dtype, *types])
    return context


def _torch(path: Path) -> object:
    """Read what torch.save wrote, tensors and plain values only."""
    refuse_bomb(path)
    try:
        with _numpy_numbers(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about pickles that are then refused in words
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        code = _CODE.search(str(error))
        if code:
            raise BenchError(
                f"{path.name} asks to run code when it is read ({code[1]}), and was not read. "
                "Where you trust it, save its state dict alone: torch.save(network.state_dict(), ...)."
            ) from error
        raise _unreadable(path, error) from error
    except Exception as error:  # a damaged pickle raises whatever it happens to meet
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> BenchError:
    """Say that a file cannot be read, with the first line of the reason."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120].rstrip(".")
    return BenchError(
        f"{path.name} is no checkpoint, or it is cut off or damaged ({reason}). Fetch it again."
    )


def _unwrapped(content: object, depth: int = 0) -> Table | None:
    """Return the table of tensors in a checkpoint, looking into its wrappers, a few deep."""
    if not isinstance(content, Mapping) or depth > _DEEP:
        return None
    table = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    if table:
        return _bare(table)
    inner = (content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping))
    return next((found for value in inner if (found := _unwrapped(value, depth + 1))), None)


def _bare(table: Table) -> Table:
    """Take off what stands before every name."""
    for prefix in PREFIXES * _DEEP:
        if all(name.startswith(prefix) for name in table):
            table = {name.removeprefix(prefix): tensor for name, tensor in table.items()}
    return table


def _check_fit(wanted: Table, given: Table, start: str) -> None:
    """Refuse a table whose names or shapes are not the network's.

    Files older than PyTorch 0.4.1 do not count batches, and the networks here do not use that count.
    """
    names, found = (
        {name for name in side if not name.endswith("num_batches_tracked")} for side in (wanted, given)
    )
    shapes = sorted(name for name in names & found if wanted[name].shape != given[name].shape)
    faults = {
        "missing": sorted(names - found),
        "not its own": sorted(found - names),
        "of another shape": shapes,
    }
    if not any(faults.values()):
        return
    kind = next((f" They are of {kind}." for name, kind in KNOWN_BY.items() if name in given), "")
    counts = "; ".join(f"{len(group)} {what}, first {group[0]}" for what, group in faults.items() if group)
    if shapes:
        counts += f" ({tuple(given[shapes[0]].shape)} instead of {tuple(wanted[shapes[0]].shape)})"
    raise BenchError(f"{start}. Of its {len(names)} tensors: {counts}.{kind}")


def _check_numbers(table: Table, file: str) -> None:
    """Refuse values that are infinite or no numbers at all: nothing can be trained from them."""
    for name, tensor in table.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise BenchError(
                f"{file} holds values that are not numbers, first in {name}: its training failed."
            )


def _classes(table: Table, heads: tuple[str, ...]) -> int:
    """Return how many classes a head has, by its bias; 0 where there is none."""
    return next((len(t) for name, t in table.items() if name.startswith(heads) and t.dim() == 1), 0)
