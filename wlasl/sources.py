"""A copy of a data set that somebody brings, as a folder or a zip: what it holds, and how a file gets out.

Nothing here trusts the copy. An archive with a name that leads out of it, with a link or with an encrypted
file is refused whole, by that name, before anything is written; no file is written longer than it was said
to be.
"""

from __future__ import annotations

import contextlib
import errno
import lzma
import os
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, Protocol

from utils.errors import BenchError
from utils.files import spoken, write_whole

How = Literal["linked", "copied", "unpacked"]
_BLOCK = 1 << 20
# The file system, or its rules, does not let us link: then the file is copied.
_UNLINKABLE = {
    errno.EXDEV,
    errno.EPERM,
    errno.EACCES,
    errno.EMLINK,
    errno.ENOTSUP,
    errno.EINVAL,
    errno.ENOSYS,
}


class DamagedError(Exception):
    """One file of the copy cannot be read; its text says why."""


@dataclass(frozen=True)
class Item:
    """One file of the copy: its name there, with `/` between folders, and its size in bytes as stated."""

    name: str
    size: int


class Source(Protocol):
    """A copy that can be listed and taken from."""

    path: Path
    items: tuple[Item, ...]
    links: tuple[str, ...]

    def place(self, item: Item, target: Path) -> How:
        """Put a file of the copy at `target`, whole; DamagedError where it cannot be read."""

    def write(self, item: Item, file: IO[bytes]) -> None:
        """Write the bytes of a file of the copy; DamagedError where it cannot be read."""

    def costs(self, target: Path) -> bool:
        """Say whether files placed under `target` take space there."""


@contextlib.contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a folder or a zip.

    Raises:
        BenchError: there is nothing there, it is neither, or the archive is unsafe.
    """
    if path.is_dir():
        yield Folder(path.resolve())
    elif not path.exists():
        raise BenchError(f"There is no file or folder {path}.")
    else:
        with _opened(path) as archive:
            yield Archive(path, archive)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip file."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise BenchError(
            f"{path} is neither a folder nor a whole zip file ({error}). Was the download complete?"
        ) from error
    except OSError as error:
        raise BenchError(f"Cannot read {path}: {error.strerror}.") from error
    with archive:
        yield archive


class Folder:
    """A copy in a folder: files are hard-linked where the file system allows it, else copied.

    Symbolic links in it are not followed; `links` names them.
    """

    def __init__(self, path: Path) -> None:
        """List the folder."""
        self.path = path
        found = sorted(_walked(path, ""))
        self.items = tuple(Item(name, size) for name, size in found if size >= 0)
        self.links = tuple(name for name, size in found if size < 0)

    def place(self, item: Item, target: Path) -> How:
        """Link or copy a file to `target`."""
        if _linked(self.path / item.name, target):
            return "linked"
        write_whole(target, lambda file: self.write(item, file))
        return "copied"

    def write(self, item: Item, file: IO[bytes]) -> None:
        """Write a file's bytes."""
        try:
            source = (self.path / item.name).open("rb")
        except OSError as error:
            raise DamagedError(error.strerror) from error
        with source:
            _pour(source, file, item.size)

    def costs(self, target: Path) -> bool:
        """Say whether the target is on another file system, so that files must be copied."""
        return self.path.stat().st_dev != _existing(target).stat().st_dev


def _walked(folder: Path, prefix: str) -> Iterator[tuple[str, int]]:
    """Yield the name and size of every file below a folder; a symbolic link has size -1."""
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise BenchError(f"Cannot list {folder}: {error.strerror}.") from error
    for entry in entries:
        name = prefix + entry.name
        if entry.is_symlink():
            yield name, -1
        elif entry.is_dir():
            yield from _walked(folder / entry.name, f"{name}/")
        elif entry.is_file():
            yield name, entry.stat().st_size


def _linked(source: Path, target: Path) -> bool:
    """Put a hard link to `source` at `target` in one step, and say whether it could be done."""
    with spoken(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".link.") as folder:
            second = Path(folder) / target.name
            if can_link := _link(source, second):
                os.replace(second, target)
    return can_link


def _link(source: Path, second: Path) -> bool:
    """Make a hard link, and say whether the file system allows it."""
    try:
        os.link(source, second, follow_symlinks=False)
    except OSError as error:
        if error.errno in _UNLINKABLE:
            return False
        raise
    return True


class Archive:
    """A copy in a zip file.

    Raises:
        BenchError: a name leads out of it, or is a link's, or a file is encrypted.
    """

    links: tuple[str, ...] = ()

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        """List the archive, and refuse an unsafe one."""
        self.path = path
        self._archive = archive
        for info in archive.infolist():
            if problem := _unsafe(info):
                raise BenchError(
                    f"{path} is not safe to unpack: {info.filename!r} {problem}. Nothing was written."
                )
        self._infos = {info.filename: info for info in archive.infolist() if not info.is_dir()}
        self.items = tuple(Item(_slashed(name), info.file_size) for name, info in self._infos.items())
        self._names = {_slashed(name): name for name in self._infos}

    def place(self, item: Item, target: Path) -> How:
        """Unpack a file to `target`."""
        write_whole(target, lambda file: self.write(item, file))
        return "unpacked"

    def write(self, item: Item, file: IO[bytes]) -> None:
        """Write a file's bytes; its checksum is compared on the way."""
        try:
            source = self._archive.open(self._infos[self._names[item.name]])
        except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
            raise DamagedError(str(error)) from error
        with source:
            _pour(source, file, item.size)

    def costs(self, target: Path) -> bool:
        """Say that unpacking takes space, wherever."""
        del target
        return True


def _unsafe(info: zipfile.ZipInfo) -> str:
    """Say what is unsafe about an entry of an archive, or nothing."""
    name = _slashed(info.filename)
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "is an absolute name"
    if ".." in name.split("/"):
        return "leads out of the archive"
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "is a symbolic link"
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "is no ordinary file"
    return "is encrypted" if info.flag_bits & 1 else ""


def _slashed(name: str) -> str:
    """Return a name with `/` between folders, whatever the system that packed it."""
    return name.replace("\\", "/")


def _pour(source: IO[bytes], file: IO[bytes], size: int) -> None:
    """Copy exactly `size` bytes; more or fewer is damage."""
    left = size
    while block := _read(source):
        left -= len(block)
        if left < 0:
            raise DamagedError(f"it is longer than the {size} bytes that it should have")
        file.write(block)
    if left:
        raise DamagedError(f"it ends {left} bytes too early")


def _read(source: IO[bytes]) -> bytes:
    """Read a block of a file of the copy."""
    try:
        return source.read(_BLOCK)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        raise DamagedError(str(error)) from error


def free_space(target: Path) -> int:
    """Return how many bytes are free where `target` lies or will lie."""
    return shutil.disk_usage(_existing(target)).free


def _existing(path: Path) -> Path:
    """Return a path's nearest ancestor that exists, or itself."""
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
