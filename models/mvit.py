"""MViTv2-S (Li et al. 2022, arXiv:2112.01526); the network of torchvision, BSD-3-Clause.

torchvision's takes clips of 16 x 224 x 224 alone. Its relative positions stretch to any other shape, so that
only the way from the clip to the blocks is written here anew.
Shapes: B clips, C channels, T frames, H rows, W columns.
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from models.shapes import Clip, at_least
from models.torchvision_guard import import_torchvision

LEAST = Clip(1, 32)
"""The smallest clip that leaves one place of each frame to the last stage: a stride of 32 x 32."""


class MViT(nn.Module):
    """torchvision's MViT under the zoo's contract; `blocks` and `head` mean something else there.

    Attributes:
        head: key prefix of the classifier.
    """

    head: ClassVar[tuple[str, ...]] = ("classifier.1.",)

    def __init__(self, classes: int, *, dropout: float = 0.5, drop_path: float = 0.2) -> None:
        """Make the network with random weights."""
        super().__init__()
        video = import_torchvision("torchvision.models.video")
        origin = video.mvit_v2_s(num_classes=classes, dropout=dropout, stochastic_depth_prob=drop_path)
        self.conv_proj: nn.Module = origin.conv_proj
        self.pos_encoding: nn.Module = origin.pos_encoding
        self.stages: Any = origin.blocks
        self.norm: nn.Module = origin.norm
        self.classifier: nn.Module = origin.head

    def blocks(self) -> list[nn.Module]:
        """Return the embedding with its class token, the 16 blocks and the last norm, in their order."""
        return [nn.ModuleList([self.conv_proj, self.pos_encoding]), *self.stages, self.norm]

    def renamed(self, table: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return torchvision's weights under this network's names."""
        return {_ours(name): tensor for name, tensor in table.items()}

    def forward(self, x: Tensor) -> Tensor:
        """Map a clip [B, 3, T, H, W] to logits [B, classes]: those of the class token."""
        x = self.conv_proj(x)
        places: tuple[int, ...] = tuple(x.shape[2:])
        x = self.pos_encoding(x.flatten(2).transpose(1, 2))
        for block in self.stages:
            x, places = block(x, places)
        logits: Tensor = self.classifier(self.norm(x)[:, 0])
        return logits


def _ours(name: str) -> str:
    """Return our name of one of torchvision's tensors."""
    for theirs, ours in (("blocks.", "stages."), ("head.", "classifier.")):
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name


def build(
    classes: int,
    *,
    dropout: float | None = None,
    drop_path: float | None = None,
    frames: int = 16,
    size: int = 224,
) -> MViT:
    """Build MViTv2-S with random weights for clips of `frames` x `size` x `size`.

    Raises:
        BenchError: no frames or fewer than 32 pixels, or torchvision is not installed.
    """
    at_least("mvit-v2-s", Clip(frames, size), LEAST, "its stages halve frames of 32 pixels to one place")
    shares = {"dropout": dropout, "drop_path": dropout if drop_path is None else drop_path}
    return MViT(classes, **{name: share for name, share in shares.items() if share is not None})
