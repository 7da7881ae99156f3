"""S3D, separable Inception-v1 (Xie et al. 2018, arXiv:1712.04851); the network of torchvision, BSD-3-Clause.

Shapes: B clips, C channels, T frames, H rows, W columns.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from torch import Tensor, nn

from models.shapes import Clip, at_least, no_drop_path, over_time
from models.torchvision_guard import import_torchvision

LEAST = Clip(14, 224)
"""The smallest clip that torchvision documents: strides of 8 x 32 x 32, then an average pool of 2 x 7 x 7."""


class S3D(nn.Module):
    """torchvision's S3D under the zoo's contract, with torchvision's own state-dict keys.

    Attributes:
        head: key prefix of the classifier.
        pool: how logits over time become those of a clip, mean or max.
        per_frame: return the logits over time in training, for a loss that looks at each.
    """

    head: ClassVar[tuple[str, ...]] = ("classifier.1.",)
    pool = "mean"
    per_frame = False

    def __init__(self, classes: int, dropout: float = 0.2) -> None:
        """Make the network with random weights."""
        super().__init__()
        # torchvision's running averages (momentum 0.001) need thousands of steps to leave their random start.
        norm = partial(nn.BatchNorm3d, eps=1e-3, momentum=0.1)
        video = import_torchvision("torchvision.models.video")
        origin = video.S3D(num_classes=classes, dropout=dropout, norm_layer=norm)
        self.features: nn.Sequential = origin.features
        self.avgpool: nn.Module = origin.avgpool
        self.classifier: nn.Sequential = origin.classifier

    def blocks(self) -> list[nn.Module]:
        """Return the backbone's twelve parts that have weights, from input to output."""
        return [part for part in self.features if any(True for _ in part.parameters())]

    def frame_logits(self, x: Tensor) -> Tensor:
        """Map a clip [B, 3, T, H, W] to logits over time, [B, classes, T/8 - 1], averaged over space."""
        out: Tensor = self.classifier(self.avgpool(self.features(x)))
        return out.mean(dim=(3, 4))

    def forward(self, x: Tensor) -> Tensor:
        """Map a clip [B, 3, T, H, W] to logits [B, classes]; `per_frame`, in training, to frame_logits."""
        logits = self.frame_logits(x)
        out: Tensor = logits if self.per_frame and self.training else over_time(logits, self.pool)
        return out


def build(
    classes: int,
    *,
    dropout: float | None = None,
    drop_path: float | None = None,
    frames: int = 16,
    size: int = 224,
) -> S3D:
    """Build S3D with random weights for clips of `frames` x `size` x `size`.

    Raises:
        BenchError: fewer than 14 frames or 224 pixels, torchvision is not installed, or a drop_path,
            which a network without residual connections does not have.
    """
    no_drop_path("s3d", drop_path)
    at_least("s3d", Clip(frames, size), LEAST, "its average pool covers 2 x 7 x 7 of what is left")
    return S3D(classes, 0.2 if dropout is None else dropout)
