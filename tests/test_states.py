"""How a run stands, by what is known of it: each trap of Slurm's a case, and no evidence an error."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slurm import words
from slurm.cluster import Accounted, Queued
from slurm.ledger import NEVER_ARRIVED
from slurm.states import KINDS, Attempt, Evidence, Sign, State, state_of
from slurm.submission import End

JOB = ("12", 3)
FACTS = {"job": "15", "array": "12", "task": "3", "restarts": 0}
HERE = Attempt(JOB, 0)
ALIVE = Sign("running", 3.0, attempt=HERE)
DEAD = replace(ALIVE, age=300.0)
SENT = Evidence(job=JOB, submitted="submitted", answered=True)
CUDA = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"
LIMIT = "slurmstepd: error: *** JOB 12 ON node1 CANCELLED AT 2026-11-21T10:00:00 DUE TO TIME LIMIT ***"
LINUXPROC = "slurmstepd: error: StepId=231.0 exceeded memory limit (577191936 > 536870912), being killed"


def end(code, signal=None, last="", restarts=0):
    """Return how a process of job 12_3 ended."""
    return End(code, signal, last, "2026-11-21T10:00:00+00:00", {**FACTS, "restarts": restarts})


CASES = {
    "done is done, whatever else is said": (
        replace(SENT, record="done", queued=Queued("FAILED"), end=end(1), sign=DEAD),
        State("done"),
    ),
    "a heart that beats": (replace(SENT, queued=Queued("RUNNING"), sign=ALIVE), State("running")),
    "a heart that beats where nobody submitted anything": (Evidence(sign=ALIVE), State("running")),
    "a heart that beat just before Slurm killed the job": (
        replace(SENT, queued=Queued("TIMEOUT"), sign=ALIVE),
        State("failed", "time limit"),
    ),
    "a heart that beat just before the job was requeued": (
        replace(SENT, queued=Queued("PENDING", "BeginTime", restarts=1), sign=ALIVE),
        State("waiting", "cut, restart 1: begins again in a moment"),
    ),
    "another job's heart beats while this one's failed": (
        replace(SENT, queued=Queued("FAILED"), sign=replace(ALIVE, attempt=Attempt(("99", None)))),
        State("running"),
    ),
    "waiting": (
        replace(SENT, queued=Queued("PENDING", "Priority")),
        State("waiting", "other jobs come first"),
    ),
    "can never start": (
        replace(SENT, queued=Queued("PENDING", "PartitionConfig")),
        State("waiting", "can never start as it was submitted (PartitionConfig)"),
    ),
    "accounting says NODE_FAIL of a job that Slurm has requeued": (
        replace(
            SENT,
            queued=Queued("PENDING", "BeginTime", restarts=1),
            accounted=Accounted("PENDING", before=("NODE_FAIL",)),
        ),
        State("waiting", "node failed, restart 1: begins again in a moment"),
    ),
    "preempted, and waits": (
        replace(SENT, queued=Queued("PENDING", "Resources"), accounted=Accounted("X", before=("PREEMPTED",))),
        State("waiting", "preempted: no node is free yet"),
    ),
    "preempted, and requeued by submitit": (
        replace(
            SENT,
            queued=Queued("PENDING", "BeginTime", restarts=2),
            accounted=Accounted("PENDING", before=("REQUEUED", "REQUEUED")),
            log="SIGUSR2: this job is timed-out.\nSIGUSR2: this job is preempted.\n",
        ),
        State("waiting", "preempted, restart 2: begins again in a moment"),
    ),
    "it has a node, and no process has said anything": (
        replace(SENT, queued=Queued("RUNNING")),
        State("running", "starts"),
    ),
    "it has a node again after a cut": (
        replace(SENT, queued=Queued("RUNNING", restarts=1), sign=DEAD),
        State("running", "starts"),
    ),
    "it has a node, and its heart stopped": (
        replace(SENT, queued=Queued("RUNNING"), sign=DEAD),
        State("running", "no sign of life for 5 min"),
    ),
    "it has a node, and its process just failed": (
        replace(SENT, queued=Queued("COMPLETING"), end=end(1, last="ValueError: no"), sign=DEAD),
        State("failed", "ValueError: no"),
    ),
    "it has a node, and stopped to be requeued": (
        replace(SENT, queued=Queued("RUNNING"), end=end(130), sign=replace(DEAD, state="stopped")),
        State("running", "ends"),
    ),
    "time limit": (replace(SENT, accounted=Accounted("TIMEOUT")), State("failed", "time limit")),
    "preempted for good": (replace(SENT, queued=Queued("PREEMPTED")), State("failed", "preempted")),
    "node failed for good": (
        replace(SENT, queued=Queued("NODE_FAIL", node="node1")),
        State("failed", "node failed (node1)"),
    ),
    "out of memory by cgroup": (
        replace(SENT, queued=Queued("OUT_OF_MEMORY"), end=end(137, 9)),
        State("failed", "out of memory"),
    ),
    "out of memory without cgroups": (
        replace(SENT, queued=Queued("FAILED", signal=9), log=LINUXPROC),
        State("failed", "out of memory"),
    ),
    "out of memory on the accelerator": (
        replace(
            SENT, queued=Queued("FAILED", code=1), end=end(1, last=CUDA), record_reason=CUDA, record="failed"
        ),
        State("failed", f"out of memory: {CUDA}"),
    ),
    "kill -9 of everything": (
        replace(SENT, queued=Queued("FAILED", signal=9), record="failed", record_reason="an older reason"),
        State("failed", "killed by signal 9 (SIGKILL)"),
    ),
    "kill -9 of the worker, as sacct tells it": (
        replace(SENT, accounted=Accounted("FAILED", code=9)),
        State("failed", "killed by signal 9 (SIGKILL)"),
    ),
    "kill -9 of the worker, as the controller tells it": (
        replace(SENT, queued=Queued("FAILED", code=137), accounted=Accounted("FAILED", code=9)),
        State("failed", "killed by signal 9 (SIGKILL)"),
    ),
    "time limit, once too often for submitit": (
        replace(
            SENT,
            queued=Queued("FAILED", code=1),
            end=end(130),
            log="submitit INFO (...) - Job not requeued because: timed-out too many times.",
        ),
        State("failed", words.USED_UP),
    ),
    "kill -9 of the process": (
        replace(SENT, queued=Queued("FAILED", code=137), end=end(137, 9)),
        State("failed", "killed by signal 9 (SIGKILL)"),
    ),
    "a signal told as shells do": (Evidence(end=end(139)), State("failed", "killed by signal 11 (SIGSEGV)")),
    "cancelled by scancel": (replace(SENT, queued=Queued("CANCELLED")), State("cancelled", "by scancel")),
    "cancelled by bench": (replace(SENT, cancelled=True, queued=Queued("CANCELLED")), State("cancelled")),
    "an array's task cancelled before it began": (
        replace(SENT, accounted=Accounted("PENDING")),
        State("cancelled", "left the queue before it began"),
    ),
    "the same without accounting": (SENT, State("cancelled", "left the queue before it began")),
    "an exception, with its last line": (
        replace(SENT, queued=Queued("FAILED", code=1), end=end(1, last="KeyError: 'lr'")),
        State("failed", "KeyError: 'lr'"),
    ),
    "an exception before there was a worker's word": (
        replace(SENT, accounted=Accounted("FAILED", code=1), log="Traceback\nModuleNotFoundError: torch\n"),
        State("failed", "ModuleNotFoundError: torch"),
    ),
    "the controller keeps silent": (
        replace(SENT, answered=False, sign=DEAD),
        State("unknown", "Slurm does not answer; last sign of life 5 min ago"),
    ),
    "the controller keeps silent of a job that accounting saw requeued": (
        replace(SENT, answered=False, accounted=Accounted("NODE_FAIL")),
        State("unknown", "Slurm does not answer"),
    ),
    "the controller keeps silent of a job that failed for sure": (
        replace(SENT, answered=False, end=end(1, last="KeyError: 'lr'")),
        State("failed", "KeyError: 'lr'"),
    ),
    "neither accounting nor a word": (
        replace(SENT, sign=DEAD),
        State("failed", "died without a word, last sign of life 5 min ago"),
    ),
    "no accounting, and the log says why": (
        replace(SENT, sign=DEAD, log=f"epoch 3\n{LIMIT}\n"),
        State("failed", "time limit"),
    ),
    "nothing but what srun said of a kill": (
        replace(SENT, log="srun: error: node1: task 0: Killed\nsrun: Force Terminated StepId=30.0"),
        State("failed", "killed by signal 9 (SIGKILL)"),
    ),
    "Ctrl-C of a run in a terminal": (
        Evidence(sign=replace(DEAD, state="stopped")),
        State("stopped", "it was asked to stop"),
    ),
    "its turn in the pool": (Evidence(submitted="local", pool=True), State("waiting", "its turn comes")),
    "the pool is gone": (Evidence(submitted="local"), State("stopped", "nobody is at work on it")),
    "refused": (
        Evidence(submitted="refused", refusal="Invalid qos specification"),
        State("failed", "refused: Invalid qos specification"),
    ),
    "the submitter died first": (
        Evidence(submitted="refused", refusal=NEVER_ARRIVED),
        State("stopped", "never submitted"),
    ),
    "a tuner's worker that ended well": (
        replace(SENT, queued=Queued("COMPLETED"), end=end(0), recorded=False),
        State("done"),
    ),
    "a run that ended well, of which there is no record": (
        replace(SENT, queued=Queued("COMPLETED"), end=end(0)),
        State("unknown", "it ended well, and its record is not among the results"),
    ),
    "a record from elsewhere": (Evidence(record="timeout", record_reason="24 h"), State("failed", "24 h")),
    "nothing": (Evidence(), State("unknown", "it left no trace")),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_made_of(name):
    evidence, expected = CASES[name]
    assert state_of(evidence) == expected


def test_every_kind_is_met():
    assert {state.kind for _, state in CASES.values()} == set(KINDS)
    assert len(CASES) > 40


ANY_STATE = st.sampled_from(
    sorted(words.LIVING | words.WAITING | set(words.ENDED) | {"FAILED", "COMPLETED", "CANCELLED", "", "NEW"})
)
TEXT = st.text(max_size=40) | st.sampled_from([CUDA, LIMIT, LINUXPROC, "\n", "None"])
NUMBERS = st.none() | st.integers(0, 70)
ATTEMPTS = st.builds(Attempt, st.none() | st.tuples(st.just("12"), NUMBERS), st.integers(0, 3))
EVIDENCE = st.builds(
    Evidence,
    record=st.sampled_from(["", "done", "failed", "timeout", "skipped"]),
    record_reason=TEXT,
    job=st.none() | st.tuples(st.just("12"), NUMBERS),
    submitted=st.sampled_from(["", "submitted", "intended", "refused", "local"]),
    refusal=TEXT,
    answered=st.booleans(),
    queued=st.none()
    | st.builds(Queued, ANY_STATE, TEXT, TEXT, st.integers(0, 3), TEXT, st.integers(0, 255), NUMBERS),
    accounted=st.none()
    | st.builds(
        Accounted, ANY_STATE, st.integers(0, 255), NUMBERS, before=st.lists(ANY_STATE, max_size=3).map(tuple)
    ),
    sign=st.none()
    | st.builds(
        Sign,
        st.sampled_from(["running", "done", "stopped", "failed", "?"]),
        st.floats(0, 1e9),
        TEXT,
        ATTEMPTS,
    ),
    end=st.none() | st.builds(End, st.integers(0, 300), NUMBERS, TEXT, TEXT, st.just(FACTS) | st.just({})),
    log=TEXT,
    cancelled=st.booleans(),
    pool=st.booleans(),
)


@given(EVIDENCE)
@example(replace(SENT, queued=Queued("FAILED", signal=200)))
def test_whatever_is_known_there_is_an_answer(evidence):
    state = state_of(evidence)
    assert state.kind in KINDS
    assert state.reason or state.kind not in {"failed", "unknown", "stopped"}
    assert "\n" not in state.reason
    assert len(state.reason) < 400


@given(EVIDENCE)
def test_silence_of_slurm_is_no_failure(evidence):
    silent = replace(
        evidence,
        job=JOB,
        answered=False,
        queued=None,
        accounted=None,
        end=None,
        record="",
        cancelled=False,
        pool=False,
    )
    if silent.sign is None or silent.sign.state != "failed":
        assert state_of(silent).kind in {"unknown", "running"}


@given(EVIDENCE)
def test_what_waits_or_runs_in_slurm_is_never_given_up(evidence):
    for state in ("PENDING", "REQUEUED", "REQUEUE_HOLD"):
        waits = replace(evidence, answered=True, queued=Queued(state), end=None)
        assert state_of(waits).kind in {"waiting", "running", "done"}
    runs = replace(evidence, answered=True, queued=Queued("RUNNING"), end=None)
    assert state_of(runs).kind in {"running", "done"}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3600, "1 h 00 min"), (90_000, "1 d 1 h"), (-5, "0 s")],
)
def test_how_long_something_lasts(seconds, said):
    assert words.spell(seconds) == said


@pytest.mark.parametrize(
    "line",
    [
        CUDA,
        LINUXPROC,
        "slurmstepd: error: Detected 1 oom_kill event in StepId=7.batch.",
        "MemoryError",
        "numpy.core._exceptions._ArrayMemoryError: Unable to allocate 9 GiB: out of memory",
        "RuntimeError: DataLoader: [Errno 12] Cannot allocate memory",
        "tensorflow.python.framework.errors_impl.ResourceExhaustedError: OOM when allocating tensor",
    ],
)
def test_memory_that_ran_out_is_known_by_its_words(line):
    assert words.about_memory(f"before\n{line}\nafter")


def test_ordinary_words_are_not_about_memory():
    assert not words.about_memory("peak memory 812 MB; the room of zoomed clips; bloom_kill")


REASONS = {
    "launch failed requeued held": "its node could not start it, so Slurm holds it; scontrol release",
    "launch_failed_requeued_held": "its node could not start it, so Slurm holds it; scontrol release",
    "(launch failed requeued held)": "its node could not start it",
    "job_requeued_in_held_state": "put back into the queue and held; scontrol release",
    "JobHoldMaxRequeue": "requeued too often, so Slurm holds it",
    "Nodes_required_for_job_are_DOWN,_DRAINED_or_reserved_for_jobs_in_higher_priority_partitions": (
        "its nodes are down or drained"
    ),
    "ReqNodeNotAvail, UnavailableNodes:node[1-2]": "its nodes are not available",
    "QOSMaxJobsPerUserLimit": "a limit of its account or user is reached (QOSMaxJobsPerUserLimit)",
    "AssocGrpGRES": "a limit of its account or user is reached (AssocGrpGRES)",
    "QOSNotAllowed": "can never start as it was submitted (QOSNotAllowed)",
    "Resources": "no node is free yet",
    "SomethingNew": "SomethingNew",
    "": "",
}


@pytest.mark.parametrize("reason", REASONS)
def test_why_a_job_waits_is_said_in_words(reason):
    assert words.waits(reason).startswith(REASONS[reason])
    assert reason in ("", "SomethingNew") or words.waits(reason) != reason


def test_a_job_that_slurm_holds_waits_and_says_how_it_goes_on():
    held = Queued("PENDING", "launch failed requeued held", restarts=1)
    said = state_of(Evidence(job=("7", 0), submitted="submitted", answered=True, queued=held))
    assert said.kind == "waiting"
    assert said.reason.endswith("scontrol release JOB lets it go")
