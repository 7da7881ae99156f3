"""The recipe of the recurrent baseline."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from benchmarks.recipe_landmarks import LandmarkRecipe
from wlasl.landmarks.joints import SKELETONS


class GruRecipe(LandmarkRecipe):
    """Everything that decides the scores of a GRU on landmarks."""

    hidden: int = Field(default=192, ge=1, description="units per direction")
    layers: int = Field(default=2, ge=1, description="GRUs on top of each other")

    def architecture(self) -> dict[str, Any]:
        """Return what the network's builder is told besides its row's own options."""
        return {
            **super().architecture(),
            "joints": len(SKELETONS[self.skeleton]),
            "channels": self.channels,
            "hidden": self.hidden,
            "layers": self.layers,
        }
