"""The frames of a clip in another order, or some of them gone: what probes do to time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]
Order = Literal["shuffled", "reversed", "middle"]
ORDERS: tuple[Order, ...] = get_args(Order)

_MADE: Mapping[Order, Callable[[int, np.random.Generator], Indices]] = {
    "shuffled": lambda frames, rng: rng.permutation(frames),
    "reversed": lambda frames, _: np.arange(frames)[::-1],
    "middle": lambda frames, _: np.full(frames, frames // 2),
}


def ordered(order: Order, frames: int, rng: np.random.Generator) -> Indices:
    """Return which of so many frames stands at each place: int64 [frames].

    Args:
        order: `shuffled` at random, `reversed`, or the `middle` frame at every place.
        frames: how many there are.
        rng: what is random.
    """
    return _MADE[order](frames, rng)


def half(frames: int, rng: np.random.Generator) -> Indices:
    """Return which frames are left when a random half is gone, in their order; one at least."""
    return np.sort(rng.permutation(frames)[: max(1, frames // 2)])


def held(frames: int, kept: Indices) -> Indices:
    """Return what a viewer sees at each place where some frames are gone: the last one that came.

    Before the first that came, that one is seen.

    Args:
        frames: how many there were.
        kept: which of them came, in their order.
    """
    last = np.searchsorted(kept, np.arange(frames), side="right") - 1
    return kept[np.maximum(last, 0)]
