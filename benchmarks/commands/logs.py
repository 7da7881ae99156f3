"""`bench logs`: what a submitted run printed, to its end or as it comes."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.commands.options import Results, Runs
from utils.errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.standing import Row

_BLOCK = 65_536
_JOB_LINES = 100
_OF_SLURM = (b"slurmstepd:", b"srun:", b"worker:")
_LOOK, _ASK, _RARELY = 0.3, 10.0, 60.0
"""Seconds between two looks at a log, and of its silence before the run's state is asked: first, later."""


def logs(
    run: Annotated[
        str, typer.Argument(help="Its id, its key, the first digits of either, or model:split:seed.")
    ],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends, or Ctrl-C.")] = False,  # noqa: FBT002
    lines: Annotated[int, typer.Option("-n", min=0, help="So many of the last lines; 0 for all.")] = 40,
    results: Results = None,
    runs: Runs = None,
) -> None:
    """Print the log of a submitted run, all its attempts one after the other."""
    from benchmarks.standing import standing  # noqa: PLC0415 - `bench --help` needs none of it
    from benchmarks.standing_find import one  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415

    home = project_folder()

    def look(name: str) -> Row:
        """Find the run."""
        return one(standing(runs or home / "runs", results or home / "results").rows, name)

    row = look(run)
    path, *others = _logs(row, waits=follow)
    try:
        end = _print_last(path, lines)
        if follow:
            _follow(path, end, lambda: look(row.key).over)
        for other in others:
            _print_of_slurm(other)
    except KeyboardInterrupt:
        # The way to leave; nothing was broken off.
        return
    except BrokenPipeError:
        raise
    except OSError as error:
        raise BenchError(f"Cannot read {path}: {error.strerror}.") from error


def _logs(row: Row, *, waits: bool) -> list[Path]:
    """Return the files that a run and its job write to, the run's first.

    Raises:
        BenchError: there is none.
    """
    from benchmarks.standing import logs_of  # noqa: PLC0415

    if row.submission is None:
        raise BenchError(
            f"Run {row.name} was not submitted: what it printed is in the terminal that it began in."
        )
    found = logs_of(row.submission, row.key, row.job)
    if found:
        return found
    if waits and not row.over:
        return [row.submission.log(row.key)]
    why = f", {row.state.reason}" if row.state.reason else ""
    raise BenchError(f"Run {row.name} has printed nothing: it is {row.state.kind}{why}.")


def _print_last(path: Path, lines: int) -> int:
    """Print the last lines of a file, and return where it ended."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        end = file.seek(0, 2)
        start, text = end, b""
        while start and (not lines or text.count(b"\n") <= lines):
            start = max(0, start - _BLOCK)
            file.seek(start)
            text = file.read(end - start)
    wanted = text.splitlines(keepends=True)
    _put(b"".join(wanted[-lines:] if lines else wanted))
    return end


def _follow(path: Path, end: int, over: Callable[[], bool]) -> None:
    """Print what a file grows by, until its run is over."""
    heard, patience = time.monotonic(), _ASK
    while True:
        size = path.stat().st_size if path.exists() else 0
        if size > end:
            with path.open("rb") as file:
                file.seek(end)
                _put(file.read(size - end))
            end, heard, patience = size, time.monotonic(), _ASK
        elif time.monotonic() - heard > patience:
            if over():
                return
            # Asking costs Slurm a question each time: less and less often of a run that takes its time.
            heard, patience = time.monotonic(), min(_RARELY, 2 * patience)
        time.sleep(_LOOK)


def _print_of_slurm(path: Path) -> None:
    """Print what Slurm and the job's own process said of the end; the rest is submitit's."""
    text = path.read_bytes()
    _put(
        b"".join(line for line in text.splitlines(keepends=True)[-_JOB_LINES:] if line.startswith(_OF_SLURM))
    )


def _put(text: bytes) -> None:
    """Print bytes as they are."""
    sys.stdout.buffer.write(text)
    sys.stdout.flush()
