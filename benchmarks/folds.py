"""A recipe judged by folds over train and val: trained once per fold, and no test clip is ever read.

What a fold came to is kept under `runs/folds/<the folds>/<the recipe>/<the fold>`, so that a fold is trained
once, and recipes that were judged on the same folds can be compared clip by clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks import chain
from benchmarks.engine import Job
from benchmarks.holding import held
from benchmarks.inputs import Inputs, complete, initial_weights, job_of, loader
from benchmarks.published_pixels import check_published
from benchmarks.recipe import restored
from benchmarks.recipe_base import Recipe
from benchmarks.run import Machine, Places, engine_of
from benchmarks.scores import Scored, Scores, read_scores, write_scores
from utils.errors import BenchError
from utils.files import read_json, write_text
from wlasl.folds import By, Folds, dealt
from wlasl.subsets import family

_SCORES, _RECIPE = "scores.npz", "recipe.json"


@dataclass(frozen=True)
class Judged:
    """What a recipe made of the folds.

    Attributes:
        recipe: which one.
        folds: per fold its number, and the scores of its clips.
    """

    recipe: Recipe
    folds: dict[int, Scored]

    def together(self) -> Scored:
        """Return all folds as one, in the order of the clips' ids."""
        parts = list(self.folds.values())
        ids = [clip for part in parts for clip in part.ids]
        order = np.argsort(ids)
        labels, scores = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("labels", "scores")
        )
        return Scored(tuple(ids[row] for row in order), labels[order], scores[order])


@dataclass(frozen=True)
class Asked:
    """What one command line asks for.

    Attributes:
        count: how many folds.
        by: what stays together in one.
        only: the folds that are wanted; empty for all.
    """

    count: int
    by: By
    only: tuple[int, ...] = ()

    def numbers(self) -> tuple[int, ...]:
        """Return the folds that are wanted.

        Raises:
            BenchError: there is no such fold.
        """
        wrong = [str(number) for number in self.only if not 0 <= number < self.count]
        if wrong:
            raise BenchError(
                f"There is no fold {', '.join(wrong)}: {self.count} folds are 0 to {self.count - 1}."
            )
        return self.only or tuple(range(self.count))


def judge(
    recipe: Recipe, inputs: Inputs, asked: Asked, places: Places, machine: Machine
) -> tuple[Folds, Judged]:
    """Train a recipe once per fold and score the fold's clips with the weights that its rule chose.

    Raises:
        BenchError: the recipe cannot be judged so, or a training failed.
        KeyboardInterrupt: stopped; what is finished is kept, and checkpoints too.
    """
    _check(recipe, inputs, places)
    numbers = asked.numbers()
    folds = dealt([clip for part in ("train", "val") for clip in inputs.clips(part)], asked.count, asked.by)
    weights = initial_weights(recipe, places.runs)
    recipe = complete(recipe, inputs, weights)
    folder = places.runs / "folds" / folds.id / recipe.id
    write_text(folder / _RECIPE, recipe.model_dump_json(indent=2) + "\n")
    job = job_of(recipe, inputs, folder, places.runs, weights)
    job = replace(job, device=machine.device, progress=machine.progress)
    found = {}
    for fold in numbers:
        own = inputs.only(folds.clips(inputs.dataset.subset, fold))
        found[fold] = _fold(recipe, own, replace(job, folder=folder / str(fold)))
    return folds, Judged(recipe, found)


def _check(recipe: Recipe, inputs: Inputs, places: Places) -> None:
    """Refuse a recipe whose judgement would be none."""
    check_published(recipe, len(inputs.dataset.subset.glosses))
    if recipe.chosen_on_test or getattr(recipe, "train_on_val", False):
        raise BenchError(
            "This recipe trains on val or chooses on test, and folds are judged by neither. Set that off."
        )
    kin = [
        link for link in chain.links(recipe, places.results) if family(link.split) == inputs.dataset.family
    ]
    if kin:
        raise BenchError(
            f"Run {kin[0].id} ({kin[0].model} on {kin[0].split}) was trained on clips of these folds: what"
            " starts from it knows what it is judged by. Start from a run on another data set, or from none."
        )


def _fold(recipe: Recipe, inputs: Inputs, job: Job) -> Scored:
    """Return the scores of one fold's clips, trained for where they are not there yet."""
    with held(job.folder, recipe, job.progress, wait=True) as hold:
        kept = _kept(job.folder)
        if kept is not None:
            return kept
        job.progress.say(f"fold {job.folder.name}: {recipe.model} on {recipe.split}, seed {recipe.seed}")
        job = replace(job, progress=hold.progress, report=hold.report, lost=hold.lost)
        engine = engine_of(recipe, job)
        engine.fit(loader(recipe, inputs, "train", train=True), loader(recipe, inputs, "val", watched=True))
        val = loader(recipe, inputs, "val")
        scored = Scored(tuple(clip.id for clip in val.clips), val.labels, engine.predict(val))
        write_scores(job.folder / _SCORES, Scores(inputs.dataset.subset.glosses, {"val": scored}))
        for path in [*job.folder.glob("*.ckpt*"), *job.folder.glob("best.*")]:
            path.unlink()  # nothing starts from a fold's weights
        return scored


def _kept(folder: Path) -> Scored | None:
    """Return the scores of a fold that was finished before; None where it was not, or they are damaged."""
    try:
        return read_scores(folder / _SCORES).parts.get("val")
    except BenchError:
        return None


def others(mine: Judged, folds: Folds, runs: Path) -> Sequence[Judged]:
    """Return the other recipes that were judged on the same folds, at least on all of mine."""
    found = []
    for path in sorted((runs / "folds" / folds.id).glob(f"*/{_RECIPE}")):
        try:
            recipe = restored(read_json(path))
        except (BenchError, AttributeError):
            continue  # of another version
        if recipe.id == mine.recipe.id:
            continue
        kept = {fold: _kept(path.parent / str(fold)) for fold in mine.folds}
        parts = {fold: part for fold, part in kept.items() if part is not None}
        if len(parts) == len(kept):
            found.append(Judged(recipe, parts))
    return found
