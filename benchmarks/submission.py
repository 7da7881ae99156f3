"""Plans handed to a cluster: what has a result, or is queued or running, is not submitted again."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.pulse import pulses
from benchmarks.records import Found, index, keyed
from benchmarks.records import put_aside as put_record_aside
from slurm import cluster, pool, script
from slurm.child import STOPPED, Child, Progress
from slurm.ledger import Cluster, Ledger
from slurm.plan import Plan, Task
from slurm.submission import Chunk, Submission
from utils.errors import FAILURE, BenchError
from utils.files import read_json
from utils.lease import Claim, lease

_LOOK = 0.5
"""Seconds between two looks at a local pool, or at what the user cancelled."""
_ARRAY = 1000
"""Tasks per job array where a site does not say."""
_WAITING = frozenset({
    *("PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "REQUEUED", "REQUEUE_HOLD"),
    *("REQUEUE_FED", "RESIZING", "SIGNALING", "SPECIAL_EXIT", "STAGE_OUT", "STOPPED"),
})  # fmt: skip
_UNANSWERED = ("timed out", "unable to contact", "communication", "connection", "socket", "try again")
"""What sbatch says where it cannot know whether the controller took the job."""


@dataclass(frozen=True)
class Sorted:
    """A plan's tasks by what is known of them.

    Attributes:
        missing: to be submitted.
        done: have a result.
        running: a live process is at it.
        queued: handed over, and not ended.
        failed: a record says that it failed, and why.
        unknown: submitted earlier, and Slurm does not answer.
    """

    missing: tuple[Task, ...] = ()
    done: tuple[Task, ...] = ()
    running: tuple[Task, ...] = ()
    queued: tuple[Task, ...] = ()
    failed: tuple[tuple[Task, str], ...] = ()
    unknown: tuple[Task, ...] = ()


@dataclass(frozen=True)
class Submitted:
    """What became of a plan.

    Attributes:
        sorted: its tasks, by what was known of them before.
        submission: where what was missing went; None where nothing was.
        jobs: numbers of Slurm's job arrays.
        refused: a sentence per job array that Slurm refused, or has perhaps not got.
    """

    sorted: Sorted
    submission: Submission | None = None
    jobs: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def submit(
    plan: Plan,
    where: Cluster,
    *,
    retry: Iterable[str] = (),
    again: bool = False,
    waiting: Callable[[str], object] = lambda _: None,
) -> Submitted:
    """Submit what is missing of a plan, and say what was not submitted and why.

    Typed again after a crash at any moment it submits just what is missing.

    Args:
        plan: what is wanted.
        where: slurm, local (starts a pool that outlives this process) or debug (carries out, task by task).
        retry: keys of failed tasks that are to be submitted all the same.
        again: put results aside and forget checkpoints of whatever is not queued or running, to train anew.
        waiting: hears who else is submitting.

    Raises:
        BenchError: the folder cannot be written to, or Slurm refused everything.
    """
    ledger = Ledger(plan.runs)
    with ledger.held(waiting):
        healed = ledger.heal(cluster.by_name)
        found = sort_out(plan, ledger, retry=retry, answered=healed)
        if again:
            put_aside(plan, [*found.done, *found.missing, *(task for task, _ in found.failed)])
            found = sort_out(plan, ledger, answered=healed)
        if not found.missing:
            return Submitted(found)
        part = plan.of(task.key for task in found.missing)
        submission = ledger.new(part, where, array_size(plan) if where == "slurm" else None)
        if where == "slurm":
            return _to_slurm(Submitted(found, submission))
        if where == "local":
            pool.start(submission)
    if where == "debug":
        _in_turn(submission)
    return Submitted(found, submission)


def sort_out(plan: Plan, ledger: Ledger, *, retry: Iterable[str] = (), answered: bool = True) -> Sorted:
    """Sort a plan's tasks by what is known of them: from records, signs of life, and one look at the queue.

    Args:
        plan: what is wanted.
        ledger: what was submitted.
        retry: keys of failed tasks that count as missing.
        answered: False: Slurm is known not to answer.
    """
    records, again = index(plan.results), frozenset(retry)
    alive = {beat.asked for beat in pulses(plan.runs) if beat.alive}
    open_keys = {task.key for task in plan.tasks if not _is_done(records.get(task.key), task)} - alive
    queued, unknown = _queued(ledger, open_keys, answered=answered)
    kinds: dict[str, list[Any]] = {name: [] for name in Sorted.__dataclass_fields__}
    for task in plan.tasks:
        record = records.get(task.key)
        if task.key not in open_keys:
            kinds["running" if task.key in alive and not _is_done(record, task) else "done"].append(task)
        elif task.key in queued or task.key in unknown:
            kinds["queued" if task.key in queued else "unknown"].append(task)
        elif record is not None and record.status != "done" and task.key not in again:
            kinds["failed"].append((task, record.reason))
        else:
            kinds["missing"].append(task)
    return Sorted(**{name: tuple(tasks) for name, tasks in kinds.items()})


def put_aside(plan: Plan, tasks: Iterable[Task]) -> None:
    """Put records of tasks into their runs' folders, and delete their checkpoints: nothing of them counts.

    A task has several records where several sets of clips were at hand: none of them may say that it is done.
    Once, when they are submitted: a run that is then cut goes on from its checkpoint like any other.
    """
    keys = {task.key for task in tasks}
    for key, record in keyed(plan.results):
        if key in keys:
            put_record_aside(record.path, plan.runs / record.id)
    for beat in pulses(plan.runs):
        for path in (plan.runs / beat.id).glob("*.ckpt*") if beat.asked in keys else ():
            path.unlink(missing_ok=True)


def array_size(plan: Plan) -> int:
    """Return how many tasks a job array may have: the profile's number, within what the site allows."""
    limit = cluster.limits().array or _ARRAY
    return min(limit, plan.profile.array_size or limit)


def progress_in(runs: Path) -> Progress:
    """Return what tells how far the tasks of a folder of runs are: when their checkpoints were written."""
    folders: dict[str, Path] = {}

    def progress(key: str) -> object:
        """Return the time of the last checkpoint of the task's run."""
        if key not in folders:
            folders.update({beat.asked: runs / beat.id for beat in pulses(runs)})
        written = []
        for path in folders[key].glob("*.ckpt*") if key in folders else ():
            with contextlib.suppress(OSError):
                written.append(path.stat().st_mtime_ns)
        return max(written, default=0)

    return progress


def _is_done(record: Found | None, task: Task) -> bool:
    """Say whether a task has all that it asks for: its result, and what `--evaluate-on` names."""
    if record is None or record.status != "done":
        return False
    asked = {
        word for before, word in zip(task.argv, task.argv[1:], strict=False) if before == "--evaluate-on"
    }
    if not asked:
        return True
    try:
        return asked <= set(read_json(record.path)["zero_shot"])
    except (BenchError, KeyError, TypeError):
        return False


def _queued(ledger: Ledger, wanted: set[str], *, answered: bool) -> tuple[set[str], set[str]]:
    """Return which keys were handed over and have not ended, and of which nobody can tell."""
    queued: set[str] = set()
    arrays: list[Chunk] = []
    for submission in ledger.submissions() if wanted else []:
        if submission.cluster == "slurm":
            arrays += [chunk for chunk in submission.chunks() if not wanted.isdisjoint(chunk.keys)]
        elif pool.alive(submission):
            ended, cancelled = submission.ends(), submission.cancelled()
            queued |= set(submission.keys()).difference(ended, cancelled)
    jobs = cluster.queue() if arrays and answered else None
    if jobs is None:
        taken = [chunk for chunk in arrays if chunk.state != "refused"]
        return queued & wanted, {key for chunk in taken for key in chunk.keys} & wanted
    # Those that were given up too: an sbatch may get through after whoever waited for it has died.
    names = {chunk.name: chunk.keys for chunk in arrays}
    for (_, task), job in jobs.items():
        # By name, never by number: a cluster that was set up anew gives the same numbers again.
        keys = names.get(job.name, ())
        if job.state in _WAITING and task is not None and task < len(keys):
            queued.add(keys[task])
    return queued & wanted, set()


def _to_slurm(told: Submitted) -> Submitted:
    """Hand the job arrays of a new submission to Slurm, one after the other, until it refuses one."""
    submission = told.submission
    assert submission is not None  # noqa: S101 - for the type checker
    jobs: list[str] = []
    refused: list[str] = []
    chunks = submission.chunks()
    for number, chunk in enumerate(chunks):
        result = _handed_over(submission, chunk)
        if result.job is not None:
            submission.note(result)
            jobs.append(result.job)
            continue
        # Whatever Slurm has against this one it will have against the next.
        rest = [replace(other, state=result.state, why=result.why) for other in chunks[number:]]
        if result.state == "intended":
            rest = [replace(other, state="refused", why=result.why) for other in chunks[number + 1 :]]
        submission.note(*rest)
        refused = [f"{sum(len(other.keys) for other in chunks[number:])} tasks: {result.why}"]
        break
    if not jobs:
        raise BenchError(f"Slurm took nothing. {refused[0]}", exit_code=FAILURE)
    return replace(told, jobs=tuple(jobs), refused=tuple(refused))


def _handed_over(submission: Submission, chunk: Chunk) -> Chunk:
    """Submit a job array; where sbatch fails, look whether Slurm has it all the same."""
    try:
        return replace(chunk, job=script.submitted(submission, chunk), state="submitted")
    except BenchError as error:
        why = str(error)
    # Not after a refusal: accounting keeps jobs that were refused, too.
    if not any(word in why.lower() for word in _UNANSWERED):
        return replace(chunk, state="refused", why=why)
    known = cluster.by_name([chunk.name])
    if known and chunk.name in known:
        return replace(chunk, job=known[chunk.name], state="submitted")
    return replace(chunk, why=why)


def _in_turn(submission: Submission) -> None:
    """Carry out one task after the other in the foreground, but those that the user cancels.

    Raises:
        KeyboardInterrupt: the user stopped it; the task at work keeps its checkpoint.
    """
    with lease(submission.folder / pool.LOCK, claim=Claim(wait=False)):
        for task in submission.plan.tasks:
            if not submission.is_cancelled(task.key):
                _attempt(submission, task)


def _attempt(submission: Submission, task: Task) -> None:
    """Carry out a task until it ends, the user cancels it, or stops it all."""
    child, code = Child(submission.plan, task, None), None
    try:
        while code is None:
            code = child.wait(_LOOK)
            if code is None and submission.is_cancelled(task.key):
                child.stop()
                code = child.wait()
    except KeyboardInterrupt:
        child.stop()
        child.wait()
        submission.ended(task.key, STOPPED)
        raise
    finally:
        child.bury()
    submission.ended(task.key, code)


def waited_for(submission: Submission) -> Iterator[Mapping[str, int]]:
    """Yield the exit codes by key, again and again, until the submission's local pool has ended."""
    while True:
        alive = pool.alive(submission)
        yield {key: end.code for key, end in submission.ends().items()}
        if not alive:
            return
        time.sleep(_LOOK)
