"""The chaos test on this machine: workers and pools are killed, disks fill up or go read-only."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.chaos_row import Row
from benchmarks.chaos_scene import Scene, kill, processes, until
from utils.errors import FAILURE, BenchError

POOL = "slurm.pool"
ROUNDS = 12
"""How often a sweep is submitted again before it counts as stuck."""


def killed_workers(scene: Scene, kills: int) -> Row:
    """Kill workers at random moments of a sweep, and now and then the pool that starts them."""
    scene.plan()
    hit = pools = 0
    for _ in range(ROUNDS):
        scene.submit("local")
        while alive(scene):
            time.sleep(scene.random.expovariate(scene.size.parallel))
            # Evenly over the sweep: as many kills per hundred results at its end as at its beginning.
            if hit < kills and hit <= kills * (scene.done() + 1) / scene.size.runs:
                hit += hit_one(scene)
                if hit % 40 == 39:  # noqa: PLR2004 - five of two hundred
                    pools += sum(kill(process) for process in list(processes(scene.folder, (POOL,)))[:1])
        if scene.done() >= scene.size.runs:
            break
    faults = f"{hit} kill -9 of workers, {pools} of the pool"
    return Row("workers killed, local pool", faults, scene.audit(), hit >= kills)


def alive(scene: Scene) -> bool:
    """Say whether a pool or a run of this scene is at work."""
    return any(processes(scene.folder, (POOL,))) or any(processes(scene.folder))


def hit_one(scene: Scene) -> int:
    """Kill one worker, whichever it is; return how many were hit."""
    found = list(processes(scene.folder))
    return int(bool(found) and kill(scene.random.choice(found)))


def full_disk(scene: Scene, disk: Path) -> Row:
    """Fill the small disk that results and checkpoints lie on in the middle of a sweep, and free it again."""
    scene.plan()
    scene.submit("local")
    until(lambda: scene.done() >= scene.size.runs // 4, 120, "the first results")
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    before = scene.done()
    until(lambda: not alive(scene), 300, "the sweep to end on a full disk")
    scene.say(f"on a full disk the sweep went from {before} to {scene.done()} results")
    damaged = scene.audit().corrupt
    filler.unlink()
    return _mended(scene, "a full disk (8 MiB)", "ENOSPC in the middle", sound=not damaged)


def read_only(scene: Scene, disk: Path) -> Row:
    """Make the disk of the results read-only in the middle of a sweep, and writable again."""
    scene.plan()
    scene.submit("local")
    until(lambda: scene.done() >= scene.size.runs // 4, 120, "the first results")
    remount(disk, "ro")
    before = scene.done()
    until(lambda: not alive(scene), 300, "the sweep to end on a read-only disk")
    scene.say(f"with read-only results the sweep went from {before} to {scene.done()} results")
    damaged = scene.audit().corrupt
    remount(disk, "rw")
    return _mended(scene, "results read-only", "EROFS in the middle", sound=not damaged)


def _mended(scene: Scene, name: str, faults: str, *, sound: bool) -> Row:
    """Submit again what is missing, failed runs too, until all is there."""
    for _ in range(ROUNDS):
        scene.submit("local")
        scene.bench("retry", "--failed", *scene.where())
        until(lambda: not alive(scene), 300, "the sweep to end")
        if scene.done() >= scene.size.runs and not scene.audit().failed:
            break
    return Row(name, faults, scene.audit(), sound)


@contextlib.contextmanager
def small_disk(folder: Path, mib: int = 8) -> Iterator[Path]:
    """Mount a file system of a few MiB in memory for the length of the block.

    Raises:
        BenchError: this machine does not let us.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _asked("mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", os.fspath(folder))
    try:
        yield folder
    finally:
        _asked("umount", "--lazy", os.fspath(folder))


def remount(folder: Path, how: str) -> None:
    """Make a mounted file system read-only (`ro`) or writable (`rw`), while files on it are open too."""
    until(lambda: _can("mount", "-o", f"remount,{how}", os.fspath(folder)), 60, "nobody to write", poll=0.01)


def _asked(*words: str) -> None:
    """Carry out a command of the system; BenchError where it refuses."""
    if not _can(*words):
        raise BenchError(f"This machine does not let us {' '.join(words)}.", exit_code=FAILURE)


def _can(*words: str) -> bool:
    """Carry out a command of the system and say whether it succeeded."""
    return subprocess.run(words, capture_output=True, check=False).returncode == 0  # noqa: S603 - ours
