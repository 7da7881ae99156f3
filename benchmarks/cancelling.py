"""Runs cancelled: first a note that survives everything, then whoever works on them is told."""

from __future__ import annotations

import os
import signal
import socket
from collections import defaultdict
from collections.abc import Sequence

from benchmarks.standing import Row
from slurm import cluster
from slurm.asking import Runner, ask
from utils.errors import BenchError


def cancelled(rows: Sequence[Row], *, run: Runner = ask) -> list[Row]:
    """Cancel runs, and return them.

    A task that is noted as cancelled is started by nobody, even where Slurm does not hear of it now.

    Args:
        rows: of runs that are not over.
        run: asks Slurm.

    Raises:
        BenchError: a run that nobody submitted lives on another machine; Slurm does not answer, or refuses.
    """
    for row in rows:
        _check(row)
    for row in rows:
        if row.submission is not None:
            row.submission.cancel(row.key)
    for row in rows:
        if row.submission is None:
            _ask_to_stop(row)
    cluster.cancel(_jobs(rows), run=run)
    return list(rows)


def _check(row: Row) -> None:
    """Refuse what cannot be told to stop from here."""
    if row.submission is None and (row.beat is None or row.beat.facts.get("host") != socket.gethostname()):
        host = row.beat.facts.get("host", "another machine") if row.beat is not None else "another machine"
        raise BenchError(f"Run {row.name} was started by hand on {host}: stop it there.")


def _ask_to_stop(row: Row) -> None:
    """Ask a run of this machine, started by hand, to stop with its checkpoint."""
    pid = row.beat.facts.get("pid") if row.beat is not None and row.beat.alive else None
    if isinstance(pid, int) and pid > 1:
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
