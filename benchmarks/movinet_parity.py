"""Compares our MoViNets with the official ones: parameters, and logits from the same weights.

python -m benchmarks.movinet_parity             # all twelve variants, about ten minutes of CPU
python -m benchmarks.movinet_parity a0 a3-stream
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import movinet_tf, movinet_weights
from models.movinet_weights import HEAD, Array, Arrays
from utils.errors import FAILURE, BenchError
from utils.names import lookup
from utils.seeds import generator

TOLERANCE = 1e-4
"""How far two logits may be apart."""
NAMES = {
    f"{variant}{kind}": (variant, kind != "") for kind in ("", "-stream") for variant in movinet_tf.VARIANTS
}
"""Variant and whether it streams, by the name on the command line."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The clips to compare on, and the classes to tell apart."""

    frames: int = 5
    size: int = 64
    classes: int = 600


@dataclass(frozen=True, slots=True)
class Parity:
    """What two networks have in common.

    Attributes:
        name: the variant, such as a0-stream.
        ours: parameters of our network: trainable ones, and statistics of batch normalisation.
        official: the same of the official network.
        largest: the largest logit, to judge the difference by.
        difference: the largest between any two logits.
    """

    name: str
    ours: tuple[int, int]
    official: tuple[int, int]
    largest: float
    difference: float

    @property
    def holds(self) -> bool:
        """Say whether the networks are the same."""
        return self.ours == self.official and self.difference <= TOLERANCE


def stirred(arrays: Arrays, seed: int) -> Arrays:
    """Return random weights of the same names and shapes that give every branch of the network a say.

    Fresh weights would hide mistakes: the blocks' scales start at 0, and statistics at 0 and 1. The scales
    stay small enough for logits of the size that trained networks have. A kernel of a 2-D convolution gets
    the same numbers as that of a 3-D one of the same use.
    """
    return {
        name: _stir(name, array, generator(seed, number))
        for number, (name, array) in enumerate(sorted(arrays.items()))
    }


def _stir(name: str, array: Array, random: np.random.Generator) -> Array:
    """Return a random array for one weight: kernels by their laws, the rest off 0 and 1."""
    if array.ndim > 1:
        deviation = 0.01 if name.startswith(HEAD) else math.sqrt(2 * array.shape[0] / array.size)
        return random.standard_normal(array.shape, np.float32) * np.float32(deviation)
    laws = {"bias": (-0.2, 0.2), "running_mean": (-0.2, 0.2), "scale": (0.05, 0.25)}
    low, high = laws.get(name.rpartition(".")[2], (0.7, 1.3))
    return np.asarray(random.uniform(low, high, array.shape), np.float32)


def random_clips(shape: Shape, seed: int) -> NDArray[np.float32]:
    """Return two clips of noise, float32 [2, T, H, W, 3] in 0..1."""
    return generator(seed).random((2, shape.frames, shape.size, shape.size, 3), np.float32)


def compare(name: str, shape: Shape, seed: int = 0) -> Parity:
    """Build one variant twice and judge whether the two are the same network.

    Raises:
        BenchError: no such variant, or a framework is not installed.
    """
    from models import movinet  # noqa: PLC0415 - imports torch

    variant, stream = lookup("MoViNet variant", name, NAMES)
    options: dict[str, Any] = {
        "variant": variant,
        "stream": stream,
        "frames": shape.frames,
        "size": shape.size,
    }
    model = movinet_tf.build(shape.classes, **options)
    return judge(name, model, movinet.build(shape.classes, **options), random_clips(shape, seed))


def judge(name: str, model: Any, network: Any, clips: NDArray[np.float32]) -> Parity:  # noqa: ANN401
    """Give the official Keras model and our network the same random weights, and compare their logits.

    Args:
        name: the variant, for the result.
        model: of `models.movinet_tf.build`; its weights are replaced.
        network: of `models.movinet.build`; likewise.
        clips: float32 [B, T, H, W, 3].
    """
    import torch  # noqa: PLC0415 - heavy

    movinet_weights.into_tensorflow(stirred(movinet_weights.from_tensorflow(model), 0), model)
    movinet_weights.into_torch(movinet_weights.from_tensorflow(model), network)
    with torch.no_grad():
        ours = network.eval()(torch.from_numpy(clips).permute(0, 4, 1, 2, 3)).numpy()
    official = model(clips, training=False).numpy()
    return Parity(
        name=name,
        ours=_counted(movinet_weights.from_torch(network)),
        official=_counted_keras(model),
        largest=float(np.abs(official).max()),
        difference=float(np.abs(ours - official).max()),
    )


def _counted(arrays: Arrays) -> tuple[int, int]:
    """Return how many numbers a torch network trains, and how many it only keeps."""
    kept = sum(array.size for name, array in arrays.items() if "running_" in name)
    return sum(array.size for array in arrays.values()) - kept, kept


def _counted_keras(model: object) -> tuple[int, int]:
    """Return the same of a Keras model, by its own account."""
    trained, kept = (
        sum(math.prod(weight.shape) for weight in getattr(model, kind))
        for kind in ("trainable_weights", "non_trainable_weights")
    )
    return trained, kept


def rows(names: Sequence[str], shape: Shape) -> Iterator[Parity]:
    """Compare several variants, one after another.

    Raises:
        BenchError: no such variant, or a framework is not installed.
    """
    for name in names:
        lookup("MoViNet variant", name, NAMES)
    for name in names:
        yield compare(name, shape)


def _write(*cells: str) -> None:
    """Print one row at once: the largest variants take minutes."""
    sys.stdout.write("  ".join([f"{cells[0]:10}", *(f"{cell:>13}" for cell in cells[1:])]) + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of all variants, or of those named.

    Raises:
        BenchError: a variant differs.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.movinet_parity", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a0 ... a5, a0-stream ... a5-stream")
    names = parser.parse_args(arguments).names or list(NAMES)
    _write("MoViNet", "parameters", "kept", "official", "kept", "largest logit", "difference")
    apart = []
    for parity in rows(names, Shape()):
        counts = [f"{count:,}" for count in (*parity.ours, *parity.official)]
        _write(parity.name, *counts, f"{parity.largest:.2f}", f"{parity.difference:.1e}")
        apart += [] if parity.holds else [parity.name]
    if apart:
        raise BenchError(f"Not the official network: {', '.join(apart)}.", exit_code=FAILURE)


if __name__ == "__main__":
    try:
        main()
    except BenchError as problem:
        sys.exit(str(problem))
