"""A study's folder: what was asked, one file per trial, and which trials somebody works on; the truth of it.

<runs>/studies/<study>/
    study.json        what is searched and how, written once
    trials/<n>.json   one trial each, written whole by whoever carries it out
    leases/<n>.lock   held by whoever works on trial n: its heartbeat
    work/<n>/         checkpoints of a trial, until it ends
    journal.log       Optuna's own memory, rebuilt from the trials where it is damaged
    best.toml         the best recipe
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from benchmarks.recipe import restored
from benchmarks.recipe_base import Recipe
from benchmarks.search_space import Space, restored_space
from utils.errors import FAILURE, BenchError
from utils.files import read_json, write_json
from utils.lease import Patience
from utils.names import is_safe_id, nearest

Library = Literal["optuna", "keras-tuner"]
Tuner = Literal["tpe", "bayesian", "random", "hyperband"]
Pruner = Literal["none", "hyperband", "median", "asha"]
Objective = Literal["val_top1", "val_loss", "latency", "parameters"]
TUNERS: tuple[Tuner, ...] = get_args(Tuner)
PRUNERS: tuple[Pruner, ...] = get_args(Pruner)
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)

UPWARDS = frozenset({"val_top1"})
"""Objectives that are the better the higher they are."""

QUICK = Patience(beat=2.0, stale=12.0, poll=0.1)
"""Of locks that are held for moments: one whose holder died is free within 15 s."""
TRIAL = Patience(beat=5.0, stale=45.0, poll=1.0)
"""Of a trial: a dead worker is noticed within a minute, at once on the same machine."""

State = Literal["running", "complete", "pruned", "failed", "stopped", "lost"]
"""stopped: by somebody, with its checkpoint; lost: its worker died. Both are tried again as another trial."""
FINISHED: frozenset[State] = frozenset({"complete", "pruned", "failed"})


class Settings(BaseModel):
    """What a study searches, and how; frozen once it has begun, but for the number of trials.

    Attributes:
        study: its name.
        library: whose search it is.
        tuner: how parameters are proposed.
        pruner: how a trial that goes badly is ended early.
        trials: how many there are to be.
        objectives: what is optimised, on val; with several, the first is what the best is chosen by.
        seed: of the search; a recipe has its own.
        recipe: every field of the recipe that trials start from.
        space: per field that is searched, its values in words.
        format: version of this file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    study: str
    library: Library = "optuna"
    tuner: Tuner = "tpe"
    pruner: Pruner = "none"
    trials: int = 50
    objectives: tuple[Objective, ...] = ("val_top1",)
    seed: int = 123
    recipe: dict[str, Any]
    space: dict[str, str]
    format: int = 1

    @field_validator("space")
    @classmethod
    def _in_order(cls, space: dict[str, str]) -> dict[str, str]:
        """Put the fields in one order: what a search proposes depends on it."""
        return dict(sorted(space.items()))

    @property
    def base(self) -> Recipe:
        """Return the recipe that every trial starts from."""
        return restored(self.recipe)

    def values(self, trial: Trial) -> list[float]:
        """Return a complete trial's values in the order of the objectives, whatever order its file has."""
        return [trial.values[name] for name in self.objectives]

    @property
    def dimensions(self) -> Space:
        """Return what is searched."""
        return restored_space(self.space)


class Trial(BaseModel):
    """One trial, as its worker wrote it.

    Attributes:
        number: its number in the study.
        state: how it stands.
        parameters: the fields that it tries.
        values: per objective, what came out; empty unless it is complete.
        curve: the first objective after each epoch, where it is one of val.
        epochs: trained by this trial and those that it goes on from.
        seconds: that they took.
        root: the first trial of these parameters, whose checkpoint it goes on from.
        retry_of: the trial that was stopped or lost before it.
        began: epochs that those before it had trained.
        retries: how many of those before it were lost, one after the other, with no epoch in between.
        same_as: the trial of the very same parameters whose values it took over.
        reason: why it failed.
        job: of Slurm, where there was one.
        started: UTC, ISO 8601.
        finished: likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    state: State = "running"
    parameters: dict[str, Any]
    values: dict[str, float] = {}
    curve: tuple[float, ...] = ()
    epochs: int = 0
    seconds: float = 0.0
    root: int
    retry_of: int | None = None
    began: int = 0
    retries: int = 0
    same_as: int | None = None
    reason: str = ""
    job: dict[str, str | int] = {}
    started: str = ""
    finished: str = ""

    @property
    def gained(self) -> bool:
        """Say whether it trained an epoch that those before it had not."""
        return self.epochs > self.began

    def changed(self, **fields: object) -> Trial:
        """Return the trial with some fields changed."""
        return Trial.model_validate({**self.model_dump(), **fields})


def said(trial: Trial) -> str:
    """Say how a trial ended, in a few words."""
    if trial.state == "complete":
        words = worth(trial)
        return words if trial.same_as is None else f"{words}, as trial {trial.same_as}"
    return f"{trial.state} after {trial.epochs} epochs" + (f": {trial.reason}" if trial.reason else "")


def worth(trial: Trial) -> str:
    """Write a trial's values in a line."""
    return ", ".join(f"{name} {value:.4g}" for name, value in trial.values.items())


def told(parameters: Mapping[str, Any]) -> str:
    """Write parameters in a line."""
    return ", ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in parameters.items()
    )


class Study:
    """A study's folder and its settings."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Name the places; nothing is read."""
        self.folder, self.settings = folder.absolute(), settings
        self.lock = self.folder / "study.lock"
        # Absolute, because the journal's lock spins for ever on a relative path (Optuna 5.0.0).
        self.journal = self.folder / "journal.log"
        self.trials, self.leases = self.folder / "trials", self.folder / "leases"
        self.logs, self.best = self.folder / "logs", self.folder / "best.toml"

    def work(self, trial: Trial) -> Path:
        """Return where a trial's checkpoints lie: with those of the trial that it goes on from."""
        return self.folder / "work" / str(trial.root)

    def lease(self, number: int) -> Path:
        """Return the lock file of whoever works on a trial."""
        return self.leases / f"{number}.lock"

    def write(self, trial: Trial) -> None:
        """Write a trial whole."""
        write_json(self.trials / f"{trial.number}.json", trial.model_dump(mode="json"))

    def read(self, number: int) -> Trial | None:
        """Return a trial; None where there is no such file, or none that is whole."""
        try:
            return Trial.model_validate(read_json(self.trials / f"{number}.json"))
        except (BenchError, ValidationError):
            return None

    def all(self) -> dict[int, Trial]:
        """Return every trial by its number, in order."""
        numbers = sorted(int(path.stem) for path in self.trials.glob("*.json") if path.stem.isdigit())
        found = {number: self.read(number) for number in numbers}
        return {number: trial for number, trial in found.items() if trial is not None}


def studies(runs: Path) -> list[str]:
    """Return the names of the studies that there are."""
    return sorted(path.parent.name for path in (runs / "studies").glob("*/study.json"))


def open_study(runs: Path, name: str) -> Study:
    """Return a study that there is.

    Raises:
        BenchError: there is none of this name, or its settings cannot be read.
    """
    folder = runs / "studies" / name
    if name not in studies(runs):
        known = studies(runs)
        advice = nearest(name, known) if known else "There is none yet."
        raise BenchError(f"There is no study {name!r} under {runs / 'studies'}. {advice}")
    try:
        return Study(folder, Settings.model_validate(read_json(folder / "study.json")))
    except ValidationError as error:
        raise BenchError(f"{folder / 'study.json'} holds no settings of a study.") from error


def begin_study(runs: Path, settings: Settings) -> Study:
    """Make a study, or take up the one of this name; its number of trials may grow.

    Raises:
        BenchError: the name cannot be a folder's, or there is another study of this name.
    """
    if not is_safe_id(settings.study):
        raise BenchError(f"A study cannot be called {settings.study!r}: use letters, digits, '.', '_', '-'.")
    if settings.study in studies(runs):
        known = open_study(runs, settings.study).settings
        _refuse_another(known, settings)
        settings = settings.model_copy(update={"trials": max(known.trials, settings.trials)})
    study = Study(runs / "studies" / settings.study, settings)
    for folder in (study.trials, study.leases, study.logs):
        folder.mkdir(parents=True, exist_ok=True)
    write_json(study.folder / "study.json", settings.model_dump(mode="json"))
    return study


def _refuse_another(known: Settings, asked: Settings) -> None:
    """Refuse to go on with a study that searches something else."""
    told = _flat(known), _flat(asked)
    apart = sorted(name for name in told[0].keys() | told[1].keys() if told[0].get(name) != told[1].get(name))
    if apart:
        few = ", ".join(f"{name} {told[0].get(name)!r}, now {told[1].get(name)!r}" for name in apart[:4])
        raise BenchError(
            f"Study {known.study} has other settings: {few}. Give this one a name of its own with --study.",
            exit_code=FAILURE,
        )


def _flat(settings: Settings) -> Mapping[str, object]:
    """Return everything that must not change, under one name each."""
    fields = settings.model_dump(mode="json", exclude={"recipe", "space", "trials", "study"})
    recipe = {f"recipe.{name}": value for name, value in settings.recipe.items()}
    return {**fields, **recipe, **{f"space.{name}": value for name, value in settings.space.items()}}
