"""What a network is told of each joint besides its normalised coordinates: more channels, vectorised.

| name | channels | of joint j in frame t |
|---|---|---|
| coordinates | D | where it is |
| velocity | D | where it is less where it was a frame before; 0 in a clip's first frame |
| bone | D | where it is less where the joint before it is (an elbow as seen from its shoulder) |
| shape | D | of a hand: where it is as seen from the hand's own wrist, in palms; else unseen |
| seen | 1 | 1 where it is seen, else 0 |

Whatever cannot be told is NaN here, and the loader puts a number in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from wlasl.landmarks.columns import Planes, columns
from wlasl.landmarks.joints import FINGERS, SIDES
from wlasl.landmarks.normalise_shoulders import shapes

_BODY_BONES = {
    "nose": "neck",
    **{f"{side}_{far}": f"{side}_{near}" for side in SIDES for far, near in [("elbow", "shoulder")]},
    **{f"{side}_{far}": f"{side}_{near}" for side in SIDES for far, near in [("wrist", "elbow")]},
    **{f"{side}_{far}": "nose" for side in SIDES for far in ("eye", "ear")},
    **{f"{side}_shoulder": "neck" for side in SIDES},
    **{f"{side}_hand_wrist": f"{side}_elbow" for side in SIDES},
}
"""Per joint of the body the one that its bone comes from."""


def velocity(planes: Planes, _joints: tuple[str, ...] = ()) -> Planes:
    """Return planes [J, D, B, T] less those a frame before: NaN where one is unseen, 0 in the first."""
    out = np.empty_like(planes)
    np.subtract(planes[..., 1:], planes[..., :-1], out=out[..., 1:])
    out[..., :1] = np.where(np.isnan(planes[..., :1]), np.nan, 0)
    return out


def bone(planes: Planes, joints: tuple[str, ...]) -> Planes:
    """Return planes [J, D, B, T] as seen from where each joint's bone comes from; NaN where there is none."""
    ends, starts = _bones(joints)
    out = np.full_like(planes, np.nan)
    out[list(ends)] = planes[list(ends)] - planes[list(starts)]
    return out


def shape(planes: Planes, joints: tuple[str, ...]) -> Planes:
    """Return planes [J, D, B, T] of the hands as seen from their wrists, in palms; NaN for other joints."""
    out = np.full_like(planes, np.nan)
    for side, found in shapes(planes, joints).items():
        out[columns(joints).hands[side]] = found
    return out


def seen(planes: Planes, _joints: tuple[str, ...] = ()) -> Planes:
    """Return [J, 1, B, T]: 1 where a joint is seen, else 0."""
    return (~np.isnan(planes[:, :1])).astype(np.float32)


def _coordinates(planes: Planes, _joints: tuple[str, ...]) -> Planes:
    """Return the planes themselves."""
    return planes


FEATURES: dict[str, Callable[[Planes, tuple[str, ...]], Planes]] = {
    "coordinates": _coordinates,
    "velocity": velocity,
    "bone": bone,
    "shape": shape,
    "seen": seen,
}
"""Each takes normalised planes [J, D, B, T] and the joints' names, and returns [J, channels, B, T]."""


def channels(names: Sequence[str], dims: int) -> int:
    """Return how many channels these features have together."""
    return sum(1 if name == "seen" else dims for name in names)


def features(names: Sequence[str], planes: Planes, joints: tuple[str, ...], unseen: float) -> Planes:
    """Return [J, channels, B, T], the features one after the other, with numbers in place of NaN.

    Args:
        names: of FEATURES, in order.
        planes: normalised, float32 [J, D, B, T].
        joints: the J joints' names.
        unseen: what stands for coordinates that were not seen; for all other features it is 0.
    """
    found = []
    for name in names:
        values = FEATURES[name](planes, joints)
        number = np.float32(unseen if name == "coordinates" else 0)
        found.append(np.where(np.isnan(values), number, values))
    return found[0] if len(found) == 1 else np.concatenate(found, axis=1)


@lru_cache(maxsize=64)
def _bones(joints: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return where the bones of a skeleton end and where they start, as positions."""
    at = columns(joints).at
    pairs = [(at[end], at[start]) for end, start in _all_bones().items() if end in at and start in at]
    return tuple(end for end, _ in pairs), tuple(start for _, start in pairs)


def _all_bones() -> dict[str, str]:
    """Return every bone that a skeleton may have: from the joint at its end to the one at its start."""
    fingers: dict[str, str] = {}
    for side in SIDES:
        for finger in FINGERS:
            parts = ("cmc", "mcp", "ip", "tip") if finger == "thumb" else ("mcp", "pip", "dip", "tip")
            chain = [f"{side}_hand_wrist", *(f"{side}_hand_{finger}_{part}" for part in parts)]
            fingers.update(zip(chain[1:], chain, strict=False))
    return _BODY_BONES | fingers
