"""The files of a clip store: a few large shards, each a log of whole entries (`wlasl.entries`).

A shard is written by one process, only at its end, and never again once it is closed. A shard whose writer
was killed is read from its beginning up to the last whole entry. When a shard is closed, an index is put
beside it, which lists its entries without reading them.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from utils.errors import BenchError
from utils.files import read_json, spoken, sync_folder, write_json
from wlasl.entries import DamagedError, Entry, Source, mapped, pack, whole_entry

SUFFIX = ".clips"
_SHARD_BYTES = 4 << 30
"""A shard is closed and the next one begun when it has grown to this size."""
_SYNC_BYTES = 64 << 20
"""After so many bytes the shard is flushed to the disk: what a power cut can cost."""


def scan(path: Path) -> tuple[Entry, ...]:
    """Read a shard from its beginning and return its whole entries, every frame checked.

    The rest behind the last whole entry, which a killed writer leaves, is passed over.
    """
    data, at, entries = mapped(path), 0, []
    with contextlib.suppress(DamagedError):
        while at < len(data):
            entry, at = whole_entry(data, at)
            entries.append(entry)
    return tuple(entries)


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
