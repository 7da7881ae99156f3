"""The random numbers of a batch's augmentations: each clip's from its own generator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from wlasl.landmarks.columns import Mask, Numbers

_NEEDED = (
    {"mirror": 1, "one_of": 2, "rotate": 2, "perspective": 3, "squeeze": 3, "arms": 17, "hand_dropout": 2}
    | {"speed": 2, "time_crop": 2, "time_warp": 2, "window": 1}
    | {"scale": 1, "stretch": 1, "shear": 1, "shift": 2, "spin": 2, "frame_dropout": 1, "span": 2}
)
"""How many numbers each purpose takes, whether it is wanted or not: one purpose never moves another's."""
_ENDS = np.cumsum(list(_NEEDED.values())).tolist()
_PLACES = {name: slice(end - count, end) for (name, count), end in zip(_NEEDED.items(), _ENDS, strict=True)}


class Draws:
    """What was drawn for the B clips of a batch.

    Args:
        rngs: each clip's generator.
    """

    def __init__(self, rngs: Sequence[np.random.Generator]) -> None:
        """Draw what every clip needs once."""
        self._rngs = tuple(rngs)
        self._once = np.array([rng.random(_ENDS[-1]) for rng in self._rngs]).reshape(-1, _ENDS[-1])

    def __getitem__(self, purpose: str) -> Numbers:
        """Return float64 [B, n] in 0..1, a purpose's numbers."""
        return self._once[:, _PLACES[purpose]]

    def either(self, purpose: str, largest: float, number: int = 0) -> Numbers:
        """Return float64 [B] between -largest and largest, from a purpose's so manieth number."""
        return (2 * self[purpose][:, number] - 1) * largest

    def rows(self, count: int, rows: int) -> npt.NDArray[np.int64]:
        """Return int64 [B, count], rows from 0 to rows - 1, drawn with replacement."""
        return np.array([rng.integers(rows, size=count) for rng in self._rngs]).reshape(-1, count)

    def shares(self, count: int) -> Numbers:
        """Return float64 [B, count] in 0..1."""
        return np.array([rng.random(count) for rng in self._rngs]).reshape(-1, count)

    def frames(self, lengths: npt.NDArray[np.int64], chances: Numbers) -> Mask:
        """Return bool [B, T], each of a clip's frames with the clip's chance; none behind its end."""
        out = np.zeros((len(lengths), int(lengths.max(initial=0))), bool)
        for row, rng, length, chance in zip(out, self._rngs, lengths, chances, strict=True):
            row[:length] = rng.random(length) < chance
        return out

    def normals(self, shape: tuple[int, int], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return float32 [J, D, B, T], standard normal numbers; 0 behind a clip's end."""
        out = np.zeros((*shape, len(lengths), int(lengths.max(initial=0))), np.float32)
        for clip, (rng, length) in enumerate(zip(self._rngs, lengths.tolist(), strict=True)):
            out[:, :, clip, :length] = rng.standard_normal((*shape, length), np.float32)
        return out
