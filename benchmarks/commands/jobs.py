"""What jobs and local pools start: hidden commands of `bench`, for machines alone."""

from __future__ import annotations

from pathlib import Path


def worker(folder: Path, name: str) -> None:
    """Carry out this Slurm job's task of the array NAME of the submission in FOLDER."""
    from benchmarks.submission import progress_in  # noqa: PLC0415 - `bench --help` needs none of it
    from slurm.worker import serve  # noqa: PLC0415

    serve(folder, name, progress_in)


def pool(folder: Path) -> None:
    """Carry out the tasks of the submission in FOLDER on this machine."""
    from benchmarks.submission import progress_in  # noqa: PLC0415
    from slurm.pool import serve  # noqa: PLC0415

    serve(folder, progress_in)
