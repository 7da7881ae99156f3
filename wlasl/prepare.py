"""From a data set's videos to a clip store: every clip decoded once, by all cores, and never again.

May be killed at any moment: finished clips are found again, the others are done by the next call. Of two jobs
that prepare the same clips at once, one works and the other waits and finds the work done.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from utils.errors import FAILURE, BenchError
from utils.files import sha256, spoken
from utils.lease import lease
from utils.names import is_safe_id
from utils.progress import Progress, Silent
from utils.threads import allotted_cores
from wlasl.apart import LostError, Notes, apart
from wlasl.clips import Clip
from wlasl.entries import Source
from wlasl.hht_pixels import Parts, encode_canvases
from wlasl.landmarks.store import LandmarkStore
from wlasl.pixels import Squares
from wlasl.shards import ShardWriter, index_path, latest, recover, shards
from wlasl.store import MANIFEST, ClipStore, Manifest, read_manifest, write_manifest
from wlasl.subsets import DataSet
from wlasl.survey import Survey, cut_of, finished, look, stamp_of
from wlasl.video import VideoError, read
from wlasl.video_faults import RULES
from wlasl.view import View

LOCK = "prepare.lock"


@dataclass(frozen=True)
class Prepared:
    """What `prepare` did.

    Attributes:
        store: the data set's clips that can be read, ready to be read.
        done: how many clips this call decoded.
        skipped: why each other official clip is not in the store: one of `wlasl.video.REASONS`.
        details: what was seen of those that have a file, for a person.
        seconds: how long the call took.
    """

    store: ClipStore
    done: int
    skipped: Mapping[str, str]
    details: Mapping[str, str]
    seconds: float

    def summary(self) -> str:
        """Return the outcome in a sentence or two."""
        store = self.store
        frames = sum(store.length(clip_id) for clip_id in store.ids)
        text = f"{len(store.ids)} clips are ready ({self.done} new, {self.seconds:.1f} s): "
        text += f"{frames} frames, {store.nbytes / 1e6:.1f} MB in {store.folder}."
        return text + (f" {_count(self.skipped.values())}" if self.skipped else "")


def _count(reasons: Iterable[str]) -> str:
    """Return how many clips were skipped, and why, in a sentence."""
    counts = Counter(reasons).most_common()
    return f"Skipped {sum(n for _, n in counts)}: {', '.join(f'{n} {reason}' for reason, n in counts)}."


def store_folder(store: Path, view: View, dataset: DataSet) -> Path:
    """Return where the clips of a data set lie for one view; WLASL's subsets share theirs."""
    family = dataset.family
    if not is_safe_id(family):
        raise BenchError(f"{family!r} cannot name a store: use letters, digits, '.', '_' and '-'.")
    return store / f"{family}-{view.key}"


def prepare(
    dataset: DataSet,
    view: View,
    store: Path,
    *,
    landmarks: LandmarkStore | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Bring every readable clip of a data set into the store, and return it.

    Clips that are there already, from another subset or from a call that was killed, are not decoded again
    unless their video or their metadata has changed.

    Args:
        dataset: whose clips.
        view: what of them.
        store: the folder of all stores.
        landmarks: of all of these clips, for a view that is cut out by them (`wlasl.hht_prepare`).
        workers: threads that decode; None for one per core of this job.
        progress: hears of each clip.

    Raises:
        BenchError: not one clip can be read, or the store cannot be written.
    """
    began = time.monotonic()
    folder = store_folder(store, view, dataset)
    job = _Job(dataset, view, folder, workers or allotted_cores(), progress or Silent(), landmarks)
    survey, done = finished(job.folder, dataset, job.cut), 0
    if survey is None:
        with spoken(job.folder):
            job.folder.mkdir(parents=True, exist_ok=True)
        with lease(job.folder / LOCK, job.wait):
            survey, done = job.run()
    skipped = {name: str(skip["reason"]) for name, skip in survey.skipped.items()}
    if not survey.ready:
        message = f"None of the {len(dataset.subset.clips)} clips under {dataset.root} can be read."
        raise BenchError(f"{message} {_count(skipped.values())}", exit_code=FAILURE)
    ready = ClipStore(job.folder, survey.ready)
    if len(ready.ids) < len(survey.ready):
        raise BenchError(f"Another job changed {job.folder} meanwhile: run it again.", exit_code=FAILURE)
    details = {name: str(skip.get("detail", "")) for name, skip in survey.skipped.items()}
    return Prepared(ready, done, skipped, details, time.monotonic() - began)


Outcome = tuple[Source, list[bytes]] | VideoError


def encode_clip(path: Path, clip: Clip, view: View, parts: Parts | None = None) -> Outcome:
    """Decode one clip into stored frames; an error that is the file's own is returned, not raised.

    Its date is taken before it is decoded, in case it changes meanwhile; its sum after that, since what is no
    video may be as large as the disk.
    """
    try:
        stamp = stamp_of(path)
        if parts is not None:
            frames = encode_canvases(path, clip, view, parts)
        else:
            frames = read(path, clip, Squares(clip, view).encode)
        return Source(*stamp, sha256(path)[:32]), frames
    except VideoError as error:
        return error
    except OSError as error:
        return VideoError("unreadable", error.strerror or str(error))
    except MemoryError:
        return VideoError("unreadable", "it takes more memory than there is")


@dataclass(frozen=True)
class _Job:
    """One call's work on one store."""

    dataset: DataSet
    view: View
    folder: Path
    workers: int
    progress: Progress
    landmarks: LandmarkStore | None = None

    def cut(self, clip: Clip) -> str:
        """Return what of a video a clip is, by the metadata and by its landmarks."""
        return cut_of(clip) + (f" {self.landmarks.facts(clip.id).digest}" if self.landmarks else "")

    def parts(self, clip: Clip) -> tuple[Parts, ...]:
        """Return what the parts of a clip are cut out by; nothing for a view that has none."""
        found = self.landmarks
        return (Parts(found.points(clip.id), found.joints),) if found else ()

    def wait(self, holder: str) -> None:
        """Say for whom this job waits."""
        self.progress.begin(f"waiting for {holder}, which prepares the same clips", 1)

    def run(self) -> tuple[Survey, int]:
        """Do what is left to do, holding the lock; return what is there then and how many were decoded."""
        recover(self.folder)
        old = read_manifest(self.folder) if (self.folder / MANIFEST).exists() else Manifest(self.view)
        entries = {name: entry for name, (_, entry) in latest(self.folder, self._shards()).items()}
        survey = look(self.dataset, entries, old, self.cut)
        todo, survey.todo = survey.todo, []
        done = self._decode(todo, survey) if todo else 0
        skipped = {name: skip for name, skip in old.skipped.items() if name not in survey.ready}
        # A file that is not there is found missing again at once; the manifest keeps what cost time to find.
        skipped |= {name: skip for name, skip in survey.skipped.items() if skip["reason"] != "missing"}
        new = Manifest(self.view, self._shards(), skipped, {**old.seen, **survey.seen})
        write_manifest(self.folder, new)
        return survey, done

    def _shards(self) -> tuple[str, ...]:
        """Return the names of the closed shards, the oldest first."""
        return tuple(shard.name for shard in shards(self.folder) if index_path(shard).exists())

    def _decode(self, todo: list[Clip], survey: Survey) -> int:
        """Decode clips, write them as they are finished, and note them in the survey; return how many."""
        name = f"preparing {self.dataset.subset.name}"
        self.progress.begin(name, len(survey.ready) + len(todo), len(survey.ready))
        writer, done, bad = ShardWriter(self.folder), 0, 0
        try:
            for clip, outcome in self._outcomes(todo):
                if isinstance(outcome, VideoError):
                    survey.skipped[clip.id] = self._skip(clip, outcome)
                    bad += 1
                else:
                    source, frames = outcome
                    writer.add(clip.id, source, self.cut(clip), frames)
                    survey.ready.add(clip.id)
                    done += 1
                self.progress.advance(f"{bad} unreadable" if bad else "")
        except BaseException:
            # Closing may fail as writing did; what is in the shard is found by the next call all the same.
            with contextlib.suppress(BenchError):
                writer.close()
            raise
        writer.close()
        self.progress.end(f"{done} clips")
        return done

    def _skip(self, clip: Clip, error: VideoError) -> Mapping[str, object]:
        """Return what the manifest keeps of a clip that could not be decoded."""
        path = self.dataset.files.path(clip.id)
        size, mtime = stamp_of(path) if path and path.exists() else (0, 0)
        found = {"reason": error.reason, "detail": error.detail, "cut": self.cut(clip)}
        return {**found, "size": size, "mtime": mtime, "rules": RULES}

    def _outcomes(self, todo: list[Clip]) -> Iterator[tuple[Clip, Outcome]]:
        """Decode clips and yield each as it is finished: those at which a call died first, and apart."""
        notes = Notes(self.folder)
        try:
            for clip in todo:
                if clip.id in notes.left:
                    yield clip, self._apart(clip)
                    notes.end(clip.id)
            yield from self._threads([clip for clip in todo if clip.id not in notes.left], notes)
        finally:
            notes.close()

    def _apart(self, clip: Clip) -> Outcome:
        """Decode a clip in a process of its own; one that dies is the clip's fault."""
        try:
            return apart(encode_clip, *self._told(clip))
        except LostError as error:
            return VideoError("unreadable", f"its decoder does not survive it: {error}")

    def _told(self, clip: Clip) -> tuple[Any, ...]:
        """Return what `encode_clip` is told of a clip."""
        return self.dataset.files.path(clip.id) or Path(), clip, self.view, *self.parts(clip)

    def _threads(self, todo: list[Clip], notes: Notes) -> Iterator[tuple[Clip, Outcome]]:
        """Decode clips with all workers; few are held in memory at once."""
        rest = iter(todo)
        running: dict[Future[Outcome], Clip] = {}
        pool = ThreadPoolExecutor(self.workers, "prepare")
        try:
            while True:
                for clip in islice(rest, 2 * self.workers - len(running)):
                    notes.begin(clip.id)
                    running[pool.submit(encode_clip, *self._told(clip))] = clip
                if not running:
                    return
                finished_now, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished_now:
                    clip = running.pop(future)
                    notes.end(clip.id)
                    yield clip, future.result()
        finally:
            pool.shutdown(cancel_futures=True)
