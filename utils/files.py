"""Files written whole or not at all, and their fingerprints."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from utils.errors import FAILURE, BenchError

_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space and run the same command again",
    errno.EDQUOT: "your disk quota is used up; free some space and run the same command again",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.EACCES: "permission denied; choose a folder that you can write to",
    errno.EPERM: "permission denied; choose a folder that you can write to",
}


@contextlib.contextmanager
def spoken(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write `path` into a sentence."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, error.strerror or str(error))
        raise BenchError(f"Cannot write {path}: {advice}.", exit_code=FAILURE) from error


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Call `write` on a temporary file beside `path`, then put it in place in one step.

    The file is flushed to the disk before the rename and the folder after it, so that after a crash
    `path` holds either the old content or all of the new.

    Raises:
        BenchError: disk full, read-only or no permission; nothing is left behind.
    """
    with spoken(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:80]}.", suffix=".tmp")
        try:
            with os.fdopen(descriptor, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
            raise
        sync_folder(path.parent)


def _umask() -> int:
    """Return the process's file mode mask, which mkstemp ignores."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole, as UTF-8."""
    write_whole(path, lambda file: file.write(text.encode()))


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Write a JSON file whole: sorted keys, indented, NaN refused, a newline at the end."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_text(path, text + "\n")


def read_json(path: Path) -> Any:  # noqa: ANN401 - any JSON value
    """Read a JSON file.

    Raises:
        BenchError: the file is missing, cannot be read, or is not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise BenchError(f"{path} is missing.") from error
    except (ValueError, RecursionError) as error:
        raise BenchError(f"{path} is not a JSON file: {error}.") from error
    except OSError as error:
        raise BenchError(f"Cannot read {path}: {error.strerror}.") from error


def canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return the one byte string that stands for a JSON value, for hashing."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def short_hash(value: Any, digits: int = 12) -> str:  # noqa: ANN401 - any JSON value
    """Return the first digits of the SHA-256 of a JSON value's canonical form."""
    return hashlib.sha256(canonical(value)).hexdigest()[:digits]
