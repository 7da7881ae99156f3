"""Proof under fire: `python -m benchmarks.chaos [--short] [--seed N]` breaks things and counts what is lost.

Sweeps of made runs of a second or two (`benchmarks.chaos_run`: the real run, lease, loop and record)
are submitted as users submit them, and met with faults of every kind. Afterwards every result must be there
once, whole, and equal number for number to that of a run that nobody disturbed. Exit code 1 where it is not.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Annotated

import typer

from benchmarks import chaos_local, chaos_slurm, chaos_submit
from benchmarks.chaos_audit import Audit
from benchmarks.chaos_row import Row, table
from benchmarks.chaos_scene import Scene, Size
from slurm.profiles import Profile
from utils.errors import FAILURE, BenchError, ending_in_words

JOB = Profile(time="10", cpus=1, memory="400", requeues=100, signal_seconds=20)
"""What a made run asks of Slurm."""


@dataclass(frozen=True)
class Act:
    """A row to be played.

    Attributes:
        name: as `--only` takes it.
        play: what happens.
        size: of its sweep.
        skip: says why it cannot be played here; empty where it can.
        disk: everything lies on a disk of 8 MiB; `results`: the records alone do.
    """

    name: str
    play: Callable[[Scene], Row]
    size: Size
    skip: Callable[[], str] = lambda: ""
    disk: str = ""


def acts(*, short: bool) -> list[Act]:
    """Return the rows: minutes of them, or a minute."""
    local, cluster = chaos_local, chaos_slurm
    away, kills = (10.0, 8) if short else (60.0, 50)
    sizes = [Size(40, 6, 0.02), Size(12), Size(12), Size(12, 8, 0.1), Size(10, 2, 0.0), Size(8, 8, 0.1)]
    if not short:
        sizes = [
            Size(1000, 6, 0.02, 4),
            Size(60),
            Size(60),
            Size(80, 8, 0.15),
            Size(106, 2, 0.0),
            Size(24, 8, 0.1),
        ]
    faults = partial(
        cluster.faults,
        count=4 if short else 24,
        crashes=0 if short else 2,
        kinds=chaos_slurm.KINDS[:2] if short else chaos_slurm.KINDS,
    )
    plays: list[tuple[str, Callable[[Scene], Row], Callable[[], str], str]] = [
        ("workers", partial(local.killed_workers, kills=10 if short else 200), lambda: "", ""),
        ("disk", partial(local.full_disk, forked=short), local.why_not, "all"),
        ("read-only", partial(local.read_only, forked=short), local.why_not, "results"),
        ("slurm", faults, cluster.why_not, ""),
        (
            "submitter",
            partial(chaos_submit.killed_submitter, kills=7 if short else kills),
            cluster.why_not,
            "",
        ),
        ("controller", partial(cluster.controller_away, seconds=away), cluster.why_not, ""),
    ]
    return [
        Act(name, play, size, skip, disk) for (name, play, skip, disk), size in zip(plays, sizes, strict=True)
    ]


def played(act: Act, folder: Path, seed: int, say: Callable[[str], object]) -> Row:
    """Play one row, and return what came of it; whatever breaks the play itself misses the bar."""
    reason = act.skip()
    if reason:
        return Row(act.name, "", Audit(0), skipped=reason)
    home = folder / act.name
    home.mkdir(parents=True)
    began = time.monotonic()
    scene = Scene(home, act.size, Random(f"{seed} {act.name}"), say, profile=JOB, cache=folder / "pyc")
    try:
        row = _on_its_disk(act, scene)
    except BenchError as error:
        row = Row(act.name, "", scene.audit(), sound=False, note=str(error))
    return replace(row, seconds=time.monotonic() - began)


def _on_its_disk(act: Act, scene: Scene) -> Row:
    """Play a row, on a small disk where it wants one."""
    if not act.disk:
        return act.play(scene)
    with chaos_local.small_disk(scene.folder / "disk") as disk:
        if act.disk == "all":
            return act.play(replace(scene, folder=disk))
        return act.play(replace(scene, results=disk / "results"))


def main(
    *,
    short: Annotated[bool, typer.Option("--short", help="A minute of it, as CI does.")] = False,
    seed: Annotated[
        int | None, typer.Option(help="Draws when and whom a fault hits; else the time does.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Rows by name; several times.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Where it happens; else a temporary folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Break what can be broken, and count what is lost."""
    seed = int(time.time()) if seed is None else seed
    chosen = [act for act in acts(short=short) if not only or act.name in only]
    home = folder or Path(tempfile.mkdtemp(prefix="bench-chaos-"))
    with (_made(home) / "chaos.log").open("a", encoding="utf-8") as log:
        rows = _all(chosen, home, seed, partial(_tell, time.monotonic(), log.write))
    if as_json:
        typer.echo(json.dumps({"seed": seed, "rows": [row.as_dict() for row in rows]}, indent=2))
    else:
        typer.echo(f"{table(rows)}\nseed {seed}; {'short' if short else 'full'}; log {home / 'chaos.log'}")
    missed = [row.name for row in rows if not row.met]
    if missed:
        raise BenchError(f"Missed: {', '.join(missed)}. Everything is in {home}.", exit_code=FAILURE)
    if folder is None:
        shutil.rmtree(home, ignore_errors=True)


def _all(chosen: Sequence[Act], home: Path, seed: int, say: Callable[[str], object]) -> list[Row]:
    """Play row after row."""
    rows = []
    for act in chosen:
        say(f"--- {act.name}, seed {seed}")
        rows.append(played(act, home, seed, say))
        say(table(rows[-1:]))
    return rows


def _made(folder: Path) -> Path:
    """Make a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _tell(began: float, write: Callable[[str], object], sentence: str) -> None:
    """Say on stderr and in the log what happened when."""
    line = f"[{time.monotonic() - began:7.2f}] {sentence}\n"
    sys.stderr.write(line)
    write(line)


if __name__ == "__main__":
    with ending_in_words():
        typer.run(main)
