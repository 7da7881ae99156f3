"""What Slurm's accounting knows of jobs that may have ended long ago; not every site has any."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from slurm.asking import JobKey, Runner, ask

_SINCE = timedelta(days=30)
"""How far back accounting is asked where nobody says since when."""
_LONGEST = 100_000
"""Characters of one argument; Linux takes 131,071."""


@dataclass(frozen=True, slots=True)
class Accounted:
    """A job as accounting has it: its last attempt.

    Attributes:
        state: Slurm's word, such as TIMEOUT; `CANCELLED by 1000` is CANCELLED.
        code: exit code.
        signal: what killed it, if a signal did.
        elapsed: seconds that the attempt ran.
        node: its nodes.
        start: local time, ISO 8601; empty before it began.
        end: likewise.
        reason: why it waited, Slurm's word.
        name: as it was submitted; empty for the seconds in which accounting has not heard of it.
        before: how earlier attempts ended, in their order.
    """

    state: str
    code: int = 0
    signal: int | None = None
    elapsed: int = 0
    node: str = ""
    start: str = ""
    end: str = ""
    reason: str = ""
    name: str = ""
    before: tuple[str, ...] = ()


_ACCOUNT = "JobID,State,ExitCode,ElapsedRaw,NodeList,Submit,Start,End,Reason,JobName"
_NAMELESS = "allocation"
"""What accounting calls a job of which it has heard the end before the beginning."""
_COMMAS = _ACCOUNT.count(",")


def account(
    jobs: Iterable[str], since: datetime | None = None, *, run: Runner = ask
) -> dict[JobKey, Accounted] | None:
    """Return what accounting knows of jobs, by one sacct; None where there is no accounting, or no answer.

    A job that was requeued has a line per attempt, and so has a number that a cluster used twice: the last
    line counts. Whoever looks for a job of his own compares its name too.

    Args:
        jobs: numbers of jobs or arrays.
        since: when the first of them was submitted; else thirty days ago.
        run: asks Slurm.
    """
    numbers = ",".join(sorted(set(jobs)))
    if not numbers:
        return {}
    which = ["--jobs", numbers] if len(numbers) <= _LONGEST else ["--user", str(os.getuid())]
    answer = run(_sacct(since, _ACCOUNT, which))
    if answer is None or answer.code != 0:
        return None
    wanted = set(numbers.split(","))
    attempts: dict[JobKey, list[tuple[str, Accounted]]] = {}
    for line in answer.out.splitlines():
        for key, submitted, job in _accounted(line):
            if key[0] in wanted:
                attempts.setdefault(key, []).append((submitted, job))
    return {key: _last(rows) for key, rows in attempts.items()}


def _sacct(since: datetime | None, fields: str, which: Sequence[str]) -> list[str]:
    """Return the command that asks accounting for whole jobs, every attempt."""
    # An hour more: clocks differ, and what is asked too early costs nothing.
    begin = (since or datetime.now(timezone.utc) - _SINCE) - timedelta(hours=1)
    start = begin.astimezone().strftime("%Y-%m-%dT%H:%M:%S")
    flags = ["--allocations", "--duplicates", "--parsable2", "--noheader"]
    return ["sacct", *flags, "--starttime", start, f"--format={fields}", *which]


def _accounted(line: str) -> Iterator[tuple[JobKey, str, Accounted]]:
    """Read one line of sacct: a job, or all tasks of an array that wait, each with when it was submitted."""
    if line.count("|") < _COMMAS:
        return
    number, state, ended, elapsed, node, submitted, start, end, reason, name = line.split("|", _COMMAS)
    code, _, signal = ended.partition(":")
    job = Accounted(
        state=state.partition(" ")[0],
        code=int(code) if code.isdecimal() else 0,
        signal=int(signal) if signal.isdecimal() and int(signal) else None,
        elapsed=int(elapsed) if elapsed.isdecimal() else 0,
        node="" if node == "None assigned" else node,
        start=_time(start),
        end=_time(end),
        reason="" if reason == "None" else reason,
        name="" if name == _NAMELESS else name,
    )
    for key in keys_of(number):
        yield key, submitted, job


def keys_of(number: str) -> Iterator[JobKey]:
    """Yield the jobs that a number of Slurm stands for: `12`, `12_3`, or `12_[0-3,7%2]`; none for others."""
    job, _, tasks = number.partition("_")
    if not job.isdecimal():
        return
    if not tasks:
        yield job, None
        return
    for part in tasks.strip("[]").partition("%")[0].split(","):
        if found := re.fullmatch(r"(\d+)(?:-(\d+)(?::(\d+))?)?", part):
            first, last, step = found[1], found[2] or found[1], found[3] or 1
            yield from ((job, task) for task in range(int(first), int(last) + 1, int(step)))


def _last(rows: list[tuple[str, Accounted]]) -> Accounted:
    """Return the last attempt, with how those before it ended; other jobs of the same number do not count."""
    rows.sort(key=lambda row: row[0])
    last = rows[-1][1]
    before = tuple(job.state for _, job in rows[:-1] if job.name in {last.name, ""} or not last.name)
    return replace(last, before=before)


def _time(text: str) -> str:
    """Return a time of sacct's; empty for one that is not yet."""
    return text if text[:1].isdecimal() else ""


def numbers_of(wanted: Sequence[str], since: datetime | None, run: Runner) -> dict[str, str]:
    """Return the numbers that accounting knows for names; nothing where there is none."""
    if not wanted:
        return {}
    named = ",".join(wanted)
    # A name with a comma cannot be asked for by itself, nor can thousands.
    which = [] if len(named) > _LONGEST or any("," in name for name in wanted) else ["--name", named]
    answer = run(_sacct(since, "JobID,Submit,JobName", ["--user", str(os.getuid()), *which]))
    if answer is None or answer.code != 0:
        return {}
    rows = sorted(
        (submitted, number.partition("_")[0], name)
        for line in answer.out.splitlines()
        if line.count("|") >= 2  # noqa: PLR2004 - three fields
        for number, submitted, name in [line.split("|", 2)]
    )
    return {name: number for _, number, name in rows if name in wanted}
