"""How a run stands, judged from all that can be known of it: a pure function of evidence, however little.

What was measured stands behind the rules. An array's task that is cancelled before it begins leaves the queue
without a trace, while accounting calls it PENDING for hours. A requeued job is NODE_FAIL in accounting and
waits in the queue. Without cgroups a job that took too much memory is FAILED by signal 9, and only its log
says why. A controller that keeps silent says nothing of any job.
"""

from __future__ import annotations

from collections.abc import Callable

from slurm import words
from slurm.cluster import Queued
from slurm.evidence import KINDS, Attempt, Evidence, Kind, Sign, State
from slurm.ledger import NEVER_ARRIVED

__all__ = ["KINDS", "Attempt", "Evidence", "Kind", "Sign", "State", "state_of"]

_STOPPED, _ELSEWHERE, _SHELL = 130, 75, 128
"""Exit codes: stopped with a checkpoint, left to another process; and what shells add to a signal."""
_LAST_SIGNAL = 64
_DEADLY = frozenset({4, 6, 7, 8, 9, 11})
"""Signals that sacct shows as exit codes where srun passed them on (137 as 9); few programs exit so."""
_SAID = {
    0: State("unknown", "it ended well, and its record is not among the results"),
    _STOPPED: State("stopped", "it was asked to stop"),
}
"""What exit codes say that need no reason."""


def state_of(evidence: Evidence) -> State:
    """Return how a run stands; whatever is missing or contradictory, there is an answer."""
    if _beats(evidence):
        return State("running")
    if evidence.record == "done":
        return State("done")
    judges: tuple[Callable[[Evidence], State | None], ...] = (
        _in_queue,
        _in_pool,
        _wanted,
        _in_silence,
        _by_slurm,
    )
    for judge in (*judges, _by_end, _by_sign, _by_record, _by_log, _by_submission):
        if state := judge(evidence):
            return State("done") if state == _SAID[0] and not evidence.recorded else state
    return State("unknown", "it left no trace")


def _beats(evidence: Evidence) -> bool:
    """Say whether a process is at work: its heart beats, and Slurm does not say that it ended since."""
    sign = evidence.sign
    if sign is None or sign.state != "running" or sign.age >= evidence.stale:
        return False
    if evidence.job is None or sign.attempt.job != evidence.job or not evidence.answered:
        return True
    queued = evidence.queued
    return queued is not None and queued.state in words.LIVING and queued.restarts <= sign.attempt.restarts


def _in_queue(evidence: Evidence) -> State | None:
    """Judge a job that the controller still has to do with."""
    queued = evidence.queued
    if queued is None:
        return None
    if queued.state in words.WAITING:
        return State("waiting", _waits(queued, evidence))
    if queued.state not in words.LIVING:
        return None
    now, end = Attempt(evidence.job, queued.restarts), evidence.end
    if end is not None and Attempt.of(end.job) == now and end.code != _STOPPED:
        return None
    return State("running", _without_a_beat(evidence.sign, now))


def _without_a_beat(sign: Sign | None, now: Attempt) -> str:
    """Say what a job that has a node does while no heart beats."""
    if sign is None or sign.attempt != now:
        return "starts"
    return f"no sign of life for {words.spell(sign.age)}" if sign.state == "running" else "ends"


def _waits(queued: Queued, evidence: Evidence) -> str:
    """Say why a job waits, and what cut it before."""
    before = evidence.accounted.before[-1:] if evidence.accounted is not None else ()
    cut = words.CUT.get(before[0], "") if before else ""
    if queued.restarts and cut in {"", "requeued"}:
        # Submitit asks for the requeue itself, so that Slurm does not say why.
        cut = words.cut_by(evidence.log) or cut or "cut"
    times = f", restart {queued.restarts}" if queued.restarts else ""
    return (f"{cut}{times}: " if cut else "") + words.waits(queued.reason)


def _in_pool(evidence: Evidence) -> State | None:
    """Judge a run that a living pool on this machine will come to."""
    waits = evidence.pool and evidence.end is None and not evidence.cancelled
    return State("waiting", "its turn comes") if waits else None


def _wanted(evidence: Evidence) -> State | None:
    """Judge a run that its user cancelled."""
    return State("cancelled") if evidence.cancelled else None


def _in_silence(evidence: Evidence) -> State | None:
    """Judge a job of which the controller does not tell: only what cannot be undone by a requeue counts."""
    if evidence.job is None or evidence.answered:
        return None
    accounted = evidence.accounted
    if accounted is not None and accounted.state not in {*words.WAITING, *words.LIVING, *words.CUT}:
        return None
    if evidence.end is not None and evidence.end.code not in {_STOPPED, _ELSEWHERE}:
        return None
    if evidence.record or (evidence.sign is not None and evidence.sign.state == "failed"):
        return None
    sign = evidence.sign
    last = f"; last sign of life {words.spell(sign.age)} ago" if sign is not None else ""
    return State("unknown", f"Slurm does not answer{last}")


def _by_slurm(evidence: Evidence) -> State | None:
    """Judge a job that Slurm knows to have ended."""
    told = evidence.queued or evidence.accounted
    if told is None:
        return None
    if told.state in words.ENDED:
        where = f" ({told.node})" if told.node and told.state in {"NODE_FAIL", "BOOT_FAIL"} else ""
        return State("failed", words.ENDED[told.state] + where)
    if told.state == "CANCELLED":
        return _short_of_memory(evidence) or State("cancelled", "by scancel")
    if told.state in {*words.WAITING, *words.LIVING} and evidence.queued is None:
        return _gone(evidence)
    number = told.signal or _of_shell(told.code) or (told.code if told.code in _DEADLY else None)
    if told.state == "FAILED" and number and evidence.end is None:
        return _short_of_memory(evidence) or State("failed", words.killed_by(number))
    return _used_up(evidence)


def _used_up(evidence: Evidence) -> State | None:
    """Judge a job that would have gone back into the queue once more."""
    why = words.killed_by_slurm(evidence.log)
    return State("failed", why) if why == words.USED_UP else None


def _gone(evidence: Evidence) -> State | None:
    """Judge a job that accounting takes for alive and the controller does not know: it is gone."""
    if evidence.end is not None or evidence.sign is not None or evidence.record:
        return None
    return State("cancelled", "left the queue before it began")


def _short_of_memory(evidence: Evidence) -> State | None:
    """Judge a run whose log tells of memory that ran out."""
    return State("failed", words.OUT_OF_MEMORY) if words.about_memory(evidence.log) else None


def _by_end(evidence: Evidence) -> State | None:
    """Judge by how the run's last process ended."""
    end = evidence.end
    if end is None:
        return None
    number = end.signal or _of_shell(end.code)
    if number:
        return _short_of_memory(evidence) or State("failed", words.killed_by(number))
    if end.code == _ELSEWHERE:
        return _by_sign(evidence) or State("stopped", "left to another process, which is gone")
    if end.code in _SAID:
        return _SAID[end.code]
    return _excused(evidence, evidence.record_reason or end.last or f"exit code {end.code}")


def _of_shell(code: int) -> int | None:
    """Return the signal that an exit code stands for where a shell passed it on."""
    if code == _STOPPED or not _SHELL < code <= _SHELL + _LAST_SIGNAL:
        return None
    return code - _SHELL


def _by_sign(evidence: Evidence) -> State | None:
    """Judge by the run's own last words."""
    sign = evidence.sign
    if sign is None:
        return None
    if sign.state == "failed":
        return _excused(evidence, evidence.record_reason or sign.reason)
    if sign.state == "stopped":
        return _SAID[_STOPPED]
    if sign.state == "done":
        return _SAID[0]
    ended = words.killed_by_slurm(evidence.log)
    if ended == "cancelled":
        return _short_of_memory(evidence) or State("cancelled", "by scancel")
    why = ended or f"died without a word, last sign of life {words.spell(sign.age)} ago"
    return _short_of_memory(evidence) or State("failed", why)


def _by_record(evidence: Evidence) -> State | None:
    """Judge by a record that says why there is no result."""
    if not evidence.record:
        return None
    return _excused(evidence, evidence.record_reason or evidence.record)


def _excused(evidence: Evidence, reason: str) -> State:
    """Return a failure with its reason, told in two words where memory ran out."""
    said = words.shortened(reason) or words.last_line(evidence.log) or "it does not say why"
    if words.about_memory(said) or (not reason and words.about_memory(evidence.log)):
        return State("failed", f"{words.OUT_OF_MEMORY}: {said}")
    return State("failed", said)


def _by_log(evidence: Evidence) -> State | None:
    """Judge by the log alone: of a job that Slurm has forgotten, or that failed before it had a record."""
    ended = words.killed_by_slurm(evidence.log)
    if ended == "cancelled":
        return _short_of_memory(evidence) or State("cancelled", "by scancel")
    if ended:
        return State("failed", ended)
    if number := words.killed_in(evidence.log):
        return _short_of_memory(evidence) or State("failed", words.killed_by(number))
    return _by_last_line(evidence)


def _by_last_line(evidence: Evidence) -> State | None:
    """Judge by the last line of a log: of an error, where Slurm says that there was one."""
    told, last = evidence.queued or evidence.accounted, words.last_line(evidence.log)
    if told is not None and told.state == "FAILED":
        return _excused(evidence, last or f"exit code {told.code}")
    if told is not None and told.state == "COMPLETED":
        return _SAID[0]
    return _excused(evidence, f"died without a word; its log ends: {last}") if last else None


def _by_submission(evidence: Evidence) -> State | None:
    """Judge a run of which nothing is known but that somebody wanted it."""
    if evidence.submitted == "refused":
        if evidence.refusal == NEVER_ARRIVED:
            return State("stopped", "never submitted")
        return State("failed", f"refused: {words.shortened(evidence.refusal) or 'Slurm did not say why'}")
    if evidence.submitted == "intended":
        return State("stopped", "never submitted")
    if evidence.submitted == "local":
        return State("stopped", "nobody is at work on it")
    if evidence.submitted == "submitted":
        return State("cancelled", "left the queue before it began")
    return None
