"""What hundreds and thousands of runs cost whoever looks after them: planning, the table, the status.

Whole commands are measured, as typed, from their first instruction to their last. Slurm is played by two
scripts that answer from a file and count how often they are asked.
"""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.asked import asked
from benchmarks.pulse import PULSE
from benchmarks.recipe import resolve, revised
from benchmarks.records import record_path
from benchmarks.schema import Clips, Cost, Coverage, Record, Selection
from benchmarks.seals import sealed_file
from slurm.ledger import Ledger
from slurm.plan import DOOR, Plan, Task

MODEL, SPLIT = "movinet-a3", "100"


@dataclass(frozen=True)
class Taken:
    """What one command took.

    Attributes:
        what: it does, in words.
        seconds: on the clock.
        cpu_seconds: of all cores, which a busy machine changes less.
        limit: seconds that it may take.
        asked: how often Slurm was asked; None where it has nothing to do with it.
    """

    what: str
    seconds: float
    cpu_seconds: float
    limit: float
    asked: Mapping[str, int] | None = None

    @property
    def met(self) -> bool:
        """Whether it was quick enough and asked no more than once each."""
        return (
            min(self.seconds, self.cpu_seconds) <= self.limit and max((self.asked or {"": 1}).values()) <= 1
        )


@dataclass(frozen=True)
class Overhead:
    """What all commands took; a `benchmarks.speed.Reported`."""

    rows: tuple[Taken, ...]

    @property
    def mark(self) -> str:
        """Return what each should reach."""
        return "; ".join(f"{row.what} in {row.limit:g} s" for row in self.rows)

    @property
    def met(self) -> bool:
        """Say whether all did."""
        return all(row.met for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"rows": [asdict(row) | {"met": row.met} for row in self.rows]}

    def as_text(self) -> str:
        """Return it as a table in plain text."""
        width = max(len(row.what) for row in self.rows)
        lines = [f"{'':{width}}  seconds  CPU s  limit"]
        for row in self.rows:
            times = f"{row.seconds:7.2f}  {row.cpu_seconds:5.2f}  {row.limit:5.1f}"
            asks = (
                ""
                if row.asked is None
                else f"  asked {' and '.join(f'{n} {w}' for w, n in row.asked.items())}"
            )
            lines.append(f"{row.what:{width}}  {times}  {'met' if row.met else 'missed'}{asks}")
        return "\n".join(lines)


def measured(folder: Path, *, planned: int = 10_000, records: int = 10_000, jobs: int = 1_000) -> Overhead:
    """Make so many records and jobs in a folder, and measure the commands on them."""
    results, runs = folder / "results", folder / "runs"
    make_records(results, records)
    plan = [
        "submit",
        "--model",
        MODEL,
        "--split",
        SPLIT,
        "--seeds",
        f"0..{planned - 1}",
        "--cluster",
        "slurm",
    ]
    places = ["--results", str(results), "--runs", str(runs)]
    path = f"{fake_slurm(folder / 'bin', *make_jobs(folder, jobs))}{os.pathsep}{os.environ['PATH']}"
    rows = [
        _timed(
            f"plan of {planned:,} runs, beside {records:,} records", [*plan, "--dry-run", *places], 5.0, path
        ),
        _timed(f"bench table over {records:,} records", ["table", "--results", str(results)], 2.0, path),
        _timed(f"bench status of {jobs:,} jobs", ["status", *places], 2.0, path),
    ]
    calls = (folder / "bin" / "calls").read_text(encoding="utf-8").split()
    rows[2] = replace(rows[2], asked={name: calls.count(name) for name in ("squeue", "sacct")})
    return Overhead(tuple(rows))


def _timed(what: str, words: Sequence[str], limit: float, path: str) -> Taken:
    """Type a command and measure it."""
    (Path(path.partition(os.pathsep)[0]) / "calls").write_text("", encoding="utf-8")
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(  # noqa: S603 - our own command
        [sys.executable, str(DOOR), *words],
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PATH": path},
    )
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Taken(what, round(seconds, 2), round(cpu, 2), limit)


def make_records(results: Path, count: int) -> None:
    """Write so many records of finished runs: 100 seeds of each of some learning rates."""
    first = resolve(MODEL, SPLIT)
    part: dict[str, float | int | None] = {"clips": 258, "classes": 100, "loss": 1.5, "ties": 0}
    for k in (1, 2, 5, 10):
        part |= {f"hits{k}": 100, f"top{k}": 0.4, f"top{k}_low": 0.3, f"top{k}_high": 0.5}
        part[f"per_class_top{k}"] = 0.4
    whole = Coverage(scored=258, missing=0, official=258)
    for number in range(count):
        recipe = first.model_copy(
            update={"seed": number % 100, "lr": 1e-4 * (1 + number // 100), "clips": "c" * 16}
        )
        record = Record(
            id=recipe.id,
            status="done",
            recipe=recipe.model_dump(mode="json"),
            metrics={"val": part, "test": part},
            selection=Selection(rule="val_top1", epoch=3, value=0.4),
            clips=Clips(parts={"test": whole}, test="a" * 16),
            cost=Cost(seconds=100.0, parameters=2_000_000, gmacs=2.71, epochs=10, steps=90),
        )
        path = record_path(results, record)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sealed_file(record.model_dump(mode="json")))


def make_jobs(folder: Path, count: int) -> tuple[str, list[str]]:
    """Write down a submission of so many jobs, a third of them waiting; return its name and states."""
    first = resolve(MODEL, SPLIT, {"lr": 0.5})
    recipes = [revised(first, seed=0).model_copy(update={"seed": seed}) for seed in range(count)]
    tasks = tuple(Task(asked(recipe), ("run",), f"{MODEL} {SPLIT} seed {recipe.seed}") for recipe in recipes)
    runs = folder / "runs"
    submission = Ledger(runs).new(Plan(tasks, runs, folder / "results"), "slurm")
    submission.note(*(replace(chunk, job="4711", state="submitted") for chunk in submission.chunks()))
    states = [("RUNNING", "PENDING", "FAILED")[seed % 3] for seed in range(count)]
    for recipe, state in zip(recipes, states, strict=True):
        if state == "RUNNING":
            _beat(runs / recipe.id, {"asked": asked(recipe), "id": recipe.id, "seed": recipe.seed})
    return submission.chunks()[0].name, states


def _beat(run: Path, who: Mapping[str, object]) -> None:
    """Write a run's sign of life."""
    run.mkdir(parents=True)
    told = {
        "state": "running",
        "reason": "",
        "model": MODEL,
        "split": SPLIT,
        "host": "node1",
        "pid": 1,
        "job": {},
    }
    told |= {"task": "epoch 3/50", "epoch": 2, "epochs": 50, "step": 5, "steps": 90, "seconds_left": 1800.0}
    told |= {
        "best": {"measure": "val_top1", "value": 0.4, "epoch": 2},
        "started": "2026-01-01T00:00:00+00:00",
    }
    (run / PULSE).write_text(json.dumps({**told, **who, "beat": time.time()}), encoding="utf-8")


def fake_slurm(folder: Path, name: str, states: Sequence[str]) -> Path:
    """Write commands that answer as Slurm would of one array in these states, and note each question."""
    folder.mkdir()
    queued = [
        f"4711|{task}|{4711 + task}|{state}|0|{256 if state == 'FAILED' else 0}|node1|None|{name}|"
        for task, state in enumerate(states)
    ]
    told = [
        f"4711_{task}|{state}|{'1:0' if state == 'FAILED' else '0:0'}|60|node1|2026-01-01T00:00:00|"
        f"2026-01-01T00:00:00|Unknown|None|{name}"
        for task, state in enumerate(states)
    ]
    for command, lines in (("squeue", queued), ("sacct", told)):
        (folder / f"{command}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for command in ("squeue", "sacct", "sbatch", "scontrol", "sacctmgr"):
        answer = f'cat "{folder}/{command}.txt"' if command in {"squeue", "sacct"} else "true"
        script = folder / command
        script.write_text(f'#!/bin/sh\necho {command} >>"{folder}/calls"\n{answer}\n', encoding="utf-8")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return folder
