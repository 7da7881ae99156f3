"""Readers of MediaPipe Holistic's landmarks, a file per clip: `.npz` with its parts, or `.npy` of x and y.

Holistic tells the hands apart itself, by the body: slots need no work here.
"""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wlasl.clips import Clip
from wlasl.landmarks.form import LandmarkError, Landmarks
from wlasl.landmarks.joints import HAND, HOLISTIC, POSE

Array = npt.NDArray[np.float32]

BROKEN = (
    *(OSError, EOFError, MemoryError, ValueError, TypeError, OverflowError, SyntaxError, RuntimeError),
    *(tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)
"""What NumPy raises for a file of arrays of which some bytes are wrong."""

_PARTS = {"pose": len(POSE), "left_hand": len(HAND), "right_hand": len(HAND)}


@contextmanager
def refused(path: Path) -> Iterator[None]:
    """Turn what reading a broken array file raises into a LandmarkError."""
    try:
        yield
    except FileNotFoundError as error:
        raise LandmarkError("missing", f"{path.name} is gone") from error
    except KeyError as error:
        raise LandmarkError("shape", f"{path.name} has no array named {error}") from error
    except BROKEN as error:
        raise LandmarkError("unreadable", f"{path.name}: {error}") from error


def load_npz(path: Path) -> Mapping[str, npt.NDArray[np.generic]]:
    """Read all arrays of an `.npz`; nothing is ever unpickled.

    Raises:
        LandmarkError: there is no such file, or it is none.
    """
    with refused(path):
        if not zipfile.is_zipfile(path):
            raise ValueError("not an .npz file" if path.exists() else "no such file")
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}


def load_npy(path: Path) -> npt.NDArray[np.generic]:
    """Read an `.npy`; nothing is ever unpickled.

    Raises:
        LandmarkError: there is no such file, or it is none.
    """
    with refused(path):
        found = np.load(path, allow_pickle=False)
        if not isinstance(found, np.ndarray):
            raise EOFError("not an .npy file")  # noqa: TRY004 - the file, not the argument
        return found


def floats(path: Path, array: npt.NDArray[np.generic]) -> Array:
    """Return numbers as float32.

    Raises:
        LandmarkError: they are none.
    """
    with refused(path):
        return np.asarray(array, np.float32)


def holistic_npz(path: Path, clip: Clip, source: str = "mediapipe-holistic") -> Landmarks:
    """Read `pose` [T, 33, D], `left_hand` and `right_hand` [T, 21, D], D 2 or 3, NaN where not seen.

    In image coordinates, y down; z is in the unit of x, from the hips for the pose and from the wrist for a
    hand. `size` (width, height) and `fps` may be there. This is the form of the sample's true landmarks.

    Raises:
        LandmarkError: the file is broken, an array is missing, or one has another shape.
    """
    del clip
    found = load_npz(path)
    with refused(path):
        parts = [floats(path, found[name]) for name in _PARTS]
    shapes = [part.shape for part in parts]
    if any(len(shape) != 3 for shape in shapes) or len({(s[0], s[2]) for s in shapes}) > 1:  # noqa: PLR2004
        told = ", ".join(f"{name} {list(shape)}" for name, shape in zip(_PARTS, shapes, strict=True))
        raise LandmarkError("shape", f"the parts do not fit together: {told}")
    size, fps = _numbers(path, found, "size", 2), _numbers(path, found, "fps", 1)
    return Landmarks(
        np.concatenate(parts, axis=1),
        HOLISTIC,
        source,
        size=(round(size[0]), round(size[1])) if size and min(size) > 0 else None,
        fps=fps[0] if fps and fps[0] > 0 else None,
    )


def _numbers(
    path: Path, found: Mapping[str, npt.NDArray[np.generic]], name: str, count: int
) -> list[float] | None:
    """Return the few numbers of a small array; None where it is not there or says nothing."""
    if name not in found:
        return None
    numbers = [float(number) for number in floats(path, found[name]).astype(np.float64).ravel()]
    return numbers if len(numbers) == count and all(map(np.isfinite, numbers)) else None


def holistic_npy(path: Path, clip: Clip) -> Landmarks:
    """Read [T, 150]: x and y of 33 points of the pose, then of the left hand's 21 and the right hand's.

    As xmartlabs/spoter-embeddings' preprocessing writes it: image coordinates, y down; a part that was not
    found is all zeros.

    Raises:
        LandmarkError: the file is broken or has another shape.
    """
    del clip
    found = floats(path, load_npy(path))
    if found.ndim != 2 or found.shape[1] != 2 * len(HOLISTIC):  # noqa: PLR2004
        raise LandmarkError("shape", f"the array is {list(found.shape)}, not [frames, {2 * len(HOLISTIC)}]")
    points = found.reshape(-1, len(HOLISTIC), 2).copy()
    first = 0
    for count in _PARTS.values():
        part = points[:, first : first + count]
        part[(part == 0).all(axis=(1, 2))] = np.nan
        first += count
    return Landmarks(points, HOLISTIC, "mediapipe-holistic")
