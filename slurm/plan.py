"""A plan: the command lines that are to be carried out, what each may use, and where; one JSON file.

The same file runs on every cluster. A task is a `bench run` line with one seed; its key says what it asks
for, so that whoever holds the results can tell what is done.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from slurm.profiles import Profile, restored
from utils.errors import BenchError
from utils.files import read_json, write_whole
from utils.names import is_safe_id

FORMAT = 1
DOOR = Path(__file__).resolve().parent.parent / "wlasl_bench.py"
"""What a task starts unless its plan names another program."""


@dataclass(frozen=True, slots=True)
class Task:
    """One line to be carried out.

    Attributes:
        key: what it asks for, 16 hexadecimal digits; unique in a plan, part of file names.
        argv: the words after the program.
        label: for people, such as `gru sample seed 0`.
    """

    key: str
    argv: tuple[str, ...]
    label: str = ""


@dataclass(frozen=True)
class Plan:
    """Tasks, what each may use, and where they put things.

    Attributes:
        tasks: in the order in which they are started.
        runs: folder of checkpoints; submissions lie in its `jobs`.
        results: folder of records.
        profile: what a task asks of the cluster.
        program: the words before each task's own; empty for this project's `bench`.
        cwd: where tasks are started.
        environment: variables that were set where the plan was made, and matter.
        files: text by absolute path that the tasks read, written before they start, such as frozen recipes.
    """

    tasks: tuple[Task, ...]
    runs: Path
    results: Path
    profile: Profile = field(default_factory=Profile)
    program: tuple[str, ...] = ()
    cwd: Path = field(default_factory=Path.cwd)
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def command(self, task: Task) -> list[str]:
        """Return the words that start a task."""
        return [*(self.program or (sys.executable, str(DOOR))), *task.argv]

    def line(self, task: Task) -> str:
        """Return a task as one can type it into a shell."""
        return shlex.join([*(self.program or ("bench",)), *task.argv])

    def of(self, keys: Iterable[str]) -> Plan:
        """Return the plan of some of its tasks, in their order."""
        wanted = frozenset(keys)
        return replace(self, tasks=tuple(task for task in self.tasks if task.key in wanted))

    def variables(self) -> dict[str, str]:
        """Return what a task's environment has beside what it inherits; the profile has the last word."""
        return {**self.environment, **self.profile.environment}


def write_plan(path: Path, plan: Plan) -> None:
    """Write a plan whole: a line per task, for people and for `diff`.

    Raises:
        BenchError: the folder cannot be written to.
    """
    head = {
        "format": FORMAT,
        "runs": os.fspath(plan.runs),
        "results": os.fspath(plan.results),
        "profile": plan.profile.model_dump(mode="json", exclude_defaults=True),
        "program": list(plan.program),
        "cwd": os.fspath(plan.cwd),
        "environment": dict(plan.environment),
        "files": dict(plan.files),
    }
    tasks = (
        json.dumps({"key": t.key, "label": t.label, "argv": t.argv}, ensure_ascii=False) for t in plan.tasks
    )
    body = json.dumps(head, indent=2, ensure_ascii=False).removesuffix("\n}")
    text = body + ',\n  "tasks": [\n    ' + ",\n    ".join(tasks) + "\n  ]\n}\n"
    write_whole(path, lambda file: file.write(text.encode("utf-8", "surrogateescape")))


def read_plan(path: Path) -> Plan:
    """Read a plan.

    Raises:
        BenchError: the file is missing, or is no plan.
    """
    found = read_json(path)
    try:
        return _plan(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BenchError(
            f"{path} is no plan: {_why(error)}. `bench submit --write-plan` writes one."
        ) from error


def _plan(found: Mapping[str, Any]) -> Plan:
    """Return the plan that a JSON object holds."""
    if found["format"] > FORMAT:
        raise ValueError("it was written by a newer version of bench")
    tasks = tuple(_task(one) for one in found["tasks"])
    if len({task.key for task in tasks}) != len(tasks):
        raise ValueError("two of its tasks have the same key")
    return Plan(
        tasks=tasks,
        runs=Path(found["runs"]),
        results=Path(found["results"]),
        profile=restored(found.get("profile", {})),
        program=_texts(found.get("program", [])),
        cwd=Path(found["cwd"]),
        environment=_table(found.get("environment", {})),
        files=_table(found.get("files", {})),
    )


def _task(one: Mapping[str, Any]) -> Task:
    """Return the task that a JSON object holds."""
    key = one["key"]
    if not isinstance(key, str) or not is_safe_id(key):
        raise ValueError(f"{key!r} cannot be a task's key")
    return Task(key, _texts(one["argv"]), str(one.get("label", "")))


def _texts(words: object) -> tuple[str, ...]:
    """Return a list of words as they stand there."""
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"{words!r} is no list of words")
    return tuple(words)


def _table(found: object) -> dict[str, str]:
    """Return a table of texts as it stands there."""
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ValueError(f"{found!r} is no table of texts")
    return dict(found)


def _why(error: Exception) -> str:
    """Say what is missing or wrong in a plan."""
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error).rstrip(".")
