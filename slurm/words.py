"""What Slurm's words, a signal's number and the last lines of a log mean, said for people."""

from __future__ import annotations

import re
import signal

LIVING = frozenset({
    "RUNNING", "COMPLETING", "STAGE_OUT", "SIGNALING", "SUSPENDED", "STOPPED", "RESIZING",
})  # fmt: skip
"""States of a job that has a node."""
WAITING = frozenset({
    "PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT",
})  # fmt: skip
"""States of a job that will get one."""
CUT = {
    "PREEMPTED": "preempted",
    "NODE_FAIL": "node failed",
    "BOOT_FAIL": "node did not boot",
    "REQUEUED": "requeued",
    "TIMEOUT": "time limit",
}
"""How an attempt may end so that Slurm begins the job again, if it is allowed to."""
ENDED = {
    **CUT,
    "DEADLINE": "deadline passed",
    "OUT_OF_MEMORY": "out of memory",
    "REVOKED": "moved to another cluster",
}
"""Ends whose word says all."""
OUT_OF_MEMORY = "out of memory"
USED_UP = "time limit, and its requeues are used up"

_LONGEST = 300
_MEMORY = re.compile(
    r"exceeded (?:job |step )?memory limit|\boom[-_ ]?kill|out[- ]?of[- ]?memory|MemoryError|std::bad_alloc"
    r"|cannot allocate memory|RESOURCE_EXHAUSTED|ResourceExhausted|CUBLAS_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)
_KILLED = (
    ("DUE TO TIME LIMIT", "time limit"),
    ("DUE TO PREEMPTION", "preempted"),
    ("DUE TO NODE FAILURE", "node failed"),
    ("DUE TO JOB REQUEUE", "requeued"),
    ("timed-out too many times", USED_UP),
)
_WARNED = re.compile(r"this job is (preempted|timed-out)\.")
_TASK = re.compile(r"^srun: error: .*: tasks? [\d,-]+: ([A-Z][a-z ]+)", re.MULTILINE)
_SIGNALS = {signal.strsignal(number): number for number in signal.valid_signals() if signal.strsignal(number)}
_RELEASE = "scontrol release JOB lets it go"
_WAITS = {
    "Priority": "other jobs come first",
    "Resources": "no node is free yet",
    "JobArrayTaskLimit": "as many run as may at a time",
    "BeginTime": "begins again in a moment",
    "Dependency": "another job comes first",
    "JobHeldUser": "held by its user",
    "JobHeldAdmin": "held by an administrator",
    "ReqNodeNotAvail": "its nodes are not available",
    "PartitionDown": "its partition is down",
    "PartitionInactive": "its partition is closed",
    "Reservation": "its reservation has not begun",
    "Licenses": "no licence is free",
    "Prolog": "its node gets ready",
    "Cleaning": "what is left of its last attempt is cleared away",
    "NodeDown": "its node is down",
    "Nodes required for job are DOWN": "its nodes are down or drained; an administrator brings them back",
    "launch failed requeued held": f"its node could not start it, so Slurm holds it; {_RELEASE}",
    "job requeued in held state": f"put back into the queue and held; {_RELEASE}",
    "JobHoldMaxRequeue": f"requeued too often, so Slurm holds it; {_RELEASE}",
}
_LIMITS = ("Assoc", "QOS", "MaxJobs", "MaxCpu", "MaxNode", "MaxMem")
"""How the words begin for a limit of an account, a user or a quality of service."""
_NEVER = (
    "PartitionConfig",
    "PartitionNodeLimit",
    "PartitionTimeLimit",
    "BadConstraints",
    "AccountNotAllowed",
    "QOSNotAllowed",
    "InvalidAccount",
    "InvalidQOS",
)


def waits(reason: str) -> str:
    """Say why a job waits, of Slurm's word for it; a word without a sentence here stays as it is."""
    word = reason.strip("()").partition(",")[0].strip()
    # What is a sentence of Slurm's own has underscores for spaces in some of its columns.
    word = word if word in _WAITS else word.replace("_", " ")
    if word in _NEVER:
        return f"can never start as it was submitted ({word})"
    if word.startswith(_LIMITS) and word not in _WAITS:
        return f"a limit of its account or user is reached ({word})"
    return _WAITS.get(word, shortened(word))


def about_memory(text: str) -> bool:
    """Say whether a text tells of memory that ran out: the kernel's, Slurm's, Python's or a device's."""
    return _MEMORY.search(text) is not None


def killed_by_slurm(text: str) -> str:
    """Return why Slurm ended a job, by its own last line in the job's log; empty where it left none."""
    for line in reversed(text.splitlines()):
        for words, meaning in _KILLED:
            if words in line:
                return meaning
        if "CANCELLED AT" in line:
            return "cancelled"
    return ""


def cut_by(text: str) -> str:
    """Return why submitit put a job back into the queue, by the last warning in its log; empty without."""
    warned = _WARNED.findall(text)
    return {"preempted": "preempted", "timed-out": "time limit"}[warned[-1]] if warned else ""


def killed_in(text: str) -> int | None:
    """Return the signal that srun says killed a task, as the job's log has it; None where it says nothing."""
    told = [words for words in _TASK.findall(text) if words in _SIGNALS]
    return _SIGNALS[told[-1]] if told else None


def killed_by(number: int) -> str:
    """Name a signal that killed a process."""
    try:
        return f"killed by signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"killed by signal {number}"


def last_line(text: str) -> str:
    """Return the last line that says anything, cut to a readable length."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return shortened(lines[-1]) if lines else ""


def shortened(text: str) -> str:
    """Return a text on one line, cut to a readable length."""
    whole = " ".join(text.split())
    return whole if len(whole) <= _LONGEST else whole[: _LONGEST - 1] + "…"


def spell(seconds: float) -> str:
    """Say how long something lasts, in its two largest units at most: 45 s, 12 min, 3 h 05 min, 2 d 4 h."""
    whole = max(0, int(seconds))
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min" if minutes else f"{whole} s"
