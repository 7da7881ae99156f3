"""The Slurm job that this process is part of, as facts for a run's record."""

from __future__ import annotations

import os
from collections.abc import Mapping

_TEXT = {
    "job": "SLURM_JOB_ID",
    "array": "SLURM_ARRAY_JOB_ID",
    "task": "SLURM_ARRAY_TASK_ID",
    "cluster": "SLURM_CLUSTER_NAME",
    "partition": "SLURM_JOB_PARTITION",
    "nodes": "SLURM_JOB_NODELIST",
}
_COUNTS = {
    "restarts": "SLURM_RESTART_COUNT",
    "processes": "SLURM_NTASKS",
    "cpus_per_process": "SLURM_CPUS_PER_TASK",
    "cpus_on_node": "SLURM_CPUS_ON_NODE",
    "gpus_on_node": "SLURM_GPUS_ON_NODE",
    "memory_per_node_mb": "SLURM_MEM_PER_NODE",
}


def job_facts(environment: Mapping[str, str] | None = None) -> dict[str, str | int]:
    """Return what Slurm says of the job that this process runs in; empty outside a job.

    Slurm tells a job about itself in variables, and leaves out those that do not apply: so does this.
    A job that was never restarted has no SLURM_RESTART_COUNT, and says `restarts: 0` here, because a
    record that was begun twice must differ from one that was not.

    Args:
        environment: variable -> value; this process's own when absent.

    Returns:
        Text under `job`, `array`, `task`, `cluster`, `partition` and `nodes` (Slurm's short list such as
        `node[1-2]`); whole numbers under `restarts`, `processes`, `cpus_per_process`, `cpus_on_node`,
        `gpus_on_node` and `memory_per_node_mb`. What is absent or no number is left out.
    """
    known = os.environ if environment is None else environment
    if not known.get("SLURM_JOB_ID"):
        return {}
    text = {name: known[variable] for name, variable in _TEXT.items() if known.get(variable)}
    counts = {
        name: int(value)
        for name, variable in _COUNTS.items()
        if (value := known.get(variable, "")).isdecimal()
    }
    return {"restarts": 0, **text, **counts}
