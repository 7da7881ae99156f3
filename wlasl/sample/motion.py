"""How a sign is performed: the path of both hands, frame by frame.

Everything here is symmetric in time but the signs themselves: raising and lowering the hands, the holds and
the rests are drawn from the same distributions. So of two signs that are each other's reversal, only the
order of frames tells which is which.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wlasl.sample.signs import FACINGS, HANDSHAPES, PLACES, Sign

Array = NDArray[np.float64]

POSITION, FINGERS, PALM, CURL, SPREAD = slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 14), 14
"""Where a hand's state keeps its place, finger direction, palm direction, five curls and spread."""
STATE = 15


@dataclass(frozen=True, slots=True)
class Performance:
    """What differs from one clip of a sign to the next.

    Attributes:
        rest: seconds before the hands move and after they are back.
        travel: seconds from rest to the sign's place, and from its end back to rest.
        hold: seconds that the hands stay at the start and at the end of the movement.
        stroke: seconds of the movement itself.
        cycles: how often a repeated movement repeats.
        reach: factor on the size of the movement.
        offset: shift of the whole sign, in shoulder widths (outward, down, forward).
        tremor: amplitude of the hands' small wandering, in shoulder widths.
        phases: the phases of that wandering, [2 hands, 3 axes, 2 waves].
    """

    rest: tuple[float, float]
    travel: tuple[float, float]
    hold: tuple[float, float]
    stroke: float
    cycles: float
    reach: float
    offset: Array
    tremor: float
    phases: Array

    @property
    def seconds(self) -> float:
        """Return the length of the performance."""
        return sum(self.rest) + sum(self.travel) + sum(self.hold) + self.stroke


def perform(rng: np.random.Generator) -> Performance:
    """Draw one performance: tempo, size, timing and small offsets."""
    tempo = rng.uniform(0.85, 1.2)
    rest, travel, hold = (
        tempo * rng.uniform(low, high, 2) for low, high in ((0.05, 0.16), (0.24, 0.34), (0.06, 0.16))
    )
    return Performance(
        rest=(rest[0], rest[1]),
        travel=(travel[0], travel[1]),
        hold=(hold[0], hold[1]),
        stroke=tempo * rng.uniform(0.75, 1.05),
        cycles=float(rng.choice((1.5, 2.0, 2.5))),
        reach=rng.uniform(0.88, 1.12),
        offset=rng.normal(0, (0.045, 0.045, 0.02)),
        tremor=0.012,
        phases=rng.uniform(0, 2 * np.pi, (2, 3, 2)),
    )


def ease(share: Array) -> Array:
    """Return a smooth step from 0 to 1, symmetric in time, as hands start and stop."""
    share = np.clip(share, 0, 1)
    return np.asarray(share * share * (3 - 2 * share))


def hand_paths(sign: Sign, performance: Performance, fps: float) -> Array:
    """Return the states of the leading and the other hand, float64 [T, 2, STATE]."""
    frames = max(8, round(performance.seconds * fps))
    times = (np.arange(frames) + 0.5) * performance.seconds / frames
    raised, progress = _timeline(performance, times)
    paths = np.stack([_hand(sign, performance, raised, progress, other) for other in (False, True)], axis=1)
    paths[..., POSITION] += _tremor(performance, times)
    return paths[::-1].copy() if sign.reversal_of else paths


def _timeline(performance: Performance, times: Array) -> tuple[Array, Array]:
    """Return how far the hands have left their rest, and how much of the movement is done, both [T]."""
    leave = performance.rest[0]
    begin = leave + performance.travel[0]
    start = begin + performance.hold[0]
    stop = start + performance.stroke
    back = stop + performance.hold[1]
    up = ease((times - leave) / performance.travel[0])
    down = ease((times - back) / performance.travel[1])
    return up - down, np.clip((times - start) / performance.stroke, 0, 1)


def _hand(sign: Sign, performance: Performance, raised: Array, progress: Array, other: bool) -> Array:  # noqa: FBT001
    """Return one hand's states, [T, STATE]: at rest, on its way, and in the sign."""
    rest = _state("rest", "rest", "rest")
    if other and sign.other == "rest":
        return np.repeat(rest[None], len(raised), axis=0)
    first = _state(sign.handshape[0], sign.place[0], sign.facing)
    last = _state(sign.handshape[1], sign.place[1], sign.facing)
    moved = ease(progress)[:, None]
    active = first + (last - first) * moved
    phase = np.pi if other and sign.other == "alternate" else 0.0
    cycle = 2 * np.pi * performance.cycles * progress + phase
    active[:, POSITION] += performance.reach * sign.reach * _excursion(sign, progress, cycle)
    active[:, POSITION] += performance.offset
    return np.asarray(rest + (active - rest) * raised[:, None])


def _state(handshape: str, place: str, facing: str) -> Array:
    """Return the state of a hand that has a shape, a place and a facing."""
    fingers, palm = FACINGS[facing]
    return np.array([*PLACES[place], *fingers, *palm, *HANDSHAPES[handshape]])


def _excursion(sign: Sign, progress: Array, cycle: Array) -> Array:
    """Return how a repeated movement leaves the straight line, [T, 3], in units of its reach."""
    still = np.zeros_like(progress)
    swell = np.sin(np.pi * progress) ** 0.5
    match sign.movement:
        case "tap":
            return np.stack([still, -np.cos(cycle) * swell, still], axis=1)
        case "shake":
            return np.stack([np.sin(cycle) * swell, still, still], axis=1)
        case "circle":
            return np.stack([np.cos(cycle) * swell, np.sin(cycle) * swell, still], axis=1)
        case "zigzag":
            return np.stack([np.abs((4 * progress) % 2 - 1) - 1, still, still], axis=1)
        case _:
            return np.stack([still, still, still], axis=1)


def _tremor(performance: Performance, times: Array) -> Array:
    """Return the small slow wandering of both hands, [T, 2, 3] in shoulder widths."""
    waves = np.array([1.1, 2.3])
    angle = 2 * np.pi * waves * times[:, None, None, None] + performance.phases
    return np.asarray(performance.tremor * np.sin(angle).sum(axis=-1))
