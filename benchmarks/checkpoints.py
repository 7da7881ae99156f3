"""Checkpoints that are whole or not there: a digest in front, the one before kept beside."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from utils.files import spoken, write_whole

_DIGITS = 64


def save(path: Path, payload: bytes) -> None:
    """Write a checkpoint in one step and keep the previous one, in case this one is damaged later.

    Raises:
        BenchError: disk full, read-only or no permission; the previous checkpoint is intact.
    """
    head = hashlib.sha256(payload).hexdigest().encode()
    if _intact(path) is not None:  # a damaged one must not take the place of the intact one before it
        with spoken(path):
            _keep(path)
    write_whole(path, lambda file: (file.write(head), file.write(payload)))


def load(path: Path) -> bytes | None:
    """Return the newest intact checkpoint, or None where there is none."""
    for candidate in (path, _previous(path)):
        payload = _intact(candidate)
        if payload is not None:
            return payload
    return None


def remove(path: Path) -> None:
    """Delete a checkpoint and the one before it."""
    for candidate in (path, _previous(path)):
        candidate.unlink(missing_ok=True)


def _keep(path: Path) -> None:
    """Give the checkpoint its second name; the first stays, so that there is never a moment without one."""
    spare = path.with_name(path.name + ".spare")
    spare.unlink(missing_ok=True)
    try:
        os.link(path, spare)
    except OSError:  # a file system without hard links: `load` finds it by the second name alone
        os.replace(path, _previous(path))
    else:
        os.replace(spare, _previous(path))


def _previous(path: Path) -> Path:
    """Return where the checkpoint before the newest lies."""
    return path.with_name(path.name + ".previous")


def _intact(path: Path) -> bytes | None:
    """Return a checkpoint's content where its digest fits it."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    head, payload = content[:_DIGITS], content[_DIGITS:]
    return payload if hashlib.sha256(payload).hexdigest().encode() == head else None
