"""Who does which trial: proposed by Optuna under the study's lock, held by a lease, taken up where lost.

A worker that dies leaves its trial running in the journal, which has no heartbeat of its own. The lease has:
whoever claims a trial next first looks after those whose holder is gone. Of one that had ended in its own
file the journal is told; any other is given up, and its parameters are tried again from its checkpoint, at
most `TRIES` times.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from benchmarks.holding import is_earlier
from benchmarks.pulse import age
from benchmarks.search_space import same
from benchmarks.study import QUICK, TRIAL, Study, Trial
from benchmarks.study_journal import UNUSABLE, distributions, heritage, journal
from slurm.job import job_facts
from utils.clock import now
from utils.lease import Claim, HeldElsewhereError, lease
from utils.seeds import generator

TRIES = 3
"""A trial whose worker died so often, with no epoch in between, is tried once more and then given up."""
_OPEN = (TrialState.RUNNING, TrialState.WAITING)


@dataclass
class Claimed:
    """A trial that this process works on.

    Attributes:
        study: its study.
        record: as it is written.
        asked: as Optuna has it.
        lost: set once another process has taken the trial over.
        reported: epochs that the journal knows of.
        keeps: whether a later trial goes on from this one's checkpoint.
    """

    study: Study
    record: Trial
    asked: optuna.Trial
    lost: Event
    reported: int = 0
    keeps: bool = False

    def told(self, curve: Sequence[float], seconds: float) -> bool:
        """Note the first objective after each epoch so far; say whether to go no further.

        Raises:
            HeldElsewhereError: the trial was given up, and is another's now.
        """
        self.record = self.record.changed(curve=tuple(curve), epochs=len(curve), seconds=round(seconds, 1))
        known = self.study.read(self.record.number)
        if self.lost.is_set() or known is None or known.state != "running":
            raise HeldElsewhereError(f"Trial {self.record.number} was given up, and is another's now.")
        self.study.write(self.record)
        if self.study.settings.pruner == "none" or len(self.study.settings.objectives) > 1:
            return False
        try:
            return self._is_to_end(curve)
        except UNUSABLE:
            self._reopen()
            return self._is_to_end(curve)

    def _is_to_end(self, curve: Sequence[float]) -> bool:
        """Report what the journal does not know yet, and ask the pruner."""
        for step in range(self.reported, len(curve)):
            self.asked.report(curve[step], step + 1)
            self.reported = step + 1
        # One that has come to its last epoch is complete: nothing is saved by ending it.
        return len(curve) < self.study.settings.base.epochs and self.asked.should_prune()

    def _reopen(self) -> None:
        """Open the journal again, mended or rebuilt."""
        with lease(self.study.lock, patience=QUICK):
            opened = journal(self.study, sampler(self.study), pruner(self.study))
        told = opened.get_trials(deepcopy=False)[self.record.number]
        if told.state != TrialState.RUNNING:
            raise HeldElsewhereError(f"Trial {self.record.number} was given up, and is another's now.")
        self.reported = len(told.intermediate_values)
        self.asked = optuna.Trial(opened, told._trial_id)  # noqa: SLF001 - Optuna has no public way to it

    def end(self, **fields: object) -> Trial:
        """Write how the trial ended, then tell the journal; void where another has taken it over.

        Args:
            fields: of `Trial`, with its new state.
        """
        with lease(self.study.lock, patience=QUICK):
            known = self.study.read(self.record.number)
            if self.lost.is_set() or known is None or known.state != "running":
                return self.record
            self.record = self.record.changed(**fields, finished=now())
            self.study.write(self.record)
            if self.record.state not in {"stopped", "lost"}:
                tell(self.study, journal(self.study), self.record)
        return self.record


@contextmanager
def claimed(study: Study) -> Iterator[Claimed | None]:
    """Work on the next trial for the length of the block; None where there is none to begin.

    Yields:
        The trial: proposed anew, or one whose worker is gone.
    """
    with contextlib.ExitStack() as held:
        with lease(study.lock, patience=QUICK):
            found = _claim(study, held)
        yield found


def _claim(study: Study, held: contextlib.ExitStack) -> Claimed | None:
    """Choose a trial and take its lease, under the study's lock."""
    settings = study.settings
    opened = journal(study, sampler(study), pruner(study))
    look_after(study, opened)
    trials = opened.get_trials(deepcopy=False)
    if not any(one.state == TrialState.WAITING for one in trials) and counted(trials) >= settings.trials:
        return None
    asked = opened.ask(distributions(settings.dimensions))
    lost = held.enter_context(lease(study.lease(asked.number), patience=TRIAL, claim=_asking()))
    before = asked.user_attrs
    record = Trial(
        number=asked.number,
        parameters=dict(asked.params),
        root=before.get("root", asked.number),
        retry_of=before.get("retry_of"),
        began=before.get("began", 0),
        retries=before.get("retries", 0),
        job=job_facts(),
        started=now(),
    )
    study.write(record)
    return Claimed(study, record, asked, lost)


def counted(trials: list[FrozenTrial]) -> int:
    """Return how many trials there are, or will be: one that is tried again is one."""
    again = {one.user_attrs.get("retry_of") for one in trials}
    return sum(one.number not in again and not one.user_attrs.get("void") for one in trials)


def left(study: Study) -> tuple[int, int]:
    """Return how many trials are to begin, and how many somebody works on; the lost ones are looked after."""
    with lease(study.lock, patience=QUICK):
        opened = journal(study)
        look_after(study, opened)
        trials = opened.get_trials(deepcopy=False)
    running = sum(one.state == TrialState.RUNNING for one in trials)
    waiting = sum(one.state == TrialState.WAITING for one in trials)
    return waiting + max(0, study.settings.trials - counted(trials)), running


def look_after(study: Study, opened: optuna.Study) -> None:
    """Give up every running trial whose worker is gone, and let its parameters be tried again."""
    for told in opened.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if not is_held(study, told.number):
            _give_up(study, opened, told)


def is_held(study: Study, number: int) -> bool:
    """Say whether somebody who lives works on a trial."""
    path = study.lease(number)
    try:
        if age(path) > TRIAL.stale:
            path.unlink(missing_ok=True)
            return False
        with lease(path, patience=TRIAL, claim=_asking()):
            return False
    except HeldElsewhereError:
        return True
    except OSError:
        return False


def is_silent(study: Study) -> bool:
    """Say whether a running trial's worker has not been heard of for a while, though not yet for long."""
    for trial in study.all().values():
        with contextlib.suppress(OSError):
            if trial.state == "running" and age(study.lease(trial.number)) > 2 * TRIAL.beat:
                return True
    return False


def _asking() -> Claim:
    """Return who asks for a trial: a job that Slurm started again succeeds its earlier self at once."""
    job = {name: str(value) for name, value in job_facts().items()}
    return Claim(job, lambda other: is_earlier(other, job), wait=False)


def _give_up(study: Study, opened: optuna.Study, told: FrozenTrial) -> None:
    """Say how a trial ended whose worker is gone, and let its parameters be tried again."""
    record = study.read(told.number)
    if record is None:
        # Its worker died between asking and writing it down: nothing was done.
        _void(opened, told)
        return
    if record.state == "running":
        record = _lost(record)
        study.write(record)
    if record.state in {"stopped", "lost"} and not _is_taken_up(opened, record):
        opened.enqueue_trial(record.parameters, user_attrs=heritage(record))
    tell(study, opened, record)


def _lost(record: Trial) -> Trial:
    """Return a running trial whose worker is gone: lost, or failed for good."""
    if record.gained or record.retries < TRIES:
        return record.changed(state="lost", reason="its worker died", finished=now())
    reason = f"its worker died {record.retries + 1} times"
    return record.changed(state="failed", reason=reason, finished=now())


def _void(opened: optuna.Study, told: FrozenTrial) -> None:
    """End a trial that counts for nothing."""
    trial = optuna.Trial(opened, told._trial_id)  # noqa: SLF001 - Optuna has no public way to it
    trial.set_user_attr("void", value=True)
    opened.tell(told.number, state=TrialState.FAIL)


def _is_taken_up(opened: optuna.Study, record: Trial) -> bool:
    """Say whether a trial's parameters are tried again already."""
    trials = opened.get_trials(deepcopy=False)
    return any(one.user_attrs.get("retry_of") == record.number for one in trials)


def tell(study: Study, opened: optuna.Study, record: Trial) -> None:
    """Tell the journal how a trial ended, where it does not know."""
    if record.state == "complete":
        opened.tell(record.number, study.settings.values(record), skip_if_finished=True)
        return
    state = TrialState.PRUNED if record.state == "pruned" else TrialState.FAIL
    opened.tell(record.number, state=state, skip_if_finished=True)


def known_values(study: Study, parameters: Mapping[str, Any]) -> Trial | None:
    """Return a finished trial of the very same parameters: its values are those of any other."""
    for trial in study.all().values():
        if trial.state == "complete" and same(trial.parameters, parameters):
            return trial
    return None


def sampler(study: Study) -> optuna.samplers.BaseSampler:
    """Return what proposes parameters; its random numbers follow from how many trials there are.

    Every worker has one of its own: with the study's seed alone all of them would propose the same.
    """
    settings = study.settings
    seed = int(generator(settings.seed, len(study.all())).integers(2**31))
    if settings.tuner == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    if settings.tuner == "bayesian":
        return optuna.samplers.GPSampler(seed=seed, warn_independent_sampling=False)
    return optuna.samplers.TPESampler(seed=seed)


def pruner(study: Study) -> optuna.pruners.BasePruner:
    """Return what ends trials early."""
    settings = study.settings
    if settings.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(max_resource=max(1, settings.base.epochs))
    if settings.pruner == "asha":
        return optuna.pruners.SuccessiveHalvingPruner()
    return optuna.pruners.MedianPruner() if settings.pruner == "median" else optuna.pruners.NopPruner()
