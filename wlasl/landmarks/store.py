"""Landmarks on disk: any clip's points in half a millisecond, read by any number of processes at once.

A store is a folder of shards (`wlasl.shards`, the clip store's) and a manifest that is written last and
replaced whole. An entry holds two pieces, each with its checksum: a few facts as JSON, and the points as
float32, little-endian, [T, J, D], in image coordinates with y down, NaN where unseen: bit by bit what came
in. All clips of a store have the same joints, of the same source.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from utils.errors import BenchError
from utils.files import short_hash
from wlasl.entries import DamagedError, Entry, layout, mapped
from wlasl.landmarks.form import Points
from wlasl.landmarks.manifest import Facts, Manifest, read_manifest
from wlasl.shards import latest


class LandmarkStore:
    """The landmarks of one source, of all clips or some of them.

    Safe to read from many threads and processes; a copy sent to another process opens the files anew.

    Args:
        folder: where `prepare_landmarks` put them.
        only: the ids that are wanted; None for all.

    Attributes:
        ids: the clips that are there, sorted.
        source: what found the landmarks, such as mediapipe-holistic.
        joints: their names, in order.
        dims: coordinates of a joint, 2 or 3.

    Raises:
        BenchError: the folder holds no finished store.
    """

    def __init__(self, folder: Path, only: Collection[str] | None = None) -> None:
        """Read the manifest and the indexes, not the points."""
        manifest = read_manifest(folder)
        self._open(folder, manifest, latest(folder, manifest.shards), only)

    @classmethod
    def opened(
        cls,
        folder: Path,
        manifest: Manifest,
        entries: Mapping[str, tuple[Path, Entry]],
        only: Collection[str],
    ) -> LandmarkStore:
        """Return the store whose manifest and indexes have just been read."""
        store = cls.__new__(cls)
        store._open(folder, manifest, entries, only)  # noqa: SLF001 - its own
        return store

    def _open(
        self,
        folder: Path,
        manifest: Manifest,
        found: Mapping[str, tuple[Path, Entry]],
        only: Collection[str] | None,
    ) -> None:
        """Keep the clips that are wanted and there."""
        self.folder = folder
        self.source, self.joints, self.dims = manifest.form
        kept = found.keys() & manifest.clips.keys()
        kept = kept if only is None else kept & set(only)
        self.ids: tuple[str, ...] = tuple(sorted(kept))
        self._facts = {name: manifest.clips[name] for name in self.ids}
        self._entries = {name: found[name] for name in self.ids}
        self._maps: dict[Path, memoryview] = {}

    def __reduce__(self) -> tuple[type[LandmarkStore], tuple[Path, tuple[str, ...]]]:
        """Be pickled as the folder and the ids: memory maps stay in their process."""
        return LandmarkStore, (self.folder, self.ids)

    def __contains__(self, clip_id: object) -> bool:
        """Say whether a clip is there."""
        return clip_id in self._facts

    @property
    def nbytes(self) -> int:
        """Return how many bytes the clips take on disk."""
        return sum(entry.nbytes for _, entry in self._entries.values())

    def facts(self, clip_id: str) -> Facts:
        """Return what is known of a clip besides its points.

        Raises:
            BenchError: the clip is not in this store.
        """
        try:
            return self._facts[clip_id]
        except KeyError:
            message = f"Clip {clip_id} is not among the {len(self.ids)} clips in {self.folder}."
            raise BenchError(message) from None

    def length(self, clip_id: str) -> int:
        """Return how many frames a clip has.

        Raises:
            BenchError: the clip is not in this store.
        """
        return self.facts(clip_id).frames

    def fps(self, clip_id: str) -> float | None:
        """Return a clip's frames per second; None where its source does not say.

        Raises:
            BenchError: the clip is not in this store.
        """
        return self.facts(clip_id).fps

    def size(self, clip_id: str) -> tuple[int, int] | None:
        """Return the width and height of a clip's video in pixels; None where its source does not say.

        Raises:
            BenchError: the clip is not in this store.
        """
        return self.facts(clip_id).size

    def points(self, clip_id: str) -> Points:
        """Return a clip's points, float32 [T, J, D], the caller's to keep; NaN where unseen.

        Raises:
            BenchError: the clip is not there, or its bytes are damaged.
        """
        facts = self.facts(clip_id)
        shard, entry = self._entries[clip_id]
        data = self._map(shard)
        try:
            found = layout(data, entry.offset)
        except DamagedError as error:
            raise self._damaged(clip_id, str(error)) from error
        if found.meta["id"] != clip_id:
            raise self._damaged(clip_id, f"clip {found.meta['id']} lies in its place")
        start, nbytes, check = (int(row[-1]) for row in (found.starts, found.sizes, found.checks))
        shape = (facts.frames, len(self.joints), self.dims)
        piece = data[start : start + nbytes]
        if zlib.crc32(piece) != check:
            raise self._damaged(clip_id, "the checksum of its points differs")
        if nbytes != 4 * int(np.prod(shape)):
            raise self._damaged(clip_id, f"{nbytes} bytes are not {list(shape)} points")
        return np.frombuffer(piece, "<f4").reshape(shape).astype(np.float32)

    def digest(self, ids: Collection[str]) -> str:
        """Return 16 hexadecimal digits that name the content of some clips, whatever their order.

        Raises:
            BenchError: a clip is not in this store.
        """
        rows = [[name, self.facts(name).digest] for name in sorted(set(ids))]
        return short_hash([[self.source, list(self.joints), self.dims], rows], 16)

    def _map(self, shard: Path) -> memoryview:
        """Map a shard into memory, once."""
        found = self._maps.get(shard)
        if found is None:
            found = self._maps[shard] = mapped(shard)
        return found

    def _damaged(self, clip_id: str, what: str) -> BenchError:
        """Return the error of a clip whose bytes are not what was written."""
        shard = self._entries[clip_id][0]
        return BenchError(
            f"The landmarks of clip {clip_id} are damaged in {shard}: {what}. Delete that file and its .json "
            "and run `bench prepare --landmarks` again."
        )
