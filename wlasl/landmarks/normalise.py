"""Normalisations of landmarks: what makes signers of all sizes and places alike, vectorised over a batch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable

import numpy as np

from utils.errors import BenchError
from utils.names import lookup, nearest
from wlasl.landmarks.form import Points
from wlasl.landmarks.normalise_spoter import spoter


def _none(points: Points, _joints: tuple[str, ...]) -> Points:
    """Return canonical points as they are."""
    return points


NORMALISATIONS: dict[str, Callable[..., Points]] = {"none": _none, "spoter": spoter}
"""Each takes canonical points float32 [B, T, J, D], the joints' names and its own switches."""

_UNSEEN = {"spoter": -0.5}


def unseen(name: str) -> float:
    """Return what stands for a coordinate that was not seen, once points are normalised.

    The original SPOTER keeps such coordinates at 0 and then takes 0.5 from everything, so that they end at
    -0.5; SPOBET keeps them at 0.
    """
    return _UNSEEN.get(name, 0.0)


def switches_of(name: str) -> tuple[str, ...]:
    """Return the names of a normalisation's switches."""
    parameters = inspect.signature(NORMALISATIONS[name]).parameters.values()
    return tuple(each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY)


def check(name: str, switches: Iterable[str]) -> None:
    """Refuse a normalisation that is not there, or switches that it does not have.

    Raises:
        BenchError: with the nearest right names.
    """
    lookup("normalisation", name, NORMALISATIONS)
    known = switches_of(name)
    for switch in switches:
        if switch not in known:
            answer = nearest(switch, known) if known else "It has none."
            raise BenchError(f"The normalisation {name} has no switch {switch!r}. {answer}")


def normalise(name: str, points: Points, joints: tuple[str, ...], **switches: bool) -> Points:
    """Return points normalised by name; NaN (unseen) stays NaN, and no frame depends on a padded one.

    Args:
        name: one of NORMALISATIONS.
        points: canonical, float32 [B, T, J, D], padded with NaN.
        joints: the J joints' names.
        switches: of the normalisation that is named.

    Raises:
        BenchError: there is no such normalisation, or it has no such switch.
    """
    check(name, switches)
    return np.asarray(NORMALISATIONS[name](points, joints, **switches), np.float32)
