"""All that can be known of a run from outside: its record, its job, its last signs of life, and its log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from slurm.cluster import Accounted, JobKey, Queued
from slurm.submission import End

Kind = Literal["waiting", "running", "done", "failed", "cancelled", "stopped", "unknown"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class State:
    """How a run stands.

    Attributes:
        kind: one of KINDS. Stopped is a run that nobody is at work on, though nothing went wrong: who
            asks for it again gets the rest of it.
        reason: why, in a few words; never empty where the run failed.
    """

    kind: Kind
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which start of which job something tells of; a job of no number is none of Slurm's."""

    job: JobKey | None = None
    restarts: int = 0

    @classmethod
    def of(cls, facts: Mapping[str, object]) -> Attempt:
        """Return the start that facts of a job tell of, as `slurm.job.job_facts` has them."""
        number, task = facts.get("array") or facts.get("job"), str(facts.get("task", ""))
        if not number:
            return cls()
        restarts = str(facts.get("restarts", ""))
        key = (str(number), int(task) if task.isdecimal() else None)
        return cls(key, int(restarts) if restarts.isdecimal() else 0)


@dataclass(frozen=True, slots=True)
class Sign:
    """The run's own last sign of life.

    Attributes:
        state: running, stopped, done or failed, as it said.
        age: seconds since.
        reason: why, as it said.
        attempt: which it was of.
    """

    state: str
    age: float
    reason: str = ""
    attempt: Attempt = Attempt()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a run; whatever is not known is left as it is here.

    Attributes:
        record: status of its record.
        record_reason: why, where that is not done.
        job: under which number it was submitted last.
        submitted: whether it was: submitted, intended (and then the submitter died), refused, or local.
        refusal: what Slurm said when it refused.
        answered: the controller answered.
        queued: what it said of the job.
        accounted: what accounting said of the job.
        sign: its last sign of life.
        end: how its last process ended, as its worker saw it.
        log: the last lines of its last attempt, and of its job's own log.
        cancelled: its user cancelled it.
        pool: whether the process that starts local runs lives.
        recorded: it leaves a record when it ends well; a tuner's worker leaves none.
        stale: a sign of life older than so many seconds is one of a dead process.
    """

    record: str = ""
    record_reason: str = ""
    job: JobKey | None = None
    submitted: str = ""
    refusal: str = ""
    answered: bool = False
    queued: Queued | None = None
    accounted: Accounted | None = None
    sign: Sign | None = None
    end: End | None = None
    log: str = ""
    cancelled: bool = False
    pool: bool = False
    recorded: bool = True
    stale: float = 45.0
