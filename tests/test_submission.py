"""What has a result, or is queued or running, is not submitted again; everything else that is missing is."""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import submission as module
from benchmarks.asked import asked_of
from benchmarks.records import write_record
from benchmarks.submission import progress_in, sort_out, submit
from slurm.cluster import Limits, Queued
from slurm.ledger import Ledger
from slurm.plan import Plan, Task
from slurm.profiles import Profile
from utils.errors import BenchError

PROGRAM = (sys.executable, str(Path(__file__).with_name("submit_program.py")))


class FakeSlurm:
    """A controller that remembers what it was told; `down` does not answer."""

    def __init__(self) -> None:
        self.jobs: dict[str, tuple[str, int]] = {}
        self.state, self.down, self.refuses, self.asked = "PENDING", False, "", 0

    def submitted(self, _submission, chunk):
        if self.refuses:
            raise BenchError(self.refuses)
        self.jobs[chunk.name] = str(len(self.jobs) + 1), len(chunk.keys)
        return self.jobs[chunk.name][0]

    def queue(self):
        self.asked += 1
        if self.down:
            return None
        return {
            (job, task): Queued(self.state, name=name)
            for name, (job, count) in self.jobs.items()
            for task in range(count)
        }

    def by_name(self, names):
        return None if self.down else {name: self.jobs[name][0] for name in names if name in self.jobs}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    slurm = FakeSlurm()
    monkeypatch.setattr(module.script, "submitted", slurm.submitted)
    monkeypatch.setattr(module.cluster, "queue", slurm.queue)
    monkeypatch.setattr(module.cluster, "by_name", slurm.by_name)
    monkeypatch.setattr(module.cluster, "limits", lambda: Limits(array=2))
    return slurm


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    tasks = tuple(Task(key, (str(tmp_path / "out"), key, "2"), f"run {key}") for key in "abcde")
    return Plan(tasks, tmp_path / "runs", tmp_path / "results", Profile(), PROGRAM, tmp_path)


def keys(tasks) -> str:
    return "".join(task.key for task in tasks)


def test_what_is_queued_is_not_submitted_again(fake: FakeSlurm, plan: Plan):
    first = submit(plan, "slurm")
    assert [len(chunk.keys) for chunk in first.submission.chunks()] == [2, 2, 1]
    assert first.jobs == ("1", "2", "3")
    second = submit(plan, "slurm")
    assert (second.submission, keys(second.sorted.queued)) == (None, "abcde")
    assert fake.asked == 1, "one question for all jobs, and none where nothing was ever submitted"


@pytest.mark.parametrize(
    "state", ["FAILED", "TIMEOUT", "NODE_FAIL", "CANCELLED", "COMPLETED", "OUT_OF_MEMORY"]
)
def test_what_ended_without_a_result_is_submitted_again(fake: FakeSlurm, plan: Plan, state: str):
    submit(plan, "slurm")
    fake.state = state
    assert keys(submit(plan, "slurm").submission.plan.tasks) == "abcde"


def test_a_job_of_the_same_number_and_another_name_is_another(fake: FakeSlurm, plan: Plan):
    submit(plan, "slurm")
    fake.jobs = {f"other-{name}": job for name, job in fake.jobs.items()}
    assert keys(submit(plan, "slurm").sorted.missing) == "abcde"


def test_nothing_that_was_submitted_is_submitted_again_while_slurm_does_not_answer(fake, plan: Plan):
    submit(plan.of("abc"), "slurm")
    fake.down, fake.refuses = True, "Unable to contact slurm controller"
    with pytest.raises(BenchError, match="Slurm took nothing"):
        submit(plan, "slurm")
    fake.down, fake.refuses = False, ""
    told = submit(plan, "slurm")
    assert (keys(told.sorted.queued), keys(told.sorted.missing)) == ("abc", "de")


def test_what_nobody_knows_the_fate_of_is_told_as_such(fake: FakeSlurm, plan: Plan):
    submit(plan.of("abc"), "slurm")
    fake.down = True
    told = sort_out(plan, Ledger(plan.runs))
    assert (keys(told.unknown), keys(told.missing)) == ("abc", "de")


def test_of_several_arrays_those_are_kept_that_slurm_took(fake: FakeSlurm, plan: Plan, monkeypatch):
    real = fake.submitted

    def limited(submission, chunk):
        if len(fake.jobs) == 1:
            raise BenchError("Job violates accounting/QOS policy (job submit limit)")
        return real(submission, chunk)

    monkeypatch.setattr(module.script, "submitted", limited)
    told = submit(plan, "slurm")
    assert told.jobs == ("1",)
    assert told.refused == ("3 tasks: Job violates accounting/QOS policy (job submit limit)",)
    assert [chunk.state for chunk in told.submission.chunks()] == ["submitted", "refused", "refused"]
    monkeypatch.setattr(module.script, "submitted", real)
    assert keys(submit(plan, "slurm").submission.plan.tasks) == "cde"


def test_an_array_that_slurm_has_perhaps_not_got_is_looked_for_the_next_time(fake: FakeSlurm, plan: Plan):
    fake.refuses = "Socket timed out on send/recv operation"
    with pytest.raises(BenchError, match="Slurm took nothing"):
        submit(plan, "slurm")
    (one,) = Ledger(plan.runs).submissions()
    assert [chunk.state for chunk in one.chunks()] == ["intended", "refused", "refused"]
    fake.refuses, fake.jobs = "", {one.chunks()[0].name: ("9", 2)}
    told = submit(plan, "slurm")
    assert (keys(told.sorted.queued), keys(told.sorted.missing)) == ("ab", "cde")
    assert one.chunks()[0].job == "9"


@pytest.mark.usefixtures("fake")
def test_a_result_is_never_repeated_and_a_failure_only_when_asked(plan: Plan, make_record):
    done, failed = make_record(seed=1), make_record(seed=2, status="failed", reason="ValueError: no")
    for record in (done, failed):
        write_record(plan.results, record)
    tasks = tuple(Task(asked_of(record.recipe), (), "x") for record in (done, failed))
    more = Plan((*tasks, plan.tasks[0]), plan.runs, plan.results, Profile(), PROGRAM, plan.cwd)
    told = submit(more, "slurm")
    assert told.sorted.done == tasks[:1]
    assert told.sorted.failed == ((tasks[1], "ValueError: no"),)
    assert keys(told.submission.plan.tasks) == "a"
    again = submit(more, "slurm", retry=[tasks[1].key])
    assert again.submission.plan.tasks == tasks[1:]


@pytest.mark.usefixtures("fake")
def test_a_result_lacks_what_evaluate_on_asks_for_until_it_has_it(plan: Plan, make_record):
    record = make_record()
    write_record(plan.results, record)
    task = Task(asked_of(record.recipe), ("run", "--evaluate-on", "300"))
    more = Plan((task,), plan.runs, plan.results, Profile(), PROGRAM, plan.cwd)
    assert sort_out(more, Ledger(plan.runs)).missing == (task,)


@pytest.mark.usefixtures("fake")
def test_to_train_anew_puts_results_aside_and_forgets_checkpoints_once(plan: Plan, make_record):
    record = make_record()
    path = write_record(plan.results, record)
    task = Task(asked_of(record.recipe), ())
    more = Plan((task, *plan.tasks), plan.runs, plan.results, Profile(), PROGRAM, plan.cwd)
    for key in (task.key, "a"):
        beat(plan.runs, key, state="stopped")
        (plan.runs / f"id{key}" / "last.ckpt").write_text("x")
    told = submit(more, "slurm", again=True)
    assert told.submission.plan.tasks == more.tasks
    assert not path.exists()
    assert len(list((plan.runs / record.id).glob("replaced-*.json"))) == 1
    assert list(plan.runs.glob("*/last.ckpt")) == []
    assert submit(more, "slurm", again=True).submission is None, "what is queued is left alone"


@pytest.mark.usefixtures("fake")
def test_to_train_anew_puts_results_over_other_clips_aside_too(plan: Plan, make_record):
    # The other field that a run fills in stands for its clips here.
    told = (
        {},
        {"weights_sha256": "d" * 64},
        {"weights_sha256": "e" * 64, "status": "failed", "reason": "no"},
    )
    others = [make_record(**one) for one in told]
    paths = [write_record(plan.results, record) for record in others]
    (key,) = {asked_of(record.recipe) for record in others}
    more = Plan((Task(key, ()),), plan.runs, plan.results, Profile(), PROGRAM, plan.cwd)
    assert submit(more, "slurm").sorted.done == more.tasks
    assert submit(more, "slurm", again=True).submission.plan.tasks == more.tasks
    assert not any(path.exists() for path in paths)
    assert len(list(plan.runs.glob("*/replaced-*.json"))) == len(set(paths)) == 3


def beat(runs: Path, key: str, state: str = "running", age: float = 0.0) -> None:
    folder = runs / f"id{key}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pulse.json"
    path.write_text(json.dumps({"id": folder.name, "asked": key, "state": state}))
    os.utime(path, (time.time() - age, time.time() - age))


@pytest.mark.usefixtures("fake")
def test_a_run_that_lives_is_left_alone_and_a_dead_one_is_not(plan: Plan):
    beat(plan.runs, "a")
    beat(plan.runs, "b", age=100)
    beat(plan.runs, "c", state="stopped")
    told = submit(plan, "slurm")
    assert (keys(told.sorted.running), keys(told.sorted.missing)) == ("a", "bcde")


def test_local_runs_are_left_to_their_pool_while_it_lives(plan: Plan, fake: FakeSlurm):
    one = Ledger(plan.runs).new(plan.of("abc"), "local")
    (one.folder / "pool.lock").write_text(json.dumps({"host": os.uname().nodename, "pid": os.getpid()}))
    one.ended("a", 1)
    one.cancel("b")
    told = sort_out(plan, Ledger(plan.runs))
    assert (keys(told.queued), keys(told.missing)) == ("c", "abde")
    (one.folder / "pool.lock").unlink()
    assert keys(sort_out(plan, Ledger(plan.runs)).missing) == "abcde"
    assert fake.asked == 0


def test_the_local_cluster_carries_out_what_is_missing(plan: Plan, tmp_path: Path):
    told = submit(plan.of("ab"), "local")
    for ends in module.waited_for(told.submission):
        assert set(ends) <= {"a", "b"}
    assert {key: end.code for key, end in told.submission.ends().items()} == {"a": 0, "b": 0}
    assert (tmp_path / "out" / "a.steps").read_text() == "0\n1\n"


def test_in_the_foreground_one_task_follows_the_other(plan: Plan, tmp_path: Path, capfd):
    told = submit(plan.of("ab"), "debug")
    assert {key: end.code for key, end in told.submission.ends().items()} == {"a": 0, "b": 0}
    assert capfd.readouterr().out == "from step 0\nfrom step 0\n"
    assert (tmp_path / "out" / "b.done").exists()


def test_in_the_foreground_too_what_is_cancelled_stops_and_is_not_started(plan: Plan, tmp_path: Path):
    tasks = tuple(replace(task, argv=(*task.argv[:2], "100", "0.1")) for task in plan.tasks[:2])
    long = replace(plan, tasks=(*tasks, plan.tasks[2]))

    def cancel() -> None:
        while not (tmp_path / "out" / "a.ckpt").exists():
            time.sleep(0.05)
        (submission,) = Ledger(plan.runs).submissions()
        assert keys(sort_out(long, Ledger(plan.runs)).queued) == "abc"
        for key in "ba":
            submission.cancel(key)

    with ThreadPoolExecutor() as beside:
        asked = beside.submit(cancel)
        told = submit(long, "debug")
        asked.result()
    assert {key: end.code for key, end in told.submission.ends().items()} == {"a": 130, "c": 0}
    assert not (tmp_path / "out" / "b.started.0").exists()


def test_progress_is_a_newer_checkpoint(tmp_path: Path):
    progress = progress_in(tmp_path)
    assert progress("a") == 0
    beat(tmp_path, "a")
    before = progress("a")
    (tmp_path / "ida" / "last.ckpt").write_text("x")
    assert progress("a") != before
    assert progress("b") == 0
