"""The fields that every recipe has: what is trained, how, and by which rule it is chosen."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from benchmarks.schema import run_id


class Recipe(BaseModel):
    """Everything that decides a run's scores; the hash of all of it is the run's id."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # What is trained, on what, with which random numbers.
    model: str = Field(description="row of the zoo (`bench list`)")
    engine: Literal["torch", "tensorflow"] = Field(default="torch", description="framework")
    split: str = Field(description="subset or data set (docs/DATASETS.md)")
    seed: int = Field(default=0, ge=0, description="seed of weights, order, sampling and augmentation")

    # Optimisation.
    epochs: int = Field(default=50, ge=0, description="passes over the training part")
    batch_size: int = Field(default=8, ge=1, description="clips per forward pass, over all processes")
    accumulate: int = Field(default=1, ge=1, description="forward passes per optimiser step")
    optimizer: Literal["sgd", "adam", "adamw", "rmsprop", "radam"] = "adamw"
    lr: float = Field(default=1e-3, gt=0, description="highest learning rate")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of sgd and rmsprop; beta 1 of adam")
    weight_decay: float = Field(default=0.01, ge=0, description="on weights of two or more dimensions")
    eps: float = Field(default=1e-8, gt=0, description="of adam, adamw and rmsprop")
    schedule: Literal["constant", "cosine", "linear", "plateau", "train-plateau"] = Field(
        default="cosine", description="plateau: of the loss on val; train-plateau: in training"
    )
    warmup_epochs: float = Field(default=2.0, ge=0, description="linear rise of the learning rate")
    min_lr: float = Field(default=0.0, ge=0, description="where all but constant end")
    plateau_factor: float = Field(default=0.3, gt=0, lt=1, description="learning rate's factor at a plateau")
    plateau_patience: int = Field(default=5, ge=0, description="epochs without progress before it")
    clip_norm: float | None = Field(default=1.0, gt=0, description="largest gradient norm; none for no limit")
    label_smoothing: float = Field(default=0.1, ge=0, lt=1, description="share of the target spread out")
    dropout: float | None = Field(
        default=None, ge=0, lt=1, description="before the head; none: the network's"
    )
    unfreeze: int | None = Field(default=None, ge=0, description="train the last N blocks; none: all of them")
    norm_momentum: float | None = Field(
        default=None, gt=0, le=1, description="share of a batch in running statistics; none: the network's"
    )
    ema: float = Field(default=0.0, ge=0, lt=1, description="decay of averaged weights; 0 for none")
    patience: int | None = Field(
        default=None, ge=1, description="stop after N epochs without progress on val"
    )
    select: Literal["val_top1", "val_loss", "val_silhouette", "last"] = Field(
        default="val_top1", description="chooses the epoch"
    )

    # Arithmetic.
    precision: Literal["fp32", "bf16", "fp16"] = Field(default="fp32", description="autocast type")
    channels_last: bool = Field(default=False, description="memory layout of the torch network")
    compile: bool = Field(default=False, description="torch.compile; jit_compile under tensorflow")

    # Where it starts from, and on which clips.
    weights: str = Field(default="none", description="none, kinetics, a checkpoint file, or run:ID")
    weights_sha256: str | None = Field(default=None, description="of the weights' file; filled in by the run")
    clips: str = Field(default="", description="fingerprint of the clips at hand; filled in by the run")

    embeds: ClassVar[bool] = False
    """Whether what is trained are embeddings, of which a silhouette can be told."""

    @model_validator(mode="after")
    def _can_be_chosen_so(self) -> Recipe:
        """Only embeddings have a silhouette."""
        if self.select == "val_silhouette" and not self.embeds:
            raise ValueError(
                f"select=val_silhouette is for embeddings; {self.model} takes val_top1, val_loss or last"
            )
        return self

    @property
    def id(self) -> str:
        """Return the run's id: 12 hexadecimal digits of the hash of every field.

        The path of the weights is left out once their SHA-256 stands for it, so that the same file in
        another folder is the same run.
        """
        return run_id(self.model_dump(mode="json"))

    @property
    def chosen_on_test(self) -> bool:
        """Whether the checkpoint is chosen on test, as only the reproduction of a paper may."""
        return False

    def architecture(self) -> dict[str, Any]:
        """Return what the network's builder is told besides its row's own options."""
        return {"dropout": self.dropout}
