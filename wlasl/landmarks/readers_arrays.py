"""Readers of array files that hold many clips at once: `asl300_hands.npz` and `asl300_pose_hands_30.npz`.

A file is opened for its ids alone, which takes milliseconds; its landmarks are read with the first clip that
is asked for, all of them in one go.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from utils.errors import BenchError
from wlasl.clips import Clip
from wlasl.landmarks.form import LandmarkError, Landmarks
from wlasl.landmarks.joints import HAND, HANDS, HOLISTIC, POSE
from wlasl.landmarks.readers_mediapipe import BROKEN, Array, floats
from wlasl.landmarks.sides import middles, stable

_POSE_NUMBERS, _HAND_NUMBERS = 4 * len(POSE), 3 * len(HAND)
_USUAL = 50
"""So many frames with both hands say as much about where a signer stands as the middle of the picture."""
_UNSEEN = -1
"""What `asl300_hands.npz` holds where no hand was seen."""


class ArrayFile:
    """An `.npz` of many clips.

    Args:
        path: the file; `video_id` and `x` are read from it, nothing is unpickled.

    Attributes:
        paths: the file.

    Raises:
        BenchError: it cannot be read, or is of another kind.
    """

    kind = ""
    joints: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    whole = True

    def __init__(self, path: Path) -> None:
        """Read which clips there are."""
        self.path = path
        self.paths: tuple[Path, ...] = (path,)
        ids = self._array("video_id")
        if ids.ndim != 1 or not len(ids):
            raise BenchError(f"{path}: 'video_id' is {list(ids.shape)}; it must list the clips.")
        self._at = {str(name): at for at, name in enumerate(ids.tolist())}
        if len(self._at) < len(ids):
            raise BenchError(f"{path}: 'video_id' names {len(ids) - len(self._at)} clips twice.")

    def ids(self) -> tuple[str, ...]:
        """Return the ids of its clips, in the file's order."""
        return tuple(self._at)

    def place(self, clip: Clip) -> str:
        """Return nothing: a clip is found by its id."""
        del clip
        return ""

    def read(self, clip: Clip) -> Landmarks:
        """Return one clip's landmarks.

        Raises:
            LandmarkError: the clip is not there, or its numbers are of no use.
        """
        if clip.id not in self._at:
            raise LandmarkError("missing", f"{self.path.name} has no clip {clip.id}")
        return self._clip(self._at[clip.id])

    def _clip(self, at: int) -> Landmarks:
        """Return the landmarks of the clip at a position."""
        raise NotImplementedError

    def _array(self, name: str) -> npt.NDArray[Any]:
        """Read one array.

        Raises:
            BenchError: it is not there or cannot be read.
        """
        try:
            with np.load(self.path, allow_pickle=False) as file:
                return np.asarray(file[name])
        except KeyError as error:
            raise BenchError(f"{self.path} has no array named {name!r}: is it of another kind?") from error
        except (AttributeError, *BROKEN) as error:
            raise BenchError(f"{self.path} cannot be read ({error}).") from error

    def _has(self, name: str) -> bool:
        """Say whether there is such an array."""
        with np.load(self.path, allow_pickle=False) as file:
            return name in file.files

    @functools.cached_property
    def _x(self) -> Array:
        """Return the landmarks of all clips.

        Raises:
            LandmarkError: they are no numbers.
        """
        return floats(self.path, self._array("x"))


class HandsFile(ArrayFile):
    """MediaPipe Hands: `x` float32 [sum of lengths, 2, 21, 3], `lengths` int64 [clips], -1 where unseen.

    In image coordinates, y down, z from the wrist in the unit of x. The first slot is the hand that was found
    first, so `wlasl.landmarks.sides` says which is the left: see there how well that works.
    """

    kind = "mediapipe-hands"
    joints = HANDS
    notes: tuple[str, ...] = (
        "Hands lie in the order of their detection; left and right were told apart over each clip.",
    )

    @functools.cached_property
    def _starts(self) -> Sequence[int]:
        """Return where each clip begins in `x`, and where the last one ends.

        Raises:
            BenchError: lengths and `x` do not fit together.
        """
        lengths = self._array("lengths")
        if lengths.shape != (len(self._at),) or lengths.dtype.kind not in "iu" or lengths.min() < 0:
            raise BenchError(f"{self.path}: 'lengths' must be one whole number for each clip.")
        starts = [0, *np.cumsum(lengths).tolist()]
        if self._x.shape != (starts[-1], 2, len(HAND), 3):
            wanted = [starts[-1], 2, len(HAND), 3]
            raise BenchError(
                f"{self.path}: 'x' is {list(self._x.shape)}; by its lengths it should be {wanted}."
            )
        return starts

    @functools.cached_property
    def _hands(self) -> Array:
        """Return all hands [frames, 2, 21, 3], NaN where there is none."""
        unseen = (self._x.reshape(len(self._x), 2, -1) == _UNSEEN).all(axis=2)
        return np.where(unseen[:, :, None, None], np.float32(np.nan), self._x)

    @functools.cached_property
    def _middles(self) -> npt.NDArray[np.float64]:
        """Return where the signer of each clip [clips] usually stands, by all clips of the same signer.

        A clip of one hand does not show it; some sites film from the side.
        """
        signers = self._array("signer") if self._has("signer") else np.zeros(0)
        if signers.shape != (len(self._at),):
            signers = np.arange(len(self._at))
        found = middles(self._hands)
        of_frame = np.repeat(np.unique(signers, return_inverse=True)[1], np.diff(self._starts))
        there = ~np.isnan(found)
        count = np.bincount(of_frame[there], minlength=len(self._at))
        total = np.bincount(of_frame[there], found[there], minlength=len(self._at))
        usual = (total + _USUAL * 0.5) / (count + _USUAL)
        return np.asarray(usual[np.unique(signers, return_inverse=True)[1]])

    def _clip(self, at: int) -> Landmarks:
        """Cut out one clip, and put its hands in order."""
        begin, end = self._starts[at : at + 2]  # first: it checks what the others rely on
        hands = self._hands[begin:end]
        points = stable(hands, float(self._middles[at])).reshape(-1, len(HANDS), 3)
        return Landmarks(points, HANDS, self.kind)


class PoseHandsFile(ArrayFile):
    """MediaPipe Holistic: `x` float32 [clips, 30, 258], the first 30 frames of each clip.

    A frame is 33 points of the pose (x, y, z, visibility), then two hands of 21 points (x, y, z) from their
    wrist; image coordinates, y down, zeros where a part was not seen and behind the end of a shorter clip.
    The first hand is the left and the second the right: over the frames with both, the first lies 0.026 of
    the picture from the fingers of the pose's left hand and 0.067 from the right's, the second 0.021 from
    the right's and 0.099 from the left's. Each hand is put on the pose's wrist of its side: so it lies 0.020
    of the picture from where MediaPipe Hands finds it in the same frame (median of 25,391 hands; a hand spans
    0.15, and the other hand is 0.19 away). Where the pose is not seen, neither are the hands, for nobody
    knows where they are.
    """

    kind = "mediapipe-holistic"
    joints = HOLISTIC
    notes: tuple[str, ...] = ("At most the first 30 frames of a clip are there.",)
    whole = False

    def _clip(self, at: int) -> Landmarks:
        """Cut out one clip, without the zeros behind its end, and put its hands on its wrists."""
        frames = self._x[at]
        if self._x.ndim != 3 or frames.shape[1] != _POSE_NUMBERS + 2 * _HAND_NUMBERS:  # noqa: PLR2004
            wanted = f"[clips, frames, {_POSE_NUMBERS + 2 * _HAND_NUMBERS}]"
            raise LandmarkError("shape", f"'x' is {list(self._x.shape)}, not {wanted}")
        filled = np.flatnonzero(frames.any(axis=1))
        frames = frames[: filled[-1] + 1 if len(filled) else 0]
        pose = frames[:, :_POSE_NUMBERS].reshape(-1, len(POSE), 4)[..., :3].copy()
        hands = frames[:, _POSE_NUMBERS:].reshape(-1, 2, len(HAND), 3).copy()
        hands[~hands.reshape(len(hands), 2, -1).any(axis=2)] = np.nan
        pose[~pose.any(axis=(1, 2))] = np.nan
        wrists = pose[:, [POSE.index("left_wrist"), POSE.index("right_wrist")], None, :2]
        hands[..., :2] += wrists
        hands[np.isnan(hands[..., 0])] = np.nan
        points = np.concatenate([pose, hands.reshape(len(hands), -1, 3)], axis=1)
        return Landmarks(points, HOLISTIC, self.kind)
