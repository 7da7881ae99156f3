"""Which frames of a clip a network sees.

`uniform` cuts the clip into as many equal segments as frames are wanted and takes one of each: a random one
in training, the middle one at test (Temporal Segment Networks, Wang et al. 2016). `consecutive` takes frames
that follow each other at a fixed stride, from a random place in training and from the middle at test.
`centre` takes them from the middle always.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from utils.errors import BenchError

Scheme = Literal["uniform", "consecutive", "centre"]
Pad = Literal["last", "zero", "loop"]
BLACK = -1
"""As the index of a frame: no frame of the clip but a black one."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How frames are chosen.

    Attributes:
        frames: how many a network sees.
        stride: frames from one to the next, for `consecutive` and `centre`.
        train: the scheme in training.
        test: the scheme otherwise.
        pad: what stands for frames behind the clip's end: the last one, black ones, or the clip once more.
            `uniform` repeats frames evenly instead.
        views: how many samples are taken of a clip at test, spread evenly over it.
    """

    frames: int
    stride: int = 1
    train: Scheme = "uniform"
    test: Scheme = "uniform"
    pad: Pad = "last"
    views: int = 1

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        for name, value in (("frames", self.frames), ("stride", self.stride), ("views", self.views)):
            if value < 1:
                raise BenchError(f"{name} is {value}; it must be at least 1.")
        for name, chosen, known in (
            ("sampling", self.train, Scheme),
            ("test_sampling", self.test, Scheme),
            ("pad", self.pad, Pad),
        ):
            if chosen not in get_args(known):
                raise BenchError(f"{name} is {chosen!r}; it can be {', '.join(get_args(known))}.")


def frame_indices(length: int, sampling: Sampling, rng: np.random.Generator | None, view: int = 0) -> Indices:
    """Return which frames of a clip of `length` frames are seen, int64 [T]; -1 stands for a black one.

    Args:
        length: frames of the clip, at least 1.
        sampling: how to choose.
        rng: the generator of this sample in training; None at test.
        view: which of the test-time samples, from 0.
    """
    if (sampling.test if rng is None else sampling.train) == "uniform":
        return _uniform(length, sampling, rng, view)
    span = (sampling.frames - 1) * sampling.stride + 1
    room = max(length - span, 0)
    if rng is not None and sampling.train == "consecutive":
        start = int(rng.integers(room + 1))
    else:
        start = _spread(room, view, 1 if rng is not None else sampling.views)
    return _padded(start + np.arange(sampling.frames) * sampling.stride, length, sampling.pad)


def _uniform(length: int, sampling: Sampling, rng: np.random.Generator | None, view: int) -> Indices:
    """Take one frame of each segment: at a random place, or the same share of the way through each."""
    place = (view + 0.5) / sampling.views if rng is None else rng.random(sampling.frames)
    at = (np.arange(sampling.frames) + place) * length / sampling.frames
    return np.minimum(at.astype(np.int64), length - 1)


def _spread(room: int, view: int, views: int) -> int:
    """Return where view number `view` begins: from the first place to the last, one view in the middle."""
    return room // 2 if views == 1 else round(room * view / (views - 1))


def _padded(indices: npt.NDArray[np.int64], length: int, pad: Pad) -> Indices:
    """Replace the indices behind the clip's end as the policy says."""
    if pad == "loop":
        return indices % length
    beyond = indices >= length
    return np.where(beyond, BLACK if pad == "zero" else length - 1, indices)
