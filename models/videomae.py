"""VideoMAE's ViT (Tong et al. 2022, arXiv:2203.12602) of transformers' layers, Apache-2.0.

The layers are transformers' own; the clip's way into them and out is written here, so that clips of any
number of frames and any size fit, blocks can be left out in training, and weights of three layouts load.
Shapes: B clips, C channels, T frames, H rows, W columns; N = T/2 * H/16 * W/16 tokens of width d.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from models.drop_path import DropPath
from models.shapes import Clip, at_least
from models.torchvision_guard import import_torchvision
from models.vit_weights import renamed
from utils.errors import BenchError
from utils.imports import optional

TUBE = 2
"""Frames in a token."""
PATCH = 16
"""Pixels on a token's side."""
NATIVE = 14
"""Tokens on a frame's side where the published weights were trained: 224 pixels."""
_EPS = 1e-6
_BASE = 10_000.0
_HEAD_STD = 1e-3


@dataclass(frozen=True, slots=True)
class Shape:
    """A ViT's size: tokens `width` wide, `depth` blocks of `heads` heads."""

    width: int
    depth: int
    heads: int


VARIANTS = {"s": Shape(384, 12, 6), "b": Shape(768, 12, 12)}


def positions(grid: tuple[int, int, int], width: int, native: int = NATIVE) -> Tensor:
    """Return the sinusoidal positions of a grid of tokens (T, H, W) as float32 [T * H * W, width].

    VideoMAE numbers its tokens row by row, frame by frame, and takes sines and cosines of the number. On a
    grid of another size than `native` a token is given the number, a fraction, of the place that it covers
    there: a token at the lower edge is at the lower edge for the weights too. More frames go on counting.
    """
    t, h, w = (torch.arange(side, dtype=torch.float64, device="cpu") for side in grid)
    y, x = (((at + 0.5) * native / side - 0.5) for at, side in ((h, grid[1]), (w, grid[2])))
    number = (t.view(-1, 1, 1) * native**2 + y.view(-1, 1) * native + x).flatten()
    rate = _BASE ** -(torch.arange(0, width, 2, dtype=torch.float64, device="cpu") / width)
    angle = number[:, None] * rate
    return torch.stack((angle.sin(), angle.cos()), dim=2).flatten(1).float()


class VideoMAE(nn.Module):
    """A video ViT without class token: the mean of its tokens is classified.

    Attributes:
        head: key prefix of the classifier.
    """

    head: ClassVar[tuple[str, ...]] = ("classifier.",)

    def __init__(
        self,
        shape: Shape,
        classes: int,
        clip: Clip,
        *,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        native: int = NATIVE,
    ) -> None:
        """Make the network with random weights.

        Args:
            shape: its size.
            classes: how many glosses it tells apart.
            clip: the clips that positions are kept for; others are taken too, and cost their computing.
            dropout: before the head.
            drop_path: share of clips for which the last block is left out; the first always stays.
            native: tokens on a side where its weights were trained.
        """
        super().__init__()
        import_torchvision()  # transformers imports it, and fails where its compiled part does
        videomae = optional("transformers.models.videomae.modeling_videomae", "vit")
        config = _config(shape)
        self.native, self.width = native, shape.width
        self.patch_embeddings: Any = videomae.VideoMAEPatchEmbeddings(config)
        self.encoder: Any = videomae.VideoMAEEncoder(config)
        self.fc_norm = nn.LayerNorm(shape.width, eps=_EPS)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(shape.width, classes)
        for number, layer in enumerate(self.encoder.layer):
            # Where transformers has its dropouts, at the end of either branch, blocks are left out.
            share = drop_path * number / max(1, shape.depth - 1)
            layer.attention.output.dropout, layer.output.dropout = DropPath(share), DropPath(share)
        self.apply(_start)
        nn.init.trunc_normal_(self.classifier.weight, std=_HEAD_STD)
        self._grid = (clip.frames // TUBE, clip.size // PATCH, clip.size // PATCH)
        self.register_buffer("positions", positions(self._grid, shape.width, native), persistent=False)

    def blocks(self) -> list[nn.Module]:
        """Return the embedding, the blocks and the last norm, from input to output."""
        return [self.patch_embeddings, *self.encoder.layer, self.fc_norm]

    def renamed(self, table: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return weights of transformers' or the authors' layout under this network's names."""
        return renamed(table, self.state_dict())

    def _positions(self, tokens: Tensor) -> Tensor:
        """Return the positions of tokens [B, d, T/2, H/16, W/16]."""
        grid = (tokens.shape[2], tokens.shape[3], tokens.shape[4])
        kept = grid == self._grid
        places = self.get_buffer("positions") if kept else positions(grid, self.width, self.native)
        return places.to(tokens)

    def features(self, x: Tensor) -> Tensor:
        """Map a clip [B, 3, T, H, W] to tokens [B, N, d]."""
        tokens: Tensor = self.patch_embeddings.projection(x)
        placed = tokens.flatten(2).transpose(1, 2) + self._positions(tokens)
        out: Tensor = self.encoder(placed).last_hidden_state
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Map a clip [B, 3, T, H, W] to logits [B, classes]."""
        logits: Tensor = self.classifier(self.dropout(self.fc_norm(self.features(x).mean(dim=1))))
        return logits


def _config(shape: Shape) -> Any:  # noqa: ANN401 - transformers' configuration
    """Return transformers' configuration of a ViT; attention is torch's fused one."""
    config = optional("transformers.models.videomae", "vit").VideoMAEConfig(
        hidden_size=shape.width,
        num_hidden_layers=shape.depth,
        num_attention_heads=shape.heads,
        intermediate_size=4 * shape.width,
        layer_norm_eps=_EPS,
        patch_size=PATCH,
        tubelet_size=TUBE,
    )
    config._attn_implementation = "sdpa"  # noqa: SLF001 - how layers outside of a whole model are told
    return config


def _start(module: nn.Module) -> None:
    """Draw a layer's weights as VideoMAE does; biases start at zero."""
    if isinstance(module, nn.Linear | nn.Conv3d):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def build(
    classes: int,
    *,
    variant: str,
    dropout: float | None = None,
    drop_path: float | None = None,
    frames: int = 16,
    size: int = 224,
) -> VideoMAE:
    """Build a VideoMAE with random weights for clips of `frames` x `size` x `size`.

    Raises:
        BenchError: clips that do not divide into tokens of 2 x 16 x 16, or transformers is not installed.
    """
    name = f"videomae-{variant}"
    at_least(name, Clip(frames, size), Clip(TUBE, PATCH), f"a token is {TUBE} x {PATCH} x {PATCH}")
    for field, value, step in (("frames", frames, TUBE), ("size", size, PATCH)):
        if value % step:
            advice = f"Set {field}={value - value % step} or {value - value % step + step}."
            raise BenchError(f"{name} takes {field} in steps of {step}, not {value}. {advice}")
    dropped = dropout or 0.0
    path = dropped if drop_path is None else drop_path
    return VideoMAE(VARIANTS[variant], classes, Clip(frames, size), dropout=dropped, drop_path=path)
