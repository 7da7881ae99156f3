"""Initial weights: where official ones come from, and how a file of any known format gets into a network.

Imports no framework until weights are loaded, so that a user of one framework needs no other.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.download import kinetics
from models.weights_files import digest
from utils.imports import optional

__all__ = ["digest", "kinetics", "load_weights"]


def _tell(sentence: str) -> None:
    """Say a sentence to the person at the terminal."""
    sys.stderr.write(f"{sentence}\n")


def load_weights(
    network: Any,  # noqa: ANN401 - a torch network; torch is not imported here
    path: Path,
    *,
    system: str,
    head: bool = True,
    say: Callable[[str], None] = _tell,
) -> str:
    """Load weights into a torch network of the zoo in place, and say what became of its head.

    Formats: torchvision's S3D and MViT (.pth), pytorchvideo's X3D (.pyth), the common I3D (.pt), MoViNet's
    TensorFlow checkpoints, VideoMAE as Hugging Face and its authors have it, safetensors, and this project's
    own. Everything must fit by name and shape but the head: one of another number of classes is left out,
    and the network keeps its random one.

    Args:
        network: built by the zoo for `system`.
        path: the file; its format is found out from its content.
        system: the row's name.
        head: take over the file's head where it has as many classes; otherwise it is left out.
        say: takes the sentence about the head.

    Returns:
        The file's SHA-256.

    Raises:
        BenchError: the file cannot be read, is another network's, or holds values that are not numbers.
            The network is then as it was.
    """
    optional("torch", "torch")
    from models import weights_torch  # noqa: PLC0415 - imports torch

    table = weights_torch.read_for(network, path)
    left_out = weights_torch.fit(network, table, file=path.name, system=system, head=head)
    if not getattr(network, "head", ()):
        say(f"{system}, which has no head, starts from {path.name}.")
    elif left_out is None:
        say(f"{system} starts from {path.name}, its head included.")
    else:
        theirs = f"its head of {left_out} classes is left out" if left_out else "it has no head"
        ours = weights_torch.classes(network)
        say(f"{system} starts from {path.name}; {theirs}, and the one of {ours} classes starts at random.")
    return digest(path)
