"""How many cores this process may use: the job's allotment, never the machine's core count."""

from __future__ import annotations

import os


def allotted_cores() -> int:
    """Return the cores of this job: SLURM_CPUS_PER_TASK, else the affinity mask; at least 1."""
    told = os.environ.get("SLURM_CPUS_PER_TASK", "")
    if told.isdigit() and int(told) > 0:
        return int(told)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def compute_threads() -> int:
    """Return the threads of one network: OMP_NUM_THREADS where somebody set it, else the allotted cores."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdigit() and int(told) > 0 else allotted_cores()


def be_polite() -> None:
    """Let idle OpenMP threads sleep: spinning ones cost most of a shared machine (call before torch)."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
