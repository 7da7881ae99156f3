"""What a run predicted, kept so that every metric can be computed again: `runs/<id>/scores.npz`."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from utils.errors import FAILURE, BenchError
from utils.files import write_whole

DAMAGED = (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What reading a damaged archive raises, each seen by flipping every byte of one."""


@dataclass(frozen=True)
class Scored:
    """What a run predicted for one part.

    Attributes:
        ids: the clips' ids.
        labels: int64 [clips], the clips' classes.
        scores: float32 [clips, classes].
    """

    ids: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Scores:
    """Everything that a run predicted: the glosses in class order, and val and test."""

    glosses: tuple[str, ...]
    parts: Mapping[str, Scored]


def write_scores(path: Path, scores: Scores) -> None:
    """Write scores whole, compressed: per part `<part>`, `<part>_ids`, `<part>_labels`, and `glosses`.

    Raises:
        BenchError: the file cannot be written.
    """
    arrays: dict[str, Any] = {"glosses": np.array(scores.glosses, dtype=np.str_)}
    for name, part in scores.parts.items():
        arrays[name] = part.scores.astype(np.float32, copy=False)
        arrays[f"{name}_ids"] = np.array(part.ids, dtype=np.str_)
        arrays[f"{name}_labels"] = part.labels.astype(np.int64, copy=False)
    write_whole(path, lambda file: np.savez_compressed(file, **arrays))


def read_scores(path: Path) -> Scores:
    """Read what `write_scores` wrote.

    Raises:
        BenchError: the file is missing, damaged, or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            names = [name for name in file.files if f"{name}_ids" in file.files]
            parts = {name: _scored(file, name) for name in names}
            return Scores(tuple(file["glosses"].tolist()), parts)
    except FileNotFoundError as error:
        raise BenchError(f"{path} is missing: this run's scores are not on this machine.") from error
    except DAMAGED as error:
        raise BenchError(f"{path} holds no scores of a run: {error}.", exit_code=FAILURE) from error


def _scored(file: Mapping[str, npt.NDArray[Any]], name: str) -> Scored:
    """Return one part of an opened scores file; ValueError where its arrays do not fit together."""
    ids, labels, scores = file[f"{name}_ids"], file[f"{name}_labels"], file[name]
    if not len(ids) == len(labels) == len(scores):
        raise ValueError(f"{len(ids)} ids, {len(labels)} labels and {len(scores)} rows of scores for {name}")
    return Scored(tuple(ids.tolist()), labels.astype(np.int64), scores.astype(np.float32))
