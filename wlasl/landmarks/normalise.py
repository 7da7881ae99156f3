"""Normalisations of landmarks: what makes signers of all sizes and places alike, vectorised over a batch.

| name | origin and unit of the body | of a hand | per |
|---|---|---|---|
| none | the picture | the picture | |
| spoter | a box around neck and head, 6 shoulder widths a side | a square around the hand | frame |
| spobet | the neck, 3 heads | the body's wrist, 1 head | frame |
| shoulders | their middle, their distance | the same | clip |
| hands | the same | the wrist's place the same; the rest from the wrist, in palms | clip |

With hands alone, shoulders and hands take the hands' own place and size over the clip, spobet heads of that
size, and spoter leaves what is not of a hand as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable

import numpy as np

from utils.errors import BenchError
from utils.names import lookup, nearest
from wlasl.landmarks.columns import Planes, to_planes, to_points
from wlasl.landmarks.form import Points
from wlasl.landmarks.normalise_shoulders import hands, shoulders
from wlasl.landmarks.normalise_spobet import spobet
from wlasl.landmarks.normalise_spoter import spoter


def _none(planes: Planes, _joints: tuple[str, ...]) -> Planes:
    """Return canonical planes as they are."""
    return planes


NORMALISATIONS: dict[str, Callable[..., Planes]] = {
    "none": _none,
    "spoter": spoter,
    "spobet": spobet,
    "shoulders": shoulders,
    "hands": hands,
}
"""Each takes canonical planes float32 [J, D, B, T], the joints' names and its own switches."""

_UNSEEN = {"spoter": -0.5}


def unseen(name: str) -> float:
    """Return what stands for a coordinate that was not seen, once landmarks are normalised by name.

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
        switches: of the normalisation that is named, by default off.

    Raises:
        BenchError: there is no such normalisation, or it has no such switch.
    """
    check(name, switches)
    return to_points(NORMALISATIONS[name](to_planes(np.asarray(points)), joints, **switches))
