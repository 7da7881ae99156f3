"""The local pool with runs that are forked instead of started: a made run without a second of imports.

Everything else of the pool and of the submission is what users have. It lets a sweep of a thousand runs take
minutes; that runs are started as programs of their own is tried in the rows of Slurm, and by `killed_workers`
with `forked=False`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from unittest import mock

from benchmarks import chaos_run, submission
from benchmarks.chaos_scene import Scene, until
from slurm import child, pool
from slurm.child import Child
from slurm.ledger import Ledger
from slurm.plan import Plan, Task
from slurm.submission import Submission
from utils.errors import FAILURE, BenchError
from utils.files import read_json


class _Forked:
    """What `Child` asks of the process that it started."""

    def __init__(self, pid: int) -> None:
        """Note its number."""
        self.pid = pid

    def poll(self) -> int | None:
        """Return how it ended; None while it runs."""
        found, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if found else None

    def wait(self) -> int:
        """Wait for its end."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class ForkedChild(Child):
    """A made run in a fork of this process."""

    def __init__(
        self, plan: Plan, task: Task, log: Path | None, extra: Mapping[str, str] | None = None
    ) -> None:
        """Start it."""
        output = None if log is None else child._opened(log, plan.line(task))  # noqa: SLF001 - as it does
        follow = child._follow(os.getpid())  # noqa: SLF001
        pid = os.fork()
        if pid == 0:
            os.environ.update({**plan.variables(), **(extra or {})})
            follow()
            _become(lambda: chaos_run.main(task.argv), output)
        if output is not None:
            os.close(output)
        self._process = _Forked(pid)  # type: ignore[assignment]
        self.pid = pid


def _become(work: Callable[[], object], output: int | None) -> None:
    """Be a process that does some work and nothing else, and never return."""
    code = FAILURE
    try:
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if output is not None:
            os.dup2(output, 1)
            os.dup2(output, 2)
        ended = work()
        code = ended if isinstance(ended, int) else 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else FAILURE
    except BaseException:  # noqa: BLE001 - a fork must not go on as its parent
        traceback.print_exc()
    finally:
        os._exit(code)


def start(one: Submission) -> int:
    """Start a submission's pool in a fork that outlives this process, as `slurm.pool.start` does."""
    sys.stdout.flush()
    between = os.fork()
    if between == 0:
        os.setsid()
        if os.fork() == 0:
            log = os.open(one.folder / "pool.log", os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o666)
            _become(lambda: pool.serve(one.folder, submission.progress_in), log)
        os._exit(0)
    os.waitpid(between, 0)
    until((one.folder / "pool.json").exists, 60, "the pool to start", poll=0.02)
    return int(read_json(one.folder / "pool.json")["pid"])


@contextlib.contextmanager
def forked() -> Iterator[None]:
    """For the length of the block pools are forks of this process, and so are their runs."""
    with mock.patch.object(pool, "start", start), mock.patch.object(pool, "Child", ForkedChild):
        yield


def submit(scene: Scene) -> None:
    """Submit a scene's plan to a forked pool."""
    with forked():
        told = submission.submit(scene.read_plan(), "local")
    scene.say(f"submitted {len(told.sorted.missing)}, done {len(told.sorted.done)}")


def pools(scene: Scene) -> list[int]:
    """Return the processes of living pools."""
    found = []
    for one in Ledger(scene.places.runs).submissions():
        if pool.alive(one):
            with contextlib.suppress(BenchError, KeyError):
                found.append(int(read_json(one.folder / "pool.lock")["pid"]))
    return found


def workers(scene: Scene) -> list[int]:
    """Return the runs that a pool has at work."""
    found: list[int] = []
    for parent in pools(scene):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="utf-8")
            found += [int(word) for word in words.split()]
    return found
