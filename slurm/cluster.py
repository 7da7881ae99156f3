"""What Slurm knows of jobs, asked in one question for all of them, and never waited for without end.

A controller that does not answer is no news of a job: every question then returns None, which means unknown
and never failed. Slurm's words stay as they are; `slurm.states` says what they mean for a run.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from slurm.accounting import Accounted, account, numbers_of
from slurm.asking import Answer, JobKey, Runner, ask
from utils.errors import FAILURE, BenchError

__all__ = [
    "Accounted",
    "Answer",
    "JobKey",
    "Limits",
    "Queued",
    "Runner",
    "account",
    "ask",
    "by_name",
    "cancel",
    "installed",
    "limits",
    "queue",
    "required",
]

_CANCELLED_AT_ONCE = 500
"""Jobs that one scancel names."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A job as the controller has it, for as long as it remembers one that ended (MinJobAge).

    Attributes:
        state: Slurm's word, such as PENDING, RUNNING or NODE_FAIL.
        reason: why it waits or ended, Slurm's word.
        node: its nodes, in Slurm's short form; empty before it has any.
        restarts: how often it was requeued.
        name: as it was submitted.
        code: exit code, once it ended.
        signal: what killed it, if a signal did.
    """

    state: str
    reason: str = ""
    node: str = ""
    restarts: int = 0
    name: str = ""
    code: int = 0
    signal: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a site allows; None where it does not say.

    Attributes:
        array: tasks of one array.
        submit: jobs, each task counted, that a user may have in Slurm at a time.
    """

    array: int | None = None
    submit: int | None = None


def installed() -> bool:
    """Say whether jobs can be submitted from here."""
    return shutil.which("sbatch") is not None and shutil.which("squeue") is not None


def required() -> None:
    """Refuse where no jobs can be submitted.

    Raises:
        BenchError: there is no Slurm here.
    """
    if not installed():
        raise BenchError("There is no Slurm here (sbatch, squeue). Use --cluster local.")


_QUEUE = "ArrayJobID,ArrayTaskID,JobID,State,RestartCnt,exit_code,NodeList,Reason,Name"
_FIELDS = _QUEUE.count(",") + 1


def queue(
    jobs: Iterable[str] | None = None, *, user_only: bool = True, run: Runner = ask
) -> dict[JobKey, Queued] | None:
    """Return the jobs that the controller remembers, ended ones too, by one squeue.

    Args:
        jobs: numbers of jobs or arrays; None for all.
        user_only: this user's alone, which spares a busy controller most of the work.
        run: asks Slurm.

    Returns:
        A job that is not among them has been forgotten or never was. None: the controller does not answer.
    """
    layout = ",".join(f"{name}:|" for name in _QUEUE.split(","))
    whose = ["--user", str(os.getuid())] if user_only else []
    # Not --jobs: one unknown number makes squeue fail, and numbers are quicker to filter here.
    answer = run(["squeue", "--noheader", "--array", "--states=all", *whose, f"--Format={layout}"])
    if answer is None or answer.code != 0:
        return None
    wanted = None if jobs is None else set(jobs)
    found = dict(_queued(line) for line in answer.out.splitlines() if line.count("|") >= _FIELDS)
    return {key: job for key, job in found.items() if wanted is None or key[0] in wanted}


def _queued(line: str) -> tuple[JobKey, Queued]:
    """Read one line of squeue; the name comes last because it may hold the sign that parts the fields."""
    array, task, job, state, restarts, status, node, reason, name = line.split("|", _FIELDS - 1)
    key: JobKey = (array, int(task)) if task.isdecimal() else (job, None)
    ended = int(status) if status.isdecimal() else 0
    told = Queued(
        state=state.partition(" ")[0],
        reason="" if reason == "None" else reason,
        node=node,
        restarts=int(restarts) if restarts.isdecimal() else 0,
        name=name.rpartition("|")[0],
        code=ended >> 8 & 0xFF,  # as wait(2) has it
        signal=ended & 0x7F or None,
    )
    return key, told


def by_name(
    names: Iterable[str], since: datetime | None = None, *, run: Runner = ask
) -> dict[str, str] | None:
    """Return the numbers of this user's jobs with these names, from the queue and from accounting.

    Of several with one name the one that lives comes before one that ended, and a later before an earlier.

    Args:
        names: as they were submitted.
        since: when the first of them may have been submitted; else thirty days ago.
        run: asks Slurm.

    Returns:
        name -> number, without those that Slurm does not know. None: the controller does not answer, so that
        nobody can tell; submitting again would risk running twice.
    """
    wanted = sorted(set(names))
    queued = queue(run=run) if wanted else {}
    if queued is None:
        return None
    found = numbers_of(wanted, since, run)
    for (number, _), job in sorted(queued.items(), key=lambda item: (_alive(item[1]), int(item[0][0]))):
        if job.name in wanted:
            found[job.name] = number
    return found


def _alive(job: Queued) -> bool:
    """Say whether the controller still has something to do for a job."""
    return job.state in {"PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "REQUEUED"}


def limits(*, run: Runner = ask) -> Limits:
    """Return what the site allows: from the controller's configuration and from the user's association."""
    answer = run(["scontrol", "show", "config"])
    told = dict(re.findall(r"^(\w+)\s*=\s*(.*?)\s*$", answer.out, re.MULTILINE)) if answer else {}
    array = [_number(told.get("MaxArraySize", ""))]
    scheduler = told.get("SchedulerParameters", "")
    array += [_number(found) for found in re.findall(r"max_array_tasks=(\d+)", scheduler)]
    submit = [_number(told.get("MaxJobCount", ""))]
    mine = run(["sacctmgr", "-n", "-P", "show", "assoc", f"user={_user()}", "format=MaxSubmitJobs"])
    if mine is not None and mine.code == 0:
        submit += [_number(line) for line in mine.out.split()]
    return Limits(_least(array), _least(submit))


def _user() -> str:
    """Return the user's name, or number where it has no name."""
    import pwd  # noqa: PLC0415 - not on every system that shows help

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _number(text: str) -> int | None:
    """Return a number that is above 0, or None."""
    return int(text) if text.isdecimal() and int(text) else None


def _least(numbers: Iterable[int | None]) -> int | None:
    """Return the least of the numbers that are any."""
    return min((number for number in numbers if number is not None), default=None)


def cancel(jobs: Iterable[str], *, run: Runner = ask) -> None:
    """Cancel jobs, given as `12` or, a task of an array, `12_3`; one that ended already is no mistake.

    Raises:
        BenchError: Slurm does not answer, or refuses.
    """
    numbers = list(dict.fromkeys(jobs))
    for first in range(0, len(numbers), _CANCELLED_AT_ONCE):
        some = numbers[first : first + _CANCELLED_AT_ONCE]
        answer = run(["scancel", "--quiet", *some])
        if answer is None:
            raise BenchError(
                "Slurm does not answer, so nothing is known to be cancelled. Run the same command again.",
                exit_code=FAILURE,
            )
        if problem := _refusal(answer):
            raise BenchError(f"Slurm refused to cancel: {problem}.", exit_code=FAILURE)


def _refusal(answer: Answer) -> str:
    """Return why scancel refused; empty where all that it says is that a job is no more."""
    if answer.code == 0:
        return ""
    gone = ("Invalid job id", "already completing or completed")
    lines = [line.partition("error: ")[2] or line for line in answer.err.splitlines() if line.strip()]
    return next((line for line in lines if not any(word in line for word in gone)), "")
