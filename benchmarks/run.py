"""One run, from its recipe to its record: prepare, train on train, choose on val, score test once."""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks import inputs as clips_of
from benchmarks import leaks, metrics
from benchmarks.engine import Batches, Engine, Fitted, Job
from benchmarks.holding import held, is_company_lost, is_first_process
from benchmarks.inputs import Inputs, complete, initial_weights, job_of
from benchmarks.machine import tell_of_precision
from benchmarks.recipe_base import Recipe
from benchmarks.records import put_aside, read_record, record_path, write_record
from benchmarks.schema import Cost, Record, Selection
from benchmarks.scores import Scored, Scores, write_scores
from benchmarks.spobet_published import also_reported
from benchmarks.where import multiply_adds, where
from utils.clock import now
from utils.errors import FAILURE, BenchError
from utils.files import write_json, write_text
from utils.lease import HeldElsewhereError
from utils.progress import Progress, Silent
from wlasl.clips import Part

_ENGINES = {
    "torch": "benchmarks.torch_engine:TorchEngine",
    "tensorflow": "benchmarks.keras_engine:KerasEngine",
}


@dataclass(frozen=True)
class Places:
    """The folders of a run: none of them changes its scores.

    Attributes:
        results: records, one small file per run.
        runs: checkpoints and scores, a folder per run.
    """

    results: Path
    runs: Path


@dataclass(frozen=True)
class Machine:
    """What a run may use: none of it is part of the recipe.

    Attributes:
        device: auto, cpu or cuda.
        devices: processes, each with a device of its own.
        runtime: what scores at the end: torch, auto, openvino or onnx (`benchmarks.runtimes`).
        progress: hears how it goes.
        wait: where another process carries out the same run, wait for it; otherwise leave it to that one.
    """

    device: str = "auto"
    devices: int = 1
    runtime: str = "torch"
    progress: Progress = field(default_factory=Silent)
    wait: bool = True


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        record: what was written, or found.
        path: where the record lies.
        repeated: the record was there already, and nothing was trained.
        main: whether this process is the one that prints.
    """

    record: Record
    path: Path
    repeated: bool = False
    main: bool = True


def run(recipe: Recipe, inputs: Inputs, places: Places, machine: Machine, *, again: bool = False) -> Outcome:
    """Carry out a recipe, or recognise that it has been.

    A run that was cut goes on from its checkpoint. A run that fails leaves a record with the reason. Of
    several processes that were told to carry out the same run, one does.

    Args:
        recipe: resolved; `clips` and `weights_sha256` are filled in here.
        inputs: the prepared clips.
        places: where its files go.
        machine: what it may use.
        again: train anew even where a finished record is there.

    Raises:
        BenchError: it cannot start, or failed with a reason that is written down.
        HeldElsewhereError: another live process carries it out, and `machine.wait` is not set.
        KeyboardInterrupt: stopped; its checkpoint is kept.
    """
    inputs.check(recipe)
    weights_file = initial_weights(recipe, places.runs)
    recipe = complete(recipe, inputs, weights_file)
    found = finished(recipe, places.results)
    if found is not None and not again:
        return replace(found, main=is_first_process())
    with held(places.runs / recipe.id, recipe, machine.progress, wait=machine.wait) as hold:
        # Whoever was waited for may have finished it.
        found = None if again else finished(recipe, places.results)
        if found is not None:
            return replace(found, main=is_first_process())
        job = job_of(recipe, inputs, places.runs / recipe.id, places.runs, weights_file)
        job = replace(job, device=machine.device, devices=machine.devices, runtime=machine.runtime)
        job = replace(job, progress=hold.progress, report=hold.report, lost=hold.lost)
        attempt = _Attempt(recipe, inputs, places, job)
        if again and is_first_process():
            attempt.forget()
        return attempt.carry_out()


def finished(recipe: Recipe, results: Path) -> Outcome | None:
    """Return the outcome of a recipe that was carried out before, or None."""
    path = record_path(results, recipe)
    if not path.is_file():
        return None
    stored = read_record(path)
    if stored.record.status != "done" or stored.altered:
        return None
    return Outcome(stored.record, path, repeated=True)


def engine_of(recipe: Recipe, job: Job) -> Engine:
    """Build a recipe's engine; its framework is imported here.

    Raises:
        BenchError: no such device, a shape that the network cannot take, weights that do not fit.
    """
    module, _, name = _ENGINES[recipe.engine].partition(":")
    engine: Engine = getattr(importlib.import_module(module), name)(recipe, job)
    return engine


class _Attempt:
    """One attempt at a recipe."""

    def __init__(self, recipe: Recipe, inputs: Inputs, places: Places, job: Job) -> None:
        """Note what the attempt works with and when it began."""
        self.recipe, self.inputs, self.places, self.job = recipe, inputs, places, job
        self.folder = job.folder
        self.started, self.clock = now(), time.monotonic()
        self.main = is_first_process()
        self.initial = leaks.initial(recipe, inputs, places.results, places.runs)

    def forget(self) -> None:
        """Delete earlier checkpoints, and put aside the record whose weights will be overwritten."""
        for path in self.folder.glob("*.ckpt*"):
            path.unlink()
        put_aside(record_path(self.places.results, self.recipe), self.folder)

    def carry_out(self) -> Outcome:
        """Fit, predict and write the record; write a failed one where that ends in an error."""
        self._open_places()
        leaks.tell(self.initial, self.inputs, self.job.progress)
        try:
            engine = engine_of(self.recipe, self.job)
            self.main = engine.main
            tell_of_precision(self.recipe.precision, engine.facts()["device"], self.job.progress)
            # A recipe that reproduces a paper's choice on test is the one exception, and is badged for it.
            judge: Part = "test" if self.recipe.chosen_on_test else "val"
            fitted = engine.fit(self._loader("train", train=True), self._loader(judge, watched=True))
            record = self._done(engine, fitted)
        except HeldElsewhereError:
            raise
        except BenchError as error:
            self._write_failure(str(error))
            raise
        except Exception as error:
            if is_company_lost(error):
                what = "Another process of this run has ended; its own output says why."
                raise BenchError(f"{what} Started again, it goes on.", exit_code=FAILURE) from error
            self._write_failure(f"{type(error).__name__}: {error}"[:2000])
            raise
        path = write_record(self.places.results, record) if self.main else Path()
        return Outcome(record, path, main=self.main)

    def _open_places(self) -> None:
        """Find out before training, not after it, whether the folders can be written to."""
        if self.main:
            write_text(self.folder / "recipe.json", self.recipe.model_dump_json(indent=2) + "\n")
            probe = self.places.results / ".writable"
            write_text(probe, "")
            probe.unlink(missing_ok=True)

    def _loader(self, part: Part, *, train: bool = False, watched: bool = False) -> Batches:
        """Return one part's batches."""
        # Looked up when called: `benchmarks.chaos_run` puts a loader of its own there.
        return clips_of.loader(self.recipe, self.inputs, part, train=train, watched=watched)

    def _done(self, engine: Engine, fitted: Fitted) -> Record:
        """Score val and test with the chosen weights and put the record together."""
        parts: dict[str, dict[str, float | int | None]] = {}
        scored: dict[str, Scored] = {}
        for part in ("val", "test"):
            loader = self._loader(part)
            if len(loader.clips):
                self.job.progress.begin(f"scoring {part}", loader.steps())
                scores = engine.predict(loader)
                scored[part] = Scored(tuple(clip.id for clip in loader.clips), loader.labels, scores)
                parts[part] = metrics.evaluate(scores, loader.labels)
                parts[part] |= also_reported(self.recipe, scores, loader.labels)
                self.job.progress.end(_headline(parts[part]))
        if self.main:
            write_json(self.folder / "history.json", fitted.history)
            leaks.write_trained_on(self.folder, self.inputs, clips_of.trained_on(self.recipe, self.inputs))
            write_scores(self.folder / "scores.npz", Scores(self.inputs.dataset.subset.glosses, scored))
        return self._record(engine.facts(), fitted, parts)

    def _record(
        self, facts: dict[str, Any], fitted: Fitted, parts: dict[str, dict[str, float | int | None]]
    ) -> Record:
        """Put the record of a finished run together."""
        chosen = fitted.history[fitted.chosen_epoch] if fitted.chosen_epoch >= 0 else {}
        value, rule = chosen.get(fitted.selection), fitted.selection
        if self.recipe.chosen_on_test:  # of the last epoch too: test has watched its rate
            rule = f"test_{rule.removeprefix('val_')}"
        return Record(
            id=self.recipe.id,
            status="done",
            recipe=self.recipe.model_dump(mode="json"),
            metrics=parts,
            selection=Selection(rule=rule, epoch=fitted.chosen_epoch, value=value),
            clips=self.inputs.coverage(),
            weights=self.initial,
            cost=self._cost(facts, fitted),
            where=where(self.recipe.engine, facts),
            started=self.started,
            finished=now(),
        )

    def _cost(self, facts: dict[str, Any], fitted: Fitted) -> Cost:
        """Return what the run took; the time of attempts that were cut counts as far as it was of use."""
        fit = fitted.seconds_before + sum(row["seconds"] for row in fitted.history)
        return Cost(
            seconds=round(max(fit, time.monotonic() - self.clock), 1),
            seconds_fit=round(fit, 1),
            peak_memory_mb=facts.get("peak_memory_mb"),
            peak_device_memory_mb=facts.get("peak_device_memory_mb"),
            parameters=facts.get("parameters"),
            gmacs=multiply_adds(self.recipe, self.job.classes),
            epochs=len(fitted.history),
            steps=fitted.steps,
        )

    def _write_failure(self, reason: str) -> None:
        """Leave a record that says why there is no result; a disk that refuses it too is no second error."""
        if not self.main:
            return
        record = Record(
            id=self.recipe.id,
            status="failed",
            reason=reason,
            recipe=self.recipe.model_dump(mode="json"),
            clips=self.inputs.coverage(),
            weights=self.initial,
            where=where(self.recipe.engine, {}),
            started=self.started,
            finished=now(),
        )
        try:
            write_record(self.places.results, record)
        except BenchError as error:
            raise BenchError(
                f"{reason} The failure could not be recorded: {error}", exit_code=FAILURE
            ) from error


def _headline(part: dict[str, float | int | None]) -> str:
    """Say a part's result in a few words."""
    return f"top-1 {100 * (part['top1'] or 0):.1f} % of {part['clips']} clips, loss {part['loss']:.3f}"
