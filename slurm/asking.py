"""One question to Slurm: a command that is absent, fails or keeps silent is answered too, and in time."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

PATIENCE = 20.0
"""Seconds after which a command of Slurm counts as unanswered."""
JobKey = tuple[str, int | None]
"""A job's number and, of an array, the task's; (number, None) for a job of its own."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said: exit code, stdout and stderr."""

    code: int
    out: str
    err: str


Runner = Callable[[Sequence[str]], Answer | None]
"""Runs a command; None where it is absent or does not answer."""


def ask(command: Sequence[str]) -> Answer | None:
    """Run a command of Slurm; None where it is absent or says nothing in time."""
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command and numbers of jobs
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
            env=_environment(os.environ),
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return Answer(done.returncode, done.stdout, done.stderr)


def _environment(of_user: Mapping[str, str]) -> dict[str, str]:
    """Return a user's variables without those that change what Slurm's commands print."""
    own = ("SQUEUE_", "SACCT_", "SCANCEL_", "SLURM_TIME_FORMAT", "SLURM_BITSTR_LEN")
    return {name: value for name, value in of_user.items() if not name.startswith(own)}
