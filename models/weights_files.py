"""Tells files of weights apart, refuses what is plainly none, and fingerprints them; needs no framework."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

from utils.errors import BenchError
from utils.files import sha256

_GZIP = b"\x1f\x8b"
_LFS = b"version https://git-lfs"
_PAGES = (b"<!doctype", b"<html", b"<head", b"<?xml")
_HEAD = 1024  # bytes that are looked at to tell what a file is
_ZIP = b"PK\x03\x04"
_PACKED, _SLACK = 8, 64 << 20
"""A checkpoint may hold so many times its size, and a little: torch packs nothing, bombs a thousandfold."""
_LENGTH = 8  # of the number that a safetensors file begins with; a JSON table follows


def beginning(path: Path) -> bytes:
    """Return the first bytes of a file, after refusing what is plainly no checkpoint.

    Raises:
        BenchError: it is missing, no file, unreadable, empty, a web page or a pointer of Git LFS.
    """
    try:
        # Opening a pipe would wait for whoever writes into it.
        if not (stat.S_ISREG(path.stat().st_mode) or path.is_dir()):
            raise BenchError(f"{path} is no file, but a pipe or a device.")
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except FileNotFoundError as error:
        raise BenchError(f"There is no weights file {path}.") from error
    except OSError as error:
        raise BenchError(f"Cannot read {path}: {error.strerror}.") from error
    refuse_page(str(path), head)
    if not head:
        raise BenchError(f"{path} is empty. Fetch it again.")
    if head.startswith(_LFS):
        raise BenchError(f"{path} is a pointer of Git LFS, not the weights. Fetch them with: git lfs pull")
    return head


def refuse_page(name: str, head: bytes) -> None:
    """Refuse bytes that begin as a web page does.

    Raises:
        BenchError: they do.
    """
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGES):
        raise BenchError(f"{name} is a web page, not weights. Fetch the file itself.")


def is_tensorflow(path: Path) -> bool:
    """Say whether a path is a TensorFlow checkpoint: an archive, a folder, an `.index` file or a prefix.

    Raises:
        BenchError: it is a file that is plainly no checkpoint at all.
    """
    if path.is_file() and path.suffix != ".index":
        return beginning(path).startswith(_GZIP)
    return path.is_dir() or path.with_name(f"{path.name.removesuffix('.index')}.index").is_file()


def is_safetensors(path: Path) -> bool:
    """Say whether a file is in the safetensors format.

    Raises:
        BenchError: it is plainly no checkpoint at all.
    """
    return beginning(path)[_LENGTH : _LENGTH + 1] == b"{" or path.suffix == ".safetensors"


def digest(path: Path) -> str:
    """Return the SHA-256 of a file of weights, or of a TensorFlow checkpoint's files, sorted by name.

    Raises:
        BenchError: there is no such file, or it cannot be read.
    """
    from models import movinet_weights, tf_bundle  # noqa: PLC0415 - only these checkpoints need them

    try:
        if not is_tensorflow(path):
            beginning(path)
            return sha256(path)
        if tf_bundle.parts(path):
            return movinet_weights.fingerprint(path)
    except OSError as error:
        raise BenchError(f"Cannot read {path}: {error.strerror}.") from error
    raise BenchError(f"{path} holds no weights.")


def refuse_bomb(path: Path) -> None:
    """Refuse a zip file of weights that would take many times its own size in memory.

    Raises:
        BenchError: it would.
    """
    try:
        if not beginning(path).startswith(_ZIP):
            return
        size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return  # whoever reads it says what is wrong with it
    if unpacked > _PACKED * size + _SLACK:
        times = unpacked / size
        raise BenchError(f"{path} would unpack to {times:,.0f} times its size, and was not read.")
