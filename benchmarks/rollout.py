"""Attention roll-out (Abnar and Zuidema 2020, arXiv:2005.00928): which frames a network's answer comes from.

A block mixes each row with those that it attends to and keeps the row itself beside. The attentions of all
blocks, averaged over heads, with the identity added for what is kept, multiply to the share that each input
row has in each output row.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.engine import Engine
from wlasl.loader import Batch

Numbers = npt.NDArray[np.float64]

_READERS = {
    "tensorflow": "benchmarks.rollout_keras:attentions",
    "torch": "benchmarks.rollout_torch:attentions",
}


def mixed(attention: npt.NDArray[Any]) -> Numbers:
    """Return what a block makes of its rows, float64 [R, R], from its attention [heads, R, R].

    Half of a row is itself, the other half what it attends to; each row's shares add up to 1.
    """
    mean = np.asarray(attention, np.float64).mean(0)
    both = mean + np.eye(len(mean))
    return np.asarray(both / both.sum(1, keepdims=True), np.float64)


def rolled_out(attentions: Sequence[npt.NDArray[Any]]) -> Numbers:
    """Return the share of each input row in each output row, float64 [R, R], of blocks from first to last."""
    shares = mixed(attentions[0])
    for attention in attentions[1:]:
        shares = mixed(attention) @ shares
    return shares


def of_token(attentions: Sequence[npt.NDArray[Any]], frames: int) -> Numbers:
    """Return each frame's share in the class token's row, float64 [frames], adding up to 1.

    Args:
        attentions: per block, [heads, R, R]; row 0 is the token, frames follow, and then padding.
        frames: how many rows are frames; those that the network cuts off have no share.
    """
    token = rolled_out(attentions)[0, 1 : 1 + frames]
    return _whole(np.pad(token, (0, frames - len(token))))


def of_query(
    encoder: Sequence[npt.NDArray[Any]], decoder: Sequence[npt.NDArray[Any]], frames: int
) -> Numbers:
    """Return each frame's share in a decoder's one query, float64 [frames], adding up to 1.

    Args:
        encoder: per block, [heads, T, T].
        decoder: per block, the query's attention to the encoded frames, [heads, 1, T].
        frames: how many of the T rows are frames.
    """
    memory = np.zeros(encoder[0].shape[-1])
    for attention in decoder:
        memory = (memory + np.asarray(attention, np.float64).mean(0)[0]) / 2
    return _whole((memory @ rolled_out(encoder))[:frames])


def _whole(shares: Numbers) -> Numbers:
    """Return shares scaled so that they add up to 1."""
    return shares / max(float(shares.sum()), 1e-12)


def frame_weights(engine: Engine, name: str, batch: Batch) -> Numbers | None:
    """Return the share of each frame of a clip in a network's answer; None where its attention is not known.

    Args:
        engine: with the weights to look at.
        name: torch or tensorflow.
        batch: one clip's landmarks.

    Returns:
        float64 [T], adding up to 1, in the order in which the network saw the frames.
    """
    module, _, function = _READERS[name].partition(":")
    found = getattr(importlib.import_module(module), function)(engine, batch)
    frames = batch.inputs.shape[1] if batch.lengths is None else int(batch.lengths[0])
    if found is None:
        return None
    own, crossed = found
    return of_query(own, crossed, frames) if crossed else of_token(own, frames)
