"""The stage of a chaos test: a folder of its own, a plan of made runs, and what a user would type."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from benchmarks.asked import asked
from benchmarks.chaos_audit import Audit, audited
from benchmarks.chaos_engine import PACE
from benchmarks.chaos_run import MODEL, SPLIT, made_recipe
from benchmarks.recipe import revised
from benchmarks.run import Places
from slurm.plan import DOOR, Plan, Task, read_plan, write_plan
from slurm.profiles import Profile
from utils.errors import FAILURE, BenchError

PROGRAM = "benchmarks.chaos_run"


@dataclass(frozen=True)
class Size:
    """How much there is to do.

    Attributes:
        runs: made runs, of seeds 0, 1, ...
        epochs: of each, of 4 steps.
        pace: seconds per step.
        parallel: runs at a time.
    """

    runs: int
    epochs: int = 6
    pace: float = 0.02
    parallel: int = 4


@dataclass(frozen=True)
class Scene:
    """One row's folder, plan and random numbers.

    Attributes:
        folder: everything lies in it; its name is in the command line of every process of this row.
        size: of the sweep.
        random: draws when and whom a fault hits.
        say: hears what happens.
        results: of records, where that is not in the folder.
        profile: what a run asks of Slurm.
        cache: of compiled modules, where that is not in the folder.
    """

    folder: Path
    size: Size
    random: Random
    say: Callable[[str], object] = print
    results: Path | None = None
    profile: Profile = field(default_factory=Profile)
    cache: Path | None = None

    @property
    def places(self) -> Places:
        """Where records and checkpoints go."""
        return Places(self.results or self.folder / "results", self.folder / "runs")

    def plan(self) -> Path:
        """Write the plan, and return its file."""
        profile = self.profile.model_copy(update={"parallel": self.size.parallel})
        plan = Plan(
            tasks=tuple(self._task(seed) for seed in range(self.size.runs)),
            runs=self.places.runs,
            results=self.places.results,
            profile=profile,
            program=(sys.executable, "-m", PROGRAM),
            cwd=DOOR.parent,
            environment={
                PACE: str(self.size.pace),
                # Imports are most of a made run: none is compiled twice.
                "PYTHONPYCACHEPREFIX": str(self.cache or self.folder / "pyc"),
                "PYTHONDONTWRITEBYTECODE": "",
            },
        )
        return self.write_plan(plan)

    def write_plan(self, plan: Plan, name: str = "plan.json") -> Path:
        """Write a plan, and return its file."""
        path = self.folder / name
        write_plan(path, plan)
        return path

    def read_plan(self) -> Plan:
        """Return the plan of the whole sweep."""
        return read_plan(self.folder / "plan.json")

    def _task(self, seed: int) -> Task:
        """Return one made run."""
        first = made_recipe(0, self.size.epochs)
        argv = [f"--seed={seed}", f"--epochs={self.size.epochs}", f"--results={self.places.results}"]
        argv += [f"--runs={self.places.runs}", "--if-running", "leave"]
        return Task(asked(revised(first, seed=seed)), tuple(argv), f"{MODEL} {SPLIT} seed {seed}")

    def submit(self, cluster: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Type `bench submit --plan ...`, and return what it said."""
        return self.bench("submit", "--plan", str(self.folder / "plan.json"), "--cluster", cluster, *words)

    def where(self) -> list[str]:
        """Return the options that name this scene's folders."""
        return ["--results", str(self.places.results), "--runs", str(self.places.runs)]

    def bench(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Type a command and wait for its end."""
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, str(DOOR), *words], capture_output=True, text=True, timeout=600, check=False
        )
        last = (done.stderr.strip() or done.stdout.strip()).rpartition("\n")[2]
        self.say(f"bench {words[0]}: exit code {done.returncode}, {last}")
        return done

    def done(self) -> int:
        """Count the results that are there."""
        return sum(1 for _ in self.places.results.glob(f"{SPLIT}/{MODEL}/[0-9a-f]*.json"))

    def audit(self) -> Audit:
        """Hold everything against what should be there."""
        return audited(range(self.size.runs), self.size.epochs, self.places)


def processes(folder: Path, words: Sequence[str] = (PROGRAM,)) -> Iterator[int]:
    """Yield the live processes whose command line names a folder and all of some words."""
    wanted = [os.fsencode(word) for word in (*words, f"{folder}/")]
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = Path(entry.path, "cmdline").read_bytes()
            except OSError:
                continue
            if all(word in line for word in wanted):
                yield int(entry.name)


def at_work(process: int) -> bool:
    """Say whether a run holds its lease, for which it has threads, or is still being imported."""
    try:
        return len(os.listdir(f"/proc/{process}/task")) > 2  # noqa: PLR2004 - its own, the lease's, the pulse's
    except OSError:
        return False


def kill(process: int, number: signal.Signals = signal.SIGKILL) -> bool:
    """Send a signal; say whether there was still somebody to hear it."""
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return False
    return True


def until(condition: Callable[[], bool], seconds: float, what: str, poll: float = 0.2) -> None:
    """Wait for something to become true.

    Raises:
        BenchError: it did not, in so many seconds.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise BenchError(f"Waited {seconds:.0f} s for {what}, in vain.", exit_code=FAILURE)
        time.sleep(poll)
