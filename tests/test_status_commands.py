"""`bench status`, `logs`, `cancel` and `retry`, typed as a user types them, on a terminal too."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import submission
from slurm.ledger import Ledger
from slurm.plan import Plan, Task

HOME = Path(__file__).resolve().parent.parent
KEYS = [f"{number:016x}" for number in range(4)]


@pytest.fixture
def bench(bench, tmp_path):
    """Return a function that types a command over folders of its own: exit code, stdout, stderr."""

    def typed(*words, places=True):
        folders = ["--runs", tmp_path / "runs", "--results", tmp_path / "results"] if places else []
        return bench(*words, *folders)

    return typed


@pytest.fixture
def submitted(tmp_path):
    """Write a local submission of four runs down, one of which failed."""
    tasks = tuple(
        Task(key, ("run", "--model", "gru", "--split", "100", "--seed", str(seed)), f"gru 100 seed {seed}")
        for seed, key in enumerate(KEYS)
    )
    one = Ledger(tmp_path / "runs").new(Plan(tasks, tmp_path / "runs", tmp_path / "results"), "local")
    one.log(KEYS[1]).write_text(
        "--- begins\n" + "".join(f"epoch {n}\n" for n in range(100)) + "KeyError: 'lr'\n"
    )
    one.ended(KEYS[1], 1)
    return one


def test_status_says_what_to_do_where_there_is_nothing(bench):
    assert bench("status")[:2] == (
        0,
        "Nothing was submitted, and no run lives. `bench submit` starts some.\n",
    )
    code, out, _ = bench("status", "--json")
    assert (code, json.loads(out)) == (0, {"runs": [], "counts": {}, "notes": []})


def test_status_shows_what_was_asked_for(bench, submitted):
    assert submitted.id
    _, out, _ = bench("status")
    assert "4 runs: 3 stopped, 1 failed" in out
    assert "KeyError: 'lr'" in out
    _, out, _ = bench("status", "--failed")
    assert "1 run: 1 failed" in out
    assert bench("status", "--split", "300")[1].startswith("Nothing")
    assert bench("status", "--model", "gru", "--split", "100")[1].count("stopped") == 4


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["status", "5"], "Seconds are for --watch"),
        (["logs", "no-such-run"], "There is no run 'no-such-run'"),
        (["logs", "gru"], "'gru' stands for 4 runs"),
        (["logs", "gru:100:0"], "has printed nothing: it is stopped, nobody is at work on it."),
        (["cancel"], "Name runs, or give --all"),
        (["cancel", "--all", "gru"], "one of them"),
        (["cancel", "--submission", "20200101-000000-abcdef"], "No run was submitted last by"),
        (["cancel", "gru:100:9"], "Did you mean gru:100"),
        (["retry"], "Name runs, or give --failed"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(bench, submitted, words, sentence):
    assert submitted.id
    code, _, err = bench(*words)
    assert code == 2
    assert sentence in " ".join(err.split())


def test_logs_prints_the_last_lines_or_all(bench, submitted):
    assert submitted.id
    code, out, _ = bench("logs", "gru:100:1", "-n", "2")
    assert (code, out.splitlines()) == (0, ["epoch 99", "KeyError: 'lr'"])
    _, out, _ = bench("logs", KEYS[1], "-n", "0")
    assert len(out.splitlines()) == 102
    assert len(bench("logs", KEYS[1])[1].splitlines()) == 40


def test_logs_follows_until_the_run_is_over(bench, submitted, monkeypatch):
    from benchmarks.commands import logs  # noqa: PLC0415

    monkeypatch.setattr(logs, "_LOOK", 0.05)
    monkeypatch.setattr(logs, "_ASK", 0.5)
    print_last = logs._print_last

    def print_last_and_then_it_grows(path, lines):
        end = print_last(path, lines)
        with path.open("a") as file:
            file.write("one more\n")
        return end

    monkeypatch.setattr(logs, "_print_last", print_last_and_then_it_grows)
    assert submitted.id
    code, out, _ = bench("logs", "gru:100:1", "-f", "-n", "1")
    assert (code, out.splitlines()) == (0, ["KeyError: 'lr'", "one more"])


def test_cancel_ends_only_what_is_not_over(bench, submitted, monkeypatch):
    from benchmarks import standing_known  # noqa: PLC0415

    monkeypatch.setattr(standing_known.pool, "alive", lambda _: True)
    code, out, _ = bench("cancel", "gru:100:0", "gru:100:1")
    assert (code, out) == (0, "Cancelled 1 run; its checkpoint is kept.\n")
    assert submitted.cancelled() == {KEYS[0]}
    assert "Cancelled 2 runs; their checkpoints are kept." in bench("cancel", "--submission", submitted.id)[1]
    assert submitted.cancelled() == {KEYS[0], KEYS[2], KEYS[3]}
    assert bench("cancel", "--all")[1] == "Nothing was left to cancel.\n"


def test_retry_submits_what_failed_as_it_was_submitted(bench, submitted, monkeypatch):
    asked = []

    def submit(plan, where, *, retry=(), **_):
        asked.append((plan, where, list(retry)))
        new = Ledger(plan.runs).new(plan, where)
        return submission.Submitted(submission.Sorted(missing=plan.tasks), new)

    monkeypatch.setattr(submission, "submit", submit)
    code, out, _ = bench("retry", "--failed")
    assert code == 0
    assert out.startswith("Submitted 1 run again to the local cluster")
    ((plan, where, keys),) = asked
    assert (where, keys, [task.key for task in plan.tasks]) == ("local", [KEYS[1]], [KEYS[1]])
    assert plan.tasks == submitted.plan.of([KEYS[1]]).tasks
    assert bench("retry", "--failed")[1] == "Nothing failed.\n"
    assert bench("retry", "gru:100:0", "gru:100:1")[0] == 0
    assert bench("retry", "gru:100:1", "--resource", "memory=8G")[0] == 0
    assert asked.pop()[0].profile == plan.profile.model_copy(update={"memory": "8G"})
    code, _, err = bench("retry", "gru:100:1", "--resource", "memry=8G")
    assert (code, "Did you mean memory?" in err) == (2, True)
    # Each with the submission that it was of: theirs may differ in all but the runs.
    assert sorted(keys for _, _, keys in asked[1:]) == [[KEYS[0]], [KEYS[1]]]


def test_what_was_refused_again_is_an_error(bench, submitted, monkeypatch):
    assert submitted.id

    def submit(plan, *_, **__):
        return submission.Submitted(
            submission.Sorted(missing=plan.tasks), refused=("1 task: Invalid qos specification",)
        )

    monkeypatch.setattr(submission, "submit", submit)
    code, _, err = bench("retry", "--failed")
    assert code == 1
    assert "Invalid qos specification" in err


def test_watching_shows_the_table_until_ctrl_c_and_leaves_it_behind(submitted, tmp_path):
    assert submitted.id
    places = ["--runs", str(tmp_path / "runs"), "--results", str(tmp_path / "results")]
    command = [sys.executable, str(HOME / "wlasl_bench.py"), "status", "--watch", "1", *places]
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    seen = read_until(ours, b"3 stopped, 1 failed")
    assert b"\x1b[?1049h" in seen
    process.send_signal(signal.SIGINT)
    seen = read_until(ours, None)
    assert process.wait(timeout=60) == 0
    left = seen.partition(b"\x1b[?1049l")[2]
    assert b"4 runs: 3 stopped, 1 failed" in left
    assert b"Traceback" not in left


def read_until(terminal, words, seconds=120):
    """Return what a terminal shows until these words come, or to its end."""
    seen, end = b"", time.monotonic() + seconds
    while (words is None or words not in seen) and time.monotonic() < end:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            seen += os.read(terminal, 65536)
        except OSError:  # its other end was closed
            return seen
    return seen
