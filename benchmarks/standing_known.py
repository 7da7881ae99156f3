"""What can be found out about all runs at once: by one squeue, one sacct, records and signs of life."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from benchmarks.pulse import Beat, age, pulses
from benchmarks.records import Found, index
from slurm import cluster, pool
from slurm.asking import JobKey, Runner, ask
from slurm.cluster import Accounted, Queued
from slurm.ledger import Ledger
from slurm.plan import Task
from slurm.submission import Chunk, End, Submission
from utils.errors import BenchError

_PLAIN = frozenset({"PENDING", "RUNNING"})
"""States of a job that need no word of accounting's."""
_SECOND = len("20261121-153516")
"""Characters of a submission's name that say when it was made."""

Place = tuple[str, int | None]
"""Name of a job array, and the task in it: what a job is known by before anybody noted its number."""


@dataclass(frozen=True)
class Sent:
    """A task, where it was submitted last.

    Attributes:
        submission: the last that holds it.
        task: its line.
        chunk: its job array; None where it went to no Slurm.
        index: its place there.
    """

    submission: Submission
    task: Task
    chunk: Chunk | None
    index: int

    @property
    def place(self) -> Place:
        """Return what Slurm knows its job by."""
        return (self.chunk.name if self.chunk else "", self.index)


@dataclass(frozen=True)
class Known:
    """What was found out.

    Attributes:
        sent: every task that was ever submitted, by key.
        results: records by key.
        beats: the youngest sign of life by key.
        queue: what the controller remembers, by name and task; None where it does not answer.
        account: what accounting says of jobs that the queue does not explain.
        ends: by submission and key, how tasks ended.
        cancelled: by submission, the keys that the user cancelled.
        pools: submissions whose local pool lives.
        ages: seconds since a submission was made.
        notes: what could not be found out, a sentence each.
    """

    sent: Mapping[str, Sent]
    results: Mapping[str, Found] = field(default_factory=dict)
    beats: Mapping[str, Beat] = field(default_factory=dict)
    queue: Mapping[Place, tuple[JobKey, Queued]] | None = None
    account: Mapping[JobKey, Accounted] = field(default_factory=dict)
    ends: Mapping[str, Mapping[str, End]] = field(default_factory=dict)
    cancelled: Mapping[str, frozenset[str]] = field(default_factory=dict)
    pools: frozenset[str] = frozenset()
    ages: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def is_done(self, key: str) -> bool:
        """Say whether a run has a result, and nobody is at work on it again."""
        beat, result = self.beats.get(key), self.results.get(key)
        return result is not None and result.status == "done" and not (beat is not None and beat.alive)

    def queued(self, one: Sent) -> tuple[JobKey | None, Queued | None]:
        """Return the number of a task's job, noted or not, and what the controller says of it."""
        noted = (one.chunk.job, one.index) if one.chunk is not None and one.chunk.job is not None else None
        return (self.queue or {}).get(one.place, (noted, None))


def find_out(runs: Path, results: Path, *, run: Runner = ask) -> Known:
    """Find out all that there is to know, in one look at everything.

    Args:
        runs: folder of checkpoints and submissions.
        results: folder of records; submissions name their own besides.
        run: asks Slurm.
    """
    known = _sent(Ledger(runs))
    # Slurm first and records after it: a run that ends between the two is then found done, never failed.
    known = _asked_of_the_queue(known, run)
    beats = {beat.asked: beat for beat in sorted(pulses(runs), key=lambda beat: -beat.age)}
    known = replace(known, beats=beats, results=_results(known.sent.values(), results))
    return _asked_of_accounting(_looked_up(known), run)


def _sent(ledger: Ledger) -> Known:
    """Find every task where it was submitted last."""
    sent: dict[str, Sent] = {}
    notes = []
    for submission in sorted(ledger.submissions(), key=_order):
        try:
            tasks = submission.plan.tasks
        except BenchError as error:
            notes.append(f"Left out: {error}")
            continue
        chunks = {
            key: (chunk, place) for chunk in submission.chunks() for place, key in enumerate(chunk.keys)
        }
        for task in tasks:
            sent.pop(task.key, None)
            sent[task.key] = Sent(submission, task, *chunks.get(task.key, (None, 0)))
    return Known(sent, notes=tuple(notes))


def _order(submission: Submission) -> tuple[str, int]:
    """Return when a submission was made: by its name to the second, by its file within it."""
    try:
        return submission.id[:_SECOND], (submission.folder / "plan.json").stat().st_mtime_ns
    except OSError:
        return submission.id[:_SECOND], 0


def _asked_of_the_queue(known: Known, run: Runner) -> Known:
    """Add what the controller remembers of our arrays."""
    ours = [one for one in known.sent.values() if one.chunk is not None and one.chunk.state != "refused"]
    names = {one.place[0] for one in ours}
    if not names:
        return replace(known, queue={})
    folders = {one.submission.folder for one in ours}
    found = cluster.queue(user_only=all(map(_is_mine, folders)), run=run)
    if found is None:
        note = "Slurm does not answer: what is shown of its jobs is what the runs themselves say."
        return replace(known, notes=(*known.notes, note))
    # By name, not by number: a number that nobody noted is found so, and one used again misleads nobody.
    return replace(
        known, queue={(job.name, key[1]): (key, job) for key, job in found.items() if job.name in names}
    )


def _is_mine(folder: Path) -> bool:
    """Say whether this user made a folder."""
    try:
        return folder.stat().st_uid == os.getuid()
    except OSError:
        return True


def _results(sent: Iterable[Sent], results: Path) -> dict[str, Found]:
    """Return the records of all folders that submissions write to, by key."""
    submissions = {one.submission.id: one.submission for one in sent}
    folders = {results.resolve(): None, **{one.plan.results.resolve(): None for one in submissions.values()}}
    found: dict[str, Found] = {}
    for folder in folders:
        for key, one in _indexed(folder, _changed(folder)).items():
            if key not in found or one.status == "done":
                found[key] = one
    return found


@lru_cache(maxsize=8)
def _indexed(folder: Path, _changes: tuple[int, ...]) -> dict[str, Found]:
    """Return the records of a folder, read anew only when one came: who watches looks every few seconds."""
    return index(folder)


def _changed(folder: Path) -> tuple[int, ...]:
    """Return when the folders of records were changed: each is written whole, by a rename."""
    return tuple(path.stat().st_mtime_ns for path in sorted(folder.glob("*/*")) if path.is_dir())


def _looked_up(known: Known) -> Known:
    """Add what lies in the folders of submissions that are not done with."""
    left = {one.submission.id: one.submission for key, one in known.sent.items() if not known.is_done(key)}
    return replace(
        known,
        ends={name: one.ends() for name, one in left.items()},
        cancelled={name: one.cancelled() for name, one in left.items()},
        pools=frozenset(name for name, one in left.items() if one.cluster != "slurm" and pool.alive(one)),
        ages={name: _age(one.folder / "plan.json") for name, one in left.items()},
    )


def _age(path: Path) -> float:
    """Return how old a file is, by the clock of its file server; 0 where it is gone."""
    try:
        return age(path)
    except OSError:
        return 0.0


def _asked_of_accounting(known: Known, run: Runner) -> Known:
    """Add what accounting says of the jobs that the queue alone does not explain; one question for all."""
    if known.queue is None:
        return known  # who just waited for one answer is not made to wait for another
    asked = [one for key, one in known.sent.items() if not known.is_done(key) and _is_open(one, known)]
    jobs = {job[0] for one in asked if (job := known.queued(one)[0]) is not None}
    if not jobs:
        return known
    found = cluster.account(jobs, min(_made(one.submission) for one in asked), run=run)
    if found is None:
        note = (
            "Slurm's accounting (sacct) does not answer: reasons come from the queue, logs and signs of life."
        )
        return replace(known, notes=(*known.notes, note))
    names = {one.place[0] for one in asked}
    return replace(
        known, account={key: job for key, job in found.items() if not job.name or job.name in names}
    )


def _is_open(one: Sent, known: Known) -> bool:
    """Say whether accounting may tell more of a task: it does not simply wait or run."""
    job, queued = known.queued(one)
    return job is not None and (queued is None or queued.restarts > 0 or queued.state not in _PLAIN)


def _made(submission: Submission) -> datetime:
    """Return when a submission was made; by its folder's clock where its file does not say."""
    try:
        return datetime.fromisoformat(submission.facts.get("made", "")).astimezone()
    except ValueError:
        return datetime.fromtimestamp(submission.folder.stat().st_mtime).astimezone()
