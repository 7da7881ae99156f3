"""keras-tuner's searches over our own trainings: one process, taken up where it was cut.

Its Hyperband trains the best of a round on: here from the checkpoint of the trial before, on the schedule of
the whole training. Its files are not written whole, so a good copy of them is kept and put back where they
are damaged. Its grid search cannot be resumed and is not offered; a search in several processes is Optuna's.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from benchmarks.inputs import prepared
from benchmarks.progress import Bars
from benchmarks.search_space import Choice, Space
from benchmarks.study import FINISHED, QUICK, UPWARDS, Study, Trial, said, told
from benchmarks.tune_trial import Around, carry_out, parent_process
from slurm.job import job_facts
from utils.clock import now
from utils.errors import FAILURE, BenchError
from utils.files import write_text, write_whole
from utils.lease import lease
from utils.stopping import interruptible
from wlasl.subsets import load

_FAILURES = 5
"""keras-tuner gives up after so many trials that failed in a row."""
_FRUITLESS = 1000
"""It asks for a trial again and again while it waits for others; alone, it would do so for ever."""


@dataclass
class Claimed:
    """A trial that keras-tuner proposed (`benchmarks.tune_trial.Claim`).

    Attributes:
        study: its study.
        record: as it is written.
        epochs: after so many it is compared with others.
        lost: never set: one process does everything.
    """

    study: Study
    record: Trial
    epochs: int
    lost: Event

    @property
    def keeps(self) -> bool:
        """Say whether a later trial may go on from this one's checkpoint."""
        return self.study.settings.tuner == "hyperband"

    def told(self, curve: Sequence[float], seconds: float) -> bool:
        """Note the objective after each epoch so far; say whether this trial's epochs are over."""
        # One that was killed at its last epoch has trained one more before it is asked: it does not count.
        kept = tuple(curve[: self.epochs])
        self.record = self.record.changed(curve=kept, epochs=len(kept), seconds=round(seconds, 1))
        self.study.write(self.record)
        return self.epochs <= len(curve) and self.epochs < self.study.settings.base.epochs

    def end(self, **fields: object) -> Trial:
        """Write how the trial ended; one whose epochs are over is worth its best epoch."""
        if fields.get("state") == "pruned":
            name = self.study.settings.objectives[0]
            best = max(self.record.curve) if name in UPWARDS else min(self.record.curve)
            fields = {"state": "complete", "values": {name: best}}
        self.record = self.record.changed(**fields, finished=now())
        self.study.write(self.record)
        return self.record


def work(study: Study, data: Path | None, store: Path, device: str = "auto") -> int:
    """Carry out keras-tuner's search, from where it was cut; return how many trials there are.

    Raises:
        BenchError: nothing can be trained, or trial after trial fails.
        KeyboardInterrupt: somebody asked to stop; the trial at hand goes on from its checkpoint next time.
    """
    base = study.settings.base
    os.environ.setdefault("KERAS_BACKEND", base.engine)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with interruptible(), lease(study.folder / "keras.lock", patience=QUICK), Bars() as bars:
        inputs = prepared(base, load(base.split, data, bars), store, progress=bars)
        inputs.check(base)
        _search(study, Around(inputs, device, bars, parent_process(), study.folder.parents[1]))
    write_text(_ended(study), "")
    shutil.rmtree(study.folder / "work", ignore_errors=True)
    return len(study.all())


def left(study: Study) -> tuple[int, int]:
    """Return how many trials are to begin (one stands for all), and how many somebody works on."""
    ended = sum(trial.state in FINISHED for trial in study.all().values())
    return int(not _ended(study).exists() and ended < study.settings.trials), 0


def _ended(study: Study) -> Path:
    """Return the file that says that a search of so many trials has ended."""
    return study.folder / f"keras-tuner-ended-{study.settings.trials}"


def _search(study: Study, around: Around) -> None:
    """Let keras-tuner propose trials until it has enough."""
    try:
        with redirect_stdout(io.StringIO()):  # it prints a page per trial
            _tuner(study, around).search()
    except RuntimeError as error:
        failed = [trial for trial in study.all().values() if trial.state == "failed"]
        if "consecutive failures" not in str(error) or not failed:
            raise
        reason = f"{_FAILURES} trials in a row failed. The last of them: {failed[-1].reason}"
        raise BenchError(reason, exit_code=FAILURE) from error


def _tuner(study: Study, around: Around) -> Any:  # noqa: ANN401 - keras-tuner's class
    """Make the tuner, or take up the one that was cut; from its good copy where its files are damaged."""
    made = _class()
    for attempt in ("as it is", "from the copy", "anew"):
        if attempt == "from the copy":
            _put_back(study)
        if attempt == "anew":
            shutil.rmtree(_folder(study), ignore_errors=True)
        try:
            return made(study, around)
        except (ValueError, KeyError, TypeError, RuntimeError, OSError) as error:
            # What json cannot read is a ValueError, what keras-tuner misses in it a KeyError or RuntimeError.
            around.progress.say(f"keras-tuner's files are damaged ({type(error).__name__}).")
    raise BenchError(f"keras-tuner cannot begin in {_folder(study)}.", exit_code=FAILURE)


def _folder(study: Study) -> Path:
    """Return where keras-tuner keeps its files."""
    return study.folder / "keras-tuner"


def _class() -> Any:  # noqa: ANN401 - keras-tuner's class, which cannot be named before it is imported
    """Return keras-tuner's tuner whose trials are our trainings."""
    import keras_tuner  # noqa: PLC0415 - it imports TensorFlow, or torch
    from keras_tuner.errors import FailedTrialError  # noqa: PLC0415

    class _Tuner(keras_tuner.engine.base_tuner.BaseTuner):  # type: ignore[misc]
        """keras-tuner's loop; what it calls a model is a trial of ours."""

        def __init__(self, study: Study, around: Around) -> None:
            """Take up what lies in the study's folder."""
            self.study, self.around, self.fruitless = study, around, 0
            super().__init__(
                oracle=_oracle(keras_tuner, study),
                directory=str(study.folder),
                project_name="keras-tuner",
            )

        def pre_create_trial(self) -> None:
            """Notice that keras-tuner waits for a trial that nobody carries out."""
            self.fruitless += 1
            if self.fruitless > _FRUITLESS:
                raise BenchError("keras-tuner waits for a trial that nobody carries out.", exit_code=FAILURE)

        def on_trial_begin(self, trial: Any) -> None:  # noqa: ANN401
            """Keep a good copy of the files."""
            self.fruitless = 0
            super().on_trial_begin(trial)
            _keep(self.study)

        def run_trial(self, trial: Any) -> dict[str, float]:  # noqa: ANN401
            """Train what keras-tuner proposes, and return what it is worth."""
            ended = _one(self.study, self.around, trial)
            if ended.state != "complete":
                raise FailedTrialError(ended.reason)
            return dict(ended.values)

        def on_trial_end(self, trial: Any) -> None:  # noqa: ANN401
            """Keep a good copy of the files."""
            super().on_trial_end(trial)
            _keep(self.study)

    return _Tuner


def _one(study: Study, around: Around, trial: Any) -> Trial:  # noqa: ANN401 - keras-tuner's trial
    """Carry out one trial, or return what is known of it."""
    record, epochs = _record(study, trial)
    known = study.read(record.number)
    if known is not None and known.state in FINISHED and known.parameters == record.parameters:
        return known
    study.write(record)
    around.progress.say(f"trial {record.number}, {epochs} epochs: {told(record.parameters)}")
    ended = carry_out(Claimed(study, record, epochs, Event()), around)
    around.progress.say(f"trial {ended.number}: {said(ended)}")
    return ended


def _record(study: Study, trial: Any) -> tuple[Trial, int]:  # noqa: ANN401 - keras-tuner's trial
    """Return a proposed trial as it is written, and after how many epochs it is compared."""
    values = trial.hyperparameters.values
    before = study.read(int(values["tuner/trial_id"])) if "tuner/trial_id" in values else None
    number = int(trial.trial_id)
    record = Trial(
        number=number,
        parameters={name: values[name] for name in study.settings.space},
        root=number if before is None else before.root,
        job=job_facts(),
        started=now(),
    )
    return record, int(values.get("tuner/epochs", study.settings.base.epochs))


def _oracle(keras_tuner: Any, study: Study) -> Any:  # noqa: ANN401 - keras-tuner's
    """Return what proposes parameters."""
    settings, name = study.settings, study.settings.objectives[0]
    common = {
        "objective": keras_tuner.Objective(name, "max" if name in UPWARDS else "min"),
        "hyperparameters": _hyperparameters(keras_tuner, settings.dimensions),
        "seed": settings.seed,
        "allow_new_entries": False,
        "tune_new_entries": False,
        "max_consecutive_failed_trials": _FAILURES,
    }
    if settings.tuner == "hyperband":
        oracle = keras_tuner.oracles.HyperbandOracle(
            max_epochs=settings.base.epochs, hyperband_iterations=None, **common
        )
        oracle.max_trials = settings.trials
        return oracle
    kind = {"bayesian": "BayesianOptimizationOracle", "random": "RandomSearchOracle"}[settings.tuner]
    return getattr(keras_tuner.oracles, kind)(max_trials=settings.trials, **common)


def _hyperparameters(keras_tuner: Any, space: Space) -> Any:  # noqa: ANN401 - keras-tuner's
    """Return the space as keras-tuner has it."""
    made = keras_tuner.HyperParameters()
    for name, dimension in space.items():
        if isinstance(dimension, Choice):
            made.Choice(name, list(dimension.values))
            continue
        declare = made.Int if dimension.whole else made.Float
        how = {"sampling": "log"} if dimension.log else {"step": dimension.step} if dimension.step else {}
        declare(name, dimension.low, dimension.high, **how)
    return made


def _keep(study: Study) -> None:
    """Keep a copy of keras-tuner's files, written whole."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(_folder(study).rglob("*.json")):
            archive.write(path, path.relative_to(_folder(study)))
    write_whole(study.folder / "keras-tuner.zip", lambda file: file.write(buffer.getvalue()))


def _put_back(study: Study) -> None:
    """Put the copy of keras-tuner's files back, in place of damaged ones; nothing where it is damaged too."""
    shutil.rmtree(_folder(study), ignore_errors=True)
    with (
        contextlib.suppress(OSError, zipfile.BadZipFile, zlib.error),
        zipfile.ZipFile(study.folder / "keras-tuner.zip") as archive,
    ):
        archive.extractall(_folder(study))
