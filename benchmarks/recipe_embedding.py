"""The recipe of SPOTER embeddings: how triplets are formed, found and judged."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from benchmarks.recipe_landmarks import SpoterRecipe


class EmbeddingRecipe(SpoterRecipe):
    """Everything that decides the scores of SPOTER embeddings (xmartlabs/spoter-embeddings)."""

    embeds: ClassVar[bool] = True

    vector_length: int = Field(default=32, ge=1, description="numbers of an embedding")
    normalize_embeddings: bool = Field(default=False, description="all embeddings have length 1")
    mask_memory: bool = Field(
        default=True, description="hide padding from the decoder too, not only the encoder"
    )

    # What is learnt from a batch.
    triplets: Literal["random", "batch-all"] = Field(
        default="batch-all",
        description="one drawn per clip, or all of a batch (hard_triplet_mining=in_batch)",
    )
    margin: float = Field(default=1.0, gt=0, description="how much farther another sign is to be")
    filter_easy_triplets: bool = Field(
        default=True, description="batch-all: the mean is over triplets that are not yet learnt"
    )
    clips_together: int | None = Field(
        default=None, ge=2, description="of one sign, side by side in a batch; none: as they come"
    )

    # Which clips share a batch, once batches are chosen by how hard they are.
    start_mining_hard: int | None = Field(
        default=None, ge=0, description="first epoch of batches chosen to be hard; none: never"
    )
    pre_batch_multiplier: int = Field(default=16, ge=2, description="batches that are chosen together")
    pre_batch_mining_count: int = Field(
        default=5, ge=1, description="times that the same clips are chosen from"
    )
    mining_threshold: float = Field(
        default=0.5, ge=0, le=1, description="pairs less hard are not put together"
    )
    mining_same_weight: float = Field(
        default=1.0, gt=0, le=1, description="of pairs of one sign against others"
    )
    scheduler_triplets_threshold: float = Field(
        default=0.0, ge=0, description="fewer triplets used, and the two numbers above fall; 0: never"
    )

    # How embeddings become scores.
    classify: Literal["centroid", "nearest", "vote"] = Field(
        default="centroid", description="distance to a sign's mean, to its nearest clip, or votes of 5 clips"
    )

    # What reproduces a published defect (FIELD's switch names).
    val_is_test: bool = Field(
        default=False, description="the validation file is the test part: as test_select"
    )
    convert_dict: bool = Field(
        default=False,
        description="the original's converter cannot read its own files; void here: there is one kind",
    )

    @property
    def chosen_on_test(self) -> bool:
        """Whether the checkpoint is chosen on test."""
        return self.test_select or self.val_is_test

    def architecture(self) -> dict[str, Any]:
        """Return what the network's builder is told besides its row's own options."""
        own = ("vector_length", "normalize_embeddings", "mask_memory")
        return {**super().architecture(), **{name: getattr(self, name) for name in own}}
