"""What was asked for, before anything is prepared: the key of a run from its line to its record."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.recipe_base import Recipe
from utils.files import short_hash

_FILLED_IN = ("clips", "weights_sha256")
_DIGITS = 16
_PLAIN = re.compile(r"[a-z]+(-[a-z]+)*")
"""Landmarks of such a name are called so in records, too."""


def asked(recipe: Recipe) -> str:
    """Return the key of a recipe: 16 hexadecimal digits, the same before and after a run filled it in.

    Raises:
        BenchError: the file that its weights name cannot be read, or holds none.
    """
    return asked_of(recipe.model_dump(mode="json"))


def asked_of(fields: Mapping[str, Any]) -> str:
    """Return the key of a recipe given as plain fields, such as a record's.

    A file goes by its name, as in records, whatever its folder; one of weights by its content, too: every
    run's are called `best.pt`.

    Raises:
        BenchError: the file that its weights name cannot be read, or holds none.
    """
    told = {name: value for name, value in fields.items() if name not in _FILLED_IN}
    weights, landmarks = told.get("weights", "none"), told.get("landmarks", "")
    if _is_file(weights):
        told["weights"] = [Path(weights).name, fields.get("weights_sha256") or _digest(weights)]
    if landmarks and not fields.get("clips") and not _PLAIN.fullmatch(landmarks):
        from wlasl.landmarks.sources import short_name  # noqa: PLC0415 - it brings codecs in

        # Not of a record's: a name that has a dot would lose what stands behind it.
        told["landmarks"] = short_name(landmarks)
    return short_hash(told, _DIGITS)


def _is_file(weights: str) -> bool:
    """Say whether a recipe starts from a file of weights."""
    if weights in {"none", "kinetics"}:
        return False
    from benchmarks.chain import is_run  # noqa: PLC0415 - it builds on this module

    return not is_run(weights)


def _digest(weights: str) -> str:
    """Return the SHA-256 of a file of weights; empty where it is not there yet."""
    from models.weights_files import is_tensorflow  # noqa: PLC0415 - most runs start from no file

    path = Path(weights).expanduser()
    if path.exists():
        return _read(path, path.stat().st_mtime_ns)
    return _read(path, 0) if is_tensorflow(path) else ""


@lru_cache(maxsize=64)
def _read(path: Path, _changed: int) -> str:
    """Return the SHA-256 of a file of weights, read once however many seeds start from it."""
    from models.weights_files import digest  # noqa: PLC0415 - most runs start from no file

    return digest(path)
