"""Optuna's journal of a study: mended where it is torn, rebuilt from the study's trials where it is spoilt.

A process that dies while it appends leaves half a line; the next line would glue onto it and the study be
unreadable. So every append first cuts the file back to its last whole line. Anything worse (bytes
overwritten, a line gone, a value edited by hand) shows against the trials' own files, which are the truth.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState, create_trial

from benchmarks.search_space import Choice, Dimension, Space
from benchmarks.study import UPWARDS, Settings, Study, Trial
from utils.files import spoken

Direction = Literal["minimize", "maximize"]

GRACE = 10
"""Seconds after which the lock of a process that died while appending is taken away."""
UNUSABLE = (ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError, RuntimeError)
"""What Optuna raises on reading a journal that is spoilt; damage has no exception of its own there."""


class Replaced(RuntimeError):  # noqa: N818 - told from faults of Optuna's by its name
    """The journal was rebuilt by somebody else since it was opened."""


class Backend(JournalFileBackend):
    """A journal's file that is cut back to its last whole line before anything is added."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make an empty one."""
        self._lock_of_file = JournalFileOpenLock(str(path), grace_period=GRACE)
        super().__init__(str(path), self._lock_of_file)
        self._path = path
        self._inode = path.stat().st_ino

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        """Yield what was added since."""
        self._is_the_same()
        yield from super().read_logs(log_number_from)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add lines; the end of the file is looked at under the same lock."""
        self._is_the_same()
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        with self.locked():
            mend(self._path)
            with self._path.open("ab") as file:
                file.write(lines.encode())
                file.flush()
                os.fsync(file.fileno())

    def _is_the_same(self) -> None:
        """Refuse a file that took the place of the one that was opened: what was read of it is void."""
        if self._path.stat().st_ino != self._inode:
            raise Replaced(f"{self._path} was rebuilt")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock that Optuna holds while it appends."""
        self._lock_of_file.acquire()
        try:
            yield
        finally:
            self._lock_of_file.release()


def mend(path: Path) -> bool:
    """Cut a journal back to its last whole line, keeping a copy of it as it was; say whether it was torn."""
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            return False
        file.seek(size - 1)
        if file.read(1) == b"\n":
            return False
        _keep(path, "torn")
        file.truncate(_last_line_end(file, size))
        os.fsync(file.fileno())
    return True


def _last_line_end(file: Any, size: int) -> int:  # noqa: ANN401 - a binary file
    """Return where the last whole line ends; 0 where there is none."""
    end, block = size, 1 << 16
    while end > 0:
        start = max(0, end - block)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return int(start + found + 1)
        end = start
    return 0


def _keep(path: Path, why: str) -> None:
    """Keep a copy of a journal that is about to be changed."""
    with spoken(path):
        shutil.copy2(path, path.with_name(f"{path.stem}.{why}-{time.time_ns()}.log"))


def journal(study: Study, sampler: Any = None, pruner: Any = None) -> optuna.Study:  # noqa: ANN401
    """Open a study's journal, rebuilt first where it is spoilt; the caller holds the study's lock.

    Args:
        study: the folder.
        sampler: Optuna's; None for its default.
        pruner: likewise.
    """
    for attempt in range(2):
        opened = _opened(study, sampler, pruner)
        if opened is not None and agrees(opened.get_trials(deepcopy=False), study):
            return opened
        if attempt == 0 and opened is not None:
            time.sleep(1.0)  # over a network, another's trial may be here before its line in the journal
    if study.journal.exists() and study.journal.stat().st_size > 0:
        _keep(study.journal, "spoilt")
    rebuild(study)
    found = _opened(study, sampler, pruner)
    if found is None:
        raise RuntimeError(f"{study.journal} cannot be read though it was just written")
    return found


def _opened(study: Study, sampler: Any, pruner: Any) -> optuna.Study | None:  # noqa: ANN401
    """Open the journal; None where there is none, or it cannot be read."""
    if not study.journal.exists():
        return None
    try:
        backend = Backend(study.journal)
        with backend.locked():
            mend(study.journal)
        storage = optuna.storages.JournalStorage(backend)
        return optuna.load_study(
            study_name=study.settings.study, storage=storage, sampler=sampler, pruner=pruner
        )
    except UNUSABLE:
        return None


def agrees(told: list[FrozenTrial], study: Study) -> bool:
    """Say whether a journal tells of trials what their own files say; it may not yet know that one ended."""
    return all(
        number < len(told) and told[number].number == number and _agrees(told[number], trial, study.settings)
        for number, trial in study.all().items()
    )


def _agrees(told: FrozenTrial, trial: Trial, settings: Settings) -> bool:
    """Say whether a journal tells of a trial what its own file says."""
    if {name: told.params.get(name) for name in trial.parameters} != trial.parameters:
        return False
    if not told.state.is_finished():
        return True
    if trial.state == "complete":
        return told.state == TrialState.COMPLETE and list(told.values) == settings.values(trial)
    # A trial that was counted as lost may have told its end before; its file then says so too.
    return told.state == (TrialState.PRUNED if trial.state == "pruned" else TrialState.FAIL)


def rebuild(study: Study) -> None:
    """Write a study's journal anew from its trials, in one step."""
    draft = study.journal.with_name(".journal.draft")
    draft.unlink(missing_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(draft), JournalFileOpenLock(str(draft))))
    made = optuna.create_study(study_name=study.settings.study, storage=storage, directions=directions(study))
    known = study.all()
    for number in range(max(known, default=-1) + 1):
        made.add_trial(frozen(known[number], study.settings) if number in known else _gone())
    for waiting in awaited(known.values()):
        made.enqueue_trial(waiting.parameters, user_attrs=heritage(waiting))
    os.replace(draft, study.journal)


def directions(study: Study) -> list[Direction]:
    """Return which way each objective is the better."""
    return ["maximize" if name in UPWARDS else "minimize" for name in study.settings.objectives]


def awaited(trials: Iterable[Trial]) -> list[Trial]:
    """Return the trials that were stopped or lost and that no other has taken up."""
    trials = list(trials)
    taken = {trial.retry_of for trial in trials}
    return [one for one in trials if one.state in {"stopped", "lost"} and one.number not in taken]


def heritage(trial: Trial) -> dict[str, int]:
    """Return what the next trial of the same parameters is told of this one."""
    lost = trial.state == "lost"
    return {
        "retry_of": trial.number,
        "root": trial.root,
        "began": max(trial.began, trial.epochs),
        "retries": 0 if trial.gained else trial.retries + lost,
    }


def frozen(trial: Trial, settings: Settings) -> FrozenTrial:
    """Return a trial as Optuna keeps it."""
    states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "running": TrialState.RUNNING}
    state = states.get(trial.state, TrialState.FAIL)
    values, space = settings.values(trial) if trial.values else None, settings.dimensions
    made = create_trial(
        state=state,
        values=values if state == TrialState.COMPLETE else None,
        params=dict(trial.parameters),
        distributions={name: distribution(space[name]) for name in trial.parameters},
        intermediate_values=dict(enumerate(trial.curve, start=1)),
        user_attrs={} if trial.retry_of is None else {"retry_of": trial.retry_of, "root": trial.root},
    )
    if trial.started:
        made.datetime_start = datetime.fromisoformat(trial.started).astimezone().replace(tzinfo=None)
    return made


def _gone() -> FrozenTrial:
    """Return what stands for a trial that nobody knows anything of any more."""
    return create_trial(state=TrialState.FAIL, user_attrs={"void": True})


def distribution(dimension: Dimension) -> BaseDistribution:
    """Return a dimension as Optuna has it."""
    if isinstance(dimension, Choice):
        return CategoricalDistribution(dimension.values)
    if dimension.whole:
        step = int(dimension.step or 1)
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log, step=step)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log, step=dimension.step)


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return a space as Optuna has it."""
    return {name: distribution(dimension) for name, dimension in space.items()}
