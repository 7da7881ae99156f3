"""The videos under a folder, however they are nested: found once, by name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from utils.errors import BenchError
from wlasl.root import VIDEO_SUFFIXES

DEPTH = 4
"""How many folders deep videos are looked for."""


def videos_under(root: Path, depth: int = DEPTH) -> list[Path]:
    """Return every video file under a folder, sorted; hidden files are passed over, loops of links end.

    Raises:
        BenchError: a folder cannot be listed.
    """
    return sorted(_walk(root, depth, set()))


def _walk(folder: Path, depth: int, seen: set[str]) -> Iterator[Path]:
    """Yield the videos of a folder and of those in it, none of which is in `seen`."""
    seen.add(os.path.realpath(folder))
    inner = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.lower().endswith(VIDEO_SUFFIXES) and os.path.isfile(entry.path):
                    if not entry.name.startswith("."):
                        yield folder / entry.name
                elif depth > 0 and not entry.name.startswith(".") and os.path.isdir(entry.path):
                    inner.append(folder / entry.name)
    except OSError as error:
        raise BenchError(f"Cannot list {folder}: {error.strerror}.") from error
    for path in sorted(inner):
        if os.path.realpath(path) not in seen:
            yield from _walk(path, depth - 1, seen)
