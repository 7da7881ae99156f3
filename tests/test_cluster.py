"""What Slurm knows of jobs: answers read right, silence never taken for an answer, and a real Slurm asked."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from datetime import datetime, timedelta, timezone

import pytest

from slurm import asking, cluster
from slurm.accounting import keys_of
from slurm.cluster import Answer
from utils.errors import BenchError

QUEUE = """\
2|N/A|2|FAILED|0|768|node1|NonZeroExitCode|odd|name|
1|1|4|PENDING|1|0||JobArrayTaskLimit|mine|
1|0|1|RUNNING|0|0|node[1-2]|None|mine|
9|N/A|9|CANCELLED|0|15|node2|None|other|
"""
ACCOUNT = """\
1_0|NODE_FAIL|1:0|40|node2|2026-11-21T10:00:00|2026-11-21T10:00:01|2026-11-21T10:00:41|None|mine
1_0|OUT_OF_MEMORY|0:125|3|node1|2026-11-21T10:00:41|2026-11-21T10:00:50|2026-11-21T10:00:53|None|mine
1_[1-3,7%2]|PENDING|0:0|0|None assigned|2026-11-21T10:00:00|Unknown|Unknown|Resources|mine
2|TIMEOUT|0:0|60|node1|2026-11-21T09:00:00|2026-11-21T09:00:00|2026-11-21T09:01:00|None|an older job
2|CANCELLED by 1000|0:9|1|node1|2026-11-21T10:00:00|2026-11-21T10:00:00|2026-11-21T10:00:01|None|odd|name
3+0|COMPLETED|0:0|1|node1|2026-11-21T10:00:00|2026-11-21T10:00:00|2026-11-21T10:00:01|None|of two kinds
"""


class Slurm:
    """Stands for Slurm's commands: answers by the first word, and keeps what it was asked."""

    def __init__(self, **answers: str | Answer | None) -> None:
        self.answers, self.asked = answers, []

    def __call__(self, command):
        self.asked.append(list(command))
        answer = self.answers.get(command[0])
        return Answer(0, answer, "") if isinstance(answer, str) else answer


def test_a_queue_is_read_by_one_question():
    slurm = Slurm(squeue=QUEUE)
    found = cluster.queue(run=slurm)
    assert len(slurm.asked) == 1
    assert set(found) == {("2", None), ("1", 1), ("1", 0), ("9", None)}
    failed, waiting, running = found["2", None], found["1", 1], found["1", 0]
    assert (failed.state, failed.code, failed.signal, failed.name) == ("FAILED", 3, None, "odd|name")
    assert (waiting.reason, waiting.restarts, waiting.node) == ("JobArrayTaskLimit", 1, "")
    assert (running.reason, running.node, running.code) == ("", "node[1-2]", 0)
    assert found["9", None].signal == 15


def test_only_the_jobs_asked_for_are_returned():
    assert set(cluster.queue(["1", "77"], run=Slurm(squeue=QUEUE))) == {("1", 0), ("1", 1)}
    assert cluster.queue([], run=Slurm(squeue=QUEUE)) == {}


@pytest.mark.parametrize("answer", [None, Answer(1, "", "Unable to contact slurm controller")])
def test_silence_is_no_empty_queue(answer):
    assert cluster.queue(run=Slurm(squeue=answer)) is None
    assert cluster.account(["1"], run=Slurm(sacct=answer)) is None
    assert cluster.by_name(["mine"], run=Slurm(squeue=answer, sacct=ACCOUNT)) is None
    assert cluster.limits(run=Slurm(scontrol=answer, sacctmgr=answer)) == cluster.Limits(None, None)


def test_of_several_attempts_the_last_counts():
    slurm = Slurm(sacct=ACCOUNT)
    found = cluster.account(["1", "2", "3"], run=slurm)
    assert len(slurm.asked) == 1
    last = found["1", 0]
    assert (last.state, last.signal, last.before, last.node) == (
        "OUT_OF_MEMORY",
        125,
        ("NODE_FAIL",),
        "node1",
    )
    assert last.end == "2026-11-21T10:00:53"
    assert [key for key, job in found.items() if job.state == "PENDING"] == [("1", n) for n in (1, 2, 3, 7)]
    assert (found["1", 7].node, found["1", 7].end) == ("", "")


def test_a_job_that_accounting_has_hardly_heard_of_has_no_name():
    row = "5|FAILED|3:0|0|node1|2026-11-21T10:00:00|2026-11-21T10:00:00|2026-11-21T10:00:00|None|allocation\n"
    assert told(cluster.account(["5"], run=Slurm(sacct=row))["5", None]) == ("FAILED", 3, "")


def test_a_number_used_twice_tells_of_the_later_job():
    found = cluster.account(["2"], run=Slurm(sacct=ACCOUNT))["2", None]
    assert (found.state, found.name, found.before) == ("CANCELLED", "odd|name", ())


def test_accounting_is_asked_since_when_jobs_were_submitted():
    slurm = Slurm(sacct="")
    cluster.account(["1"], datetime(2026, 11, 21, 12, tzinfo=timezone.utc), run=slurm)
    told = slurm.asked[0][slurm.asked[0].index("--starttime") + 1]
    begin = datetime.fromisoformat(told).astimezone(timezone.utc)
    assert begin == datetime(2026, 11, 21, 11, tzinfo=timezone.utc)


def test_ten_thousand_numbers_fit_into_one_question():
    slurm = Slurm(sacct="")
    cluster.account([str(number) for number in range(90_000_000, 90_020_000)], run=slurm)
    assert len(slurm.asked) == 1
    assert max(map(len, slurm.asked[0])) < 131_072


@pytest.mark.parametrize(
    ("number", "keys"),
    [
        ("12", [("12", None)]),
        ("12_3", [("12", 3)]),
        ("12_[0-2%1]", [("12", 0), ("12", 1), ("12", 2)]),
        ("12_[0-4:2,9]", [("12", 0), ("12", 2), ("12", 4), ("12", 9)]),
        ("12.batch", []),
        ("12+1", []),
        ("", []),
        ("12_[0-...]", []),
    ],
)
def test_numbers_of_arrays(number, keys):
    assert list(keys_of(number)) == keys


def test_a_name_is_found_in_the_queue_before_accounting_and_alive_before_dead():
    account = "5|2026-11-21T10:00:00|old\n6_[0-3]|2026-11-21T10:00:01|mine\n7|2026-11-21T10:00:02|other's\n"
    queue = "4|N/A|4|RUNNING|0|0|n|None|twice|\n8|N/A|8|FAILED|0|256|n|None|twice|\n" + QUEUE
    slurm = Slurm(squeue=queue, sacct=account)
    names = cluster.by_name(["mine", "old", "twice", "never"], run=slurm)
    assert names == {"mine": "1", "old": "5", "twice": "4"}
    assert len(slurm.asked) == 2
    assert cluster.by_name(["old", "mine"], run=Slurm(squeue=QUEUE, sacct=None)) == {"mine": "1"}
    assert cluster.by_name([], run=Slurm()) == {}


def test_the_least_limit_counts():
    config = "MaxArraySize   = 1001\nMaxJobCount  = 10000\nSchedulerParameters = a=1,max_array_tasks=500\n"
    assert cluster.limits(run=Slurm(scontrol=config, sacctmgr="\n200\n300\n")) == cluster.Limits(500, 200)
    unknown = cluster.limits(run=Slurm(scontrol=config, sacctmgr=Answer(1, "", "no")))
    assert unknown == cluster.Limits(500, 10000)


def test_cancelling_says_what_slurm_refuses():
    slurm = Slurm(scancel="")
    cluster.cancel([*map(str, range(1200)), "7"], run=slurm)
    assert [len(command) - 2 for command in slurm.asked] == [500, 500, 200]
    cluster.cancel(
        ["1"],
        run=Slurm(
            scancel=Answer(1, "", "scancel: error: Kill job error on job id 1: Invalid job id specified")
        ),
    )
    with pytest.raises(
        BenchError, match=r"refused to cancel: Kill job error on job id 1: Access/permission denied\."
    ):
        cluster.cancel(
            ["1"],
            run=Slurm(
                scancel=Answer(1, "", "scancel: error: Kill job error on job id 1: Access/permission denied")
            ),
        )
    with pytest.raises(BenchError, match="does not answer"):
        cluster.cancel(["1"], run=Slurm(scancel=None))


def test_a_command_that_is_absent_or_hangs_is_no_answer(monkeypatch, tmp_path):
    assert asking.ask(["no-such-command-of-slurm"]) is None
    monkeypatch.setattr(asking, "PATIENCE", 0.2)
    began = time.monotonic()
    assert asking.ask(["sleep", "30"]) is None
    assert time.monotonic() - began < 10
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not cluster.installed()


def test_what_a_user_set_for_slurms_commands_changes_no_answer(monkeypatch):
    monkeypatch.setenv("SQUEUE_FORMAT", "%i")
    monkeypatch.setenv("SLURM_TIME_FORMAT", "relative")
    monkeypatch.setenv("SLURM_CONF", "/kept")
    told = asking.ask(["env"]).out
    assert "SLURM_CONF=/kept" in told
    assert "SQUEUE_FORMAT" not in told
    assert "SLURM_TIME_FORMAT" not in told


def submitted(name, *options, wrap):
    """Submit a real job that needs little and return its number."""
    command = ["sbatch", "--parsable", "--mem=50M", "-J", name, "-o", os.devnull, *options, "--wrap", wrap]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def told(job):
    """Return what accounting says of a job that it may not have heard of."""
    return job and (job.state, job.code, job.name)


def until(true, seconds=300):
    """Wait until a question is answered with something true, and return that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.3)
    return true()


def test_a_real_slurm_is_understood(slurm, monkeypatch):
    monkeypatch.setenv("SQUEUE_STATES", "PENDING")
    name = f"h2-cluster-{uuid.uuid4().hex[:8]}"
    began = datetime.now(timezone.utc)
    array = submitted(f"{name}-|-array", "--array=0-2%1", wrap="sleep 60")
    job = submitted(f"{name}-exit", wrap="exit 3")
    try:
        assert until(lambda: cluster.queue([job])[job, None].state == "FAILED")
        assert cluster.queue([job])[job, None].code == 3
        tasks = until(lambda: {key[1] for key in cluster.queue([array])} == {0, 1, 2})
        assert tasks
        assert cluster.queue([array])[array, 2].name == f"{name}-|-array"
        assert cluster.by_name([f"{name}-exit", f"{name}-|-array", "no such name"], began) == {
            f"{name}-exit": job,
            f"{name}-|-array": array,
        }
        cluster.cancel([f"{array}_1", "999999"])
        # A task that never began leaves the queue without a trace, and accounting goes on calling it PENDING.
        assert until(lambda: (array, 1) not in cluster.queue([array]))
        assert cluster.queue([array])[array, 2].state == "PENDING"
    finally:
        cluster.cancel([array, job])
    if slurm.accounting:
        expected = ("FAILED", 3, f"{name}-exit")
        assert until(lambda: told(cluster.account([array, job], began).get((job, None))) == expected)
        assert until(lambda: cluster.account([array], began).get((array, 2)).state == "CANCELLED")
    found = cluster.limits()
    assert found.array >= 1
    assert found.submit >= 1
    assert cluster.account(["1"], datetime.now(timezone.utc) + timedelta(days=1)) in ({}, None)
