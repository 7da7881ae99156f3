"""One clip in a shard, as bytes: whole or not there at all.

An entry is

    head    "CLIP", bytes of meta, frames, bytes of payload, CRC-32 of meta and table   (little-endian)
    meta    JSON: the clip's id, the file that it came from, and what was cut out of it
    table   uint32 [frames, 2]: bytes and CRC-32 of each frame
    payload the frames, one after the other
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_HEAD = struct.Struct("<4sIIQQ")
_MAGIC = b"CLIP"


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


def whole_entry(data: memoryview, offset: int) -> tuple[Entry, int]:
    """Read the entry at `offset`, every frame checked; return it and where the next one begins.

    Raises:
        DamagedError: no whole entry begins there.
    """
    found = layout(data, offset)
    frames = zip(found.starts, found.sizes, found.checks, strict=True)
    if any(zlib.crc32(data[start : start + size]) != check for start, size, check in frames):
        raise DamagedError("a frame's checksum differs")
    meta = found.meta
    entry = Entry(
        meta["id"], offset, found.end - offset, len(found.starts), Source(**meta["source"]), meta["cut"]
    )
    return entry, found.end


def mapped(path: Path) -> memoryview:
    """Return a file's bytes, mapped into memory for reading."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        # An empty file cannot be mapped.
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b"")
