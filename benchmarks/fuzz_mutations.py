"""Ways to damage a video file, each drawn by seed: what disks, downloads, editors and attackers leave."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from numpy.random import Generator

_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""What breaks readers that trust a count, a size or an offset."""
_FOLDERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"udta", b"stsd"}
_CODECS = (b"mp4v", b"hvc1", b"av01", b"vp09", b"png ", b"jpeg", b"SVQ3", b"cvid", b"rle ", b"s263", b"raw ")


class Box(NamedTuple):
    """A box of an MP4 file: where it begins, its size, and its four letters."""

    at: int
    size: int
    kind: bytes


def boxes(data: bytes, begin: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yield the boxes of an MP4 file, those of its folders too; nothing of other files."""
    stop, at = len(data) if end is None else end, begin
    while at + 8 <= stop:
        size, kind = struct.unpack_from(">I4s", data, at)
        if not 8 <= size <= stop - at or not (begin or data[4:8] == b"ftyp"):  # noqa: PLR2004 - its head
            return
        yield Box(at, size, kind)
        if kind in _FOLDERS:
            yield from boxes(data, at + (16 if kind == b"stsd" else 8), at + size)
        at += size


def _range(data: bytes, draw: Generator, most: float = 0.3) -> tuple[int, int]:
    """Draw a part of the data, from a byte to a share of it; small ones as often as large ones."""
    length = int(len(data) ** draw.uniform(0, 1) * most) + 1
    begin = int(draw.integers(max(1, len(data) - length)))
    return begin, begin + length


def _header(data: bytes) -> tuple[int, int]:
    """Return where an MP4's index lies; of other files the first kilobyte."""
    found = next((box for box in boxes(data) if box.kind == b"moov"), None)
    return (found.at, found.at + found.size) if found else (0, min(1024, len(data)))


def _flipped(data: bytes, begin: int, end: int, bits: int, draw: Generator) -> bytes:
    """Flip some bits of a part."""
    changed = bytearray(data)
    for at in draw.integers(begin, end, bits).tolist():
        changed[at] ^= 1 << int(draw.integers(8))
    return bytes(changed)


def flip(data: bytes, other: bytes, draw: Generator) -> bytes:
    """Flip bits anywhere: a bad cable, a bad disk."""
    del other
    return _flipped(data, 0, len(data), int(2 ** draw.uniform(0, 9)), draw)


def flip_header(data: bytes, other: bytes, draw: Generator) -> bytes:
    """Flip bits in the index alone."""
    del other
    return _flipped(data, *_header(data), int(2 ** draw.uniform(0, 5)), draw)


def numbers(data: bytes, other: bytes, draw: Generator) -> bytes:
    """Write numbers into the index that readers should not trust."""
    del other
    begin, end = _header(data)
    changed = bytearray(data)
    for at in draw.integers(begin, max(begin + 1, end - 4), int(draw.integers(1, 5))).tolist():
        struct.pack_into(">I", changed, min(at, len(data) - 4), _NUMBERS[int(draw.integers(len(_NUMBERS)))])
    return bytes(changed)


def sizes(data: bytes, other: bytes, draw: Generator) -> bytes:
    """Let boxes claim other sizes, or counts in them."""
    found = list(boxes(data))
    if not found:
        return numbers(data, other, draw)
    changed = bytearray(data)
    box = found[int(draw.integers(len(found)))]
    at = box.at + int(draw.choice((0, 0, 12, 16)))
    value = _NUMBERS[int(draw.integers(len(_NUMBERS)))] if draw.random() < 0.5 else box.size + 1  # noqa: PLR2004
    struct.pack_into(">I", changed, min(at, len(data) - 4), value & 0xFFFFFFFF)
    return bytes(changed)


def cut(data: bytes, other: bytes, draw: Generator) -> bytes:
    """End early: a download that broke off."""
    del other
    return data[: int(len(data) * draw.uniform(0, 1))]


def hole(data: bytes, other: bytes, draw: Generator) -> bytes:
    """Zero a part: blocks that were never written."""
    del other
    begin, end = _range(data, draw)
    return data[:begin] + bytes(min(end, len(data)) - begin) + data[end:]


def noise(data: bytes, other: bytes, draw: Generator) -> bytes:
    """Write random bytes over a part."""
    del other
    begin, end = _range(data, draw)
    return data[:begin] + draw.bytes(min(end, len(data)) - begin) + data[end:]


def splice(data: bytes, other: bytes, draw: Generator) -> bytes:
    """Begin as one file and go on as another."""
    begin, goes_on = (int(len(one) * draw.uniform(0, 1)) for one in (data, other))
    return data[:begin] + other[goes_on:]


def graft(data: bytes, other: bytes, draw: Generator) -> bytes:
    """Put a part of another file over a part of this one, without changing any length."""
    begin, end = _range(data, draw)
    end = min(end, len(data))
    at = int(draw.integers(max(1, len(other) - (end - begin))))
    return data[:begin] + other[at : at + end - begin] + data[end:]


def swap(data: bytes, other: bytes, draw: Generator) -> bytes:
    """Put two boxes in each other's place, or two halves of a file without boxes."""
    del other
    found = list(boxes(data))
    middle = len(data) // 2
    first, second = Box(0, middle, b""), Box(middle, len(data) - middle, b"")
    if len(found) > 1:
        chosen = draw.choice(len(found), 2, replace=False).tolist()
        first, second = sorted(found[at] for at in chosen)
    if second.at < first.at + first.size:  # one lies in the other: then the inner one goes
        return data[: second.at] + data[second.at + second.size :]
    parts = (data[: first.at], data[second.at : second.at + second.size])
    between = data[first.at + first.size : second.at]
    rest = (data[first.at : first.at + first.size], data[second.at + second.size :])
    return b"".join((*parts, between, *rest))


def repeat(data: bytes, other: bytes, draw: Generator) -> bytes:
    """Write a part twice."""
    del other
    begin, end = _range(data, draw)
    return data[:end] + data[begin:end] + data[end:]


def remove(data: bytes, other: bytes, draw: Generator) -> bytes:
    """Leave a part out."""
    del other
    begin, end = _range(data, draw)
    return data[:begin] + data[end:]


def as_text(data: bytes, other: bytes, draw: Generator) -> bytes:
    """Take a part for text, as tools did with the mangled files of WLASL."""
    del other
    begin, end = (0, len(data)) if draw.random() < 0.5 else _range(data, draw)  # noqa: PLR2004 - a coin
    return data[:begin] + data[begin:end].decode("utf-8", errors="replace").encode() + data[end:]


def retag(data: bytes, other: bytes, draw: Generator) -> bytes:
    """Name another codec: its decoder gets what is none of its own."""
    at = data.find(b"avc1", _header(data)[0])
    if at < 0:
        return flip_header(data, other, draw)
    return data[:at] + _CODECS[int(draw.integers(len(_CODECS)))] + data[at + 4 :]


Mutation = Callable[[bytes, bytes, Generator], bytes]
MUTATIONS: Mapping[str, Mutation] = {
    "bits flipped": flip,
    "bits of the index flipped": flip_header,
    "numbers of the index": numbers,
    "sizes of boxes": sizes,
    "cut off": cut,
    "a hole of zeros": hole,
    "random bytes": noise,
    "two files spliced": splice,
    "a part of another file": graft,
    "boxes swapped": swap,
    "a part twice": repeat,
    "a part left out": remove,
    "taken for text": as_text,
    "another codec's name": retag,
}
"""Every way by its name in the table: (the file, another file, random numbers) -> the damaged file."""
