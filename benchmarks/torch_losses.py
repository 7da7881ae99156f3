"""What a torch network learns by: cross-entropy over a clip's logits, or over those of each of its frames."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from benchmarks.recipe_base import Recipe
from benchmarks.recipe_clips import ClipRecipe


def loss_of(recipe: Recipe) -> nn.Module:
    """Return a recipe's loss: of outputs and labels the sum over clips, nats."""
    if isinstance(recipe, ClipRecipe) and recipe.loss == "per-frame":
        return PerFrame(recipe.frames)
    return nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing, reduction="sum")


class PerFrame(nn.Module):
    """The loss of WLASL's authors (Li et al. 2020, arXiv:1910.11006) for networks with logits over time.

    Each class is a question of its own: half binary cross-entropy of the logits at every frame, stretched in
    time from the network's few steps to the clip's frames, half of their maxima over time.
    """

    def __init__(self, frames: int) -> None:
        """Note how many frames a clip has."""
        super().__init__()
        self.frames = frames

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the sum over clips of the mean loss over classes and frames.

        Args:
            logits: over time, float [B, classes, T'].
            labels: int64 [B], or chances of each class, float [B, classes].
        """
        wanted = functional.one_hot(labels, logits.shape[1]) if labels.ndim == 1 else labels
        wanted = wanted.to(logits.dtype)
        stretched = functional.interpolate(logits, self.frames, mode="linear")
        everywhere = wanted[:, :, None].expand_as(stretched)
        each = functional.binary_cross_entropy_with_logits(stretched, everywhere, reduction="none")
        highest = functional.binary_cross_entropy_with_logits(stretched.amax(2), wanted, reduction="none")
        return 0.5 * each.mean((1, 2)).sum() + 0.5 * highest.mean(1).sum()


def chances(recipe: Recipe, logits: Tensor, classes: int) -> Tensor:
    """Return the chance of each gloss, float32 [B, classes], as the recipe's code has it.

    Outputs beyond the glosses (`head_kept`) keep their share of the chances; nobody asks for them.
    """
    found = functional.softmax(logits.float(), dim=1)
    if isinstance(recipe, ClipRecipe) and recipe.double_softmax:
        found = functional.softmax(found, dim=1)
    return found[:, :classes]
