"""At which moments of a clip its frames are read: all, some evenly, a part, faster, slower or unevenly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from wlasl.landmarks.augment import Augment
from wlasl.landmarks.augment_draws import Draws
from wlasl.landmarks.columns import Numbers

Lengths = npt.NDArray[np.int64]
Sampling = Literal["all", "uniform", "crop"]
SAMPLINGS: tuple[Sampling, ...] = get_args(Sampling)


@dataclass(frozen=True, slots=True)
class Moments:
    """The moments of B clips.

    Attributes:
        at: float64 [B, T], positions in the clip's own frames, 0 and up; -1 behind its last.
        lengths: int64 [B], how many there are.
    """

    at: Numbers
    lengths: Lengths


@dataclass(frozen=True, slots=True)
class Timing:
    """Which moments a network sees.

    Attributes:
        sampling: `all` frames, the first `frames` of them where that is given; `uniform`: exactly `frames`,
            evenly spread over the clip; `crop`: `frames` in a row, at random in training, else from the
            middle.
        frames: see above.
        longest: clips of more moments lose their end.
    """

    sampling: Sampling = "all"
    frames: int | None = None
    longest: int | None = None

    def moments(self, lengths: Lengths, augment: Augment | None, draws: Draws | None) -> Moments:
        """Return the moments of clips of so many frames; without draws nothing is random.

        Args:
            lengths: int64 [B].
            augment: how time is varied, where it is.
            draws: the clips' random numbers.
        """
        first, span = _kept(lengths, augment, draws)
        count = self._count(span, augment, draws)
        start, shown = self._window(count, draws)
        number = start[:, None] + np.arange(int(shown.max(initial=0)))
        share = _warped(number / np.maximum(count - 1, 1)[:, None], augment, draws)
        # Whole numbers stay whole: a clip read at its own frames is the clip itself.
        at = np.round(first[:, None] + (span - 1)[:, None] * share, 6)
        at = np.where(number < (start + shown)[:, None], np.clip(at, 0, (lengths - 1)[:, None]), -1)
        return Moments(at, shown.astype(np.int64))

    def _count(self, span: Numbers, augment: Augment | None, draws: Draws | None) -> Numbers:
        """Return how many moments each clip has, [B]."""
        if self.sampling == "uniform" and self.frames is not None:
            return np.full(len(span), float(self.frames))
        if augment is None or draws is None:
            return np.round(span)
        factor = augment.speed_factor ** draws.either("speed", 1, 1)
        faster = np.where(draws["speed"][:, 0] < augment.speed, factor, 1)
        return np.maximum(np.round(span / faster), 1)

    def _window(self, count: Numbers, draws: Draws | None) -> tuple[Numbers, Numbers]:
        """Return the first of its moments that a clip shows, and how many from there."""
        shown = np.minimum(count, self.frames or np.inf)
        start = np.zeros(len(count))
        if self.sampling == "crop":
            place = 0.5 if draws is None else draws["window"][:, 0]
            start = np.floor(place * (count - shown + (draws is not None)))
        return start, np.minimum(shown, self.longest or np.inf)


def _kept(lengths: Lengths, augment: Augment | None, draws: Draws | None) -> tuple[Numbers, Numbers]:
    """Return where the part of each clip that is kept starts, and how many frames it has; not all whole."""
    whole = lengths.astype(np.float64)
    if augment is None or draws is None or not augment.time_crop:
        return np.zeros(len(lengths)), whole
    lost = draws["time_crop"]
    span = np.maximum(whole * (1 - lost[:, 0] * augment.time_crop), np.minimum(whole, 1))
    return lost[:, 1] * (whole - span), span


def _warped(share: Numbers, augment: Augment | None, draws: Draws | None) -> Numbers:
    """Return moments 0..1 [B, T] bent: first and last stay, and none overtakes another."""
    if augment is None or draws is None or not augment.time_warp:
        return share
    one, two = (draws.either("time_warp", augment.time_warp / 2, number)[:, None] for number in (0, 1))
    bent: Numbers = (
        share + one * np.sin(np.pi * share) / np.pi + two * np.sin(2 * np.pi * share) / (2 * np.pi)
    )
    return bent
