"""What `bench submit` shows: the plan and its script, what became of it, and how local runs get on."""

from __future__ import annotations

import os
import shlex

from benchmarks.progress import Bars
from benchmarks.submission import Sorted, Submitted, array_size, sort_out, submit, waited_for
from slurm import pool, script
from slurm.child import STOPPED
from slurm.ledger import Cluster, Ledger
from slurm.plan import Plan
from slurm.submission import Chunk, Submission
from utils.errors import FAILURE, BenchError
from utils.lease import ELSEWHERE

_SHOWN = 20
"""So many failed runs are named."""


def show_plan(plan: Plan, where: Cluster) -> None:
    """Print the lines that would be submitted, and for Slurm the script of the first job array."""
    found = sort_out(plan, Ledger(plan.runs))
    for task in found.missing:
        _print(plan.line(task))
    _print_known(found)
    if where == "slurm" and found.missing:
        size = min(array_size(plan), len(found.missing))
        arrays = -(-len(found.missing) // size)
        chunk = Chunk("bench-SUBMISSION-0", tuple(task.key for task in found.missing[:size]))
        name = "1 job array" if arrays == 1 else f"the first of {arrays} job arrays"
        _print(f"\n# {name}, {size} tasks")
        _print(script.script(plan, plan.runs / "jobs" / "SUBMISSION", chunk).rstrip())
    _print(f"\n{_count(len(found.missing), 'run')} would be submitted ({where}); nothing was.")


def carry_out(plan: Plan, where: Cluster, *, wait: bool, again: bool = False) -> None:
    """Submit a plan, say what became of it, and wait for local runs where that is asked for.

    Raises:
        BenchError: Slurm refused some of it, or local runs that were waited for failed.
        SystemExit: the user stopped waiting.
    """
    if wait and where == "slurm":
        raise BenchError("--wait is for the local cluster; `bench status --watch` shows jobs of Slurm.")
    if where == "debug":
        _print(f"{_count(len(plan.tasks), 'run')}, one after the other")
    told = submit(
        plan, where, again=again, waiting=lambda name: _print(f"{name} is submitting: waiting for it")
    )
    _print_known(told.sorted)
    _print_submitted(told, where)
    if told.refused:
        raise BenchError(f"{told.refused[0]} The same line submits them later.", exit_code=FAILURE)
    if told.submission is not None and (wait or where == "debug"):
        _judge(told.submission if where == "debug" else _waited(told.submission))


def _print_known(found: Sorted) -> None:
    """Say what is not submitted, and why."""
    kinds = {
        "done already": found.done,
        "running": found.running,
        "in the queue": found.queued,
        "submitted before, and Slurm does not answer": found.unknown,
    }
    for what, tasks in kinds.items():
        if tasks:
            _print(f"{_count(len(tasks), 'run')} {what}")
    for task, reason in found.failed[:_SHOWN]:
        _print(f"failed: {task.label}: {reason}")
    if found.failed:
        more = "" if len(found.failed) <= _SHOWN else f"{len(found.failed)} in all; "
        _print(f"{more}`bench retry --failed` submits what failed again")


def _print_submitted(told: Submitted, where: Cluster) -> None:
    """Say what was submitted."""
    if told.submission is None:
        _print("nothing to submit")
        return
    count = _count(len(told.submission.plan.tasks), "run")
    if where == "slurm":
        sent = sum(len(chunk.keys) for chunk in told.submission.chunks() if chunk.state == "submitted")
        jobs = ", ".join(told.jobs)
        _print(f"{_count(sent, 'run')} submitted as {told.submission.id}, Slurm job {jobs}")
    elif where == "local":
        parallel = told.submission.plan.profile.parallel or 1
        _print(f"{count} submitted as {told.submission.id}, {parallel} at a time on this machine")
    if where != "debug":
        _print(f"`bench status{_runs_option(told.submission)}` shows them")


def _runs_option(submission: Submission) -> str:
    """Return the option that `bench status` needs to find a submission, if any."""
    from wlasl.root import project_folder  # noqa: PLC0415 - for this line alone

    runs = submission.plan.runs
    return "" if runs == project_folder() / "runs" else f" --runs {shlex.quote(os.fspath(runs))}"


def _waited(submission: Submission) -> Submission:
    """Show a bar until the local pool has ended; Ctrl-C stops the runs with their checkpoints.

    Raises:
        SystemExit: the user stopped it.
    """
    with Bars("runs") as bars:
        bars.begin("local runs", len(submission.plan.tasks))
        try:
            _watched(submission, bars)
        except KeyboardInterrupt:
            pool.stop(submission)
            bars.say("stopping the runs with their checkpoints; Ctrl-C again leaves them to it")
            _watched(submission, bars)
            raise SystemExit(STOPPED) from None
    return submission


def _watched(submission: Submission, bars: Bars) -> None:
    """Move the bar with each run that ends."""
    seen: set[str] = set()
    for ends in waited_for(submission):
        for key in ends.keys() - seen:
            seen.add(key)
            bars.advance()


def _judge(submission: Submission) -> None:
    """Say how the runs ended; BenchError where some did not end well, those that were cancelled aside."""
    ends, cancelled = submission.ends(), submission.cancelled()
    well = {key for key, end in ends.items() if end.code in {0, ELSEWHERE}}
    bad = [task for task in submission.plan.tasks if task.key not in well]
    failed = [task for task in bad if task.key not in cancelled]
    for task in failed[:_SHOWN]:
        end = ends.get(task.key)
        _print(f"failed: {task.label}: {f'{end.sentence}: {end.last}' if end else 'it was not started'}")
    given_up = len(bad) - len(failed)
    if given_up:
        _print(f"{_count(given_up, 'run')} cancelled")
    good = len(submission.plan.tasks) - len(bad)
    if failed:
        raise BenchError(f"{_count(len(failed), 'run')} failed, {good} ended well.", exit_code=FAILURE)
    _print(f"{_count(good, 'run')} ended well")


def _count(number: int, what: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _print(line: str) -> None:
    """Print a line as it is."""
    print(line, flush=True)  # noqa: T201 - the command's answer
