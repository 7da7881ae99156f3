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
    files, folders = _listed(folder)
    yield from files
    for inner in folders if depth > 0 else ():
        if os.path.realpath(inner) not in seen:
            yield from _walk(inner, depth - 1, seen)


def _listed(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return a folder's videos and the folders in it, without what is hidden."""
    try:
        with os.scandir(folder) as entries:
            shown = sorted((e for e in entries if not e.name.startswith(".")), key=lambda entry: entry.name)
            files = [
                folder / e.name for e in shown if e.name.lower().endswith(VIDEO_SUFFIXES) and e.is_file()
            ]
            return files, [folder / entry.name for entry in shown if entry.is_dir()]
    except OSError as error:
        raise BenchError(f"Cannot list {folder}: {error.strerror}.") from error
