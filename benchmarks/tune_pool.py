"""A study's workers on this machine: processes that are started, watched, started again and stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from benchmarks.study import FINISHED, Study, Trial, said
from benchmarks.tune_best import best_of
from utils.errors import FAILURE, BenchError
from utils.progress import Progress
from utils.stopping import interruptible
from utils.threads import allotted_cores

_POLL = 0.5
_LOOK = 10.0
"""So often trials are looked after whose worker may be gone."""
_CRASHES = 5
"""Workers that may be killed, one after the other, with no epoch trained in between."""
_STOPPED = 130


@dataclass
class _Worker:
    """One process."""

    number: int
    process: subprocess.Popen[bytes]
    log: Path
    file: IO[bytes]


@dataclass
class Pool:
    """The workers of a study.

    Attributes:
        study: whose.
        line: the words of a worker's command.
        most: how many work side by side.
        hours: after so long no worker is left; None for no limit.
    """

    study: Study
    line: Sequence[str]
    most: int
    hours: float | None = None
    _workers: list[_Worker] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)
    _crashes: int = 0
    _was: int = -1

    def run(self, progress: Progress) -> bool:
        """Work until every trial has ended; say whether that is so.

        Raises:
            BenchError: workers crash one after the other, or cannot begin.
            KeyboardInterrupt: stopped; trials at hand go on from their checkpoints next time.
        """
        trials = self.study.settings.trials
        self._seen = {number for number, trial in self.study.all().items() if trial.state in FINISHED}
        progress.begin(f"tuning {self.study.settings.study}", trials, min(trials, len(self._seen)))
        with interruptible():
            try:
                return self._watch(progress)
            finally:
                self._stop()
                progress.end()

    def _watch(self, progress: Progress) -> bool:
        """Keep the workers at work; say whether every trial has ended, rather than the time."""
        since, looked, missing = time.monotonic(), -_LOOK, 1
        while True:
            self._collect()
            self._tell(progress)
            if time.monotonic() - looked > _LOOK or not self._workers:
                missing, running = self._left()
                looked = time.monotonic()
                if missing == 0 and running == 0 and not self._workers:
                    return True
            if self.hours is not None and time.monotonic() - since > 3600 * self.hours:
                progress.say(f"{self.hours:g} h are over: what is not finished waits for the next time.")
                return False
            if len(self._workers) < min(self.most, len(self._workers) + missing):
                self._start()
                missing -= 1
            time.sleep(_POLL)

    def _left(self) -> tuple[int, int]:
        """Return how many trials are to begin, and how many are at work."""
        from benchmarks.tune import trials_left  # noqa: PLC0415 - it builds on this module

        return trials_left(self.study)

    def _start(self) -> None:
        """Start one more worker."""
        number = next(n for n in range(self.most) if n not in {one.number for one in self._workers})
        log = self.study.logs / f"worker-{number}.log"
        file = log.open("ab")
        threads = str(max(1, allotted_cores() // self.most))
        environment = {"OMP_NUM_THREADS": threads, **os.environ, "BENCH_PARENT": str(os.getpid())}
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*self.line],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches this process alone, which then asks each worker once
        )
        self._workers.append(_Worker(number, process, log, file))

    def _collect(self) -> None:
        """Note which workers have ended, and how.

        Raises:
            BenchError: one says that nothing can be done, or too many crash.
        """
        for worker in [one for one in self._workers if one.process.poll() is not None]:
            self._workers.remove(worker)
            worker.file.close()
            code = worker.process.returncode
            if code in {0, _STOPPED}:
                continue
            self._crashes = self._crashes + 1 if self._far() == self._was else 1
            self._was = self._far()
            if code > 0 or self._crashes >= _CRASHES:
                raise BenchError(
                    f"A worker ended with {_how(code)}: {_last_line(worker.log)}", exit_code=FAILURE
                )

    def _far(self) -> int:
        """Return a number that grows with every epoch of every trial, and with every trial that ends."""
        return sum(trial.epochs + (trial.state in FINISHED) for trial in self.study.all().values())

    def _tell(self, progress: Progress) -> None:
        """Move the bar for every trial that has ended since."""
        trials = self.study.all()
        fresh = [n for n, trial in trials.items() if trial.state in FINISHED and n not in self._seen]
        for number in fresh:
            self._seen.add(number)
            progress.advance(_headline(self.study, trials))
            progress.say(f"trial {number}: {said(trials[number])}")

    def _stop(self) -> None:
        """Ask every worker to stop, and wait until its checkpoint is written; a second Ctrl-C ends them."""
        for worker in self._workers:
            with contextlib.suppress(ProcessLookupError):
                worker.process.send_signal(signal.SIGTERM)
        try:
            for worker in self._workers:
                worker.process.wait()
        except KeyboardInterrupt:
            for worker in self._workers:
                worker.process.kill()
                worker.process.wait()
            raise
        finally:
            for worker in self._workers:
                worker.file.close()
            self._workers.clear()


def _headline(study: Study, trials: dict[int, Trial]) -> str:
    """Say what the best trial is so far."""
    best = best_of(study, trials.values())
    if best is None:
        return ""
    name = study.settings.objectives[0]
    return f"best {name} {best.values[name]:.4g} (trial {best.number})"


def _how(code: int) -> str:
    """Say how a process ended."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _last_line(log: Path) -> str:
    """Return the last line that a worker wrote."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"{lines[-1]} (the whole of it: {log})" if lines else f"it said nothing ({log})."


def worker_line(study: Study, options: Sequence[str]) -> list[str]:
    """Return the words that start a worker on this machine."""
    from wlasl.root import project_folder  # noqa: PLC0415 - where this project lies

    door = project_folder() / "wlasl_bench.py"
    return [
        sys.executable,
        str(door),
        "tune",
        "--study",
        study.settings.study,
        "--worker",
        "--seeds",
        "none",
        *options,
    ]
