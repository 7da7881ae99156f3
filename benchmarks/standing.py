"""How everything stands that was submitted or that lives: one row per run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.pulse import STALE, Beat
from benchmarks.records import Found
from benchmarks.standing_known import Known, Sent, find_out
from slurm.asking import JobKey, Runner, ask
from slurm.evidence import Attempt, Evidence, Sign, State
from slurm.plan import Task
from slurm.states import state_of
from slurm.submission import Submission

_TAIL = 16_384
"""Bytes at the end of a log that say why a run ended."""
_SHOWN = 86_400.0
"""Seconds for which a run that nobody submitted is shown after its last sign of life."""
_HEAD = "--- "
"""How a log heads each attempt."""
OVER = frozenset({"done", "failed", "cancelled", "stopped"})
"""Kinds of states after which nothing happens unless somebody asks for the run again."""


@dataclass(frozen=True)
class Row:
    """One run, as far as anything is known of it.

    Attributes:
        key: what it asks for (`benchmarks.asked`).
        model: its system.
        split: its subset.
        seed: its seed; empty where it has none.
        state: how it stands.
        id: of the run; empty until it began.
        beat: its last sign of life.
        top1: on test, once it is done.
        task: its line; None where nobody submitted it.
        submission: the last that holds it.
        job: its number in Slurm.
        node: where Slurm has it.
    """

    key: str
    model: str
    split: str
    seed: str
    state: State
    id: str = ""
    beat: Beat | None = None
    top1: float | None = None
    task: Task | None = None
    submission: Submission | None = None
    job: JobKey | None = None
    node: str = ""

    @property
    def name(self) -> str:
        """Return what people call it by: its id, or its key before it has one."""
        return self.id or self.key

    @property
    def spoken(self) -> str:
        """Return `model:split:seed`."""
        return f"{self.model}:{self.split}:{self.seed}"

    @property
    def over(self) -> bool:
        """Say whether nothing more will happen to it unless somebody asks for it again."""
        return self.state.kind in OVER


@dataclass(frozen=True)
class Standing:
    """How everything stands.

    Attributes:
        rows: a run each.
        notes: what could not be found out, a sentence each.
    """

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def standing(runs: Path, results: Path, *, run: Runner = ask) -> Standing:
    """Find out how every run stands that was submitted, or that lives.

    Args:
        runs: folder of checkpoints and submissions.
        results: folder of records; submissions name their own besides.
        run: asks Slurm.
    """
    known = find_out(runs, results, run=run)
    rows = [_submitted(one, known) for one in known.sent.values()]
    alone = (beat for key, beat in known.beats.items() if key not in known.sent)
    rows += [
        _of_nobody(beat, known.results.get(beat.asked)) for beat in alone if beat.alive or beat.age < _SHOWN
    ]
    return Standing(tuple(rows), known.notes)


def _submitted(one: Sent, known: Known) -> Row:
    """Return how a submitted task stands."""
    key = one.task.key
    job, queued = known.queued(one)
    accounted = known.account.get(job) if job is not None else None
    beat, result = _newest(one, known)
    evidence = replace(
        _recorded(result),
        job=job,
        submitted=_handed_over(one, job),
        refusal=one.chunk.why if one.chunk is not None else "",
        answered=known.queue is not None,
        queued=queued,
        accounted=accounted,
        sign=_sign(beat),
        end=known.ends.get(one.submission.id, {}).get(key),
        cancelled=key in known.cancelled.get(one.submission.id, ()),
        pool=one.submission.id in known.pools,
        recorded=one.task.argv[:1] != ("tune",),
        stale=STALE,
    )
    state = state_of(evidence)
    if state.kind not in {"done", "running"}:
        state = _of_its_log(evidence, state, one)
    node = queued.node if queued is not None else accounted.node if accounted is not None else ""
    # How far it was before stands in the row, though it is no evidence of how it stands now.
    beat, result = known.beats.get(key), known.results.get(key)
    told = Row(key, *_asked(one.task, beat, result), state, task=one.task, submission=one.submission)
    return _filled(replace(told, job=job, node=node), beat, result)


def _of_nobody(beat: Beat, result: Found | None) -> Row:
    """Return how a run stands that somebody started without submitting it."""
    state = state_of(replace(_recorded(result), sign=_sign(beat), stale=STALE))
    job = Attempt.of(_job_of(beat)).job
    told = Row(beat.asked, *_asked(None, beat, result), state)
    return _filled(replace(told, job=job), beat, result)


def _filled(row: Row, beat: Beat | None, result: Found | None) -> Row:
    """Return a row with what the run itself says."""
    number = beat.id if beat is not None else result.id if result is not None else ""
    top1 = result.top1 if result is not None and row.state.kind == "done" else None
    return replace(row, id=number, beat=beat, top1=top1)


def _newest(one: Sent, known: Known) -> tuple[Beat | None, Found | None]:
    """Return sign of life and record of a task, as far as they are not of an earlier submission."""
    key = one.task.key
    beat, result = known.beats.get(key), known.results.get(key)
    since = known.ages.get(one.submission.id)
    if beat is not None and since is not None and not beat.alive and beat.age > since:
        beat = None
    if result is not None and result.status != "done" and _is_before(result.path, one.submission.folder):
        result = None
    return beat, result


def _is_before(path: Path, folder: Path) -> bool:
    """Say whether a file was written before a submission."""
    try:
        return path.stat().st_mtime < (folder / "plan.json").stat().st_mtime
    except OSError:
        return False


def _recorded(result: Found | None) -> Evidence:
    """Return what a record says, as evidence."""
    return Evidence(record=result.status, record_reason=result.reason) if result is not None else Evidence()


def _handed_over(one: Sent, job: JobKey | None) -> str:
    """Return what became of a task's submission, as evidence has it."""
    if one.chunk is None:
        return "local"
    return "submitted" if job is not None else one.chunk.state


def _job_of(beat: Beat) -> Mapping[str, object]:
    """Return the facts of the job that a beat was of."""
    job = beat.facts.get("job")
    return job if isinstance(job, dict) else {}


def _sign(beat: Beat | None) -> Sign | None:
    """Return a beat as evidence has it."""
    if beat is None:
        return None
    return Sign(beat.state, beat.age, str(beat.facts.get("reason", "")), Attempt.of(_job_of(beat)))


def _of_its_log(evidence: Evidence, state: State, one: Sent) -> State:
    """Judge again with the log at hand: it knows more of an end or of a cut, and whether a pool has begun."""
    if state.kind == "waiting" and evidence.queued is None:
        return State("running", "starts") if one.submission.log(one.task.key).exists() else state
    if state.kind == "waiting" and evidence.queued is not None and not evidence.queued.restarts:
        return state
    return state_of(replace(evidence, log=tail(one.submission, one.task.key, evidence.job)))


def _asked(task: Task | None, beat: Beat | None, result: Found | None) -> tuple[str, str, str]:
    """Return model, subset and seed: of the run's own words, of its record's path, or of its line."""
    if beat is not None:
        model, split, seed = (str(beat.facts.get(name, "")) for name in ("model", "split", "seed"))
        return model, split, seed
    words = task.argv if task is not None else ()
    told = {name: _option(words, f"--{name}") for name in ("model", "split", "seed")}
    if result is not None:
        told["split"], told["model"] = result.path.parts[-3:-1]
    if not told["model"] and task is not None:
        return task.label or " ".join(words[:3]), "", ""
    return told["model"], told["split"], told["seed"]


def _option(words: Sequence[str], name: str) -> str:
    """Return the value of an option in a line; empty where it is not there."""
    for word, after in zip(words, [*words[1:], ""], strict=False):
        if word == name:
            return after
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return ""


def logs_of(submission: Submission, key: str, job: JobKey | None) -> list[Path]:
    """Return the files that a task wrote to: what its process printed, then what its job did."""
    found = [submission.log(key)]
    if job is not None and job[1] is not None:
        # Of the batch script, and of the first of its processes.
        number = f"{job[0]}_{job[1]}"
        found += [submission.folder / "submitit" / name for name in (f"{number}_0.out", f"{number}.out")]
    return [path for path in found if path.is_file()]


def tail(submission: Submission, key: str, job: JobKey | None) -> str:
    """Return the last lines of a task's last attempt, and of its job's own log."""
    texts = [_end_of(path) for path in logs_of(submission, key, job)]
    if texts and texts[0].rfind(f"\n{_HEAD}") >= 0:
        texts[0] = texts[0][texts[0].rfind(f"\n{_HEAD}") + 1 :]
    # A heading is no last word of a run's.
    return "\n".join(line for text in texts for line in text.splitlines() if not line.startswith(_HEAD))


def _end_of(path: Path) -> str:
    """Return the end of a file; empty where it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
