"""The chaos test of the submitting command: killed at its every moment, and told lies by sbatch."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.chaos_kill import COUNTED
from benchmarks.chaos_row import Row
from benchmarks.chaos_scene import Scene, until
from benchmarks.chaos_slurm import finish, jobs
from slurm.plan import DOOR
from utils.errors import FAILURE, BenchError

LIES = {
    # The submitter dies while sbatch is on its way; the job arrives all the same, later.
    "late": 'kill -9 $PPID; while [ ! -e {go} ]; do sleep 0.1; done; exec {sbatch} "$@"',
    # Slurm has the job, and says that it does not know.
    "silent": '{sbatch} "$@" >/dev/null; echo "sbatch: error: Socket timed out on send/recv" >&2; exit 1',
}
"""What a false sbatch does."""


def killed_submitter(scene: Scene, kills: int) -> Row:
    """Kill the submitting command at moments spread over its whole life, and type it again each time.

    Each kill meets a part of the sweep that nobody has submitted yet; results and ledger are shared.
    """
    scene.plan()
    parts = _parts(scene, kills + 1 + len(LIES))
    moments = _typed(scene, parts[0], 0)
    hit = 0
    for number, part in enumerate(parts[1 : kills + 1]):
        # From the first change to the last, evenly.
        at = 1 + number * moments // kills
        hit += _typed(scene, part, at) == -signal.SIGKILL
        _typed(scene, part, 0)
    for lie, part in zip(LIES, parts[kills + 1 :], strict=True):
        _typed(scene, part, 0, path=_false_sbatch(scene.folder / lie, LIES[lie]))
        _typed(scene, part, 0)
        (scene.folder / lie / "go").touch()
    until(lambda: len(jobs(scene)) > scene.size.runs, 60, "the job that comes late")
    finish(scene)
    faults = f"{hit} kill -9 spread over its {moments} moments, sbatch that came late or lied"
    note = f"{len(jobs(scene)) - scene.size.runs} jobs too many, which found nothing to do"
    return Row("Slurm: submitter killed", faults, scene.audit(), hit >= kills * 9 // 10, note)


def _parts(scene: Scene, count: int) -> list[Path]:
    """Cut the plan into so many plans, and write them."""
    whole = scene.read_plan()
    size = scene.size.runs // count
    if not size:
        raise BenchError(f"{scene.size.runs} runs cannot be cut into {count} parts.", exit_code=FAILURE)
    paths = []
    for number in range(count):
        last = None if number == count - 1 else (number + 1) * size
        part = replace(whole, tasks=whole.tasks[number * size : last])
        paths.append(scene.write_plan(part, f"part-{number}.json"))
    return paths


def _typed(scene: Scene, part: Path, at: int, path: Path | None = None) -> int:
    """Type `bench submit` of a part, killed at a moment (0 for never).

    Returns:
        The exit code, negative where a signal killed it; for a life that was spared, how many moments it had.
    """
    words = [str(at), str(scene.folder), "wlasl_bench", "submit", "--plan", str(part), "--cluster", "slurm"]
    environment = dict(os.environ)
    if path is not None:
        environment["PATH"] = f"{path}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "benchmarks.chaos_kill", *words],
        capture_output=True, text=True, check=False, cwd=DOOR.parent, env=environment, timeout=300,
    )  # fmt: skip
    last = done.stderr.strip().rpartition("\n")[2]
    if last.startswith(COUNTED) and at == 0 and done.returncode == 0:
        return int(last.removeprefix(COUNTED))
    if done.returncode != -signal.SIGKILL:
        scene.say(f"bench submit (moment {at}): exit code {done.returncode}, {done.stderr.strip()[-200:]}")
    return done.returncode


def _false_sbatch(folder: Path, lie: str) -> Path:
    """Write an sbatch that is not what it seems, and return its folder."""
    folder.mkdir()
    script = folder / "sbatch"
    script.write_text(
        f"#!/bin/sh\n{lie.format(sbatch=shutil.which('sbatch'), go=folder / 'go')}\n", encoding="utf-8"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return folder
