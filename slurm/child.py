"""A task's process: started with its log and its environment, waited for, asked to stop, started again."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from slurm.plan import Plan, Task
from utils.clock import now
from utils.errors import FAILURE, BenchError

STOPPED = 130
"""Exit code of a run that was asked to stop and kept its checkpoint."""
_PR_SET_PDEATHSIG = 1
_POLL = 0.05

Progress = Callable[[str], object]
"""What changes whenever a task has got further, so that it would go on from there; by its key."""


def unknown(_key: str) -> object:
    """Know nothing of a task's progress."""
    return None


class Child:
    """A running task.

    It is asked to stop when whoever started it dies, so that nothing runs on that nobody waits for.

    Args:
        plan: says what is started, where, and with which variables.
        task: which of its lines.
        log: file for what it prints, appended to; None for this process's own terminal.
        extra: variables besides the plan's.

    Raises:
        BenchError: the program cannot be started.
    """

    def __init__(
        self, plan: Plan, task: Task, log: Path | None, extra: Mapping[str, str] | None = None
    ) -> None:
        """Start it."""
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **plan.variables(), **(extra or {})}
        output = None if log is None else _opened(log, plan.line(task))
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the plan's own line; no shell reads it
                plan.command(task),
                cwd=plan.cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=None if output is None else subprocess.STDOUT,
                preexec_fn=_follow(os.getpid()),  # noqa: PLW1509 - one system call, its library loaded before
            )
        except OSError as error:
            raise BenchError(
                f"Cannot start {plan.command(task)[0]}: {error.strerror or error}.", exit_code=FAILURE
            ) from error
        finally:
            if output is not None:
                os.close(output)
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Return how it ended, negative where a signal killed it; None while it runs.

        Unlike subprocess's own, it may be called from a signal handler that came in the middle of a call.
        """
        if not hasattr(os, "waitid"):  # macOS, where no job of Slurm interrupts us
            return self._process.poll()
        try:
            found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        except ChildProcessError:
            return self._process.poll()
        if found is None:
            return None
        return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait until it has ended and return how; None where that takes longer than `seconds`."""
        until = None if seconds is None else time.monotonic() + seconds
        pause = _POLL / 10
        while (code := self.poll()) is None:
            if until is not None and time.monotonic() > until:
                return None
            time.sleep(pause)
            pause = min(_POLL, 2 * pause)
        return code

    def stop(self) -> None:
        """Ask it to stop between two steps."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._send(signal.SIGKILL)

    def bury(self) -> None:
        """Forget it, once it has ended."""
        self._process.wait()

    def _send(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


class Tries:
    """Whether a task whose process is killed is started again: as long as it got further, or thrice more.

    Args:
        progress: what changes whenever a task has got further.
        limit: how often one is started again that did not.
    """

    def __init__(self, progress: Progress = unknown, limit: int = 3) -> None:
        """Nothing was tried yet."""
        self._progress, self._limit = progress, limit
        self._seen: dict[str, tuple[object, int]] = {}

    def again(self, key: str, code: int) -> bool:
        """Say whether to start a task again that ended with `code`."""
        if code >= 0:
            return False
        now = self._progress(key)
        before, vain = self._seen.get(key, (object(), 0))
        vain = vain + 1 if now == before or key not in self._seen else 1
        self._seen[key] = now, vain
        return vain <= self._limit


def _opened(log: Path, line: str) -> int:
    """Open a log to append to, and head the attempt."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        output = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise BenchError(f"Cannot write {log}: {error.strerror}.", exit_code=FAILURE) from error
    head = f"--- {now()}, {os.uname().nodename}{_job()}: {line}\n"
    os.write(output, head.encode("utf-8", "surrogateescape"))
    return output


def _job() -> str:
    """Return the Slurm job that this process is part of, as Slurm's own commands take it."""
    job, array = os.environ.get("SLURM_JOB_ID", ""), os.environ.get("SLURM_ARRAY_JOB_ID", "")
    name = f"{array}_{os.environ.get('SLURM_ARRAY_TASK_ID', '')}" if array else job
    node = os.environ.get("SLURMD_NODENAME", "")
    return f", job {name} on {node}" if job else ""


def _follow(parent: int) -> Callable[[], None]:
    """Return what a child does first: to be asked to stop when its parent dies (Linux)."""
    libc = ctypes.CDLL(None, use_errno=True)
    prctl = getattr(libc, "prctl", None)

    def follow() -> None:
        """Tell the kernel, and look whether the parent died before it knew."""
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(STOPPED)

    return follow
