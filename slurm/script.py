"""From a profile to Slurm: the sbatch script of a job array, by submitit, and its submission."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slurm.plan import DOOR, Plan
from slurm.profiles import Profile, mebibytes, minutes
from slurm.submission import Chunk, Submission
from utils.errors import FAILURE, BenchError
from utils.imports import optional

WORKER = "worker"
"""The hidden command of `bench` that a job starts (`slurm.worker`)."""


def script(plan: Plan, folder: Path, chunk: Chunk) -> str:
    """Return the sbatch script of a job array.

    Args:
        plan: of the submission.
        folder: the submission's.
        chunk: the array.

    Raises:
        BenchError: submitit is not installed.
    """
    slurm = optional("submitit.slurm.slurm", "slurm")
    text: str = slurm._make_sbatch_string(  # noqa: SLF001 - the function that its executor calls
        command=command(folder, chunk.name),
        folder=_jobs(folder),
        map_count=len(chunk.keys),
        **options(plan, folder, chunk.name),
    )
    return text


def submitted(submission: Submission, chunk: Chunk) -> str:
    """Hand a job array to Slurm and return its number.

    Nothing but the submission's folder is needed by the jobs: they start even if this process is killed as
    soon as sbatch has spoken.

    Raises:
        BenchError: submitit is not installed, or sbatch refused or did not answer; in the latter case Slurm
            may have taken the array all the same.
    """
    slurm, utils = optional("submitit.slurm.slurm", "slurm"), optional("submitit.core.utils", "slurm")
    plan, folder = submission.plan, submission.folder
    _jobs(folder).mkdir(parents=True, exist_ok=True)
    executor = slurm.SlurmExecutor(_jobs(folder), max_num_timeout=plan.profile.requeues)
    executor.parameters.update(options(plan, folder, chunk.name), map_count=len(chunk.keys))
    try:
        # Submitit prints what sbatch says against a job; it is raised too.
        with _environment(), contextlib.redirect_stderr(io.StringIO()):
            job = executor._submit_command(command(folder, chunk.name))  # noqa: SLF001 - a job without a pickle
    except (utils.FailedJobError, utils.FailedSubmissionError, RuntimeError, OSError) as error:
        raise BenchError(_complaint(error), exit_code=FAILURE) from error
    return str(job.job_id)


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """Hide the variables of a job that this may be, but for the one that says where Slurm's own file lies."""
    where = {name: os.environ[name] for name in ("SLURM_CONF",) if name in os.environ}
    with optional("submitit.helpers", "slurm").clean_env():
        os.environ.update(where)
        yield


def command(folder: Path, name: str) -> str:
    """Return the line that each task of an array starts: the index says which of the array's tasks it is."""
    return shlex.join([sys.executable, "-u", os.fspath(DOOR), WORKER, os.fspath(folder), name])


def options(plan: Plan, folder: Path, name: str) -> dict[str, Any]:
    """Return submitit's parameters of a job array."""
    profile = plan.profile
    log = _escaped(_jobs(folder))
    # Since 22.05 srun does not take the cores per process from sbatch.
    cores = [f"--cpus-per-task={profile.cpus}"] if profile.cpus else []
    several = ["--kill-on-bad-exit=1"] if profile.processes > 1 else []
    return {
        **_asked(profile),
        "job_name": name,
        "time": minutes(profile.time),
        "signal_delay_s": profile.signal_seconds,
        "array_parallelism": profile.parallel or 1_000_000,
        "stderr_to_stdout": True,
        "wckey": None,
        "setup": setup(plan) or None,
        # Slurm reads `%` in names of files: where the folder's own name has one, it must be written twice.
        "srun_args": ["--output", f"{log}/%A_%a_%t.out", *cores, *several],
        "additional_parameters": {"requeue": True, "output": f"{log}/%A_%a.out", **_further(profile)},
    }


def setup(plan: Plan) -> list[str]:
    """Return the lines of shell before the run: modules, then the profile's own lines, then variables."""
    profile = plan.profile
    modules = [f"module load {shlex.join(profile.modules)}"] if profile.modules else []
    variables = [f"export {name}={shlex.quote(value)}" for name, value in plan.variables().items()]
    return [*modules, *profile.setup, *variables]


def _jobs(folder: Path) -> Path:
    """Return where submitit and the jobs themselves leave their files."""
    return folder / "submitit"


def _escaped(folder: Path) -> str:
    """Return a folder as it stands in Slurm's patterns of file names."""
    return os.fspath(folder).replace("%", "%%")


def _asked(profile: Profile) -> dict[str, Any]:
    """Return what submitit has parameters for."""
    told = {
        "partition": profile.partition,
        "account": profile.account,
        "qos": profile.qos,
        "constraint": profile.constraint,
        "exclude": profile.exclude,
        "cpus_per_task": profile.cpus,
        "nodes": profile.nodes,
        "ntasks_per_node": profile.processes_per_node,
    }
    return {name: value for name, value in told.items() if value is not None}


def _further(profile: Profile) -> dict[str, Any]:
    """Return what is given to sbatch as it is."""
    told: dict[str, Any] = {}
    if profile.memory is not None:
        told["mem"] = f"{mebibytes(profile.memory)}M"
    if profile.gpus is not None:
        told["gpus-per-node"] = profile.gpus
    return told


def _complaint(error: Exception) -> str:
    """Return what sbatch said, in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = [line.partition("error: ")[2] or line for line in lines]
    return " ".join(dict.fromkeys(said)) or type(error).__name__
