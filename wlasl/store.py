"""Prepared clips on disk: any frame of any clip, read by any number of processes at once.

A store is a folder of shards (`wlasl.shards`) and a manifest that names those that count. The manifest is
written last and replaced whole, shards never change once they are in it, so whoever has opened a store goes
on reading the same clips while another job adds to it.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import simplejpeg

from utils.errors import BenchError
from utils.files import read_json, write_json
from wlasl.entries import DamagedError, Entry, Layout, layout, mapped
from wlasl.pixels import i420_to_rgb
from wlasl.sampling import BLACK
from wlasl.shards import latest
from wlasl.view import FORMAT, View, as_fields, of_fields

Frames = npt.NDArray[np.uint8]

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What a store holds.

    Attributes:
        view: the square that was cut out of every frame.
        shards: the names of the shards that count, the oldest first.
        skipped: clips whose file could not be read: reason, detail, and the cut, size and date that failed.
        seen: files known to be copies of what was prepared: size and date per clip.
    """

    view: View
    shards: tuple[str, ...] = ()
    skipped: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seen: Mapping[str, Sequence[int]] = field(default_factory=dict)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put the manifest in place, in one step."""
    fields = {**asdict(manifest), "view": as_fields(manifest.view)}
    write_json(folder / MANIFEST, {"format": FORMAT, **fields})


def read_manifest(folder: Path) -> Manifest:
    """Read a store's manifest.

    Raises:
        BenchError: there is none, or it is not one of this version.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise BenchError(f"{folder} holds no finished clips: run `bench prepare` first.")
    found = read_json(path)
    try:
        if found.pop("format") != FORMAT:
            raise BenchError(
                f"{folder} was written by another version: delete it and run `bench prepare` again."
            )
        return Manifest(**{**found, "view": of_fields(found["view"]), "shards": tuple(found["shards"])})
    except (AttributeError, KeyError, TypeError) as error:
        message = (
            f"{path} is not a store's manifest ({error}): delete {folder} and run `bench prepare` again."
        )
        raise BenchError(message) from error


class ClipStore:
    """The prepared clips of one view, or some of them.

    Safe to read from many threads and processes; a copy sent to another process opens the files anew.

    Args:
        folder: where `prepare` put them.
        only: the ids that are wanted; None for all.

    Attributes:
        ids: the clips that are there, sorted.
        view: how they were cut.

    Raises:
        BenchError: the folder holds no finished store.
    """

    def __init__(self, folder: Path, only: Collection[str] | None = None) -> None:
        """Read the manifest and the indexes, not the clips."""
        self.folder = folder
        self.manifest = read_manifest(folder)
        self.view = self.manifest.view
        found = latest(folder, self.manifest.shards)
        kept = found.keys() if only is None else found.keys() & set(only)
        self._entries = {name: found[name] for name in kept}
        self.ids: tuple[str, ...] = tuple(sorted(kept))
        self._maps: dict[Path, memoryview] = {}
        self._layouts: dict[str, Layout] = {}

    def __reduce__(self) -> tuple[type[ClipStore], tuple[Path, tuple[str, ...]]]:
        """Be pickled as the folder and the ids: memory maps stay in their process."""
        return ClipStore, (self.folder, self.ids)

    @property
    def size(self) -> int:
        """Return the side of the stored squares, in pixels."""
        return self.view.size

    @property
    def nbytes(self) -> int:
        """Return how many bytes the clips take on disk."""
        return sum(entry.nbytes for _, entry in self._entries.values())

    def entry(self, clip_id: str) -> Entry:
        """Return what the index says of a clip.

        Raises:
            BenchError: the clip is not in this store.
        """
        return self._find(clip_id)[1]

    def length(self, clip_id: str) -> int:
        """Return how many frames a clip has.

        Raises:
            BenchError: the clip is not in this store.
        """
        return self.entry(clip_id).frames

    def frames(self, clip_id: str, indices: npt.ArrayLike | None = None) -> Frames:
        """Return frames of a clip, RGB uint8 [T, S, S, 3]; all of them unless told which.

        Raises:
            BenchError: the clip or a frame is not there, or its bytes are damaged.
        """
        wanted = np.arange(self.length(clip_id)) if indices is None else np.asarray(indices, np.int64)
        out = np.empty((len(wanted), self.size, self.size, 3), np.uint8)
        for row, index in zip(out, wanted.tolist(), strict=True):
            self.frame_into(clip_id, index, row)
        return out

    def frame_into(self, clip_id: str, index: int, out: Frames) -> None:
        """Decode one frame into `out`, uint8 [S, S, 3]; index -1 makes it black.

        Raises:
            BenchError: the clip or the frame is not there, or its bytes are damaged.
        """
        if index == BLACK:
            out[:] = 0
            return
        data = self.frame_bytes(clip_id, index)
        if self.view.codec == "raw":
            i420_to_rgb(np.frombuffer(data, np.uint8), self.size, out)
            return
        try:
            simplejpeg.decode_jpeg(data, "RGB", buffer=out)
        except ValueError as error:
            raise self._damaged(clip_id, str(error)) from error

    def frame_bytes(self, clip_id: str, index: int) -> memoryview:
        """Return one frame as it is kept, without a copy, its checksum compared.

        Raises:
            BenchError: the clip or the frame is not there, or its bytes are damaged.
        """
        found = self._layouts.get(clip_id) or self._layout(clip_id)
        if not 0 <= index < len(found.starts):
            raise BenchError(f"Clip {clip_id} has {len(found.starts)} frames; there is no frame {index}.")
        start = found.starts[index]
        data = self._map(self._entries[clip_id][0])[start : start + found.sizes[index]]
        if zlib.crc32(data) != found.checks[index]:
            raise self._damaged(clip_id, f"the checksum of frame {index} differs")
        return data

    def _find(self, clip_id: str) -> tuple[Path, Entry]:
        """Return a clip's shard and entry."""
        try:
            return self._entries[clip_id]
        except KeyError:
            raise BenchError(
                f"Clip {clip_id} is not among the {len(self.ids)} clips in {self.folder}."
            ) from None

    def _layout(self, clip_id: str) -> Layout:
        """Read where a clip's frames lie, once."""
        shard, entry = self._find(clip_id)
        try:
            found = layout(self._map(shard), entry.offset)
        except DamagedError as error:
            raise self._damaged(clip_id, str(error)) from error
        if found.meta["id"] != clip_id:
            raise self._damaged(clip_id, f"clip {found.meta['id']} lies in its place")
        self._layouts[clip_id] = found
        return found

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
            f"Clip {clip_id} is damaged in {shard}: {what}. Delete that file and its .json and run "
            "`bench prepare` again."
        )
