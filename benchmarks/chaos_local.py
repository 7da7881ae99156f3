"""The chaos test on this machine: workers and pools are killed, disks fill up or go read-only."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks import chaos_pool
from benchmarks.chaos_row import Row
from benchmarks.chaos_scene import Scene, at_work, kill, processes, until
from utils.errors import FAILURE, BenchError

POOL = ("wlasl_bench.py", "\0pool\0")
"""In the command line of the process that starts the runs."""
ROUNDS = 12
"""How often a sweep is submitted again before it counts as stuck."""


def killed_workers(scene: Scene, kills: int, *, forked: bool = True) -> Row:
    """Kill workers at random moments of a sweep, and now and then the pool that starts them."""
    scene.plan()
    hit = pools = 0
    for _ in range(ROUNDS + kills):
        _submit(scene, forked=forked)
        while alive(scene, forked=forked):
            time.sleep(scene.random.expovariate(5 * scene.size.parallel))
            # Evenly over the sweep: as many kills per hundred results at its end as at its beginning.
            due = hit < kills and hit <= kills * (scene.done() + 1) / scene.size.runs
            hit += hit_one(scene, forked=forked) if due else 0
            if hit // 40 > pools:
                pools += any(kill(process) for process in _pools(scene, forked=forked)[:1])
        if scene.done() >= scene.size.runs:
            break
    faults = f"{hit} kill -9 of workers, {pools} of their pool"
    return Row("workers killed, local pool", faults, scene.audit(), hit >= kills)


def _submit(scene: Scene, *, forked: bool) -> None:
    """Submit what is missing."""
    if forked:
        chaos_pool.submit(scene)
    else:
        scene.submit("local")


def _pools(scene: Scene, *, forked: bool) -> list[int]:
    """Return the pools at work."""
    return chaos_pool.pools(scene) if forked else list(processes(scene.folder, POOL))


def _workers(scene: Scene, *, forked: bool) -> list[int]:
    """Return the runs at work."""
    return chaos_pool.workers(scene) if forked else list(processes(scene.folder))


def alive(scene: Scene, *, forked: bool = False) -> bool:
    """Say whether a pool or a run of this scene is at work."""
    return bool(_pools(scene, forked=forked) or _workers(scene, forked=forked))


def hit_one(scene: Scene, *, forked: bool) -> int:
    """Kill one worker, mostly one that is at work and not still starting; return how many were hit."""
    found = _workers(scene, forked=forked)
    if scene.random.random() < 0.8:  # noqa: PLR2004
        found = [process for process in found if at_work(process)]
    return int(bool(found) and kill(scene.random.choice(found)))


def full_disk(scene: Scene, *, forked: bool = False) -> Row:
    """Fill the small disk that everything of a sweep lies on in its middle, and free it again."""
    filler = scene.places.results.parent / "filler"

    def fill() -> None:
        """Take all that is left."""
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    return _without_a_disk(scene, ("a full disk (8 MiB)", fill, filler.unlink), forked=forked)


def read_only(scene: Scene, *, forked: bool = False) -> Row:
    """Make the disk of the results read-only in the middle of a sweep, and writable again."""
    disk = scene.places.results.parent
    fault = ("results read-only", partial(remount, disk, "ro"), partial(remount, disk, "rw"))
    return _without_a_disk(scene, fault, forked=forked)


def _without_a_disk(
    scene: Scene, fault: tuple[str, Callable[[], None], Callable[[], None]], *, forked: bool
) -> Row:
    """Take a sweep's disk away in its middle, let the sweep end so, and give it back."""
    name, take, give = fault
    scene.plan()
    _submit(scene, forked=forked)
    until(lambda: scene.done() >= scene.size.runs // 4, 120, "the first results")
    take()
    before = scene.done()
    until(lambda: not alive(scene, forked=forked), 300, "the sweep to end")
    without = scene.done()
    damaged = scene.audit().corrupt
    scene.say(f"{name}: the sweep went from {before} to {without} results, {len(damaged)} damaged")
    give()
    for _ in range(ROUNDS):
        _submit(scene, forked=forked)
        scene.bench("retry", "--failed", *scene.where())
        until(lambda: not alive(scene, forked=forked), 300, "the sweep to end")
        if scene.done() >= scene.size.runs and not scene.audit().failed:
            break
    faults = f"taken away after {before} results, given back after {without}"
    return Row(name, faults, scene.audit(), not damaged and without < scene.size.runs)


def why_not() -> str:
    """Say why no small disk can be had here; empty where it can."""
    try:
        with tempfile.TemporaryDirectory() as folder, small_disk(Path(folder)):
            return ""
    except BenchError as error:
        return str(error)


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
