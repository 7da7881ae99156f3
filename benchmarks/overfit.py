"""Whether a network learns a few clips by heart, as every network that works does: a check before long runs.

Clips are shown as they are scored, with nothing varied or mixed, at the recipe's highest rate, until all of
them are named right. A network that cannot do that has a fault, a rate that is off, or too many frozen
blocks, and a long training would end near chance.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.engine import Pruned
from benchmarks.inputs import Inputs, initial_weights, job_of, loader
from benchmarks.recipe import revised
from benchmarks.recipe_base import Recipe
from benchmarks.run import Machine, engine_of
from utils.errors import BenchError
from wlasl.clips import Clip

_PER_GLOSS = 2
"""Embeddings learn from two clips of a sign and one of another."""
_STILL: dict[str, object] = {
    "schedule": "constant",
    "warmup_epochs": 0.0,
    "accumulate": 1,
    "ema": 0.0,
    "label_smoothing": 0.0,
    "patience": None,
    "select": "val_top1",
    "test_select": False,
    "mixup": 0.0,
    "cutmix": 0.0,
    "erase": 0.0,
    "start_mining_hard": None,
    "pretrain_rounds": 0,
}
"""Recipe fields that a network has no need of for a few clips, or that would hide what it knows of them."""


@dataclass(frozen=True)
class Learnt:
    """What a network made of a few clips.

    Attributes:
        clips: how many.
        glosses: of how many signs.
        right: how many it names right.
        epochs: how often it saw each.
        first: the loss after it saw each once.
        last: the loss in the end.
    """

    clips: int
    glosses: int
    right: int
    epochs: int
    first: float
    last: float

    @property
    def whole(self) -> bool:
        """Say whether it knows all of them."""
        return self.right == self.clips


class _Watch:
    """Hears of each epoch, and has seen enough once every clip is named right."""

    def __init__(self) -> None:
        """Begin with no epochs."""
        self.history: Sequence[dict[str, float]] = ()

    def __call__(self, history: Sequence[dict[str, float]]) -> None:
        """Keep what was said.

        Raises:
            Pruned: every clip is named right.
        """
        self.history = list(history)
        if history[-1]["val_top1"] == 1:
            raise Pruned("all are named right")


def overfit(recipe: Recipe, inputs: Inputs, count: int, machine: Machine, runs: Path) -> Learnt:
    """Train on a few training clips until all of them are named right, or the recipe's epochs are over.

    Args:
        recipe: its `epochs` are the most that are tried.
        inputs: the clips at hand.
        count: how many clips, two of a sign where it has two.
        machine: the device, and who hears how it goes.
        runs: where runs keep their weights, for a recipe that starts from one.

    Raises:
        BenchError: it cannot be trained, or the loss is no number.
    """
    clips = chosen(inputs.clips("train"), count)
    few = inputs.only(clips)
    recipe = _still(recipe)
    watch = _Watch()
    with tempfile.TemporaryDirectory(prefix="overfit-") as folder:
        job = job_of(recipe, few, Path(folder), runs, initial_weights(recipe, runs))
        job = replace(job, device=machine.device, progress=machine.progress, report=watch)
        engine = engine_of(recipe, job)
        try:
            engine.fit(loader(recipe, few, "train"), loader(recipe, few, "train"))
        except Pruned:
            machine.progress.say("all of them are named right")
    last = watch.history[-1]
    right = round(last["val_top1"] * len(clips))
    signs = len({clip.label for clip in clips})
    return Learnt(
        len(clips), signs, right, len(watch.history), watch.history[0]["val_loss"], last["val_loss"]
    )


def chosen(clips: Sequence[Clip], count: int) -> tuple[Clip, ...]:
    """Return so many clips, two of each gloss as far as it has two, glosses in label order.

    Raises:
        BenchError: there are not so many, or they are of one gloss alone.
    """
    by_label: dict[int, list[Clip]] = defaultdict(list)
    for clip in clips:
        by_label[clip.label].append(clip)
    pairs = [by_label[label][:_PER_GLOSS] for label in sorted(by_label)]
    found = tuple(clip for pair in pairs for clip in pair)[:count]
    if len(found) < count or len({clip.label for clip in found}) < 2:  # noqa: PLR2004 - a sign and another
        raise BenchError(
            f"{count} training clips, at most two of a sign, are not at hand: {len(found)} are. Ask for"
            " others with --clips."
        )
    return found


def _still(recipe: Recipe) -> Recipe:
    """Return a recipe without what hides whether its network learns."""
    own: dict[str, Any] = {name: value for name, value in _STILL.items() if hasattr(recipe, name)}
    return revised(recipe, **own)
