"""Reads TensorFlow checkpoints without TensorFlow: an index of names and shards of raw values.

Written for this project from the format's description in TensorFlow's `tensor_bundle.proto` and LevelDB's
`table_format.md`, so that a user of torch alone can start from weights that were published for TensorFlow.
Values are not checked against the file's own CRC-32C; the caller checks the SHA-256 of what was downloaded.
"""

from __future__ import annotations

import math
import struct
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from utils.errors import BenchError

_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48
_TRAILER = 5  # after each block: one byte for its compression, four for its CRC
_TYPES = {1: np.float32, 2: np.float64, 3: np.int32, 9: np.int64, 10: np.bool_, 19: np.float16}
"""TensorFlow's numbers for the types that a checkpoint of weights holds; others (strings) are left out."""


_MOST_BYTES = 2 << 30
"""Of a checkpoint, unpacked: the largest MoViNet's with its optimiser's state has a tenth of that."""
_MOST_TENSORS = 100_000
_MOST_BITS, _LONGEST_NAME = 63, 4096


class Entry(NamedTuple):
    """Where one tensor lies."""

    type: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int


@dataclass(frozen=True)
class Bundle:
    """A checkpoint's tensors, read when asked for.

    Attributes:
        entries: by key, for example `model/layer_with_weights-1/_head/_conv/bias/.ATTRIBUTES/VARIABLE_VALUE`.
        shards: the bytes of each data file.
    """

    entries: Mapping[str, Entry]
    shards: tuple[bytes, ...]

    def array(self, key: str) -> NDArray[np.generic]:
        """Return one tensor.

        Raises:
            BenchError: the data file ends before it.
        """
        entry = self.entries[key]
        raw = self.shards[entry.shard][entry.offset : entry.offset + entry.size]
        kind = np.dtype(_TYPES[entry.type]).newbyteorder("<")
        if entry.size != kind.itemsize * math.prod(entry.shape) or len(raw) != entry.size:
            raise BenchError("The TensorFlow checkpoint is cut off or damaged: fetch it again.")
        return np.frombuffer(raw, kind).reshape(entry.shape) if raw else np.empty(entry.shape, kind)


def read(path: Path) -> Bundle:
    """Read a checkpoint: a `.tar.gz` as published, its folder, its `.index` file, or its prefix.

    Raises:
        BenchError: nothing there is a TensorFlow checkpoint, there are several, or it is damaged.
    """
    found = parts(path)
    files = _from_archive(path) if found == [path] else _from_files(found)
    names = [name for name in files if name.endswith(".index")]
    if len(names) != 1:
        which = ", ".join(sorted(names)) or "none"
        raise BenchError(f"{path} should hold one TensorFlow checkpoint (a file *.index). Found: {which}.")
    prefix = f"{names[0].removesuffix('.index')}.data-"
    shards = tuple(files[name] for name in sorted(files) if name.startswith(prefix))
    try:
        entries = dict(islice(_entries(files[names[0]]), _MOST_TENSORS))
    except (LookupError, ValueError, struct.error) as error:
        raise BenchError(f"{path} is not a TensorFlow checkpoint, or it is damaged: {error}.") from error
    if any(entry.shard >= len(shards) for entry in entries.values()):
        raise BenchError(f"{path} lacks a data file: *.data-00000-of-00001 belongs beside *.index.")
    return Bundle(entries, shards)


def _from_files(found: list[Path]) -> dict[str, bytes]:
    """Return a checkpoint's files by their names."""
    try:
        _refuse_bomb(sum(file.stat().st_size for file in found), found[0] if found else Path())
        return {file.name: file.read_bytes() for file in found}
    except OSError as error:
        raise BenchError(f"Cannot read {error.filename}: {error.strerror}.") from error


def _from_archive(path: Path) -> dict[str, bytes]:
    """Return the checkpoint files in an archive by their names; nothing is unpacked to the disk.

    The archive is read from its beginning on, so that a bomb is found before it goes off.
    """
    try:
        with tarfile.open(path, "r|gz") as archive:
            return dict(_unpacked(archive, path))
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, OverflowError) as error:
        raise BenchError(f"{path} is not an archive of a TensorFlow checkpoint: {error}.") from error


def _unpacked(archive: tarfile.TarFile, path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of the checkpoint files in an archive; BenchError where it is a bomb."""
    unpacked = 0
    for member in archive:
        unpacked += member.size
        _refuse_bomb(unpacked, path)
        content = archive.extractfile(member) if member.isfile() and _is_part(member.name) else None
        if content is not None:
            yield member.name, content.read()


def _refuse_bomb(unpacked: int, path: Path) -> None:
    """Refuse what is larger than any checkpoint.

    Raises:
        BenchError: it is.
    """
    if unpacked > _MOST_BYTES:
        raise BenchError(f"{path} unpacks to more than {_MOST_BYTES >> 30} GB, and was not read.")


def parts(path: Path) -> list[Path]:
    """Return a checkpoint's files in order: an archive, or what a folder, `.index` file or prefix means."""
    if path.is_file() and path.suffix != ".index":
        return [path]
    if path.is_dir():
        return sorted(file for file in path.iterdir() if _is_part(file.name))
    prefix = path.name.removesuffix(".index")
    beside = path.parent.iterdir() if path.parent.is_dir() else iter(())
    return sorted(file for file in beside if _is_part(file.name) and file.name.rpartition(".")[0] == prefix)


def _is_part(name: str) -> bool:
    """Say whether a file name is one of a checkpoint's (and no attribute file of macOS)."""
    base = name.rpartition("/")[2]
    return not base.startswith(".") and (base.endswith(".index") or ".data-" in base)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at `at`, seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:  # noqa: PLR2004 - the eighth bit says that more follow
            return value, at
        if shift > _MOST_BITS:
            raise ValueError("a number does not end")


def _block(table: bytes, handle: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values of one block of a sorted table; each key shares a start with the one before."""
    offset, at = _varint(handle, 0)
    size, _ = _varint(handle, at)
    if table[offset + size] != 0:
        raise ValueError("its index is compressed")
    block = table[offset : offset + size]
    (restarts,) = struct.unpack("<I", block[-4:])
    at, end, key = 0, size - 4 * (restarts + 1), b""
    while at < end:
        shared, at = _varint(block, at)
        fresh, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + fresh]
        if len(key) > _LONGEST_NAME:
            raise ValueError("a name in it is too long")
        yield key, block[at + fresh : at + fresh + length]
        at += fresh + length


def _entries(table: bytes) -> Iterator[tuple[str, Entry]]:
    """Yield the numeric tensors that an index file names."""
    footer = table[-_FOOTER:]
    if len(footer) < _FOOTER or struct.unpack("<Q", footer[-8:])[0] != _MAGIC:
        raise ValueError("its index does not end as one")
    _, at = _varint(footer, 0)
    _, at = _varint(footer, at)  # past the handle of the block of metadata
    end = 0
    for _, handle in _block(table, footer[at:]):
        begin, place = _varint(handle, 0)
        if begin < end:
            raise ValueError("its blocks lie over each other")
        end = begin + _varint(handle, place)[0]
        for key, value in _block(table, handle):
            entry = _entry(value)
            if key and entry.type in _TYPES:  # the empty key is the header
                yield key.decode(), entry


def _entry(message: bytes) -> Entry:
    """Parse a BundleEntryProto."""
    numbers = {1: 0, 3: 0, 4: 0, 5: 0}
    shape: tuple[int, ...] = ()
    for field, value in _fields(message):
        if field in numbers and isinstance(value, int):
            numbers[field] = value
        elif field == 2 and isinstance(value, bytes):  # noqa: PLR2004 - shape
            shape = tuple(_first_number(part) for number, part in _fields(value) if number == 2)  # noqa: PLR2004 - dim
    return Entry(numbers[1], shape, numbers[3], numbers[4], numbers[5])


def _first_number(message: bytes | int) -> int:
    """Return field 1 of a message, 0 where it is left out: the size of a dimension."""
    fields = dict(_fields(message)) if isinstance(message, bytes) else {}
    size = fields.get(1, 0)
    return size if isinstance(size, int) else 0


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yield the fields of a protocol buffer: numbers, and bytes for what is nested."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        field, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield field, value
            continue
        length, at = _varint(message, at) if wire == 2 else ({1: 8, 5: 4}[wire], at)  # noqa: PLR2004 - nested
        yield field, message[at : at + length]
        at += length
