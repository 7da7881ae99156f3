"""A run's sign of life: a small file that says every few seconds where it stands.

Nothing is decided by it that matters for results; it is what `bench status` reads where no scheduler answers.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from benchmarks.asked import asked
from benchmarks.recipe_base import Recipe
from slurm.job import job_facts
from utils.clock import now
from utils.progress import Progress

if TYPE_CHECKING:
    from typing_extensions import Self

PULSE = "pulse.json"
BEAT, STALE = 5.0, 45.0
"""Seconds between two beats, and without a beat after which a process counts as dead."""
_RECENT = 5
"""Epochs whose mean duration tells how long the rest will take."""


@dataclass(frozen=True, slots=True)
class Beat:
    """What a pulse said last.

    Attributes:
        id: of the run.
        asked: its key, known before the run began (`benchmarks.asked`).
        state: running, stopped, done or failed.
        facts: all that the file says.
        age: seconds since, by the file server's clock.
    """

    id: str
    asked: str
    state: str
    facts: Mapping[str, Any]
    age: float

    @property
    def alive(self) -> bool:
        """Whether a process is at work on the run."""
        return self.state == "running" and self.age < STALE


class Pulse:
    """Tells where a run stands, to a file and to whoever else listens; implements `utils.progress.Progress`.

    Args:
        folder: the run's.
        recipe: what is run.
        progress: hears everything too.
    """

    def __init__(self, folder: Path, recipe: Recipe, progress: Progress) -> None:
        """Note who runs what."""
        self._path, self._recipe, self._progress = folder / PULSE, recipe, progress
        self._stop, self._writing = threading.Event(), threading.Lock()
        self._heart = threading.Thread(target=self._beat, daemon=True, name="pulse")
        self._rows: Sequence[Mapping[str, float]] = ()
        self._quiet = False
        self._facts: dict[str, Any] = {
            "asked": asked(recipe),
            "id": recipe.id,
            "state": "running",
            "reason": "",
            "model": recipe.model,
            "split": recipe.split,
            "seed": recipe.seed,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "job": job_facts(),
            "task": "preparing",
            "epoch": 0,
            "epochs": recipe.epochs,
            "step": 0,
            "steps": 0,
            "best": None,
            "seconds_left": None,
            "started": now(),
        }

    def __enter__(self) -> Self:
        """Begin to beat."""
        self._write()
        self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Beat for the last time, with how it ended."""
        self._stop.set()
        self._heart.join()
        if self._quiet:
            return
        state = "done" if error is None else "failed" if isinstance(error, Exception) else "stopped"
        self._facts.update(state=state, reason=str(error)[:500] if error else "", seconds_left=None)
        self._write()

    def hush(self) -> None:
        """Never write again: the run is another process's now."""
        self._quiet = True

    def begin(self, task: str, total: int, done: int = 0) -> None:
        """Tell that a task of `total` steps begins, `done` of them behind it."""
        self._facts.update(task=task, step=done, steps=total)
        self._progress.begin(task, total, done)

    def advance(self, note: str = "") -> None:
        """Tell of a step."""
        self._facts["step"] += 1
        self._progress.advance(note)

    def end(self, note: str = "") -> None:
        """Tell that the task is done."""
        self._progress.end(note)

    def say(self, sentence: str) -> None:
        """Tell a sentence to people."""
        self._progress.say(sentence)

    def report(self, history: Sequence[Mapping[str, float]]) -> None:
        """Tell how all epochs so far went: the rows of the history, of which the last is new."""
        self._rows = history
        self._facts.update(epoch=len(history), best=self._best(), seconds_left=self._left())
        self._write()

    def _best(self) -> dict[str, float | str] | None:
        """Return what the epoch would be chosen by that is the best so far."""
        measure = self._recipe.select if self._recipe.select != "last" else "val_top1"
        known = [row for row in self._rows if measure in row]
        if not known:
            return None
        sign = -1 if measure == "val_loss" else 1
        best = max(known, key=lambda row: sign * row[measure])
        return {"measure": measure, "value": best[measure], "epoch": int(best["epoch"]) + 1}

    def _left(self) -> float:
        """Return how many seconds the epochs to come will take, at the pace of the last ones."""
        recent = [row["seconds"] for row in self._rows[-_RECENT:]]
        to_come = max(0.0, self._recipe.epochs - 1 - self._rows[-1]["epoch"])
        return round(to_come * sum(recent) / len(recent), 1)

    def _beat(self) -> None:
        """Write every few seconds until told to stop."""
        while not self._stop.wait(BEAT):
            self._write()

    def _write(self) -> None:
        """Write the file whole; a disk that refuses it is no reason to end a run."""
        with self._writing, contextlib.suppress(OSError, RuntimeError):
            if self._quiet:
                return
            # Not flushed to the disk: after a crash of the machine nobody's heart beats anyway.
            draft = self._path.with_name(f".{PULSE}.{os.getpid()}")
            draft.write_text(json.dumps({**self._facts, "beat": round(time.time(), 1)}), encoding="utf-8")
            os.replace(draft, self._path)


def pulses(runs: Path) -> list[Beat]:
    """Return the last beat of every run of a folder that ever had one; an unreadable one is left out."""
    try:
        with os.scandir(runs) as entries:
            folders = sorted(entry.path for entry in entries if entry.name[0] != ".")
    except (FileNotFoundError, NotADirectoryError):
        return []
    now = _clock(runs)
    return [beat for folder in folders for beat in _read(Path(folder) / PULSE, now)]


def age(path: Path) -> float:
    """Return how many seconds ago a file was written, by the clock of the machine that keeps it.

    Raises:
        OSError: there is no such file.
    """
    return max(0.0, _clock(path.parent) - path.stat().st_mtime)


def _clock(folder: Path) -> float:
    """Return the time by the clock of a folder's file server: machines of a cluster disagree by minutes."""
    probe = folder / f".clock.{os.getpid()}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:  # not ours to write to
        return time.time()
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def _read(path: Path, now: float) -> Iterator[Beat]:
    """Yield what a pulse says; nothing where there is none, or no such thing."""
    try:
        written = os.stat(path).st_mtime
        with open(path, "rb") as file:
            facts = json.loads(file.read())
        yield Beat(str(facts["id"]), str(facts["asked"]), str(facts["state"]), facts, max(0.0, now - written))
    except (OSError, ValueError, KeyError, TypeError):
        return
