"""Submit, crash, steal, finish, requeue and cancel in any order: ledger, leases and records agree.

Hypothesis draws the orders. `CHAOS_EXAMPLES=2000` tries so many; otherwise there are a few dozen. Slurm is
played by a few lines; submissions, job arrays, leases, signs of life and records are the real ones, on disk.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from benchmarks import schema, submission
from benchmarks.asked import asked
from benchmarks.chaos_run import made_recipe
from benchmarks.holding import held
from benchmarks.pulse import PULSE
from benchmarks.recipe import revised
from benchmarks.records import read_record, write_record
from slurm import cluster, script
from slurm.cluster import Limits, Queued
from slurm.plan import Plan, Task
from utils.errors import BenchError
from utils.lease import HeldElsewhereError
from utils.progress import Silent

SEEDS = range(4)
FIRST = made_recipe(0, 2)
RECIPES = [revised(FIRST, seed=seed) for seed in SEEDS]
KEYS = [asked(recipe) for recipe in RECIPES]
PART = {"clips": 8, "classes": 4, "loss": 1.0}


class KilledError(BaseException):
    """The process that this is raised in is no more."""


@dataclass
class Job:
    """One task of a job array."""

    number: str
    task: int
    name: str
    key: str
    state: str = "PENDING"
    restarts: int = 0


@dataclass
class FakeSlurm:
    """A controller."""

    up: bool = True
    jobs: list[Job] = field(default_factory=list)
    lie: str = ""
    count: int = 0
    late: list[Job] = field(default_factory=list)

    def submitted(self, _submission, chunk):
        if not self.up:
            raise BenchError("sbatch: error: Unable to contact slurm controller (connect failure)")
        if self.lie == "killed before":
            raise KilledError
        self.count += 1
        number = str(100 * self.count)
        made = [Job(number, task, chunk.name, key) for task, key in enumerate(chunk.keys)]
        if self.lie == "killed, and late":
            self.late += made
            raise KilledError
        self.jobs += made
        if self.lie == "killed after":
            raise KilledError
        if self.lie == "silent":
            raise BenchError("sbatch: error: Socket timed out on send/recv operation")
        return number

    def queue(self, jobs=None, **_):  # noqa: ARG002 - as the real one is called
        if not self.up:
            return None
        return {(j.number, j.task): Queued(j.state, name=j.name, restarts=j.restarts) for j in self.jobs}

    def by_name(self, names, *_, **__):
        return {job.name: job.number for job in self.jobs if job.name in set(names)} if self.up else None


@dataclass
class Worker:
    """A process at a run: what it holds, on which machine, and what would be left of it."""

    job: Job
    seed: int
    holding: contextlib.ExitStack


class Machine(RuleBasedStateMachine):
    """What users, Slurm and fate do, and what must hold after each of their deeds."""

    def __init__(self):
        super().__init__()
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a disk would only slow it down
        self.folder = Path(tempfile.mkdtemp(prefix="machine-", dir=memory))
        self.runs, self.results = self.folder / "runs", self.folder / "results"
        self.slurm = FakeSlurm()
        self.workers: list[Worker] = []
        self.ended: list[contextlib.ExitStack] = []
        self.done: set[int] = set()
        self.failed: set[int] = set()
        self.patches = contextlib.ExitStack()
        for module, name, ours in (
            (cluster, "queue", self.slurm.queue),
            (cluster, "by_name", self.slurm.by_name),
            (cluster, "limits", lambda **_: Limits(array=3)),
            (script, "submitted", self.slurm.submitted),
        ):
            self.patches.enter_context(mock.patch.object(module, name, ours))

    def plan(self, seeds) -> Plan:
        tasks = tuple(Task(KEYS[seed], ("--seed", str(seed))) for seed in sorted(seeds))
        return Plan(tasks, self.runs, self.results)

    def active(self) -> list[Job]:
        return [job for job in self.slurm.jobs if job.state in {"PENDING", "RUNNING"}]

    # What users do.

    @rule(seeds=st.sets(st.sampled_from(SEEDS), min_size=1), retry=st.booleans())
    def submit(self, seeds, retry):
        """Just what is missing is submitted."""
        before = {job.key for job in self.active()}
        alive = {worker.seed for worker in self.workers} | self.lately
        missing = {
            seed
            for seed in seeds - self.done - alive - (set() if retry else self.failed)
            if KEYS[seed] not in before
        }
        count = len(self.slurm.jobs)
        with contextlib.suppress(BenchError):
            submission.submit(self.plan(seeds), "slurm", retry=KEYS if retry else ())
        handed = [job.key for job in self.slurm.jobs[count:]]
        if self.slurm.up:
            assert sorted(handed) == sorted(KEYS[seed] for seed in missing)
        else:
            assert handed == []

    @rule(
        seeds=st.sets(st.sampled_from(SEEDS), min_size=1),
        lie=st.sampled_from(["killed before", "killed after", "killed, and late", "silent"]),
    )
    def submit_and_die(self, seeds, lie):
        """The submitting command is killed around sbatch, or sbatch does not say that it succeeded."""
        self.slurm.lie = lie
        with contextlib.suppress(KilledError, BenchError):
            submission.submit(self.plan(seeds), "slurm")
        self.slurm.lie = ""
        # As a process leaves its lock that had no time to take it away.
        (self.runs / "jobs" / "submit.lock").write_text(
            f'{{"host": "{os.uname().nodename}", "pid": {2**22 + 1}, "token": "dead"}}'
        )

    @precondition(lambda self: self.active())
    @rule(data=st.data())
    def cancel(self, data):
        """A user, or Slurm, ends a job for good; its process is killed."""
        job = data.draw(st.sampled_from(self.active()))
        job.state = "CANCELLED"
        self.kill_workers_of(job)

    # What Slurm does.

    @precondition(lambda self: self.slurm.late)
    @rule()
    def arrive(self):
        """An sbatch whose submitter died long ago gets through, whatever was submitted meanwhile."""
        self.slurm.jobs += self.slurm.late
        self.slurm.late = []

    @precondition(lambda self: any(job.state == "PENDING" for job in self.active()))
    @rule(data=st.data())
    def start(self, data):
        """A job starts, and takes its run unless another is at it."""
        self.started(data.draw(st.sampled_from([job for job in self.active() if job.state == "PENDING"])))

    def started(self, job: Job) -> None:
        """Do what a job's process does first."""
        seed = KEYS.index(job.key)
        if seed in self.done:
            job.state = "COMPLETED"
            return
        holding = contextlib.ExitStack()
        told = {"SLURM_JOB_ID": f"{int(job.number) + job.task}", "SLURM_RESTART_COUNT": str(job.restarts)}
        try:
            with (
                mock.patch.dict(os.environ, told),
                mock.patch("socket.gethostname", return_value=f"node-of-{job.number}-{job.task}"),
            ):
                holding.enter_context(held(self.runs / RECIPES[seed].id, RECIPES[seed], Silent(), wait=False))
        except HeldElsewhereError:
            assert seed in {worker.seed for worker in self.workers} | self.lately, "nobody is at it"
            job.state = "COMPLETED"
            return
        job.state = "RUNNING"
        self.workers.append(Worker(job, seed, holding))

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def requeue(self, data):
        """A job is killed and put back into the queue: preempted, or its node crashed."""
        worker = data.draw(st.sampled_from(self.workers))
        self.kill(worker)
        worker.job.state, worker.job.restarts = "PENDING", worker.job.restarts + 1

    @rule(up=st.booleans())
    def controller(self, up):
        """The controller goes away, or comes back."""
        self.slurm.up = up

    @rule()
    def forget(self):
        """The controller forgets jobs that ended; their names with them, where there is no accounting."""
        for job in self.slurm.jobs if self.slurm.up else ():
            job.name = job.name if job.state in {"PENDING", "RUNNING"} else "forgotten"

    # What becomes of processes.

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def crash(self, data):
        """A run's process is killed with its job."""
        worker = data.draw(st.sampled_from(self.workers))
        self.kill(worker)
        worker.job.state = "FAILED"

    @precondition(lambda self: self.lately)
    @rule()
    def wait_a_minute(self):
        """What the dead left behind grows old."""
        at_work = {worker.seed for worker in self.workers}
        for seed in self.lately - at_work:
            for name in (PULSE, "run.lock"):
                path = self.runs / RECIPES[seed].id / name
                with contextlib.suppress(FileNotFoundError):
                    os.utime(path, (time.time() - 60, time.time() - 60))

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), well=st.booleans())
    def finish(self, data, well):
        """A run ends with its record, done or failed."""
        worker = data.draw(st.sampled_from(self.workers))
        recipe = RECIPES[worker.seed]
        told = {"metrics": {"test": PART}} if well else {"reason": "The loss is nan."}
        record = schema.Record(
            id=recipe.id, status="done" if well else "failed", recipe=recipe.model_dump(mode="json"), **told
        )
        write_record(self.results, record)
        (self.done if well else self.failed).add(worker.seed)
        self.failed -= self.done
        worker.job.state = "COMPLETED" if well else "FAILED"
        worker.holding.close()
        self.workers.remove(worker)

    def kill_workers_of(self, job: Job) -> None:
        """Kill whoever works for a job."""
        for worker in [worker for worker in self.workers if worker.job is job]:
            self.kill(worker)

    def kill(self, worker: Worker) -> None:
        """Leave lock and pulse as a process does that had no time for anything."""
        folder = self.runs / RECIPES[worker.seed].id
        left = {path: path.read_bytes() for path in (folder / PULSE, folder / "run.lock")}
        worker.holding.close()
        for path, content in left.items():
            path.write_bytes(content)
        self.workers.remove(worker)

    @property
    def lately(self) -> set[int]:
        """The runs that look alive, by lock or pulse."""
        found = set()
        for seed, recipe in enumerate(RECIPES):
            for name in (PULSE, "run.lock"):
                with contextlib.suppress(FileNotFoundError):
                    path = self.runs / recipe.id / name
                    if (
                        time.time() - path.stat().st_mtime < 45
                        and b'"state": "done"' not in path.read_bytes()
                    ):
                        found.add(seed)
        return found

    # What always holds.

    @invariant()
    def one_process_works_on_a_run(self):
        seeds = [worker.seed for worker in self.workers]
        assert len(seeds) == len(set(seeds))

    @invariant()
    def every_result_is_there_once_and_whole(self):
        found = {path.stem: read_record(path) for path in self.results.glob("*/*/*.json")}
        assert not [stored.path for stored in found.values() if stored.altered]
        done = {stored.record.recipe["seed"] for stored in found.values() if stored.record.status == "done"}
        failed = {
            stored.record.recipe["seed"] for stored in found.values() if stored.record.status == "failed"
        }
        assert (done, failed) == (self.done, self.failed)

    def teardown(self):
        """Whatever happened, once it is quiet one line carries out all that is missing."""
        try:
            self.slurm.up = True
            for worker in list(self.workers):
                self.crash_quietly(worker)
            for job in self.active():
                job.state = "CANCELLED"
            self.wait_a_minute_for_all()
            submission.submit(self.plan(SEEDS), "slurm", retry=KEYS)
            handed = self.active()
            assert sorted(job.key for job in handed) == sorted(KEYS[s] for s in set(SEEDS) - self.done)
            for job in handed:
                self.started(job)
            assert {worker.seed for worker in self.workers} == set(SEEDS) - self.done
            for worker in list(self.workers):
                worker.holding.close()
        finally:
            self.patches.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def crash_quietly(self, worker: Worker) -> None:
        """Kill a process and end its job."""
        self.kill(worker)
        worker.job.state = "FAILED"

    def wait_a_minute_for_all(self) -> None:
        """Let everything that was left behind grow old."""
        self.wait_a_minute()


def test_whatever_happens_in_whatever_order_nothing_is_lost_and_nothing_done_twice():
    examples = int(os.environ.get("CHAOS_EXAMPLES", "25"))
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            derandomize=examples <= 100,
            suppress_health_check=list(HealthCheck),
        ),
    )
