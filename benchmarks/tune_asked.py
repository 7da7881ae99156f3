"""From the words of a `bench tune` line to a study's settings, checked against what a recipe can be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from benchmarks.recipe import of_line, parse_settings
from benchmarks.recipe_base import Recipe
from benchmarks.search_space import parse_searches, read_space, space_of, written
from benchmarks.study import (
    OBJECTIVES,
    PRUNERS,
    TUNERS,
    Library,
    Objective,
    Pruner,
    Settings,
    Tuner,
    open_study,
    studies,
)
from benchmarks.study_hyperband import sweep
from utils.errors import BenchError
from utils.names import lookup, whole_numbers

TRIALS = 50
"""How many recipes are tried where nobody says."""
SEED = 123
"""The seed of a search where nobody says, as in the thesis whose searches these are."""
_KERAS_TUNERS = frozenset({"bayesian", "hyperband", "random"})
_LIBRARIES: tuple[Library, ...] = ("optuna", "keras-tuner")

Name = TypeVar("Name", bound=str)


@dataclass(frozen=True)
class Base:
    """What every trial starts from, as `bench run` takes it.

    Attributes:
        model: a row of the zoo; None for that of the study.
        split: the subset.
        recipe: a recipe by name, or a file; None for the system's own.
        options: recipe fields with an option of their own; None where it was not given.
        settings: the words of --set.
    """

    model: str | None
    split: str
    recipe: str | None = None
    options: Mapping[str, str | None] = field(default_factory=dict)
    settings: Sequence[str] = ()

    def resolved(self, model: str) -> Recipe:
        """Return the whole recipe."""
        return of_line(model, self.split, self.recipe, self.options, self.settings)


@dataclass(frozen=True)
class Search:
    """How to search, as the command line takes it; None for what follows from the rest.

    Attributes:
        study: its name.
        tuner: how recipes are proposed.
        objective: what is optimised, with commas.
        trials: how many recipes are tried.
        pruner: what ends bad trials early.
        library: whose search.
        seed: of the search.
        searches: the words of --search.
        space: a file of such words.
    """

    study: str | None = None
    tuner: str = "tpe"
    objective: str = "val_top1"
    trials: int | None = None
    pruner: str | None = None
    library: str | None = None
    seed: int = SEED
    searches: Sequence[str] = ()
    space: Path | None = None


def settings_of(search: Search, base: Base, runs: Path) -> Settings:
    """Return the settings of the study that is asked for; one that has begun need only be named.

    Raises:
        BenchError: neither a model nor a study, or what cannot be searched.
    """
    if base.model is None:
        return _begun(search, runs)
    tuner = _one("tuner", search.tuner, TUNERS)
    objectives = tuple(_one("objective", word.strip(), OBJECTIVES) for word in search.objective.split(","))
    pruner = None if search.pruner is None else _one("pruner", search.pruner, PRUNERS)
    recipe = base.resolved(base.model)
    library = _library(search.library, recipe, tuner, objectives)
    _check(library, tuner, objectives, pruner)
    given = {**(read_space(search.space) if search.space else {}), **parse_searches(search.searches)}
    fixed = [name for name in parse_settings(base.settings) if name not in given]
    name = search.study or f"{base.model}-{base.split}-{tuner}"
    return Settings(
        study=name,
        library=library,
        tuner=tuner,
        pruner=pruner or ("hyperband" if tuner == "hyperband" and library == "optuna" else "none"),
        trials=search.trials or _trials_of(name, runs) or _usual(library, tuner, recipe),
        objectives=objectives,
        seed=search.seed,
        recipe=recipe.model_dump(mode="json"),
        space=written(space_of(recipe, given, fixed)),
    )


def _begun(search: Search, runs: Path) -> Settings:
    """Return the settings of a study that has begun, with more trials where that was asked."""
    if search.study is None:
        raise BenchError("Say what to tune with --model, or which study to go on with by --study.")
    known = open_study(runs, search.study).settings
    return known.model_copy(update={"trials": max(known.trials, search.trials or 0)})


def _trials_of(name: str, runs: Path) -> int | None:
    """Return how many trials a study has that has begun; None for a new one."""
    return open_study(runs, name).settings.trials if name in studies(runs) else None


def _usual(library: Library, tuner: Tuner, recipe: Recipe) -> int:
    """Return how many trials a new study has where nobody says: keras-tuner's Hyperband, a whole sweep."""
    whole = library == "keras-tuner" and tuner == "hyperband"
    return sweep(max(1, recipe.epochs)) if whole else TRIALS


def _one(kind: str, name: str, known: Iterable[Name]) -> Name:
    """Return a name that is known; a wrong one is answered with the nearest right ones."""
    return lookup(kind, name, {one: one for one in known})


def _library(asked: str | None, recipe: Recipe, tuner: Tuner, objectives: tuple[Objective, ...]) -> Library:
    """Return whose search it is: keras-tuner's for Keras networks where it can do it."""
    if asked is not None:
        return _one("library", asked, _LIBRARIES)
    keras = recipe.engine == "tensorflow" and tuner in {"bayesian", "hyperband"} and len(objectives) == 1
    return "keras-tuner" if keras else "optuna"


def _check(library: Library, tuner: Tuner, objectives: tuple[Objective, ...], pruner: Pruner | None) -> None:
    """Refuse what cannot be searched that way."""
    if len(set(objectives)) < len(objectives):
        raise BenchError("An objective is named twice.")
    early = tuner == "hyperband" or pruner not in {None, "none"}
    if early and len(objectives) > 1:
        raise BenchError(
            "No trial can be ended early where there are several objectives: use --tuner tpe, and no pruner."
        )
    if early and not objectives[0].startswith("val_"):
        raise BenchError(f"No trial can be ended early by {objectives[0]}, which is known at its end alone.")
    if library == "keras-tuner" and (tuner not in _KERAS_TUNERS or len(objectives) > 1 or pruner is not None):
        raise BenchError(
            "keras-tuner searches by bayesian, hyperband or random, for one objective, without a pruner."
            " --library optuna does the rest."
        )


def seeds_of(text: str) -> list[int]:
    """Read the seeds of the best recipe's runs: 0..4, 0,3,7, or none.

    Raises:
        BenchError: a list that is none.
    """
    if text == "none":
        return []
    numbers = whole_numbers(text)
    if not numbers or min(numbers) < 0:
        raise BenchError(f"--seeds takes 0..4, 0,3,7 or none, not {text!r}.")
    return numbers
