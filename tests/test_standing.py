"""How everything stands, from submissions, Slurm, records, signs of life and logs together."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from rich.console import Console

from benchmarks import standing_known
from benchmarks.cancelling import cancelled
from benchmarks.pulse import PULSE
from benchmarks.standing import standing, tail
from benchmarks.standing_find import chosen, one
from benchmarks.standing_table import as_data, rendered, summary
from slurm.asking import Answer
from slurm.ledger import Ledger
from slurm.plan import Plan, Task
from slurm.pool import LOCK
from slurm.submission import Chunk
from utils.errors import BenchError

JOB = "12"


class Slurm:
    """Stands for Slurm's commands: answers by the first word, and keeps what it was asked."""

    def __init__(self, **answers: str | None) -> None:
        self.answers, self.asked = answers, []

    def __call__(self, command):
        self.asked.append(list(command))
        answer = self.answers.get(command[0])
        return None if answer is None else Answer(0, answer, "")


def key_of(number):
    return f"{number:016x}"


@pytest.fixture
def places(tmp_path):
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs", tmp_path / "results"


def submitted(places, numbers, *, cluster="slurm", job=JOB):
    """Write a submission of tasks down, as Slurm took it; return it and its array's name."""
    tasks = tuple(
        Task(key_of(n), ("run", "--model", "gru", "--split=100", "--seed", str(n)), f"gru 100 seed {n}")
        for n in numbers
    )
    submission = Ledger(places[0]).new(Plan(tasks, *places), cluster)
    chunks = submission.chunks()
    if chunks and job:
        submission.note(replace(chunks[0], job=job, state="submitted"))
    return submission, chunks[0].name if chunks else ""


def beats(places, number, *, state="running", age=0.0, job=None, **facts):
    """Write a run's sign of life."""
    folder = places[0] / f"{number:012x}"
    folder.mkdir(parents=True, exist_ok=True)
    told = {
        "id": folder.name,
        "asked": key_of(number),
        "state": state,
        "model": "gru",
        "split": "100",
        "seed": number,
    }
    told |= {
        "job": job or {},
        "host": "here",
        "pid": 1,
        "epoch": 3,
        "epochs": 10,
        "reason": "",
        "task": "training",
    }
    told |= {"best": {"measure": "val_top1", "value": 0.41, "epoch": 2}, "seconds_left": 723.0}
    (folder / PULSE).write_text(json.dumps(told | facts))
    then = time.time() - age
    os.utime(folder / PULSE, (then, then))


def line(name, task, state, *, reason="None", status=0, node="node1", restarts=0):
    return f"{JOB}|{task}|{50 + task}|{state}|{restarts}|{status}|{node}|{reason}|{name}|\n"


def states(found):
    return {int(row.key, 16): (row.state.kind, row.state.reason) for row in found.rows}


def test_one_question_each_tells_of_all(places):
    submission, name = submitted(places, range(8))
    beats(places, 1, job={"job": "51", "array": JOB, "task": "1", "restarts": 0})
    submission.log(key_of(3)).write_text("--- begins\nTraceback\nKeyError: 'lr'\n")
    submission.ended(key_of(3), 1)
    submission.cancel(key_of(5))
    began, ended = "2026-11-21T10:00:00", "2026-11-21T10:01:00"
    account = f"{JOB}_[4-5]|PENDING|0:0|0|None assigned|{began}|Unknown|Unknown|None|{name}\n"
    account += f"{JOB}_6|NODE_FAIL|0:0|9|node2|{began}|{began}|{ended}|None|{name}\n"
    account += f"{JOB}_6|PENDING|0:0|0|None assigned|{ended}|Unknown|Unknown|None|{name}\n"
    account += f"{JOB}_7|TIMEOUT|0:0|60|node2|{began}|{began}|{ended}|None|{name}\n"
    queue = line(name, 0, "PENDING", reason="Priority", node="") + line(name, 1, "RUNNING")
    queue += line(name, 2, "OUT_OF_MEMORY") + line(name, 3, "FAILED", status=256)
    queue += line(name, 6, "PENDING", reason="BeginTime", restarts=1)
    queue += line("of somebody else", 4, "RUNNING")
    slurm = Slurm(squeue=queue, sacct=account)
    found = standing(*places, run=slurm)
    assert [command[0] for command in slurm.asked] == ["squeue", "sacct"]
    assert states(found) == {
        0: ("waiting", "other jobs come first"),
        1: ("running", ""),
        2: ("failed", "out of memory"),
        3: ("failed", "KeyError: 'lr'"),
        4: ("cancelled", "left the queue before it began"),
        5: ("cancelled", ""),
        6: ("waiting", "node failed, restart 1: begins again in a moment"),
        7: ("failed", "time limit"),
    }
    assert found.notes == ()
    running = found.rows[1]
    assert (running.model, running.split, running.seed, running.job) == ("gru", "100", "1", (JOB, 1))
    assert one(found.rows, "gru:100:1") is running


def test_what_slurm_does_not_answer_is_unknown_and_said_once(places):
    submitted(places, range(3))
    beats(places, 1, job={"job": "51", "array": JOB, "task": "1", "restarts": 0})
    beats(places, 2, age=20.0, state="failed", reason="ValueError: no")
    os.utime(places[0] / f"{2:012x}" / PULSE)
    found = standing(*places, run=Slurm())
    assert states(found) == {
        0: ("unknown", "Slurm does not answer"),
        1: ("running", ""),
        2: ("failed", "ValueError: no"),
    }
    assert [note.split(":")[0] for note in found.notes] == ["Slurm does not answer"]
    (without,) = standing(*places, run=Slurm(squeue="")).notes
    assert without.startswith("Slurm's accounting (sacct) does not answer")


def test_a_death_is_noticed_within_a_minute_where_there_is_no_accounting(places):
    submission, _ = submitted(places, [1])
    os.utime(submission.folder / "plan.json", (0, 0))
    facts = {"job": "51", "array": JOB, "task": "1", "restarts": 0}
    beats(places, 1, age=61.0, job=facts)
    found = standing(*places, run=Slurm(squeue=""))
    assert states(found) == {1: ("failed", "died without a word, last sign of life 1 min ago")}
    (submission.folder / "submitit").mkdir()
    limit = "slurmstepd: error: *** JOB 51 ON node1 CANCELLED AT 2026-11-21T10:00:00 DUE TO TIME LIMIT ***\n"
    (submission.folder / "submitit" / f"{JOB}_0.out").write_text(limit)
    assert states(standing(*places, run=Slurm(squeue=""))) == {1: ("failed", "time limit")}


def test_a_job_whose_number_nobody_noted_is_found_by_its_name(places):
    _, name = submitted(places, [0], job=None)
    found = standing(*places, run=Slurm(squeue=line(name, 0, "RUNNING")))
    assert states(found) == {0: ("running", "starts")}
    assert found.rows[0].job == (JOB, 0)
    assert states(standing(*places, run=Slurm(squeue=""))) == {0: ("stopped", "never submitted")}


def test_a_number_that_the_cluster_gave_again_misleads_nobody(places):
    submitted(places, [0])
    other = f"{JOB}_0|RUNNING|0:0|9|node2|2026-11-21T10:00:00|2026-11-21T10:00:00|Unknown|None|another's\n"
    found = standing(*places, run=Slurm(squeue=line("another's", 0, "RUNNING"), sacct=other))
    assert states(found) == {0: ("cancelled", "left the queue before it began")}


def test_what_an_earlier_submission_left_tells_nothing_of_the_later_one(places, make_record):
    from benchmarks.asked import asked_of  # noqa: PLC0415
    from benchmarks.records import write_record  # noqa: PLC0415

    record = make_record(model="gru", status="failed", reason="an old reason")
    path = write_record(places[1], record)
    key = asked_of(record.recipe)
    number = int(key, 16)
    beats(places, number, state="failed", age=500.0, reason="an old reason")
    os.utime(path, (0, 0))
    _, name = submitted(places, [number])
    retried = standing(*places, run=Slurm(squeue=line(name, 0, "PENDING", reason="Resources")))
    assert states(retried) == {number: ("waiting", "no node is free yet")}
    assert retried.rows[0].id == f"{number:012x}"
    assert states(standing(*places, run=Slurm()))[number][0] == "unknown"
    os.utime(path)
    assert states(standing(*places, run=Slurm(squeue="")))[number] == ("failed", "an old reason")


def test_results_are_shown_as_they_come_and_slurm_is_not_asked_for_them(places, make_record):
    from benchmarks.asked import asked_of  # noqa: PLC0415
    from benchmarks.records import write_record  # noqa: PLC0415

    record = make_record(model="gru")
    write_record(places[1], record)
    number = int(asked_of(record.recipe), 16)
    _, name = submitted(places, [number])
    slurm = Slurm(squeue=line(name, 0, "COMPLETED"))
    found = standing(*places, run=slurm)
    assert states(found) == {number: ("done", "")}
    assert found.rows[0].top1 == record.metrics["test"]["top1"]
    assert found.rows[0].id == record.id
    assert [command[0] for command in slurm.asked] == ["squeue"]
    assert "test 64.0 %" in printed(found)


def test_a_run_that_nobody_submitted_is_shown_while_it_matters(places):
    beats(places, 1)
    beats(places, 2, age=300.0)
    beats(places, 3, age=200_000.0)
    beats(places, 4, state="stopped", age=10.0)
    slurm = Slurm()
    assert states(standing(*places, run=slurm)) == {
        1: ("running", ""),
        2: ("failed", "died without a word, last sign of life 5 min ago"),
        4: ("stopped", "it was asked to stop"),
    }
    assert slurm.asked == []


def test_a_pool_that_lives_comes_to_its_tasks(places, monkeypatch):
    submission, _ = submitted(places, [0, 1], cluster="local")
    assert {state[0] for state in states(standing(*places)).values()} == {"stopped"}
    monkeypatch.setattr(standing_known.pool, "alive", lambda _: True)
    submission.log(key_of(1)).write_text("--- begins\n")
    assert states(standing(*places)) == {0: ("waiting", "its turn comes"), 1: ("running", "starts")}


def test_a_damaged_plan_hides_no_other(places):
    damaged, _ = submitted(places, [0])
    (damaged.folder / "plan.json").write_text("{")
    submitted(places, [1], cluster="local")
    found = standing(*places, run=Slurm(squeue=""))
    assert set(states(found)) == {1}
    assert len(found.notes) == 1
    assert "plan.json" in found.notes[0]


def test_a_thousand_jobs_take_two_questions_and_little_time(places):
    submission, name = submitted(places, range(1000))
    for number in range(100):
        beats(places, number, job={"job": "1", "array": JOB, "task": str(number), "restarts": 0})
    for number in range(100, 200):
        submission.log(key_of(number)).write_text("--- begins\n" + "a line\n" * 200 + "KeyError: 'lr'\n")
        submission.ended(key_of(number), 1)
    queue = "".join(
        line(name, n, "RUNNING" if n < 100 else "PENDING" if n >= 200 else "FAILED") for n in range(1000)
    )
    slurm = Slurm(squeue=queue, sacct="")
    began = time.process_time()
    found = standing(*places, run=slurm)
    assert time.process_time() - began < 2
    assert [command[0] for command in slurm.asked] == ["squeue", "sacct"]
    assert summary(found) == "1000 runs: 100 running, 800 waiting, 100 failed"


def printed(found, height=None, width=140):
    """Return how everything stands as a terminal of this size shows it."""
    console = Console(width=width, height=height or 25, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(rendered(found, width, height))
    return console.export_text()


def test_the_table_tells_how_far_a_run_is_and_where(places):
    _, name = submitted(places, range(2))
    beats(places, 1, job={"job": "51", "array": JOB, "task": "1", "restarts": 0})
    text = printed(standing(*places, run=Slurm(squeue=line(name, 0, "PENDING") + line(name, 1, "RUNNING"))))
    assert "Left" in text
    assert "Left" not in printed(standing(*places, run=Slurm(squeue="", sacct="")))
    for word in (f"{1:012x}", "gru", "running", "3/10", "val 41.0 %", "12 min", "12_1 node1", "training"):
        assert word in text
    assert "2 runs: 1 running, 1 waiting" in text


@pytest.mark.parametrize("height", [12, 20, 40])
def test_a_small_terminal_shows_some_of_each_and_counts_the_rest(places, height):
    submission, name = submitted(places, range(200))
    for number in range(100, 150):
        submission.ended(key_of(number), 1)
    queue = "".join(
        line(name, n, "RUNNING" if n < 50 else "FAILED" if n < 150 else "PENDING") for n in range(200)
    )
    text = printed(standing(*places, run=Slurm(squeue=queue, sacct="")), height)
    assert len(text.splitlines()) < max(height, 18)
    for kind in ("running", "waiting", "failed"):
        assert kind in text
    assert "and " in text


def test_a_long_table_is_cut_and_says_so(places):
    submitted(places, range(500), cluster="local")
    text = printed(standing(*places))
    assert len(text.splitlines()) < 210
    assert "and 301 more" in text
    assert "--json has all" in text


def test_a_narrow_terminal_keeps_what_matters(places):
    submission, _ = submitted(places, [1], cluster="local")
    submission.log(key_of(1)).write_text("ValueError: " + "a long reason " * 12 + "\n")
    submission.ended(key_of(1), 1)
    text = printed(standing(*places), width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("reason") == 12
    for word in (key_of(1)[:12], "gru", "100", "failed"):
        assert word in text


def test_on_a_small_terminal_only_reasons_are_cut(places):
    submission, _ = submitted(places, [1], cluster="local")
    submission.log(key_of(1)).write_text("ValueError: " + "a long reason " * 12 + "\n")
    submission.ended(key_of(1), 1)
    text = printed(standing(*places), height=20, width=80)
    row = next(line for line in text.splitlines() if line.startswith("0000"))
    assert len(row.rstrip()) <= 80
    assert row.split()[:5] == [key_of(1)[:12], "gru", "100", "1", "failed"]
    assert row.rstrip().endswith("…")


def test_json_has_every_fact(places):
    submission, name = submitted(places, [7])
    beats(places, 7, job={"job": "51", "array": JOB, "task": "0", "restarts": 0})
    told = as_data(standing(*places, run=Slurm(squeue=line(name, 0, "RUNNING"))))
    assert json.loads(json.dumps(told)) == told
    (run,) = told["runs"]
    assert (run["key"], run["id"], run["model"], run["split"], run["seed"]) == (
        key_of(7),
        f"{7:012x}",
        "gru",
        "100",
        7,
    )
    assert (run["state"], run["epoch"], run["epochs"], run["best"]["value"]) == ("running", 3, 10, 0.41)
    assert (run["job"], run["submission"], run["log"]) == (
        "12_0",
        submission.id,
        str(submission.log(key_of(7))),
    )
    assert told["counts"] == {"running": 1}


def test_a_run_goes_by_id_key_first_digits_or_what_it_is(places):
    submitted(places, range(3), cluster="local")
    beats(places, 0xABC << 36)
    rows = standing(*places).rows
    assert one(rows, key_of(1)).seed == "1"
    assert one(rows, "gru:100:2").seed == "2"
    assert one(rows, "abc").id == "abc000000000"
    assert len(chosen(rows, ["gru:100", "gru:100:1"])) == 4
    with pytest.raises(BenchError, match="Several runs begin with '000'"):
        one(rows, "000")
    with pytest.raises(BenchError, match="stands for 4 runs"):
        one(rows, "gru")
    with pytest.raises(BenchError, match=r"There is no run 'gru:100:9'\. Did you mean"):
        one(rows, "gru:100:9")
    with pytest.raises(BenchError, match="Nothing was submitted"):
        one([], "abc")


def test_cancelling_notes_it_before_anybody_is_told(places):
    submission, name = submitted(places, range(3))
    queue = "".join(line(name, number, "PENDING") for number in range(3))
    rows = standing(*places, run=Slurm(squeue=queue)).rows
    silent = Slurm()
    with pytest.raises(BenchError, match="Slurm does not answer"):
        cancelled(rows[:1], run=silent)
    assert submission.cancelled() == {key_of(0)}
    slurm = Slurm(scancel="")
    cancelled(rows[1:], run=slurm)
    assert slurm.asked == [["scancel", "--quiet", "12_1", "12_2"]]
    assert submission.cancelled() == {key_of(0), key_of(1), key_of(2)}


def test_a_run_of_another_machine_is_not_cancelled_from_here(places):
    beats(places, 1, host="elsewhere")
    with pytest.raises(BenchError, match=r"started by hand on elsewhere: stop it there\.$"):
        cancelled(standing(*places).rows)
    submission, _ = submitted(places, [2, 3], cluster="local")
    beats(places, 2, host="elsewhere")
    with pytest.raises(BenchError, match=r"started by hand on elsewhere.*Whatever else was named"):
        cancelled(standing(*places).rows)
    assert submission.cancelled() == {key_of(2), key_of(3)}, "neither is started by anybody"


@pytest.fixture
def worker():
    """Start a process that works on a run."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def works(process):
    """Say whether a process works on, a moment after everybody was told."""
    try:
        return process.wait(0.5) is None
    except subprocess.TimeoutExpired:
        return True


@pytest.mark.parametrize("where", ["local", "debug", "slurm"])
def test_a_submitted_run_that_somebody_carries_out_by_hand_is_asked_to_stop(places, worker, where):
    submission, _ = submitted(places, [1], cluster=where)
    beats(places, 1, host=socket.gethostname(), pid=worker.pid)
    cancelled(standing(*places, run=Slurm(squeue="", sacct="")).rows, run=Slurm(scancel=""))
    assert submission.cancelled() == {key_of(1)}
    assert worker.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("ours", [True, False])
def test_a_pool_asks_its_own_runs_to_stop_and_no_others(places, worker, ours):
    submission, _ = submitted(places, [1], cluster="local")
    beats(places, 1, host=socket.gethostname(), pid=worker.pid)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        pid = os.getpid() if ours else other.pid
        (submission.folder / LOCK).write_text(json.dumps({"host": socket.gethostname(), "pid": pid}))
        cancelled(standing(*places).rows)
    assert works(worker) == ours


def test_a_run_in_its_job_is_ended_by_slurm_alone(places, worker):
    _, name = submitted(places, [1])
    job = {"array": JOB, "task": "0", "restarts": 0}
    beats(places, 1, host=socket.gethostname(), pid=worker.pid, job=job)
    rows = standing(*places, run=Slurm(squeue=line(name, 0, "RUNNING"))).rows
    slurm = Slurm(scancel="")
    cancelled(rows, run=slurm)
    assert slurm.asked == [["scancel", "--quiet", "12_0"]]
    assert works(worker)


def test_the_last_attempt_is_what_a_log_tells_of(places):
    submission, _ = submitted(places, [1])
    submission.log(key_of(1)).write_text("--- first\nMemoryError\n--- second\nKeyError: 'lr'\n")
    assert tail(submission, key_of(1), None) == "KeyError: 'lr'"
    assert tail(submission, key_of(2), None) == ""


def test_a_refused_array_says_what_slurm_said(places):
    submission, _ = submitted(places, [1])
    (chunk,) = submission.chunks()
    submission.note(Chunk(chunk.name, chunk.keys, None, "refused", "Invalid qos specification"))
    assert states(standing(*places, run=Slurm())) == {1: ("failed", "refused: Invalid qos specification")}
