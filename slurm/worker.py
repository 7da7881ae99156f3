"""A job's side: one task of a job array, from its start to its end, through warnings, requeues and failures.

Slurm starts `bench worker SUBMISSION ARRAY` in every process of a job. Submitit listens to the warning signal
and puts the job back into the queue; what carries a run over is the run's own checkpoint, never a pickle.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slurm.child import STOPPED, Child, Progress, Tries, unknown
from slurm.plan import Task
from slurm.profiles import minutes
from slurm.submission import Submission
from utils.errors import FAILURE, BenchError
from utils.imports import optional
from utils.lease import ELSEWHERE

_RESERVE = 15.0
"""Of the seconds between warning and end, so many are kept for putting the job back into the queue."""
_HELD = 90.0
"""Who was asked to stop, but not by us, is mostly killed within so many seconds, by Slurm."""
_LATER = (5.0, 10.0, 20.0, 40.0)
"""Seconds after which a task that another process is at is tried again."""


def serve(folder: Path, name: str, progress_in: Callable[[Path], Progress] = lambda _: unknown) -> None:
    """Carry out this process's task of a job array, as submitit would start it.

    Args:
        folder: the submission's.
        name: the array's.
        progress_in: given the folder of runs, returns what tells a task's progress.

    Raises:
        BenchError: this is no job of that array.
        SystemExit: the task did not end well, or goes back into the queue.
    """
    submission = Submission(folder)
    task = _task(submission, name)
    profile = submission.plan.profile
    utils = optional("submitit.core.utils", "slurm")
    environment = optional("submitit.slurm.slurm", "slurm").SlurmJobEnvironment()
    os.environ["SUBMITIT_FOLDER"] = str(folder / "submitit")
    left = max(0, profile.requeues - int(os.environ.get("SLURM_RESTART_COUNT", "0") or 0))
    delayed = utils.DelayedSubmission(Worker(folder, task, progress_in(submission.plan.runs)))
    delayed.set_timeout(minutes(profile.time), left)
    paths = environment.paths
    # What an earlier attempt left half-written would make submitit refuse to go on.
    for path in (paths.submitted_pickle, paths.result_pickle):
        path.with_suffix(path.suffix + ".save_tmp").unlink(missing_ok=True)
    _put(delayed, paths.submitted_pickle)
    optional("submitit.core.submission", "slurm").process_job(folder / "submitit")


def _task(submission: Submission, name: str) -> Task:
    """Return the task that this job's index stands for."""
    index = os.environ.get("SLURM_ARRAY_TASK_ID", "")
    keys = [chunk.keys for chunk in submission.chunks() if chunk.name == name]
    if not index.isdigit() or len(keys) != 1 or int(index) >= len(keys[0]):
        raise BenchError(f"This is no job of the array {name!r} of {submission.folder}.")
    (task,) = submission.plan.of([keys[0][int(index)]]).tasks
    return task


def _put(delayed: Any, path: Path) -> None:  # noqa: ANN401 - submitit's
    """Put the pickle that submitit loads in place, whole, in whichever process of the job comes last."""
    draft = path.with_name(f".{path.name}.{os.uname().nodename}.{os.getpid()}")
    delayed.dump(draft)
    os.replace(draft, path)


@dataclass
class Worker:
    """What submitit calls in a job: a task's process, waited for.

    Attributes:
        folder: the submission's.
        task: what is carried out.
        progress: what changes whenever the task has got further.
    """

    folder: Path
    task: Task
    progress: Progress = unknown
    _child: Child | None = field(default=None, init=False, repr=False)
    _started: int = field(default=0, init=False, repr=False)

    def __call__(self) -> None:
        """Carry the task out.

        Raises:
            SystemExit: it did not end well.
        """
        submission = Submission(self.folder)
        if submission.is_cancelled(self.task.key):
            _say("it was cancelled")
            raise SystemExit(STOPPED)
        code = self._killed_or_not(submission)
        # Who holds the run may be dying: a lease outlives its holder by the better part of a minute.
        for seconds in _LATER:
            if code != ELSEWHERE or not _alone():
                break
            time.sleep(seconds)
            code = self._killed_or_not(submission)
        if code == STOPPED:
            self._wait_for_slurm()
        # One process of several that leaves must take the others with it.
        if code != 0 and not (code == ELSEWHERE and _alone()):
            raise SystemExit(code if code > 0 else 128 - code)

    def checkpoint(self) -> object:
        """Stop the task with its checkpoint; submitit calls this on the warning signal, then requeues.

        Raises:
            SystemExit: it had ended well already.
        """
        submission = Submission(self.folder)
        if self._child is not None:
            self._child.stop()
            code = self._child.wait(max(1.0, submission.plan.profile.signal_seconds - _RESERVE))
            if code is None:
                _say("it does not stop in time: it goes on from its last checkpoint")
                self._child.kill()
                code = self._child.wait()
            self._note(submission, code or 0)
            if code == 0:
                raise SystemExit(0)
        return optional("submitit.core.utils", "slurm").DelayedSubmission(
            Worker(self.folder, self.task, self.progress)
        )

    # Submitit looks for the one name and calls the other.
    __submitit_checkpoint__ = checkpoint

    def _killed_or_not(self, submission: Submission) -> int:
        """Carry the task out, again where its process is killed, and return how it ended."""
        tries = Tries(self.progress)
        code = self._attempt(submission)
        while _alone() and tries.again(self.task.key, code):
            _say(f"its process was killed by signal {-code}: it is started again")
            code = self._attempt(submission)
        return code

    def _attempt(self, submission: Submission) -> int:
        """Start the task's process and return how it ended."""
        rank = int(os.environ.get("SLURM_PROCID", "0"))
        log = submission.log(self.task.key)
        if rank:
            log = log.with_suffix(f".{rank}.log")
        else:
            submission.forget_end(self.task.key)
        self._started += 1
        self._child = Child(submission.plan, self.task, log, distributed())
        code = self._child.wait()
        self._child.bury()
        self._child, ended = None, code if code is not None else FAILURE
        self._note(submission, ended)
        return ended

    def _note(self, submission: Submission, code: int) -> None:
        """Write down how an attempt ended, in the job's first process; a full disk does not end the job."""
        if os.environ.get("SLURM_PROCID", "0") != "0":
            return
        try:
            submission.ended(self.task.key, code, attempts=self._started)
        except BenchError as error:
            _say(str(error))

    def _wait_for_slurm(self) -> None:
        """Wait to be killed by whoever asked the task to stop; where nobody does, go back into the queue.

        A job that ended on its own during a preemption would count as failed, and not be requeued.
        """
        _say("it was asked to stop, and has its checkpoint")
        until = time.monotonic() + _HELD
        while time.monotonic() < until:
            time.sleep(1)
        if os.environ.get("SLURM_PROCID", "0") == "0":
            job = os.environ.get("SLURM_ARRAY_JOB_ID", ""), os.environ.get("SLURM_ARRAY_TASK_ID", "")
            _say("nobody ended the job: it goes back into the queue")
            subprocess.run(["scontrol", "requeue", "_".join(job)], check=False, timeout=60)  # noqa: S603, S607
        time.sleep(_HELD)


def distributed() -> dict[str, str]:
    """Return what torch's processes must know of each other, where a job has several."""
    if _alone():
        return {}
    found = optional("submitit.helpers", "slurm").TorchDistributedEnvironment()
    return {
        "MASTER_ADDR": found.master_addr,
        "MASTER_PORT": str(found.master_port),
        "RANK": str(found.rank),
        "LOCAL_RANK": str(found.local_rank),
        "WORLD_SIZE": str(found.world_size),
        "LOCAL_WORLD_SIZE": str(found.local_world_size),
        "GROUP_RANK": os.environ.get("SLURM_NODEID", "0"),
    }


def _alone() -> bool:
    """Say whether a job has one process."""
    return int(os.environ.get("SLURM_NTASKS", "1") or 1) == 1


def _say(sentence: str) -> None:
    """Tell the job's own log."""
    print(f"worker: {sentence}", file=sys.stderr, flush=True)  # noqa: T201 - a job's log is its terminal
