"""A plain bidirectional GRU over landmarks (Cho et al. 2014, arXiv:1406.1078): the baseline to beat.

Each clip is read to its own end and no further, in both directions. What the classifier sees is the mean over
the clip's frames beside the two last states.
Shapes: B clips, T frames, J joints, D coordinates.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Gru(nn.Module):
    """Layers of GRUs in both directions, pooled over time, and a linear classifier.

    Attributes:
        head: key prefix of the classifier.
    """

    head: ClassVar[tuple[str, ...]] = ("linear_class.",)

    def __init__(self, classes: int, width: int, hidden: int, layers: int, dropout: float) -> None:
        """Make the network with random weights for `width` numbers a frame."""
        super().__init__()
        rates = [0.0] + [dropout] * (layers - 1)
        inputs = [width] + [2 * hidden] * (layers - 1)
        self.layers = nn.ModuleList(
            nn.GRU(size, hidden, batch_first=True, bidirectional=True) for size in inputs
        )
        self.drops = nn.ModuleList(nn.Dropout(rate) for rate in rates)
        self.dropout = nn.Dropout(dropout)
        self.linear_class = nn.Linear(4 * hidden, classes)

    def forward(self, points: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Map landmarks [B, T, J, D], each with `lengths` [B] frames (None: all), to logits [B, classes]."""
        if not len(points):  # a process may have none of a last, small batch
            return self.forward(points.new_zeros(1, 1, *points.shape[2:]))[:0]
        x = points.flatten(2)
        host = None if lengths is None or lengths.is_meta else lengths.cpu()
        for drop, layer in zip(self.drops, self.layers, strict=True):
            x, last = read(layer, drop(x), host)
        mean = x.mean(1) if host is None else x.sum(1) / host.to(x.device)[:, None]
        out: Tensor = self.linear_class(self.dropout(torch.cat([mean, *last], dim=1)))
        return out

    def blocks(self) -> list[nn.Module]:
        """Return the backbone's parts from input to output."""
        return list(self.layers)


def read(layer: nn.Module, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """Read frames [B, T, C] to each clip's end: states [B, T, 2 hidden], 0 behind it, and [2, B, hidden].

    Without lengths every frame is a clip's own, and nothing is packed: exporters cannot follow that.
    """
    if lengths is None:
        states, last = layer(x)
        return states, last
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    states, last = layer(packed)
    padded, _ = pad_packed_sequence(states, batch_first=True, total_length=x.shape[1])
    return padded, last


def build(
    classes: int,
    *,
    dropout: float | None = None,
    joints: int = 54,
    channels: int = 4,
    hidden: int = 192,
    layers: int = 2,
) -> Gru:
    """Build the baseline with random weights."""
    rate = 0.5 if dropout is None else dropout
    return Gru(classes, joints * channels, hidden, layers, rate)
