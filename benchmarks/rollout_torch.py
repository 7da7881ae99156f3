"""The attention of SPOTER's blocks for one clip, worked out from what its layers are given."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor

from benchmarks.torch_engine import TorchEngine
from models.spoter import Attention, Spoter
from wlasl.loader import Batch

Attentions = list[npt.NDArray[np.float32]]


@torch.no_grad()
def attentions(engine: TorchEngine, batch: Batch) -> tuple[Attentions, Attentions] | None:
    """Return per block of the encoder [heads, T, T] and of the decoder [heads, 1, T].

    None for networks that are no SPOTER.
    """
    network: Any = engine.learner.network
    if not isinstance(network, Spoter):
        return None
    own: Attentions = []
    crossed: Attentions = []

    def note(module: Any, given: tuple[Any, ...]) -> None:  # noqa: ANN401 - an Attention
        """Work out one layer's attention."""
        (own if given[1] is None else crossed).append(_weights(module, *given)[0].float().cpu().numpy())

    layers = [module for module in network.modules() if isinstance(module, Attention)]
    handles = [layer.register_forward_pre_hook(note) for layer in layers]
    try:
        network.eval()
        network(*engine.learner.inputs(batch))
    finally:
        for handle in handles:
            handle.remove()
    return own, crossed


def _weights(layer: Attention, x: Tensor, memory: Tensor | None, seen: Tensor | None) -> Tensor:
    """Return what a layer's attention is, [B, heads, N, T]."""
    d = x.shape[2]
    keys = x if memory is None else memory
    (q,) = layer.split(F.linear(x, layer.in_proj_weight[:d], layer.in_proj_bias[:d]), 1)
    (k,) = layer.split(F.linear(keys, layer.in_proj_weight[d : 2 * d], layer.in_proj_bias[d : 2 * d]), 1)
    scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[3])
    if seen is not None:
        scores = scores.masked_fill(~seen, -torch.inf)
    return scores.softmax(-1)
