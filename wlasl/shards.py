"""The files of a clip store: a few large shards, each a log of whole entries, each entry checksummed.

A shard is written by one process, only at its end, and never again once it is closed. An entry is

    head    "CLIP", bytes of meta, frames, bytes of payload, CRC-32 of meta and table   (little-endian)
    meta    JSON: the clip's id, the file that it came from, and what was cut out of it
    table   uint32 [frames, 2]: bytes and CRC-32 of each frame
    payload the frames, one after the other

so that a shard whose writer was killed is read from its beginning up to the last whole entry. When
a shard is closed, an index is put beside it, which lists its entries without reading them.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import struct
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from utils.errors import BenchError
from utils.files import read_json, spoken, sync_folder, write_json

SUFFIX = ".clips"
_HEAD = struct.Struct("<4sIIQQ")
_MAGIC = b"CLIP"
_SHARD_BYTES = 4 << 30
"""A shard is closed and the next one begun when it has grown to this size."""
_SYNC_BYTES = 64 << 20
"""After so many bytes the shard is flushed to the disk: what a power cut can cost."""


@dataclass(frozen=True, slots=True)
class Source:
    """Which file an entry came from: a copy is known by its content, an untouched file by its date.

    Attributes:
        size: bytes of the video file.
        mtime: nanoseconds, when it was last written.
        sha256: the first 32 hexadecimal digits of its SHA-256.
    """

    size: int
    mtime: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One clip in a shard.

    Attributes:
        id: the clip's id.
        offset: where its head begins in the shard.
        nbytes: bytes of the whole entry.
        frames: how many frames it has.
        source: the file that it came from.
        cut: what was taken of the file: first and last frame and box, by the metadata.
    """

    id: str
    offset: int
    nbytes: int
    frames: int
    source: Source
    cut: str


def pack(clip_id: str, source: Source, cut: str, frames: Sequence[bytes]) -> list[bytes]:
    """Return the bytes of an entry, in pieces."""
    meta = json.dumps({"id": clip_id, "source": asdict(source), "cut": cut}, sort_keys=True).encode()
    table = np.array([[len(frame), zlib.crc32(frame)] for frame in frames], "<u4").tobytes()
    check = zlib.crc32(table, zlib.crc32(meta))
    payload = sum(map(len, frames))
    return [_HEAD.pack(_MAGIC, len(meta), len(frames), payload, check), meta, table, *frames]


class DamagedError(Exception):
    """The bytes at this place are not a whole entry."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the frames of one entry lie.

    Attributes:
        meta: the entry's JSON.
        starts: offset of each frame in the shard, int64 [frames].
        sizes: bytes of each frame, int64 [frames].
        checks: CRC-32 of each frame, int64 [frames].
        end: offset just behind the entry.
    """

    meta: dict[str, Any]
    starts: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    checks: npt.NDArray[np.int64]
    end: int


def layout(data: memoryview, offset: int) -> Layout:
    """Read the head of the entry at `offset`; the frames themselves are not checked.

    Raises:
        DamagedError: no whole entry begins there.
    """
    if offset + _HEAD.size > len(data):
        raise DamagedError("the file ends within a head")
    magic, meta_bytes, frames, payload, check = _HEAD.unpack_from(data, offset)
    table_at = offset + _HEAD.size + meta_bytes
    body = table_at + 8 * frames
    if magic != _MAGIC or body + payload > len(data):
        raise DamagedError("no entry begins here, or it is cut off")
    if zlib.crc32(data[offset + _HEAD.size : body]) != check:
        raise DamagedError("the head's checksum differs")
    table = np.frombuffer(data, "<u4", 2 * frames, table_at).reshape(frames, 2).astype(np.int64)
    starts = body + np.concatenate([[0], np.cumsum(table[:, 0])])
    if int(starts[-1]) != body + payload:
        raise DamagedError("the sizes of the frames do not add up")
    meta = json.loads(bytes(data[offset + _HEAD.size : table_at]))
    return Layout(meta, starts[:-1], table[:, 0], table[:, 1], body + payload)


def scan(path: Path) -> tuple[Entry, ...]:
    """Read a shard from its beginning and return its whole entries, every frame checked.

    The rest behind the last whole entry, which a killed writer leaves, is passed over.
    """
    data = mapped(path)
    entries, at = [], 0
    with contextlib.suppress(DamagedError):
        while at < len(data):
            found = layout(data, at)
            frames = zip(found.starts, found.sizes, found.checks, strict=True)
            if any(zlib.crc32(data[start : start + size]) != check for start, size, check in frames):
                raise DamagedError("a frame's checksum differs")
            entries.append(_entry(found, at))
            at = found.end
    return tuple(entries)


def mapped(path: Path) -> memoryview:
    """Return a file's bytes, mapped into memory for reading."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        # An empty file cannot be mapped.
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b"")


def _entry(found: Layout, offset: int) -> Entry:
    """Return the index's row of an entry."""
    meta = found.meta
    source = Source(**meta["source"])
    return Entry(meta["id"], offset, found.end - offset, len(found.starts), source, meta["cut"])


def index_path(shard: Path) -> Path:
    """Return where a shard's index lies."""
    return shard.with_suffix(".json")


def write_index(shard: Path, entries: Sequence[Entry]) -> None:
    """Put a shard's index beside it."""
    rows = [asdict(entry) for entry in entries]
    write_json(index_path(shard), {"bytes": entries[-1].offset + entries[-1].nbytes, "entries": rows})


def read_index(shard: Path) -> tuple[Entry, ...]:
    """Read a closed shard's index.

    Raises:
        BenchError: the index is missing or broken, or the shard is shorter than it says.
    """
    found = read_json(index_path(shard))
    try:
        size = shard.stat().st_size
        if size < found["bytes"]:
            raise BenchError(f"{shard} holds {size} of its {found['bytes']} bytes. {_again(shard)}")
        return tuple(Entry(**{**row, "source": Source(**row["source"])}) for row in found["entries"])
    except (KeyError, TypeError, OSError) as error:
        raise BenchError(
            f"{index_path(shard)} or its shard cannot be read ({error}). {_again(shard)}"
        ) from error


def _again(path: Path) -> str:
    """Return the advice for a store that is damaged."""
    return f"Delete {path.parent} and run `bench prepare` again."


def shards(folder: Path) -> tuple[Path, ...]:
    """Return a folder's shards, the oldest first."""
    return tuple(sorted(folder.glob(f"*{SUFFIX}")))


class ShardWriter:
    """Appends entries to shards of its own; each entry is in the file before `add` returns.

    Args:
        folder: where the shards go.
        limit: a new shard is begun once one has grown to so many bytes.
    """

    def __init__(self, folder: Path, limit: int = _SHARD_BYTES) -> None:
        """Write nothing yet: the first shard is made with the first entry."""
        self._folder = folder
        self._limit = limit
        self._path: Path | None = None
        self._descriptor = -1
        self._entries: list[Entry] = []
        self._size = self._unsynced = 0

    def add(self, clip_id: str, source: Source, cut: str, frames: Sequence[bytes]) -> Entry:
        """Append one clip.

        Raises:
            BenchError: the disk is full or cannot be written; what was added before stays whole.
        """
        path = self._path or self._begin()
        pieces = pack(clip_id, source, cut, frames)
        nbytes = sum(map(len, pieces))
        with spoken(path):
            try:
                _write(self._descriptor, pieces)
            except OSError:
                os.ftruncate(self._descriptor, self._size)
                raise
            self._flush(nbytes)
        entry = Entry(clip_id, self._size, nbytes, len(frames), source, cut)
        self._entries.append(entry)
        self._size += nbytes
        if self._size >= self._limit:
            self.close()
        return entry

    def close(self) -> None:
        """Flush the open shard and write its index; the next entry begins a new one."""
        if self._path is None:
            return
        path, entries = self._path, self._entries
        self._path, self._entries = None, []
        with spoken(path):
            os.fsync(self._descriptor)
            os.close(self._descriptor)
        if entries:
            write_index(path, entries)
        else:
            path.unlink()

    def _begin(self) -> Path:
        """Create the next shard, under a name that no other writer takes."""
        number = max((int(path.name[:4]) for path in shards(self._folder)), default=-1) + 1
        path = self._folder / f"{number:04d}-{uuid.uuid4().hex[:8]}{SUFFIX}"
        with spoken(path):
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
            sync_folder(self._folder)
        self._path, self._size, self._unsynced = path, 0, 0
        return path

    def _flush(self, nbytes: int) -> None:
        """Flush to the disk when enough has been written since the last time."""
        self._unsynced += nbytes
        if self._unsynced >= _SYNC_BYTES:
            os.fsync(self._descriptor)
            self._unsynced = 0


def _write(descriptor: int, pieces: Sequence[bytes]) -> None:
    """Write all pieces, however many calls it takes."""
    rest = memoryview(b"".join(pieces))
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def recover(folder: Path) -> None:
    """Give an index to every shard that a killed writer left, and remove those without a whole entry."""
    for shard in shards(folder):
        if not _is_sound(shard):
            entries = scan(shard)
            if entries:
                write_index(shard, entries)
            else:
                shard.unlink()


def _is_sound(shard: Path) -> bool:
    """Say whether a shard has an index, and all the bytes that this promises."""
    try:
        read_index(shard)
    except BenchError:
        return False
    return True


def entries_of(folder: Path, names: Sequence[str]) -> Iterator[tuple[Path, Entry]]:
    """Yield the entries of some closed shards, the oldest first; of one clip's entries the last counts."""
    for name in names:
        shard = folder / name
        for entry in read_index(shard):
            yield shard, entry


def latest(folder: Path, names: Sequence[str]) -> Mapping[str, tuple[Path, Entry]]:
    """Return, per clip id, the entry that counts and its shard."""
    return {entry.id: (shard, entry) for shard, entry in entries_of(folder, names)}
