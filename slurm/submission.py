"""One plan handed to one cluster: a folder of the plan, its job arrays, the logs, and how each task ended."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from slurm.job import job_facts
from slurm.plan import Plan, read_plan
from utils.clock import now
from utils.errors import BenchError
from utils.files import read_json, write_json, write_text


@dataclass(frozen=True, slots=True)
class Chunk:
    """One job array: the tasks that are submitted by one sbatch.

    Attributes:
        name: of the job, unique in the cluster: by it an array is found whose number nobody noted.
        keys: its tasks; the position is the array's index.
        job: the array's number; None before it is known.
        state: intended (sbatch may be running), submitted, or refused.
        why: what Slurm said against it.
    """

    name: str
    keys: tuple[str, ...]
    job: str | None = None
    state: Literal["intended", "submitted", "refused"] = "intended"
    why: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """How the last attempt at a task ended, as seen by who waited for it.

    Attributes:
        code: exit code; 128 + number where a signal killed it.
        signal: the signal that killed it, else None.
        last: the last line of its log.
        at: UTC, ISO 8601.
        job: what Slurm said of itself there.
        attempts: how often it was started in this submission.
    """

    code: int
    signal: int | None
    last: str
    at: str
    job: Mapping[str, str | int]
    attempts: int = 1

    @property
    def sentence(self) -> str:
        """Say how it ended."""
        if self.signal is None:
            return f"exit code {self.code}"
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(self.signal).name}"
        return f"killed by signal {self.signal}"


class Submission:
    """One plan handed to one cluster: a folder.

    Args:
        folder: `<runs>/jobs/<id>`.
    """

    def __init__(self, folder: Path) -> None:
        """Note where it lies; nothing is read yet."""
        self.folder, self.id = folder, folder.name

    @cached_property
    def plan(self) -> Plan:
        """Return the frozen plan; BenchError where it is damaged."""
        return read_plan(self.folder / "plan.json")

    @cached_property
    def facts(self) -> Mapping[str, str]:
        """Return `cluster` and `made`; nothing where the file is damaged."""
        try:
            found = read_json(self.folder / "submission.json")
        except BenchError:
            return {}
        return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}

    @property
    def cluster(self) -> str:
        """Return slurm, local or debug."""
        return self.facts.get("cluster", "")

    def chunks(self) -> list[Chunk]:
        """Return its job arrays; none where it went to no Slurm, or where the file is damaged."""
        try:
            return [_chunk(one) for one in read_json(self.folder / "chunks.json")]
        except (BenchError, KeyError, TypeError):
            return []

    def note(self, *changed: Chunk) -> None:
        """Write down how some of the job arrays stand now.

        Raises:
            BenchError: the folder cannot be written to.
        """
        now = {chunk.name: chunk for chunk in changed}
        write_chunks(self.folder, [now.get(chunk.name, chunk) for chunk in self.chunks()])

    def keys(self) -> list[str]:
        """Return the keys of all its tasks."""
        return [task.key for task in self.plan.tasks]

    def log(self, key: str) -> Path:
        """Return where a task's output lies, all attempts one after the other."""
        return self.folder / "logs" / f"{key}.log"

    def end(self, key: str) -> End | None:
        """Return how the last attempt at a task ended; None while none did, or where nobody saw it."""
        try:
            found = read_json(self.folder / "ends" / f"{key}.json")
            return End(**{name: found[name] for name in End.__slots__ if name in found})
        except (BenchError, TypeError):
            return None

    def ends(self) -> dict[str, End]:
        """Return how the tasks ended that did."""
        names = listed(self.folder / "ends")
        found = {name.removesuffix(".json"): self.end(name.removesuffix(".json")) for name in names}
        return {key: end for key, end in found.items() if end is not None}

    def ended(self, key: str, code: int, *, attempts: int = 1) -> End:
        """Write down how an attempt ended; the code is a process's, negative where a signal killed it.

        Raises:
            BenchError: the folder cannot be written to.
        """
        number = -code if code < 0 else None
        last = last_line(self.log(key))
        end = End(code if code >= 0 else 128 - code, number, last, now(), job_facts(), attempts)
        write_json(self.folder / "ends" / f"{key}.json", asdict(end))
        return end

    def forget_end(self, key: str) -> None:
        """Take away how an earlier attempt ended: another one begins."""
        (self.folder / "ends" / f"{key}.json").unlink(missing_ok=True)

    def cancel(self, key: str) -> None:
        """Note that the user cancelled a task: nobody starts it any more.

        Raises:
            BenchError: the folder cannot be written to.
        """
        write_text(self.folder / "cancelled" / key, "")

    def cancelled(self) -> frozenset[str]:
        """Return the tasks that the user cancelled."""
        return frozenset(listed(self.folder / "cancelled"))

    def is_cancelled(self, key: str) -> bool:
        """Say whether the user cancelled a task."""
        return (self.folder / "cancelled" / key).exists()


def write_chunks(folder: Path, chunks: Iterable[Chunk]) -> None:
    """Write the job arrays of a submission whole."""
    write_json(folder / "chunks.json", [asdict(chunk) for chunk in chunks])


def _chunk(found: Mapping[str, Any]) -> Chunk:
    """Return the job array that a JSON object holds."""
    told = {name: found[name] for name in ("job", "state", "why") if name in found}
    return Chunk(found["name"], tuple(found["keys"]), **told)


def listed(folder: Path) -> list[str]:
    """Return the names in a folder, hidden ones left out; none where there is no folder."""
    try:
        return [name for name in os.listdir(folder) if not name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []


def last_line(log: Path, tail: int = 8192) -> str:
    """Return the last line of a log that says something, at most 500 characters; empty without a log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - tail))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    # A bar that redraws itself separates its states by carriage returns.
    lines = [line.rpartition("\r")[2].strip() for line in text.splitlines()]
    return next((line[:500] for line in reversed(lines) if line), "")
