"""A network of pixels as other runtimes read it, in the form that they carry out fastest, at one shape."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from benchmarks.export_forms import form
from benchmarks.export_landmarks import Setting
from benchmarks.recipe_clips import ClipRecipe
from benchmarks.where import view_shapes


@dataclass(frozen=True)
class ClipSetting(Setting):
    """A network and the shape of its clips, (1, 3, T, H, W)."""

    given: str = "clip"

    def form(self) -> nn.Module:
        """Build it in the form that other runtimes carry out fastest."""
        return form(self.network(), self.shape[-1])


def clip_setting(recipe: ClipRecipe, classes: int, weights: Path) -> ClipSetting:
    """Return a recipe's network as exporters need it; `weights` is the file of its state dict."""
    return ClipSetting(
        recipe.model, classes, view_shapes(recipe)[0], weights, fixed=True, architecture=recipe.architecture()
    )
