"""Jobs of a real Slurm: requeued, warned, killed, spread over nodes, refused, found again by their names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("submitit")

from benchmarks import submission as submissions
from benchmarks.records import read_record
from benchmarks.submission import submit
from slurm import script
from slurm.ledger import Ledger
from slurm.plan import Plan, Task
from slurm.profiles import profile
from utils.errors import BenchError
from wlasl.sample import SampleOptions, ensure

PROGRAM = (sys.executable, str(Path(__file__).with_name("submit_program.py")))
pytestmark = pytest.mark.slow


@pytest.fixture
def home(slurm, tmp_path: Path) -> Path:  # noqa: ARG001 - skips where there is no Slurm
    return tmp_path / "100% a b'c\"d"


@pytest.fixture
def planned(home: Path):
    """Return a function that plans tasks: key -> the words after the folder and the key."""

    def made(tasks: dict[str, str], *resources: str) -> Plan:
        lines = [Task(key, (str(home / "out"), key, *words.split())) for key, words in tasks.items()]
        asked = profile(None, None, ("memory=300M", "time=10", *resources))
        return Plan(tuple(lines), home / "runs", home / "results", asked, PROGRAM, Path("/tmp"))  # noqa: S108

    return made


def wait_for(condition: Callable[[], object], seconds: float = 300.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.2)


def codes(told) -> dict[str, int]:
    return {key: end.code for key, end in told.submission.ends().items()}


def steps(home: Path, key: str) -> list[int]:
    return [int(word) for word in (home / "out" / f"{key}.steps").read_text().split()]


def printed(told) -> str:
    log = told.submission.log("a")
    return log.read_text(errors="replace") if log.exists() else ""


def state(job: str) -> str:
    found = subprocess.run(
        ["squeue", "-h", "-t", "all", "-j", job, "-o", "%T"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()


def test_tasks_end_in_chunks_and_are_not_submitted_twice(home: Path, planned):
    plan = planned(dict.fromkeys("abcde", "2 0.2"), "array_size=2", "environment.WORD=it's $HOME")
    told = submit(plan, "slurm")
    assert [len(chunk.keys) for chunk in told.submission.chunks()] == [2, 2, 1]
    assert len(told.jobs) == 3
    again = submit(plan, "slurm")
    assert again.submission is None
    wait_for(lambda: len(codes(told)) == 5)
    assert set(codes(told).values()) == {0}
    assert all(steps(home, key) == [0, 1] for key in "abcde")
    seen = json.loads((home / "out" / "a.started.0").read_text())
    assert seen["WORD"] == "it's $HOME"
    assert seen["SLURM_JOB_NAME"] == told.submission.chunks()[0].name
    assert told.submission.end("a").job["array"] == told.jobs[0]


def test_a_warned_task_goes_back_into_the_queue_with_its_checkpoint(home: Path, planned):
    told = submit(planned({"a": "20 0.4"}), "slurm")
    wait_for((home / "out" / "a.ckpt").exists)
    subprocess.run(["scancel", "--signal=USR2", f"{told.jobs[0]}_0"], check=True)
    wait_for((home / "out" / "a.started.1").exists)
    wait_for(lambda: codes(told) == {"a": 0})
    assert steps(home, "a") == list(range(20)), "every step once, in its order"


def test_a_requeued_task_goes_on_and_a_stale_file_of_submitit_does_not_stop_it(home: Path, planned):
    told = submit(planned({"a": "20 0.4"}), "slurm")
    wait_for((home / "out" / "a.ckpt").exists)
    jobs = told.submission.folder / "submitit"
    (jobs / f"{told.jobs[0]}_0_0_result.pkl.save_tmp").write_bytes(b"half")
    subprocess.run(["scontrol", "requeue", f"{told.jobs[0]}_0"], check=True)
    wait_for((home / "out" / "a.started.1").exists)
    wait_for(lambda: codes(told) == {"a": 0})
    assert steps(home, "a") == list(range(20))


def test_a_task_whose_process_is_killed_is_started_again_in_its_job(home: Path, planned):
    told = submit(planned({"a": "6 0.1 kill1", "b": "3 0 fail"}), "slurm")
    wait_for(lambda: codes(told) == {"a": 0, "b": 1} and (home / "out" / "a.done").exists())
    assert told.submission.end("a").attempts == 2
    assert told.submission.end("b").last == "ValueError: no"
    wait_for(lambda: state(f"{told.jobs[0]}_1") == "FAILED")


def test_two_nodes_know_of_each_other(home: Path, planned):
    told = submit(planned({"a": "2"}, "nodes=2"), "slurm")
    wait_for(lambda: codes(told) == {"a": 0} and len(list((home / "out").glob("a.started.*"))) == 2)
    seen = sorted(
        (json.loads(path.read_text()) for path in (home / "out").glob("a.started.*")),
        key=lambda environment: environment["RANK"],
    )
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK")
    assert [[environment[name] for name in names] for environment in seen] == [
        ["0", "0", "2", "1", "0"],
        ["1", "0", "2", "1", "1"],
    ]
    assert len({environment["MASTER_ADDR"] + environment["MASTER_PORT"] for environment in seen}) == 1


def test_one_network_is_trained_on_two_nodes_and_goes_on_after_a_warning(home: Path, planned):
    pytest.importorskip("torch")
    sample = ensure(home / "sample", SampleOptions(glosses=3, clips=6))
    words = ["run", "--model", "gru", "--split", "sample", "--device", "cpu", "--set", "epochs=40"]
    for name, folder in {"data": sample, "store": "store", "results": "results", "runs": "runs"}.items():
        words += [f"--{name}", str(home / folder)]
    plan = planned({}, "nodes=2", "memory=1500M")
    plan = replace(plan, tasks=(Task("a", (*words, "--if-running", "leave")),), program=())
    told = submit(plan, "slurm")
    wait_for(lambda: "epoch 2/" in printed(told))
    subprocess.run(["scancel", "--signal=USR2", f"{told.jobs[0]}_0"], check=True)
    wait_for(lambda: codes(told) == {"a": 0}, 600)
    (path,) = (home / "results").glob("sample/gru/*.json")
    record = read_record(path).record
    assert record.where.slurm["processes"] == "2"
    assert int(record.where.slurm["restarts"]) >= 1
    assert printed(told).count("epoch 2/40") == 1, "no epoch was done twice"


def test_what_slurm_refuses_is_said_in_its_own_words(planned):
    with pytest.raises(BenchError, match=r"Slurm took nothing.*nvalid partition"):
        submit(planned({"a": "1"}, "partition=absent"), "slurm")
    plan = planned(dict.fromkeys("ab", "1"), "array_size=1", "memory=9000G")
    with pytest.raises(BenchError, match=r"2 tasks: .*emory"):
        submit(plan, "slurm")
    states = [chunk.state for one in Ledger(plan.runs).submissions() for chunk in one.chunks()]
    assert states == ["refused"] * 3


def test_an_array_that_was_taken_by_an_sbatch_that_failed_is_found(planned, tmp_path, monkeypatch):
    sbatch = subprocess.run(["which", "sbatch"], capture_output=True, text=True, check=True).stdout.strip()
    liar = tmp_path / "bin" / "sbatch"
    liar.parent.mkdir()
    liar.write_text(
        f'#!/bin/sh\n{sbatch} "$@" >/dev/null\necho "sbatch: error: Socket timed out" >&2\nexit 1\n'
    )
    liar.chmod(0o755)
    monkeypatch.setenv("PATH", f"{liar.parent}:{os.environ['PATH']}")
    told = submit(planned({"a": "2"}), "slurm")
    assert len(told.jobs) == 1
    wait_for(lambda: codes(told) == {"a": 0})


def test_a_submitting_command_that_is_killed_once_sbatch_has_spoken_is_healed(
    home: Path, planned, monkeypatch
):
    plan, real = planned({"a": "40 0.2", "b": "40 0.2"}, "array_size=1"), script.submitted

    def killed(one, chunk):
        real(one, chunk)
        raise KeyboardInterrupt

    monkeypatch.setattr(submissions.script, "submitted", killed)
    with pytest.raises(KeyboardInterrupt):
        submit(plan, "slurm")
    (before,) = Ledger(plan.runs).submissions()
    assert [chunk.state for chunk in before.chunks()] == ["intended", "intended"]
    monkeypatch.setattr(submissions.script, "submitted", real)
    told = submit(plan, "slurm")
    assert [task.key for task in told.sorted.queued] == ["a"]
    assert [task.key for task in told.submission.plan.tasks] == ["b"]
    assert [chunk.state for chunk in before.chunks()] == ["submitted", "refused"]
    wait_for(lambda: (home / "out" / "a.done").exists() and (home / "out" / "b.done").exists())
    assert steps(home, "a") == steps(home, "b") == list(range(40))


def test_a_cancelled_task_that_starts_all_the_same_does_nothing(home: Path, planned):
    plan = planned({"a": "30 0.2", "b": "1"}, "parallel=1")
    told = submit(plan, "slurm")
    told.submission.cancel("b")
    wait_for(lambda: codes(told) == {"a": 0})
    wait_for(lambda: state(f"{told.jobs[0]}_1") == "FAILED")
    assert not list((home / "out").glob("b.*"))
