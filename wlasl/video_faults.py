"""Why a file cannot serve as a clip: the reasons, the bounds, and what its first bytes say of it.

Bounds are counts of pixels and frames, never times: a slow machine keeps the same clips as a fast one.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, get_args

import av

Reason = Literal[
    "missing",
    "not a file",
    "empty",
    "html",
    "mangled",
    "truncated",
    "no video stream",
    "picture too small",
    "picture too large",
    "turned oddly",
    "too few frames",
    "too many frames",
    "unreadable",
    "landmarks do not fit",
]
REASONS: tuple[Reason, ...] = get_args(Reason)

RULES = 2
"""Version of what is refused: a clip that an older one refused is tried again."""
BROKEN_SHARE = 0.1
"""A video is unreadable when more than this share of its frames do not decode, or are pieced together."""
LEAST_SIDE = 16
"""A picture needs so many pixels on each side: half the smallest at which anybody tells signs apart."""
MOST_PIXELS = 8192 * 4320
"""Of one picture: the largest that cameras take. More is a mistake, or meant to fill the memory."""
MOST_FRAMES = 3000
"""Of one clip: 100 seconds at 30 frames each. WLASL's longest sign has 282."""

_HEAD = 1 << 16
"""How many first bytes are looked at to find out why a file cannot be read."""
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}".encode()
_MOST_BOXES = 10_000
"""An MP4 file has a dozen boxes, or some per second where it was made for streaming."""
_FLV_SLACK = 0.95
"""Tools that add tags to an FLV file afterwards leave its size as it was."""
_PAGES = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<!--")
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"BM", b"II*\x00", b"MM\x00*")
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


class VideoError(Exception):
    """A file that cannot serve as a clip.

    Attributes:
        reason: one of `REASONS`.
        detail: what was seen, for a person; may be empty.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        """Keep the reason and the detail."""
        super().__init__(f"{reason} ({detail})" if detail else reason)
        self.reason: Reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[VideoError], tuple[Reason, str]]:
        """Be pickled as the reason and the detail."""
        return VideoError, (self.reason, self.detail)


@dataclass(slots=True)
class Seen:
    """What came of a stream's packets so far.

    Attributes:
        frames: that decode.
        pieced: those of them that the decoder pieced together from what it had.
        broken: packets that do not decode.
        discarded: packets that the file itself says are not to be shown (an edit list).
        damaged: broken packets, and frames between one and the next frame that stands for itself.
        in_error: a packet was broken, and no frame that stands for itself has come since.
    """

    frames: int = 0
    pieced: int = 0
    broken: int = 0
    discarded: int = 0
    damaged: int = 0
    in_error: bool = False

    def count(self, frame: av.VideoFrame) -> None:
        """Count a frame."""
        self.in_error = self.in_error and not frame.key_frame
        self.frames += 1
        self.pieced += frame.is_corrupt
        self.damaged += self.in_error

    def count_broken(self) -> None:
        """Count a packet that does not decode."""
        self.broken += 1
        self.damaged += 1
        self.in_error = True

    def __str__(self) -> str:
        """Return it in words."""
        pieced = f", {self.pieced} of them in pieces" if self.pieced else ""
        return f"{self.frames} frames decode{pieced}, {self.broken} packets do not"


def refuse_no_file(path: Path) -> None:
    """Refuse a folder, a pipe, a device and a loop of links: opening a pipe waits for ever.

    Raises:
        VideoError: there is nothing, or no ordinary file.
    """
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except FileNotFoundError as error:
        raise VideoError("missing") from error
    except OSError as error:
        reason: Reason = "not a file" if error.errno == errno.ELOOP else "unreadable"
        raise VideoError(reason, error.strerror or str(error)) from error
    if kind != stat.S_IFREG:
        raise VideoError("not a file", f"it is {_KINDS.get(kind, 'something else')}")


def refuse_size(width: int, height: int) -> None:
    """Refuse pictures that are too small to show a sign, or larger than any camera's.

    Raises:
        VideoError: they are.
    """
    if width * height > MOST_PIXELS:
        raise VideoError("picture too large", f"{width}x{height}")
    if min(width, height) < LEAST_SIDE:
        raise VideoError("picture too small", f"{width}x{height}")


def refuse_codec(name: str, configuration: bytes | None) -> None:
    """Refuse a header that names a codec and carries the configuration of another.

    QuickTime Animation makes pictures of any bytes at all, and has no configuration; H.264's begins with a 1.

    Raises:
        VideoError: it does.
    """
    if name == "qtrle" and configuration and configuration[0] == 1:
        raise VideoError("unreadable", "its header names another codec than its pictures have")


def why(path: Path) -> Reason:
    """Return why a file that does not decode does not, from its bytes."""
    try:
        with path.open("rb") as file:
            size, head = os.fstat(file.fileno()).st_size, file.read(_HEAD)
            cut_off = is_cut_off(file, size, head)
    except OSError as error:
        return "missing" if error.errno == errno.ENOENT else "unreadable"
    if size == 0:
        return "empty"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:16].lower().startswith(_PAGES):
        return "html"
    if head.startswith(_PICTURES):
        return "no video stream"
    # A tool that took the file for text replaced every byte above 127 by this three-byte mark.
    if head.count(_REPLACEMENT) * 100 > len(head):
        return "mangled"
    return "truncated" if cut_off else "unreadable"


def cut_off(path: Path) -> bool:
    """Say whether a file ends before the place where it says itself that it does."""
    with path.open("rb") as file:
        return is_cut_off(file, os.fstat(file.fileno()).st_size, file.read(_HEAD))


def is_cut_off(file: BinaryIO, size: int, head: bytes) -> bool:
    """Say it of an MP4, MOV, AVI, MKV, WebM or FLV file of `size` bytes; others do not tell."""
    if head[4:8] == b"ftyp":
        return _boxes_end(file.fileno(), size)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return int.from_bytes(head[4:8], "little") + 8 > size
    if head[:4] == _EBML:
        return _segment_end(head) > size
    return head[:3] == b"FLV" and _flv_size(head) * _FLV_SLACK > size


def _boxes_end(descriptor: int, size: int) -> bool:
    """Walk an MP4 file's boxes; say whether one reaches over the end, or no index (moov) is there."""
    at, kinds, boxes = 0, set(), 0
    while at + 8 <= size and boxes < _MOST_BOXES:
        head, boxes = os.pread(descriptor, 16, at), boxes + 1
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        kinds.add(head[4:8])
        if length == 0:
            break
        if length < 8:  # noqa: PLR2004 - a box's own head
            return True
        at += length
    return at > size or b"moov" not in kinds


def _segment_end(head: bytes) -> int:
    """Return where a Matroska file's one segment ends by its own word; 0 where it does not say."""
    length, begin = _ebml_number(head, len(_EBML))
    at = begin + length
    if head[at : at + len(_SEGMENT)] != _SEGMENT:
        return 0
    length, begin = _ebml_number(head, at + len(_SEGMENT))
    return begin + length if length else 0


def _ebml_number(data: bytes, at: int) -> tuple[int, int]:
    """Return an EBML length, 0 where it is left open, and where it ends.

    The zeros before its first one say how many bytes follow; all ones mean that nobody knows.
    """
    first = data[at] if at < len(data) else 0
    count = 9 - first.bit_length()
    mask = (1 << 7 * count) - 1
    value = int.from_bytes(data[at : at + count], "big") & mask
    return (0 if value == mask else value), at + count


def _flv_size(head: bytes) -> int:
    """Return the size of an FLV file by its own word; 0 where it does not say."""
    at = head.find(b"filesize\x00")
    number = head[at + 9 : at + 17]
    if at < 0 or len(number) < 8:  # noqa: PLR2004 - bytes of a double
        return 0
    found = struct.unpack(">d", number)[0]
    return int(found) if 0 < found < 1 << 50 else 0
