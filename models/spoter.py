"""SPOTER (Bohacek and Hruz, WACV Workshops 2022, 10.1109/WACVW54805.2022.00024); origin Apache-2.0.

Written from the paper and from what was measured of its code. The modules bear the names of torch's own
Transformer, as in the origin, so that its state dict loads strictly. What differs: clips of several lengths
share a batch (frames behind a clip's end are masked in the encoder and in the decoder's memory), and
`single_pos=False` gives each frame a position of its own where the origin adds one vector to all of them,
which makes it blind to their order.
Shapes: B clips, T frames, J joints, D coordinates, d = J * D, H heads.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from models import cpu
from utils.errors import BenchError

POSITIONS = 256
"""Frames with a position of their own: 10 seconds at 25 frames per second, more than any clip of WLASL100."""
ROWS = 50
"""Rows of a table of positions that the origin makes and never uses; kept for its state dict."""


class Attention(nn.Module):
    """Attention of H heads, with the parameters' names of torch's MultiheadAttention."""

    def __init__(self, d: int, heads: int, dropout: float) -> None:
        """Make the projections."""
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.empty(3 * d, d))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * d))
        self.out_proj = nn.Linear(d, d)
        self.heads, self.dropout = heads, dropout
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def split(self, x: Tensor, parts: int) -> tuple[Tensor, ...]:
        """Take [B, T, parts * d] apart into `parts` tensors [B, H, T, d / H]."""
        apart: tuple[Tensor, ...] = (
            x.view(*x.shape[:2], parts, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        )
        return apart

    def forward(self, x: Tensor, memory: Tensor | None, seen: Tensor | None) -> Tensor:
        """Let x [B, N, d] look at `memory` [B, T, d] (None: at itself) where `seen` [B, 1, 1, T] is true."""
        if memory is None:
            q, k, v = self.split(F.linear(x, self.in_proj_weight, self.in_proj_bias), 3)
        else:
            d = x.shape[2]
            (q,) = self.split(F.linear(x, self.in_proj_weight[:d], self.in_proj_bias[:d]), 1)
            k, v = self.split(F.linear(memory, self.in_proj_weight[d:], self.in_proj_bias[d:]), 2)
        y = cpu.attention(q, k, v, seen, self.dropout if self.training else 0.0)
        out: Tensor = self.out_proj(y.transpose(1, 2).flatten(2))
        return out


class Layer(nn.Module):
    """What both kinds of layers have: a feed-forward part, normalised after its residual."""

    def __init__(self, d: int, hidden: int, dropout: float) -> None:
        """Make the feed-forward part."""
        super().__init__()
        self.linear1 = nn.Linear(d, hidden)
        self.linear2 = nn.Linear(hidden, d)
        self.rate = dropout

    def drop(self, x: Tensor) -> Tensor:
        """Drop from x, of any shape, in training."""
        return cpu.dropout(x, self.rate) if self.training else x

    def feed_forward(self, x: Tensor) -> Tensor:
        """Map [B, N, d] to the same shape."""
        rate = self.rate if self.training else 0.0
        return self.drop(cpu.feed_forward(x, self.linear1, self.linear2, rate))


class EncoderLayer(Layer):
    """Self-attention over a clip's frames, then the feed-forward part."""

    def __init__(self, d: int, heads: int, hidden: int, dropout: float) -> None:
        """Make the layer."""
        super().__init__(d, hidden, dropout)
        self.self_attn = Attention(d, heads, dropout)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)

    def forward(self, x: Tensor, seen: Tensor | None) -> Tensor:
        """Map frames [B, T, d] to the same shape."""
        x = self.norm1(x + self.drop(self.self_attn(x, None, seen)))
        out: Tensor = self.norm2(x + self.feed_forward(x))
        return out


class DecoderLayer(Layer):
    """The class query looks at the encoded frames; one query has nothing to attend to among queries."""

    def __init__(self, d: int, heads: int, hidden: int, dropout: float) -> None:
        """Make the layer."""
        super().__init__(d, hidden, dropout)
        self.multihead_attn = Attention(d, heads, dropout)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(d), nn.LayerNorm(d), nn.LayerNorm(d)

    def forward(self, query: Tensor, memory: Tensor, seen: Tensor | None) -> Tensor:
        """Map the query [B, 1, d] to the same shape."""
        # Where self-attention was: its residual with the query itself remains.
        query = self.norm1(query + self.drop(query))
        query = self.norm2(query + self.drop(self.multihead_attn(query, memory, seen)))
        out: Tensor = self.norm3(query + self.feed_forward(query))
        return out


class Stack(nn.Module):
    """Layers and the norm behind the last of them."""

    def __init__(self, layers: list[nn.Module], d: int) -> None:
        """Keep the layers."""
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(d)

    def forward(self, x: Tensor, *rest: Tensor | None) -> Tensor:
        """Map [B, N, d] to the same shape."""
        for layer in self.layers:
            x = layer(x, *rest)
        out: Tensor = self.norm(x)
        return out

    def blocks(self) -> list[nn.Module]:
        """Return the layers, the last with the norm behind it."""
        return [*self.layers[:-1], nn.ModuleList([self.layers[-1], self.norm])]


class Transformer(nn.Module):
    """Encoder and decoder; weights as torch draws them for its own."""

    def __init__(self, d: int, heads: int, layers: int, hidden: int, dropout: float) -> None:
        """Make both stacks."""
        super().__init__()
        sizes = (d, heads, hidden, dropout)
        self.encoder = Stack([EncoderLayer(*sizes) for _ in range(layers)], d)
        self.decoder = Stack([DecoderLayer(*sizes) for _ in range(layers)], d)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)


class Spoter(nn.Module):
    """SPOTER, up to its class query: what a classifier and an embedding share.

    Attributes:
        head: key prefix of the classifier; empty here.
    """

    head: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        d: int = 108,
        heads: int = 9,
        layers: int = 6,
        hidden: int = 2048,
        dropout: float = 0.1,
        *,
        single_pos: bool,
        mask_memory: bool = True,
    ) -> None:
        """Make the network with random weights; `mask_memory` hides padding from the decoder too."""
        super().__init__()
        self.single_pos, self.mask_memory = single_pos, mask_memory
        if single_pos:
            # The table is no part of the origin's computation, and no gradient ever reaches it.
            self.row_embed = nn.Parameter(torch.rand(ROWS, d), requires_grad=False)
            self.pos = nn.Parameter(torch.rand(1, 1, d))
        else:
            # Coordinates lie within half a unit of 0: waves of full height would drown them for many epochs.
            self.pos = nn.Parameter(0.25 * waves(POSITIONS, d)[None])
        self.class_query = nn.Parameter(torch.rand(1, d))
        self.transformer = Transformer(d, heads, layers, hidden, dropout)

    def features(self, points: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Map landmarks [B, T, J, D], each with `lengths` [B] frames (None: all), to [B, d]."""
        if not len(points):  # a process may have none of a last, small batch
            return self.features(points.new_zeros(1, 1, *points.shape[2:]))[:0]
        T = points.shape[1]
        seen = None if lengths is None else within(lengths, T)
        x = points.flatten(2) + self.positions(T, lengths)
        memory = self.transformer.encoder(x, seen)
        query = self.class_query.expand(len(points), 1, -1)
        out: Tensor = self.transformer.decoder(query, memory, seen if self.mask_memory else None)
        return out[:, 0]

    def positions(self, T: int, lengths: Tensor | None) -> Tensor:
        """Return what is added to the frames, [1 or B, 1 or T, d].

        A clip of more frames than there are positions spreads them over its length, in straight lines from
        one to the next; it alone, whatever it shares a batch with.
        """
        if self.single_pos:
            return self.pos
        if T <= POSITIONS:
            return self.pos[:, :T]
        counts = torch.full((1,), T, device=self.pos.device) if lengths is None else lengths
        step = ((POSITIONS - 1) / (counts - 1).clamp(min=1)).clamp(max=1.0)
        at = torch.arange(T, device=self.pos.device) * step[:, None]
        low = at.floor().long().clamp(max=POSITIONS - 2)
        share = (at - low).clamp(max=1.0)[..., None]
        return torch.lerp(self.pos[0, low], self.pos[0, low + 1], share.to(self.pos.dtype))

    def blocks(self) -> list[nn.Module]:
        """Return the backbone's parts from input to output: positions, encoder, query, decoder."""
        first = [self.row_embed, self.pos] if self.single_pos else [self.pos]
        encoder, decoder = self.transformer.encoder.blocks(), self.transformer.decoder.blocks()
        return [nn.ParameterList(first), *encoder, nn.ParameterList([self.class_query]), *decoder]


class Classifier(Spoter):
    """SPOTER as published: a linear classifier on the decoded query."""

    head: ClassVar[tuple[str, ...]] = ("linear_class.",)

    def __init__(self, classes: int, d: int, dropout: float, *, single_pos: bool) -> None:
        """Make the network with random weights."""
        super().__init__(d, dropout=dropout, single_pos=single_pos)
        self.linear_class = nn.Linear(d, classes)

    def embed(self, points: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return what stands for a clip where its class does not matter, [B, d]."""
        return self.features(points, lengths)

    def forward(self, points: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Map landmarks [B, T, J, D] and `lengths` [B] to logits [B, classes]."""
        out: Tensor = self.linear_class(self.features(points, lengths))
        return out


class Embedder(Spoter):
    """SPOTER whose decoded query is no class but a place: near those of clips of the same sign.

    From xmartlabs/spoter-embeddings (Apache-2.0), written from what was measured of it.
    """

    def __init__(
        self,
        d: int,
        dropout: float,
        *,
        vector_length: int,
        normalize_embeddings: bool,
        single_pos: bool,
        mask_memory: bool,
    ) -> None:
        """Make the network with random weights."""
        super().__init__(d, dropout=dropout, single_pos=single_pos, mask_memory=mask_memory)
        self.linear_embed = nn.Linear(d, vector_length)
        self.normalize_embeddings = normalize_embeddings

    def embed(self, points: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return what stands for a clip, [B, vector_length]."""
        return self.forward(points, lengths)

    def forward(self, points: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Map landmarks [B, T, J, D] and `lengths` [B] to vectors [B, vector_length]."""
        out: Tensor = self.linear_embed(self.features(points, lengths))
        return F.normalize(out, dim=1) if self.normalize_embeddings else out

    def renamed(self, table: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return SPOTER's weights as an embedder's: no classifier, and the map to vectors as it is here."""
        if "linear_class.weight" not in table:
            return table
        rest = {name: values for name, values in table.items() if not name.startswith("linear_class.")}
        own = {f"linear_embed.{name}": values for name, values in self.linear_embed.state_dict().items()}
        return {**own, **rest}

    def blocks(self) -> list[nn.Module]:
        """Return the backbone's parts; the last maps to the vectors, which serve any number of classes."""
        return [*super().blocks(), self.linear_embed]


def within(lengths: Tensor, T: int) -> Tensor:
    """Return which frames are a clip's own: bool [B, 1, 1, T]."""
    return (torch.arange(T, device=lengths.device) < lengths[:, None])[:, None, None]


def waves(count: int, d: int) -> Tensor:
    """Return sines and cosines of falling frequency [count, d], so that near frames have near positions."""
    at = torch.arange(count)[:, None] * torch.exp(torch.arange(0, d, 2) * (-math.log(1e4) / d))
    return torch.stack([at.sin(), at.cos()], dim=2).flatten(1)[:, :d]


def width(name: str, joints: int, channels: int, heads: int = 9) -> int:
    """Return d = joints * channels.

    Raises:
        BenchError: the heads cannot share it evenly.
    """
    if joints * channels % heads:
        advice = "Use the skeleton spoter or spobet (54 joints)."
        raise BenchError(
            f"{name} has {heads} heads, which cannot share {joints} x {channels} numbers. {advice}"
        )
    return joints * channels


def build(
    classes: int,
    *,
    dropout: float | None = None,
    single_pos: bool = False,
    joints: int = 54,
    channels: int = 2,
) -> Classifier:
    """Build SPOTER with random weights; `single_pos` as published, else a position per frame.

    Raises:
        BenchError: so many coordinates cannot be shared by 9 heads.
    """
    d = width("spoter", joints, channels)
    return Classifier(classes, d, 0.1 if dropout is None else dropout, single_pos=single_pos)


def build_embedder(
    _classes: int,
    *,
    dropout: float | None = None,
    joints: int = 54,
    channels: int = 2,
    vector_length: int = 32,
    **switches: bool,
) -> Embedder:
    """Build the embedding network with random weights; it has no part that depends on the classes.

    Args:
        dropout: None for the published 0.1.
        joints: J.
        channels: D.
        vector_length: of an embedding.
        switches: single_pos, mask_memory and normalize_embeddings, as in `Embedder`.

    Raises:
        BenchError: so many coordinates cannot be shared by 9 heads.
    """
    d = width("spoter-embeddings", joints, channels)
    rate = 0.1 if dropout is None else dropout
    return Embedder(d, rate, vector_length=vector_length, **switches)
