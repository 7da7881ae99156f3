"""Checksums inside JSON files: by them a file that was changed after it was written is known for it.

One is of the content, however it is laid out; the other of the very bytes of the file, which is five times as
quick to check and says nothing where a file was only laid out anew.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from utils.errors import BenchError
from utils.files import canonical, read_json, write_whole

BODY, FILE = "body_sha256", "file_sha256"
_BLANK = "0" * 64
_SEAL = re.compile(rb'"file_sha256": "([0-9a-f]{64})"')
_SEALS = re.compile(rb'"(?:body|file)_sha256": "[0-9a-f]{64}",\s*')


def sealed(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body with its checksum, by which a later change is known."""
    return {**body, BODY: _checksum(body)}


def write_sealed(path: Path, body: Mapping[str, Any]) -> None:
    """Write a JSON file whole, with the checksums of its body and of itself.

    Raises:
        BenchError: disk full, read-only or no permission; nothing is left behind.
    """
    content = sealed_file(body)
    write_whole(path, lambda file: file.write(content))


def sealed_file(body: Mapping[str, Any]) -> bytes:
    """Return a body as the content of a JSON file: sorted keys, indented, with both checksums."""
    whole = {**sealed(body), FILE: _BLANK}
    text = json.dumps(whole, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"
    blank = text.encode()
    seal = f'"{FILE}": "{hashlib.sha256(blank).hexdigest()}"'
    return blank.replace(f'"{FILE}": "{_BLANK}"'.encode(), seal.encode())


def is_intact(content: bytes) -> bool:
    """Say whether a file is, byte for byte, as `write_sealed` wrote it; False says nothing more."""
    seals = list(_SEAL.finditer(content))
    if len(seals) != 1:
        return False
    blank = content[: seals[0].start(1)] + _BLANK.encode() + content[seals[0].end(1) :]
    return hashlib.sha256(blank).hexdigest().encode() == seals[0][1]


def without_seals(content: bytes) -> bytes:
    """Return an intact file's content without its checksums: the JSON object of the body alone."""
    return _SEALS.sub(b"", content)


def read_unsealed(path: Path, newest: int, otherwise: str) -> tuple[dict[str, Any], str]:
    """Read a JSON file; return its body without checksums, and how one can tell that it was changed.

    Args:
        path: of the file.
        newest: the newest format that is understood.
        otherwise: what is said of a file without a body, such as "is not a run's record".

    Raises:
        BenchError: the file is missing or no such file, or was written by a newer version.
    """
    body = read_json(path)
    if not isinstance(body, dict):
        raise BenchError(f"{path} {otherwise}.")
    version = body.get("format")
    if isinstance(version, int) and version > newest:
        raise BenchError(
            f"{path} was written by a newer version of bench (format {version}). Update this one."
        )
    return body, unsealed(path, body)


def unsealed(path: Path, body: dict[str, Any]) -> str:
    """Take the checksums out of a body that was read from `path`, and say whether that was changed.

    Raises:
        BenchError: the body holds what none of ours can hold, NaN.
    """
    claimed = body.pop(BODY, None)
    body.pop(FILE, None)
    try:
        actual = _checksum(body)
    except ValueError as error:
        raise BenchError(f"{path} is not a run's record: it holds NaN or an infinite number.") from error
    return "" if claimed == actual else "changed after it was written"


def _checksum(body: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a body in its canonical form."""
    return hashlib.sha256(canonical(body)).hexdigest()
