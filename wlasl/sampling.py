"""Which frames of a clip a network sees.

`uniform` cuts the clip into as many equal segments as frames are wanted and takes one of each: a random one
in training, the middle one at test (Temporal Segment Networks, Wang et al. 2016). `consecutive` takes frames
that follow each other at a fixed stride, from a random place in training and from the middle at test.
`centre` takes them from the middle always, `start` from the first frame on. `whole`, at test alone, takes all
of a clip, however long it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from utils.errors import BenchError

Scheme = Literal["uniform", "consecutive", "centre", "start", "whole"]
Pad = Literal["last", "zero", "loop", "first-or-last"]
BLACK = -1
"""As the index of a frame: no frame of the clip but a black one."""

_HALF = 0.5
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How frames are chosen.

    Attributes:
        frames: how many a network sees.
        stride: frames from one to the next, for all schemes but `uniform`.
        train: the scheme in training.
        test: the scheme otherwise.
        pad: what stands for frames behind the clip's end: the last one, black ones, the clip once more, or in
            training at random the first one or the last. `uniform` repeats frames evenly instead.
        views: how many samples are taken of a clip at test, spread evenly over it.
        once: the random start of a clip is the same in every epoch.
        random_test: clips start at random at test too, each always at the same place.
        least: the fewest frames of a `whole` clip; shorter ones are padded.
        speed: in training all but `uniform` clips run up to so many times as fast, or as slowly.
    """

    frames: int
    stride: int = 1
    train: Scheme = "uniform"
    test: Scheme = "uniform"
    pad: Pad = "last"
    views: int = 1
    once: bool = False
    random_test: bool = False
    least: int = 1
    speed: float = 1.0

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
        if self.train == "whole":
            raise BenchError(
                "sampling is whole; only test_sampling can be: batches in training are of one length."
            )

    def fixed_start(self, *, train: bool) -> bool:
        """Say whether a clip's start is drawn once, by the clip and the seed alone."""
        return self.once if train else self.random_test

    def shown(self, length: int, *, train: bool) -> int:
        """Return how many frames are seen of a clip of `length` frames."""
        if train or self.test != "whole":
            return self.frames
        return max(self.least, -(-length // self.stride))


def frame_indices(
    length: int,
    sampling: Sampling,
    rng: np.random.Generator | None,
    view: int = 0,
    start: np.random.Generator | None = None,
) -> Indices:
    """Return which frames of a clip of `length` frames are seen, int64 [T]; -1 stands for a black one.

    Args:
        length: frames of the clip, at least 1.
        sampling: how to choose.
        rng: the generator of this sample in training; None at test.
        view: which of the test-time samples, from 0.
        start: the generator of the clip's start, where that is drawn once (`Sampling.fixed_start`).
    """
    scheme = sampling.test if rng is None else sampling.train
    if scheme == "uniform":
        return _uniform(length, sampling, rng, view)
    frames = sampling.shown(length, train=rng is not None)
    first, stride = 0, sampling.stride * _tempo(sampling, rng)
    if scheme in {"consecutive", "centre"}:
        room = max(length - int((frames - 1) * stride) - 1, 0)
        drawn = (start or rng) if scheme == "consecutive" else None
        views = 1 if rng is not None else sampling.views
        first = _spread(room, view, views) if drawn is None else int(drawn.integers(room + 1))
    steps = (np.arange(frames) * stride).astype(np.int64)
    return _padded(first + steps, length, sampling.pad, rng)


def _tempo(sampling: Sampling, rng: np.random.Generator | None) -> float:
    """Draw how many times as fast a clip runs in training: half of all clips run slower than they are."""
    if rng is None or sampling.speed <= 1:
        return 1
    fastest = math.log(sampling.speed)
    return math.exp(rng.uniform(-fastest, fastest))


def _uniform(length: int, sampling: Sampling, rng: np.random.Generator | None, view: int) -> Indices:
    """Take one frame of each segment: at a random place, or the same share of the way through each."""
    place = (view + 0.5) / sampling.views if rng is None else rng.random(sampling.frames)
    at = (np.arange(sampling.frames) + place) * length / sampling.frames
    return np.minimum(at.astype(np.int64), length - 1)


def _spread(room: int, view: int, views: int) -> int:
    """Return where view number `view` begins: from the first place to the last, one view in the middle."""
    return room // 2 if views == 1 else round(room * view / (views - 1))


def _padded(
    indices: npt.NDArray[np.int64], length: int, pad: Pad, rng: np.random.Generator | None
) -> Indices:
    """Replace the indices behind the clip's end as the policy says."""
    beyond = indices >= length
    if pad == "loop":
        return indices % length
    if pad == "zero":
        return np.where(beyond, BLACK, indices)
    # The WLASL authors' choice; at test, where nothing is drawn, it is the last one.
    drawn = pad == "first-or-last" and rng is not None and beyond.any() and rng.random() < _HALF
    return np.where(beyond, 0 if drawn else length - 1, indices)
