"""A run is one process's at a time: its lease and its sign of life, held together from begin to end."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.engine import Heard, unheard
from benchmarks.pulse import Pulse
from benchmarks.recipe_base import Recipe
from slurm.job import job_facts
from utils.files import spoken
from utils.lease import Claim, HeldElsewhereError, lease
from utils.progress import Progress

LOCK = "run.lock"
_COMPANY_LOST = ("by peer", "gloo/transport", "gloo connect", "nccl error", "remote process", "processgroup")


@dataclass(frozen=True)
class Held:
    """What a process has of a run that is its own.

    Attributes:
        progress: hears how it goes.
        report: hears of each epoch.
        lost: set once another process has taken the run over.
    """

    progress: Progress
    report: Heard = unheard
    lost: threading.Event = field(default_factory=threading.Event)


def is_first_process() -> bool:
    """Say whether this is the process that a user started, before any engine can tell."""
    ranks = ("RANK", "LOCAL_RANK", "SLURM_PROCID")
    return all(os.environ.get(name, "0") == "0" for name in ranks)


def is_company_lost(error: Exception) -> bool:
    """Say whether an error only tells that another process of this run has ended: no fault of the run's.

    Gloo and NCCL have no exception of their own for it; what ended the other one stands in its own output.
    """
    told = str(error).lower()
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and any(words in told for words in _COMPANY_LOST)


@contextlib.contextmanager
def held(folder: Path, recipe: Recipe, progress: Progress, *, wait: bool) -> Iterator[Held]:
    """Hold a run's folder for the length of the block; of several processes of one run, the first does.

    Args:
        folder: the run's.
        recipe: what is run.
        progress: hears how it goes, and whom this process waits for.
        wait: wait for another process that runs the same.

    Raises:
        HeldElsewhereError: another live process runs the same, and this one is not to wait.
        BenchError: the folder cannot be written.
    """
    if not is_first_process():
        yield Held(progress)
        return
    with spoken(folder):
        folder.mkdir(parents=True, exist_ok=True)
    job = {name: str(value) for name, value in job_facts().items()}
    claim = Claim(job, lambda other: is_earlier(other, job), wait)
    with (
        lease(folder / LOCK, lambda name: _waits(progress, name), claim=claim) as lost,
        Pulse(folder, recipe, progress) as pulse,
    ):
        try:
            yield Held(pulse, pulse.report, lost)
        except HeldElsewhereError:
            pulse.hush()
            raise


def is_earlier(other: Mapping[str, str], job: Mapping[str, str]) -> bool:
    """Say whether a holder is an earlier start of this very Slurm job, which Slurm ended before this one."""
    mine, its = job.get("job"), other.get("job")
    if not mine or mine != its or job.get("cluster") != other.get("cluster"):
        return False
    return int(other.get("restarts", "0")) < int(job["restarts"])


def _waits(progress: Progress, name: str) -> None:
    """Say whom this process waits for."""
    progress.say(f"{name} is at work on this run: waiting for it")
