"""The local cluster: a process of its own that carries out a submission's tasks, some at a time."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from slurm.child import STOPPED, Child, Progress, Tries, unknown
from slurm.plan import DOOR, Task
from slurm.submission import Submission
from utils.errors import FAILURE, BenchError
from utils.files import read_json, write_json
from utils.lease import ELSEWHERE, Claim, lease
from utils.stopping import stoppable
from utils.threads import allotted_cores

POOL = "pool"
"""The hidden command of `bench` that a pool is."""
LOCK = "pool.lock"
"""In a submission's folder: held by whoever starts its tasks on this machine."""
_POLL = 0.02
_LOOK = 1.0
"""Seconds between two looks at what the user cancelled."""
_LATER = (5.0, 10.0, 20.0, 40.0)
"""Seconds after which a task that another process is at is tried again."""
_STARTS_WITHIN, _STALE = 60.0, 45.0


def start(submission: Submission) -> int:
    """Start the pool of a submission, which outlives this process, and return its process's number.

    Raises:
        BenchError: it does not start.
    """
    command = [sys.executable, str(DOOR), POOL, str(submission.folder)]
    with (submission.folder / "pool.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - this project's own command
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    until = time.monotonic() + _STARTS_WITHIN
    while not (submission.folder / "pool.json").exists():
        if process.poll() is not None or time.monotonic() > until:
            raise BenchError(
                f"The local pool did not start: see {submission.folder / 'pool.log'}.", exit_code=FAILURE
            )
        time.sleep(_POLL)
    # It is nobody's child from here on, but a waiting parent must reap it.
    threading.Thread(target=process.wait, daemon=True).start()
    return process.pid


def alive(submission: Submission) -> bool:
    """Say whether a submission's pool is at work: its process lives, or elsewhere its lock is fresh."""
    lock = submission.folder / LOCK
    try:
        holder = read_json(lock)
        if holder["host"] == socket.gethostname():
            # Its number may by now be another's, or that of a dead process which nobody buried.
            return _lives(int(holder["pid"])) and _fresh(lock)
        return _fresh(lock)
    except (BenchError, OSError, KeyError, TypeError, ValueError):
        return False


def is_child(submission: Submission, host: str, pid: int) -> bool:
    """Say whether a process is of a living pool, which asks it to stop once its task is cancelled.

    Where nobody can tell (another machine, no /proc), whatever runs beside the pool is taken for its own.
    """
    try:
        holder = read_json(submission.folder / LOCK)
        if holder["host"] != host or not alive(submission):
            return False
        return host != socket.gethostname() or _descends(pid, int(holder["pid"]))
    except (BenchError, KeyError, TypeError, ValueError):
        return False


def _descends(pid: int, ancestor: int) -> bool:
    """Say whether a process of this machine comes of another; yes where nobody can tell."""
    try:
        while pid not in {0, 1, ancestor}:
            # The parent's number, after the program's name in brackets, which may hold anything.
            pid = int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return True
    return pid == ancestor


def stop(submission: Submission) -> None:
    """Ask a pool of this machine to stop its tasks with their checkpoints, and to end.

    Raises:
        BenchError: it works on another machine.
    """
    try:
        holder = read_json(submission.folder / LOCK)
        host, pid = str(holder["host"]), int(holder["pid"])
    except (BenchError, KeyError, TypeError, ValueError):
        return
    if host != socket.gethostname():
        raise BenchError(f"The pool of submission {submission.id} works on {host}: stop it there.")
    if _lives(pid):
        os.kill(pid, signal.SIGTERM)


def _lives(pid: int) -> bool:
    """Say whether a process of this machine lives."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _fresh(lock: Path) -> bool:
    """Say whether a lock file was touched lately, by the clock of the machine that keeps it."""
    probe = lock.with_name(f".clock.{os.getpid()}")
    probe.touch()
    try:
        return probe.stat().st_mtime - lock.stat().st_mtime < _STALE
    finally:
        probe.unlink(missing_ok=True)


def serve(folder: Path, progress_in: Callable[[Path], Progress] = lambda _: unknown) -> None:
    """Carry out the tasks of a submission that have not ended, until none is left or somebody asks to stop.

    Args:
        folder: the submission's.
        progress_in: given the folder of runs, returns what tells a task's progress.

    Raises:
        BenchError: another pool is at it, or the folder cannot be written.
        SystemExit: it was asked to stop.
    """
    submission = Submission(folder)
    with lease(folder / LOCK, claim=Claim(wait=False)), stoppable() as asked:
        parallel = submission.plan.profile.parallel or 1
        facts = {"pid": os.getpid(), "host": socket.gethostname(), "parallel": parallel}
        write_json(folder / "pool.json", facts)
        pool = _Pool(submission, parallel, Tries(progress_in(submission.plan.runs)))
        while pool.step(stopping=asked.is_set()):
            asked.wait(_POLL)
        if asked.is_set():
            raise SystemExit(STOPPED)


def threads(parallel: int) -> dict[str, str]:
    """Return the variable that gives each of several networks its share of the cores."""
    return {"OMP_NUM_THREADS": str(max(1, allotted_cores() // parallel))}


@dataclass
class _Running:
    """A task at work."""

    task: Task
    child: Child
    attempt: int
    asked: bool = False


@dataclass
class _Pool:
    """Tasks that wait, that are at work, and that another process is at.

    Attributes:
        submission: whose tasks.
        parallel: how many at a time.
        tries: whether a killed one is started again.
    """

    submission: Submission
    parallel: int
    tries: Tries
    waiting: deque[Task] = field(default_factory=deque)
    running: list[_Running] = field(default_factory=list)
    later: list[tuple[float, Task]] = field(default_factory=list)
    _elsewhere: dict[str, int] = field(default_factory=dict)
    _attempts: dict[str, int] = field(default_factory=dict)
    _looked: float = 0.0

    def __post_init__(self) -> None:
        """Wait with all tasks that have not ended."""
        ended = self.submission.ends()
        self.waiting.extend(task for task in self.submission.plan.tasks if task.key not in ended)

    def step(self, *, stopping: bool) -> bool:
        """Look once after everything; say whether there is more to do.

        Args:
            stopping: start nothing any more, and ask everything to stop.
        """
        for one in list(self.running):
            if (code := one.child.poll()) is not None:
                self.running.remove(one)
                self._ended(one, code, stopping=stopping)
        if stopping:
            self._ask(self.running)
            return bool(self.running)
        self._look_for_cancelled()
        self._bring_back()
        while self.waiting and len(self.running) < self.parallel:
            self._start(self.waiting.popleft())
        return bool(self.running or self.waiting or self.later)

    def _start(self, task: Task) -> None:
        """Start a task, unless the user cancelled it."""
        if self.submission.is_cancelled(task.key):
            return
        attempt = self._attempts[task.key] = self._attempts.get(task.key, 0) + 1
        plan = self.submission.plan
        # The user's own number of threads, in the plan or around this process, stands.
        told = {**os.environ, **plan.variables()}
        extra = {} if "OMP_NUM_THREADS" in told else threads(self.parallel)
        self.submission.forget_end(task.key)
        try:
            child = Child(plan, task, self.submission.log(task.key), extra)
        except BenchError as error:
            _say(str(error))
            self._note(task.key, FAILURE, attempt)
            return
        self.running.append(_Running(task, child, attempt))

    def _ended(self, one: _Running, code: int, *, stopping: bool) -> None:
        """Note how a task ended, and try it again where that makes sense."""
        one.child.bury()
        self._note(one.task.key, code, one.attempt)
        if stopping or one.asked:
            return
        if self.tries.again(one.task.key, code):
            self.waiting.appendleft(one.task)
        elif code == ELSEWHERE:
            met = self._elsewhere[one.task.key] = self._elsewhere.get(one.task.key, 0) + 1
            if met <= len(_LATER):
                self.later.append((time.monotonic() + _LATER[met - 1], one.task))

    def _note(self, key: str, code: int, attempt: int) -> None:
        """Write down how an attempt ended; a full disk does not end the pool."""
        try:
            self.submission.ended(key, code, attempts=attempt)
        except BenchError as error:
            _say(str(error))

    def _bring_back(self) -> None:
        """Try again what another process was at a while ago."""
        now = time.monotonic()
        due = [task for at, task in self.later if at <= now]
        self.later = [(at, task) for at, task in self.later if at > now]
        self.waiting.extend(due)

    def _look_for_cancelled(self) -> None:
        """Ask the running tasks to stop that the user cancelled."""
        if time.monotonic() - self._looked < _LOOK:
            return
        self._looked = time.monotonic()
        cancelled = self.submission.cancelled() if self.running else frozenset()
        self._ask([one for one in self.running if one.task.key in cancelled])

    def _ask(self, running: list[_Running]) -> None:
        """Ask tasks to stop, each once."""
        for one in running:
            if not one.asked:
                one.asked = True
                one.child.stop()


def _say(sentence: str) -> None:
    """Tell the pool's own log."""
    print(f"pool: {sentence}", file=sys.stderr, flush=True)  # noqa: T201 - its log is its terminal
