"""Runs cancelled: first a note that survives everything, then whoever works on them is told."""

from __future__ import annotations

import os
import signal
import socket
from collections import defaultdict
from collections.abc import Sequence

from benchmarks.standing import Row
from slurm import cluster, pool
from slurm.asking import Runner, ask
from slurm.evidence import Attempt
from utils.errors import BenchError


def cancelled(rows: Sequence[Row], *, run: Runner = ask) -> list[Row]:
    """Cancel runs, and return them.

    A task that is noted as cancelled is started by nobody, even where Slurm does not hear of it now.

    Args:
        rows: of runs that are not over.
        run: asks Slurm.

    Raises:
        BenchError: a run that was started by hand lives on another machine (whatever else was named is
            cancelled, where there is more); Slurm does not answer, or refuses.
    """
    alone = [row for row in rows if _is_by_hand(row)]
    elsewhere = [row for row in alone if _host(row) != socket.gethostname()]
    for row in rows:
        if row.submission is not None:
            row.submission.cancel(row.key)
    for row in alone:
        if row not in elsewhere:
            _ask_to_stop(row)
    cluster.cancel(_jobs(rows), run=run)
    if elsewhere:
        named = (f"Run {row.name} was started by hand on {_host(row)}: stop it there." for row in elsewhere)
        rest = "" if len(elsewhere) == len(rows) else " Whatever else was named is cancelled."
        raise BenchError(" ".join(named) + rest)
    return list(rows)


def _is_by_hand(row: Row) -> bool:
    """Say whether a run is carried out by a process that no pool and no job of its submission looks after."""
    if row.submission is None:
        return True
    pid = _living(row)
    if pid is None or row.beat is None:
        return False
    facts = row.beat.facts.get("job")
    job = Attempt.of(facts if isinstance(facts, dict) else {}).job
    if row.submission.cluster == "slurm" and job is not None and row.job in {None, job}:
        return False
    return not pool.is_child(row.submission, _host(row), pid)


def _host(row: Row) -> str:
    """Return the machine that a run was seen on last."""
    host = row.beat.facts.get("host") if row.beat is not None else None
    return str(host or "another machine")


def _living(row: Row) -> int | None:
    """Return the number of the process that works on a run; None where none does, or nobody knows."""
    pid = row.beat.facts.get("pid") if row.beat is not None and row.beat.alive else None
    return pid if isinstance(pid, int) and pid > 1 else None


def _ask_to_stop(row: Row) -> None:
    """Ask a run of this machine, started by hand, to stop with its checkpoint."""
    pid = _living(row)
    if pid is not None:
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise BenchError(f"Run {row.name} is another user's.") from error


def _jobs(rows: Sequence[Row]) -> list[str]:
    """Return the numbers of jobs to cancel, in order."""
    by_array: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        if row.job is not None and row.job[1] is not None:
            by_array[row.job[0]].append(row.job[1])
    return [f"{array}_{task}" for array, tasks in by_array.items() for task in sorted(tasks)]
