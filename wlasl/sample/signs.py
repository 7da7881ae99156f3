"""The sample's sixteen invented signs: a handshape, a place and a movement each; words of no sign language.

Positions are in shoulder widths from the base of the neck, on the hand's own side of the body: (outward,
down, forward). The same description serves either hand and either kind of signer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Movement = Literal["line", "hold", "tap", "shake", "circle", "zigzag", "wander"]
Other = Literal["rest", "mirror", "alternate"]
Triple = tuple[float, float, float]

# How far each finger is curled (thumb, index, middle, ring, little; 0 straight, 1 closed), and the spread.
HANDSHAPES: dict[str, tuple[float, float, float, float, float, float]] = {
    "flat": (0.25, 0.0, 0.0, 0.0, 0.0, 0.15),
    "spread": (0.0, 0.0, 0.0, 0.0, 0.0, 1.6),
    "fist": (1.0, 1.0, 1.0, 1.0, 1.0, 0.2),
    "point": (1.0, 0.0, 1.0, 1.0, 1.0, 0.2),
    "vee": (1.0, 0.0, 0.0, 1.0, 1.0, 1.7),
    "rest": (0.3, 0.35, 0.35, 0.35, 0.35, 0.3),
}

PLACES: dict[str, Triple] = {
    "above": (0.4, -0.8, 0.35),
    "crown": (0.45, -0.82, 0.3),
    "across": (-0.25, 0.35, 0.65),
    "mouth": (0.06, -0.28, 0.55),
    "temple": (0.95, -0.55, 0.35),
    "shoulder": (0.95, 0.0, 0.5),
    "centre": (0.2, 0.4, 0.6),
    "heart": (0.45, 0.55, 0.6),
    "breast": (0.75, 0.1, 0.6),
    "wide": (1.2, 0.25, 0.35),
    "below": (0.6, 1.0, 0.5),
    "under": (0.85, 0.95, 0.4),
    "over": (0.85, -0.75, 0.35),
    "corner": (1.1, 0.8, 0.4),
    "aside": (1.25, -0.1, 0.35),
    "rest": (0.42, 1.45, 0.3),
}

# Where the fingers point, and where the palm faces.
FACINGS: dict[str, tuple[Triple, Triple]] = {
    "up": ((0.1, -1.0, 0.1), (0.0, 0.1, 1.0)),
    "inward": ((-1.0, -0.1, 0.3), (0.0, -0.6, 0.8)),
    "palms": ((-0.15, -0.95, 0.3), (-0.8, 0.0, 0.6)),
    "roof": ((-0.75, -0.6, 0.1), (-0.3, 0.6, 0.7)),
    "ahead": ((-0.25, -0.6, 0.75), (-0.3, 0.5, 0.8)),
    "rest": ((-0.35, 0.9, 0.1), (-0.6, 0.0, -0.6)),
}


@dataclass(frozen=True, slots=True)
class Sign:
    """One gloss of the sample.

    Attributes:
        gloss: its label.
        handshape: the shape at the start and at the end of the movement, names of `HANDSHAPES`.
        place: where the movement starts and ends, names of `PLACES`.
        movement: how the hand travels between the two.
        facing: how the hand is turned, a name of `FACINGS`.
        other: what the other hand does: it rests, mirrors the first, or mirrors it half a cycle later.
        reach: the size of a repeated movement, in shoulder widths.
        reversal_of: the gloss whose frames, played backwards, are this sign.
    """

    gloss: str
    handshape: tuple[str, str]
    place: tuple[str, str]
    movement: Movement
    facing: str
    other: Other = "rest"
    reach: float = 0.0
    reversal_of: str | None = None


def _still(shape: str) -> tuple[str, str]:
    """Return a handshape or a place that stays the same."""
    return (shape, shape)


_FORWARD = {
    "rise": Sign("rise", _still("flat"), ("under", "over"), "line", "inward"),
    "open": Sign("open", _still("spread"), ("centre", "wide"), "line", "up", other="mirror"),
    "throw": Sign("throw", _still("fist"), ("across", "aside"), "line", "up"),
    "bloom": Sign("bloom", ("fist", "spread"), ("heart", "breast"), "line", "up", other="mirror"),
}


def _reversed(gloss: str, forward: str) -> Sign:
    """Return the sign that is another one played backwards."""
    sign = _FORWARD[forward]
    return Sign(
        gloss,
        sign.handshape,
        sign.place,
        sign.movement,
        sign.facing,
        sign.other,
        sign.reach,
        reversal_of=forward,
    )


SIGNS: tuple[Sign, ...] = (
    _FORWARD["rise"],
    _reversed("fall", "rise"),
    _FORWARD["open"],
    _reversed("close", "open"),
    _FORWARD["throw"],
    _reversed("catch", "throw"),
    _FORWARD["bloom"],
    _reversed("gather", "bloom"),
    Sign("wave", _still("spread"), _still("temple"), "shake", "up", reach=0.3),
    Sign("knock", _still("fist"), _still("shoulder"), "tap", "up", reach=0.35),
    Sign("drum", _still("fist"), _still("below"), "tap", "ahead", other="alternate", reach=0.3),
    Sign("clap", _still("flat"), _still("centre"), "shake", "palms", other="mirror", reach=0.35),
    Sign("hush", _still("point"), _still("mouth"), "hold", "up"),
    Sign("lasso", _still("point"), _still("above"), "circle", "up", reach=0.3),
    Sign("zigzag", _still("vee"), ("temple", "corner"), "zigzag", "up", reach=1.2),
    Sign("roof", _still("flat"), _still("crown"), "tap", "roof", other="mirror", reach=0.2),
)
"""All glosses of the sample, in class order."""

REVERSED_PAIRS: tuple[tuple[str, str], ...] = tuple(
    (sign.reversal_of, sign.gloss) for sign in SIGNS if sign.reversal_of
)
"""Pairs of glosses that differ only in the order of their frames."""
