"""What a run's record holds: recipe, metrics, cost, where it ran and on which clips."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, model_validator

from utils.files import short_hash

FORMAT = 1
"""The version of the record's schema; readers refuse newer ones in words."""

Status = Literal["done", "failed", "timeout", "skipped"]
STATUSES: tuple[Status, ...] = get_args(Status)


class Frozen(BaseModel):
    """What every part of a record is: frozen, and with no fields but the known ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Selection(Frozen):
    """What chose the checkpoint.

    Attributes:
        rule: such as val_top1; test_top1 only where a paper that chose on test is reproduced.
        epoch: the chosen epoch, 0-based; -1 for the initial weights.
        value: what the rule's measure was there.
    """

    rule: str
    epoch: int
    value: float | None = None


class Coverage(Frozen):
    """How many clips of a part were there: scored + missing = official."""

    scored: int
    missing: int
    official: int


class Clips(Frozen):
    """Which clips a run used.

    Attributes:
        parts: per part (train, val, test), how many of the official clips.
        test: the fingerprint of the test clips scored; runs are ranked together only where it is the same.
        missing_reasons: how many clips are missing for which reason.
        landmarks: what found the landmarks that the network saw; empty for pixels.
    """

    parts: dict[str, Coverage] = {}
    test: str = ""
    missing_reasons: dict[str, int] = {}
    landmarks: str = ""


class Link(Frozen):
    """One of the runs that a run builds on.

    Attributes:
        id: of that run.
        model: its system.
        split: the subset that it was trained on.
        clips: the fingerprint of the clips at hand there.
        initial: what it started from itself: none, a file, or the run before it.
        test_seen: how many of the present run's test clips it was trained on and the present run itself was
            not; None where nobody can tell.
        on_test: whether its checkpoint was chosen on its own test part.
    """

    id: str
    model: str
    split: str
    clips: str = ""
    initial: str = "none"
    test_seen: int | None = None
    on_test: bool = False


class InitialWeights(Frozen):
    """Where training started from: `none` is random weights; the SHA-256 is of the file.

    Attributes:
        source: none, kinetics, a file's name, or `run:<id>`.
        sha256: of the file.
        chain: the runs before, the first of them first; none where training started from no run.
    """

    source: str = "none"
    sha256: str | None = None
    chain: tuple[Link, ...] = ()


class Cost(Frozen):
    """What a run took.

    Attributes:
        seconds: of the whole run on the clock, all its attempts together.
        seconds_fit: of training and choosing alone.
        peak_memory_mb: the process's largest resident memory.
        peak_device_memory_mb: the accelerator's, where there is one.
        parameters: trainable parameters of the network.
        gmacs: multiply-adds in 10^9 of one view.
        epochs: epochs trained.
        steps: optimiser steps taken.
    """

    seconds: float | None = None
    seconds_fit: float | None = None
    peak_memory_mb: float | None = None
    peak_device_memory_mb: float | None = None
    parameters: int | None = None
    gmacs: float | None = None
    epochs: int | None = None
    steps: int | None = None


class Where(Frozen):
    """What it ran on: the kind of device and CPU, the code and the packages; no host, user or path.

    Attributes:
        device: such as cpu, or the accelerator's name.
        cpu: the processor's model.
        commit: of the working copy; empty where there is none.
        dirty: the working copy had changes that are in no commit.
        versions: of Python and of the packages that matter.
        slurm: the job's numbers, where there was one.
        runtime: what scored, where that was asked for; empty for the engine itself.
    """

    device: str = ""
    cpu: str = ""
    commit: str = ""
    dirty: bool = False
    versions: dict[str, str] = {}
    slurm: dict[str, str] = {}
    runtime: str = ""


class ZeroShot(Frozen):
    """What a run's embeddings make of signs without training on them.

    Attributes:
        split: the subset that the signs are of.
        landmarks: what found the landmarks.
        unseen: the network was trained on none of these signs.
        gallery: clips whose signs are told: the training clips of these signs.
        clips: the fingerprint of all clips of these signs and of their landmarks.
        metrics: what `benchmarks.retrieval.measured` returns of their test clips.
    """

    split: str
    landmarks: str
    unseen: bool
    gallery: int
    clips: str
    metrics: dict[str, float | int | None]


class Tuning(Frozen):
    """The study that a run's recipe came from, and what that took.

    Attributes:
        study: its name.
        tuner: whose search by which rule, such as optuna tpe.
        objectives: what was optimised, on val.
        trials: how many recipes were tried.
        hours: of training in all of them.
    """

    study: str
    tuner: str
    objectives: tuple[str, ...] = ()
    trials: int
    hours: float


class Record(Frozen):
    """One run: its recipe, its metrics, its cost, where it ran and on which clips.

    Attributes:
        id: the recipe's id.
        status: done, or why not.
        reason: a sentence, for every status but done.
        recipe: every field of the recipe.
        metrics: per part (val, test), what `benchmarks.metrics.evaluate` returns.
        zero_shot: per name that `--evaluate-on` took, what came out.
        selection: what chose the checkpoint; None where training did not end.
        tuning: the study that the recipe came from; None for a recipe that somebody wrote.
        started: UTC, ISO 8601.
        finished: likewise.
        format: version of this schema.
    """

    id: str
    status: Status
    recipe: dict[str, Any]
    reason: str = ""
    metrics: dict[str, dict[str, float | int | None]] = {}
    zero_shot: dict[str, ZeroShot] = {}
    selection: Selection | None = None
    tuning: Tuning | None = None
    clips: Clips = Clips()
    weights: InitialWeights = InitialWeights()
    cost: Cost = Cost()
    where: Where = Where()
    started: str = ""
    finished: str = ""
    format: int = FORMAT

    @model_validator(mode="after")
    def _is_whole(self) -> Record:
        """A finished run has test metrics, and any other a reason."""
        if self.status == "done" and "test" not in self.metrics:
            raise ValueError("a run that is done has test metrics")
        if self.status != "done" and not self.reason:
            raise ValueError(f"a run that is {self.status} says why")
        return self

    @property
    def model(self) -> str:
        """Return the name of the system."""
        return str(self.recipe.get("model", ""))

    @property
    def split(self) -> str:
        """Return the name of the subset."""
        return str(self.recipe.get("split", ""))

    @property
    def group(self) -> str:
        """Return a hash of the recipe without its seed: runs of one group differ by the seed alone."""
        return self.grouped()

    def grouped(self, start: str = "") -> str:
        """Return `group`, or that of runs which start from runs that differ by their seeds alone.

        Args:
            start: the group of the run that this one starts from; it then stands for that one's weights.
        """
        dropped = {"seed"} if self.recipe.get("weights_sha256") is None else {"seed", "weights"}
        if start:
            dropped = {"seed", "weights", "weights_sha256"}
        # Not `short_hash`: this one is a third of the work, and a table asks for ten thousand.
        told = sorted(item for item in self.recipe.items() if item[0] not in dropped)
        return hashlib.sha256(repr((told, start) if start else told).encode()).hexdigest()[:12]


def run_id(recipe: Mapping[str, Any]) -> str:
    """Return the id of a recipe given as plain fields.

    The path of the weights is left out once their SHA-256 stands for it.
    """
    fields = dict(recipe)
    if fields.get("weights_sha256") is not None:
        fields.pop("weights", None)
    return short_hash(fields)
