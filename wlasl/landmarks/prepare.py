"""From a source of landmarks to a store: every clip read, checked and made canonical once, and never again.

May be killed at any moment: finished clips are found again, the others are done by the next call. Of two jobs
that prepare the same landmarks at once, one works and the other waits and finds the work done.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import TypeGuard

from utils.errors import FAILURE, BenchError
from utils.files import spoken
from utils.lease import lease
from utils.names import is_safe_id
from utils.progress import Progress, Silent
from utils.threads import allotted_cores
from wlasl.clips import Clip
from wlasl.entries import Source as FileSeen
from wlasl.landmarks.form import LandmarkError, Landmarks
from wlasl.landmarks.manifest import Facts, Form, Manifest, form_of, packed, write_manifest
from wlasl.landmarks.notes import header_frames, notes_of, with_size
from wlasl.landmarks.source_kinds import Outcome, Outcomes, Source
from wlasl.landmarks.sources import open_source
from wlasl.landmarks.store import LandmarkStore
from wlasl.landmarks.survey import State, finished, look, recovered
from wlasl.shards import ShardWriter, latest, recover
from wlasl.subsets import DataSet
from wlasl.survey import Survey
from wlasl.video import VideoError, trim

LOCK = "prepare.lock"
_HEARD = 15
"""So many clips are read before it is settled which form those of a source have: that of most."""


@dataclass(frozen=True)
class PreparedLandmarks:
    """What `prepare_landmarks` did.

    Attributes:
        store: the data set's clips that have landmarks, ready to be read.
        done: how many clips this call read.
        skipped: why each other official clip is not in the store: one of `wlasl.landmarks.form.REASONS`.
        details: what was seen of those, for a person.
        seconds: how long the call took.
        notes: what one should know of the source, and where its frame counts and rates are not as expected.
    """

    store: LandmarkStore
    done: int
    skipped: Mapping[str, str]
    details: Mapping[str, str]
    seconds: float
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return the outcome in a sentence or two."""
        store = self.store
        frames = sum(map(store.length, store.ids))
        text = f"The landmarks of {len(store.ids)} clips are ready ({self.done} new, {self.seconds:.1f} s): "
        text += f"{frames} frames, {store.nbytes / 1e6:.1f} MB in {store.folder}."
        return text + (f" {_count(self.skipped.values())}" if self.skipped else "")


def _count(reasons: Iterable[str]) -> str:
    """Return how many clips were skipped, and why, in a sentence."""
    counts = Counter(reasons).most_common()
    return f"Skipped {sum(n for _, n in counts)}: {', '.join(f'{n} {reason}' for reason, n in counts)}."


def landmark_folder(store: Path, dataset: DataSet, source: Source) -> Path:
    """Return where a data set's landmarks of one source lie; WLASL's subsets share theirs."""
    family = dataset.family
    for part in (family, source.name):
        if not is_safe_id(part):
            raise BenchError(f"{part!r} cannot name a store: use letters, digits, '.', '_' and '-'.")
    return store / f"{family}-landmarks-{source.name}-{source.key}"


def prepare_landmarks(
    dataset: DataSet,
    name: str,
    store: Path,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> PreparedLandmarks:
    """Bring the landmarks of every clip of a data set into the store, and return it.

    Clips that are there already, from another subset or from a call that was killed, are not read again
    unless their file has changed.

    Args:
        dataset: whose clips.
        name: the source: one of `wlasl.landmarks.sources.SOURCES`, or a path.
        store: the folder of all stores.
        workers: how many processes or threads look at videos; None for one per core of this job.
        progress: hears of each clip.

    Raises:
        BenchError: no such source, not one clip has landmarks, or the store cannot be written.
    """
    began = time.monotonic()
    source = open_source(dataset, name)
    folder = landmark_folder(store, dataset, source)
    job = _Job(dataset, source, folder, workers or allotted_cores(), progress or Silent())
    state, done = finished(folder, dataset, source), 0
    if state is None:
        with spoken(job.folder):
            job.folder.mkdir(parents=True, exist_ok=True)
        with lease(job.folder / LOCK, job.wait):
            state, done = job.run()
    survey = state.survey
    skipped = {clip_id: str(skip["reason"]) for clip_id, skip in survey.skipped.items()}
    if not survey.ready:
        where = source.where or dataset.root
        message = f"None of the {len(dataset.subset.clips)} clips has landmarks in {where}."
        raise BenchError(f"{message} {_count(skipped.values())}{_example(survey)}", exit_code=FAILURE)
    ready = LandmarkStore.opened(folder, state.manifest, state.entries, survey.ready)
    details = {clip_id: str(skip.get("detail", "")) for clip_id, skip in survey.skipped.items()}
    notes = (*source.notes, *notes_of(dataset.subset.clips, ready, whole=source.whole))
    return PreparedLandmarks(ready, done, skipped, details, time.monotonic() - began, notes)


def _example(survey: Survey) -> str:
    """Return what was seen of one clip that has a file of no use, as the end of a sentence."""
    found = ((name, skip) for name, skip in survey.skipped.items() if skip["reason"] != "missing")
    name, skip = next(found, ("", {}))
    return f" For example {name}: {skip['detail']}." if name else ""


@dataclass
class _Work:
    """What one call adds.

    Attributes:
        form: what the store's clips have in common; None as long as it is open.
        facts: of each clip that was written.
        bad: how many clips were of no use.
    """

    form: Form | None
    facts: dict[str, Facts] = field(default_factory=dict)
    bad: int = 0


@dataclass(frozen=True)
class _Job:
    """One call's work on one store."""

    dataset: DataSet
    source: Source
    folder: Path
    workers: int
    progress: Progress

    def wait(self, holder: str) -> None:
        """Say for whom this job waits."""
        self.progress.begin(f"waiting for {holder}, which prepares the same landmarks", 1)

    def run(self) -> tuple[State, int]:
        """Do what is left to do, holding the lock; return what is there then and how many clips were read."""
        recover(self.folder)
        old = recovered(self.folder, Form(self.source.kind, self.source.joints or (), 0))
        survey = look(self.dataset, self.source, old, latest(self.folder, old.shards))
        todo, survey.todo = survey.todo, []
        work = _Work(old.form if survey.ready else None)
        if todo:
            self._read(todo, survey, work)
        form = work.form or old.form
        clips = {name: facts for name, facts in {**old.clips, **work.facts}.items() if facts.form == form.key}
        skipped = {name: skip for name, skip in old.skipped.items() if name not in survey.ready}
        # A clip without a file is found missing again at once; the manifest keeps what cost time to find.
        skipped |= {name: skip for name, skip in survey.skipped.items() if skip["reason"] != "missing"}
        now = recovered(self.folder, form)
        new = Manifest(form, clips, now.shards, skipped, {**old.seen, **survey.seen})
        write_manifest(self.folder, new)
        return State(new, latest(self.folder, new.shards), survey), len(work.facts)

    def _read(self, todo: list[Clip], survey: Survey, work: _Work) -> None:
        """Read clips, write those of use, and note all of them in the survey."""
        name = f"landmarks of {self.dataset.subset.name} ({self.source.name})"
        self.progress.begin(name, len(survey.ready) + len(todo), len(survey.ready))
        writer = ShardWriter(self.folder)
        try:
            # Closed here: on Ctrl-C the processes that look at videos must not wait to be collected.
            with contextlib.closing(self._settled(todo, work)) as outcomes:
                for found in outcomes:
                    self._settle(writer, found, work, survey)
        except BaseException:
            # Closing may fail as writing did; what is in the shard is found by the next call all the same.
            with contextlib.suppress(BenchError):
                writer.close()
            raise
        writer.close()
        self.progress.end(f"{len(work.facts)} clips")

    def _settle(self, writer: ShardWriter, found: Outcome, work: _Work, survey: Survey) -> None:
        """Write what was read of a clip, or note why it is of no use."""
        clip, outcome = found
        try:
            self._write(writer, clip, outcome, work)
            survey.ready.add(clip.id)
        except LandmarkError as error:
            survey.skipped[clip.id] = self._skip(clip, error)
            work.bad += 1
        self.progress.advance(f"{work.bad} of no use" if work.bad else "")

    def _settled(self, todo: list[Clip], work: _Work) -> Outcomes:
        """Yield what was read of each clip, once it is settled which form the store's clips have."""
        with contextlib.closing(self.source.outcomes(todo, self.workers, self.progress)) as outcomes:
            heard: list[Outcome] = []
            if work.form is None:
                heard = list(islice(outcomes, 1 if self.source.videos else _HEARD))
                forms = Counter(form_of(found) for _, found in heard if _is_whole(found))
                work.form = forms.most_common(1)[0][0] if forms else None
            yield from chain(heard, outcomes)

    def _write(
        self, writer: ShardWriter, clip: Clip, outcome: Landmarks | LandmarkError, work: _Work
    ) -> None:
        """Check what was read of a clip, make it canonical and append it.

        Raises:
            LandmarkError: it is of no use, or of another form than the others.
        """
        if isinstance(outcome, LandmarkError):
            raise outcome
        whole = with_size(outcome.checked(), self.dataset.files.path(clip.id)).canonical()
        found = cut_out(clip, whole) if self.source.whole else whole
        form = form_of(found)
        work.form = work.form or form
        if form != work.form:
            raise _other(form, work.form)
        video = None if self.source.videos else header_frames(self.dataset.files.path(clip.id))
        facts, pieces = packed(found, len(outcome.points), video)
        try:
            seen = FileSeen(*self.source.stamp(clip), self.source.digest(clip))
        except OSError as error:
            raise LandmarkError("missing", "its file went away while it was read") from error
        writer.add(clip.id, seen, self.source.cut(clip), pieces)
        work.facts[clip.id] = facts

    def _skip(self, clip: Clip, error: LandmarkError) -> Mapping[str, object]:
        """Return what the manifest keeps of a clip whose landmarks are of no use."""
        try:
            size, mtime = self.source.stamp(clip)
        except OSError:
            size, mtime = 0, 0
        found = {"reason": error.reason, "detail": error.detail, "cut": self.source.cut(clip)}
        return {**found, "size": size, "mtime": mtime}


def cut_out(clip: Clip, found: Landmarks) -> Landmarks:
    """Return the frames of a whole file that are the clip, by the rule by which videos are cut.

    Raises:
        LandmarkError: there are far too few, or no joint is seen in them.
    """
    try:
        begin, end = trim(len(found.points), clip)
    except VideoError as error:
        raise LandmarkError("short", error.detail) from error
    return replace(found, points=found.points[begin:end]).checked()


def _is_whole(outcome: Landmarks | LandmarkError) -> TypeGuard[Landmarks]:
    """Say whether landmarks were read, and are of use."""
    if isinstance(outcome, LandmarkError):
        return False
    with contextlib.suppress(LandmarkError):
        return bool(outcome.checked())
    return False


def _other(form: Form, others: Form) -> LandmarkError:
    """Return why landmarks of a form are of no use among those of another."""
    if form.source != others.source:
        return LandmarkError("mixed", f"it is {form.source}, the others are {others.source}")
    if form.dims != others.dims:
        return LandmarkError("shape", f"it has {form.dims} coordinates, the others have {others.dims}")
    known, mine = set(others.joints), set(form.joints)
    lost, more = sorted(known - mine)[:3], sorted(mine - known)[:3]
    told = [f"lacks {', '.join(lost)}"] * bool(lost) + [f"has {', '.join(more)} besides"] * bool(more)
    return LandmarkError("joints", " and ".join(told) or "its joints stand in another order")
