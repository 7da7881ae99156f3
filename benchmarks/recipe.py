"""A recipe: every number that changes the outcome of a run, as one frozen, typed value with an id."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from benchmarks.schema import run_id
from models import zoo
from utils.errors import BenchError
from utils.files import read_json
from utils.names import nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Share = Field(default=0.0, ge=0.0, lt=1.0)


class Recipe(BaseModel):
    """Everything that decides a run's scores; the hash of all of it is the run's id."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # What is trained, on what, with which random numbers.
    model: str = Field(description="row of the zoo (`bench list`)")
    engine: Literal["torch", "tensorflow"] = Field(default="torch", description="framework")
    split: str = Field(description="subset: 100, 300, 1000, 2000 or sample")
    seed: int = Field(default=0, ge=0, description="seed of weights, order, sampling and augmentation")

    # How a clip is stored (`wlasl.video.View`).
    crop: Literal["signer", "frame"] = Field(default="signer", description="the signer's box or the frame")
    margin: float = Field(default=0.1, ge=0, le=1, description="added to each side of the box, share of it")
    store_size: int = Field(default=256, ge=16, le=4096, multiple_of=16, description="stored side, pixels")
    quality: int = Field(default=95, ge=50, le=100, description="JPEG quality of the store")
    codec: Literal["jpeg", "raw"] = Field(default="jpeg", description="how the store keeps frames")

    # Which frames a network sees, and how large.
    frames: int = Field(ge=1, le=512, description="frames per view")
    size: int = Field(ge=16, le=1024, description="side that the network sees, pixels")
    stride: int = Field(default=1, ge=1, description="step between consecutive frames")
    sampling: Literal["uniform", "consecutive", "centre"] = Field(
        default="uniform", description="in training"
    )
    test_sampling: Literal["uniform", "consecutive", "centre"] = Field(
        default="uniform", description="at test"
    )
    pad: Literal["last", "zero", "loop"] = Field(default="last", description="what fills a short clip")
    views: int = Field(default=1, ge=1, le=64, description="temporal views averaged at test")

    # Augmentation in training.
    crop_scale_min: float = Field(default=0.6, gt=0, le=1, description="smallest random crop, share of area")
    crop_scale_max: float = Field(default=1.0, gt=0, le=1, description="largest random crop, share of area")
    crop_ratio_max: float = Field(
        default=1.15, ge=1, le=4, description="largest aspect ratio of a random crop"
    )
    hflip: float = Field(default=0.0, ge=0, le=1, description="probability of mirroring (signs have a hand!)")

    # Optimisation.
    epochs: int = Field(default=50, ge=0, description="passes over the training part")
    batch_size: int = Field(default=8, ge=1, description="clips per forward pass, over all processes")
    accumulate: int = Field(default=1, ge=1, description="forward passes per optimiser step")
    optimizer: Literal["sgd", "adam", "adamw", "rmsprop"] = "adamw"
    lr: float = Field(default=1e-3, gt=0, description="highest learning rate")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of sgd and rmsprop; beta 1 of adam")
    weight_decay: float = Field(default=0.01, ge=0, description="on weights of two or more dimensions")
    eps: float = Field(default=1e-8, gt=0, description="of adam, adamw and rmsprop")
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    warmup_epochs: float = Field(default=2.0, ge=0, description="linear rise of the learning rate")
    min_lr: float = Field(default=0.0, ge=0, description="where cosine and plateau end")
    plateau_factor: float = Field(default=0.3, gt=0, lt=1, description="learning rate's factor at a plateau")
    plateau_patience: int = Field(default=5, ge=0, description="epochs without progress before it")
    clip_norm: float | None = Field(default=1.0, gt=0, description="largest gradient norm; none for no limit")
    label_smoothing: float = Field(default=0.1, ge=0, lt=1, description="share of the target spread out")
    dropout: float | None = Field(
        default=None, ge=0, lt=1, description="before the head; none: the network's"
    )
    drop_path: float | None = Field(
        default=None, ge=0, lt=1, description="stochastic depth; none: as dropout"
    )
    unfreeze: int | None = Field(default=None, ge=0, description="train the last N blocks; none: all of them")
    norm_momentum: float | None = Field(
        default=None, gt=0, le=1, description="share of a batch in running statistics; none: the network's"
    )
    ema: float = Field(default=0.0, ge=0, lt=1, description="decay of averaged weights; 0 for none")
    patience: int | None = Field(
        default=None, ge=1, description="stop after N epochs without progress on val"
    )
    select: Literal["val_top1", "val_loss", "last"] = Field(
        default="val_top1", description="chooses the epoch"
    )

    # Arithmetic.
    precision: Literal["fp32", "bf16", "fp16"] = Field(default="fp32", description="autocast type")
    channels_last: bool = Field(default=False, description="memory layout of the torch network")
    compile: bool = Field(default=False, description="torch.compile; jit_compile under tensorflow")

    # Where it starts from, and on which clips.
    weights: str = Field(default="none", description="none, kinetics, or a checkpoint file")
    weights_sha256: str | None = Field(default=None, description="of the weights' file; filled in by the run")
    clips: str = Field(default="", description="fingerprint of the clips at hand; filled in by the run")

    @property
    def id(self) -> str:
        """Return the run's id: 12 hexadecimal digits of the hash of every field.

        The path of the weights is left out once their SHA-256 stands for it, so that the same file in
        another folder is the same run.
        """
        return run_id(self.model_dump(mode="json"))

    def revised(self, **changes: object) -> Recipe:
        """Return this recipe with some fields changed, checked again."""
        return _checked({**self.model_dump(), **changes})


def resolve(model: str, split: str, *layers: Mapping[str, Any]) -> Recipe:
    """Return the whole recipe of a run: defaults, then the zoo's row, then each of `layers` in turn.

    Raises:
        BenchError: an unknown model or field, a value of the wrong type or out of range.
    """
    row = zoo.system(model)
    fields: dict[str, Any] = {"frames": row.input.frames, "size": row.input.size, **row.recipe}
    for layer in layers:
        fields.update(layer)
    fields.update(model=model, split=split)
    recipe = _checked(fields)
    if recipe.engine not in row.builders:
        raise BenchError(f"{model} has no {recipe.engine} engine. Its engines: {', '.join(row.builders)}.")
    return recipe


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """Turn the words of `--set field=value` into recipe fields; `none` stands for no value.

    Raises:
        BenchError: no equals sign in a word, or a field that recipes do not have.
    """
    fields: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise BenchError(f"--set takes field=value, not {setting!r}.")
        _known(name.strip())
        fields[name.strip()] = None if value.strip().lower() == "none" and _nullable(name) else value.strip()
    return fields


def read_recipe(path: Path) -> dict[str, Any]:
    """Read recipe fields from a TOML or JSON file.

    Raises:
        BenchError: the file is missing, is neither TOML nor JSON, or names fields that recipes do not have.
    """
    fields = read_json(path) if path.suffix == ".json" else _read_toml(path)
    if not isinstance(fields, dict):
        raise BenchError(f"{path} holds no recipe: it should be a table of field = value.")
    for name in fields:
        _known(name)
    return fields


def to_toml(recipe: Recipe) -> str:
    """Write a recipe as TOML with a comment per field; fields without a value are commented out."""
    lines = []
    for name, field in Recipe.model_fields.items():
        value = getattr(recipe, name)
        text = f"# {name} = none" if value is None else f"{name} = {json.dumps(value)}"
        lines.append(f"{text:34} # {field.description}" if field.description else text)
    return "\n".join(lines) + "\n"


def _read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file, in words where that fails."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BenchError(f"There is no recipe file {path}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BenchError(f"{path} is not a TOML file: {error}.") from error
    except OSError as error:
        raise BenchError(f"Cannot read {path}: {error.strerror}.") from error


def _known(name: str) -> None:
    """Refuse a field that recipes do not have, with the nearest right ones."""
    if name not in Recipe.model_fields:
        raise BenchError(f"A recipe has no field {name!r}. {nearest(name, Recipe.model_fields)}")


def _nullable(name: str) -> bool:
    """Say whether a field may have no value."""
    return Recipe.model_fields[name.strip()].default is None or name.strip() == "clip_norm"


def _checked(fields: Mapping[str, Any]) -> Recipe:
    """Build a recipe, and turn pydantic's findings into sentences."""
    for name in fields:
        _known(name)
    try:
        recipe = Recipe.model_validate(fields)
    except ValidationError as error:
        sentences = " ".join(_sentence(detail) for detail in error.errors())
        raise BenchError(sentences) from error
    if recipe.crop_scale_min > recipe.crop_scale_max:
        raise BenchError("crop_scale_min is above crop_scale_max: set it to at most that.")
    return recipe


def _sentence(detail: ErrorDetails) -> str:
    """Say what is wrong with one field of a recipe."""
    field = ".".join(str(part) for part in detail["loc"])
    return f"{field}={detail['input']!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}."
