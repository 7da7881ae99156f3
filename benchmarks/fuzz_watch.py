"""Damaged clips judged in processes of their own under a watchdog: whatever one does, its verdict comes."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wlasl.clips import Clip
from wlasl.root import project_folder

WALL_SECONDS = 300.0
"""A clip may take so long on the clock, on a machine however busy; its CPU time is bounded more tightly."""
WORDS = ("-m", "benchmarks.fuzz_child")
"""What Python carries out in a child."""
BAD = ("crashed", "hung", "the doctor disagrees", "wrong")
"""What must not happen."""
ACCEPTED = ("whole", "other length", "damaged pictures")
OUTCOMES = ("refused", *ACCEPTED, *BAD)


@dataclass(frozen=True)
class Trial:
    """One damaged clip.

    Attributes:
        number: which one; with the seed it says all.
        way: how it was damaged.
        original: the sound file.
        frames: that decode of it.
        data: the damaged file.
    """

    number: int
    way: str
    original: Path
    frames: int
    data: bytes = field(repr=False)

    @property
    def clip(self) -> Clip:
        """Return the clip that it is taken for: every second one with a last frame in its metadata."""
        end = self.frames if self.number % 2 else -1
        return Clip(f"{self.number:05d}", "damaged", 0, "train", frame_end=end, frames=self.frames)


@dataclass(frozen=True)
class Verdict:
    """What became of a damaged clip.

    Attributes:
        number: of the trial.
        way: how it was damaged.
        original: the sound file's name.
        outcome: one of OUTCOMES.
        why: it was refused, or what went wrong.
        doubted: whether the doctor names it although it can be used.
        unlike: share of its frames that are like none of the sound clip.
        mib: the largest memory of its process so far.
        cpu: seconds of a core that it took.
        seconds: on the clock.
    """

    number: int
    way: str
    original: str
    outcome: str
    why: str = ""
    doubted: bool = False
    unlike: float = 0.0
    mib: int = 0
    cpu: float = 0.0
    seconds: float = 0.0


class Child:
    """A process that judges clips, replaced by a new one whenever a clip ends it."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str] = queue.Queue()

    def judge(self, trial: Trial, path: Path) -> Verdict:
        """Return what becomes of a clip, whatever that is."""
        began = time.monotonic()
        asked = {"path": str(path), "original": str(trial.original), "clip": asdict(trial.clip)}
        answer = self._answer(json.dumps(asked))
        seconds = round(time.monotonic() - began, 3)
        return Verdict(trial.number, trial.way, trial.original.name, seconds=seconds, **answer)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answer(self, line: str) -> dict[str, Any]:
        """Return the process's answer, or how it ended."""
        process = self._process or self._start()
        try:
            _said_to(process, line)
            said = self._answers.get(timeout=WALL_SECONDS)
        except queue.Empty:
            self.close()
            return {"outcome": "hung", "why": f"no answer within {WALL_SECONDS:.0f} s"}
        except BrokenPipeError:
            said = ""
        if said:
            return dict(json.loads(said))
        code = process.wait()
        self._process = None
        slow = -code == signal.SIGXCPU
        return {"outcome": "hung" if slow else "crashed", "why": f"exit code {code}"}

    def _start(self) -> subprocess.Popen[str]:
        """Start a process, and a thread that hears it."""
        words = [sys.executable, *WORDS]
        process = subprocess.Popen(  # noqa: S603 - ours
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=project_folder()
        )
        self._process, self._answers = process, queue.Queue()
        threading.Thread(target=_hear, args=(process, self._answers), daemon=True).start()
        return process


def _said_to(process: subprocess.Popen[str], line: str) -> None:
    """Send a process a line."""
    if process.stdin is not None:
        process.stdin.write(line + "\n")
        process.stdin.flush()


def _hear(process: subprocess.Popen[str], answers: queue.Queue[str]) -> None:
    """Pass on every line of a process, and an empty one at its end."""
    for line in process.stdout or ():
        answers.put(line)
    answers.put("")


def _few(pending: Iterator[Future[Verdict]], most: int) -> Iterator[Verdict]:
    """Yield results in order; only so many are begun ahead, since each holds a file's bytes."""
    waiting: deque[Future[Verdict]] = deque()
    for one in pending:
        waiting.append(one)
        if len(waiting) > most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def campaign(found: Iterator[Trial], folder: Path, workers: int) -> Iterator[Verdict]:
    """Yield the verdict on each damaged clip; one that must not happen leaves its file in the folder."""
    idle: queue.Queue[Child] = queue.Queue()
    children = [Child() for _ in range(workers)]
    for child in children:
        idle.put(child)

    def judged(trial: Trial) -> Verdict:
        """Write a clip, have it judged, and tidy up."""
        path = folder / f"{trial.number:05d}{trial.original.suffix}"
        path.write_bytes(trial.data)
        child = idle.get()
        try:
            verdict = child.judge(trial, path)
        finally:
            idle.put(child)
        if verdict.outcome not in BAD:
            path.unlink()
        return verdict

    try:
        with ThreadPoolExecutor(workers) as pool:
            yield from _few((pool.submit(judged, trial) for trial in found), 2 * workers)
    finally:
        for child in children:
            child.close()
