"""The sample's signers: their looks, and their bodies as landmarks by forward and inverse kinematics.

The body lives in shoulder widths around the base of the neck: x to the right of the picture, y down, z
towards the camera. Landmarks are numbered as MediaPipe Holistic numbers them: 33 of the pose, 21 of a hand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wlasl.sample.motion import CURL, FINGERS, PALM, POSITION, SPREAD, Array

Colour = tuple[int, int, int]

# Base of each finger in the palm (along the fingers, towards the thumb) and the lengths of its three bones,
# in hand lengths; how far it turns sideways per unit of spread, how far joints bend (radians). Thumb first.
_BASES = np.array([[0.14, 0.13], [0.50, 0.18], [0.53, 0.06], [0.50, -0.06], [0.44, -0.17]])
_BONES = np.array(
    [[0.20, 0.17, 0.14], [0.22, 0.14, 0.11], [0.25, 0.15, 0.11], [0.23, 0.14, 0.11], [0.18, 0.11, 0.09]]
)
_TURNS = np.array([0.0, 0.19, 0.05, -0.10, -0.27])
_BENDS = np.deg2rad([75.0, 95.0, 60.0])

# The face, in head heights around its centre.
_EARS = (7, 8)
_FACE = {
    0: (0.0, 0.08),
    1: (0.09, -0.06),
    2: (0.15, -0.06),
    3: (0.21, -0.06),
    4: (-0.09, -0.06),
    5: (-0.15, -0.06),
    6: (-0.21, -0.06),
    7: (0.36, 0.02),
    8: (-0.36, 0.02),
    9: (0.11, 0.26),
    10: (-0.11, 0.26),
}


@dataclass(frozen=True, slots=True)
class Signer:
    """One person of the sample: looks and proportions.

    Attributes:
        number: the signer's id in the metadata.
        left_handed: whether the left hand leads.
        skin: RGB.
        clothes: RGB of the top.
        hair: RGB.
        hairstyle: short, long, bun or bald.
        glasses: whether glasses are worn.
        long_sleeves: whether the forearms are covered.
        head: height of the head, in shoulder widths.
        hand: length of the hand.
        upper_arm: length.
        forearm: length.
        girth: factor on the width of body and arms.
    """

    number: int
    left_handed: bool
    skin: Colour
    clothes: Colour
    hair: Colour
    hairstyle: str
    glasses: bool
    long_sleeves: bool
    head: float
    hand: float
    upper_arm: float
    forearm: float
    girth: float


@dataclass(frozen=True, slots=True)
class Body:
    """A signer's body over time, in shoulder widths, before the camera.

    Attributes:
        pose: [T, 33, 3], MediaPipe's pose points; the legs, which are never seen, are NaN.
        hands: [T, 2, 21, 3], the signer's left and right hand.
        head: [T, 3], centre of the head.
    """

    pose: Array
    hands: Array
    head: Array


_SKINS = ((255, 224, 196), (241, 194, 150), (224, 172, 125), (198, 140, 96), (150, 98, 62), (104, 66, 44))
_CLOTHES = (
    (28, 34, 48),
    (38, 70, 120),
    (20, 96, 90),
    (92, 30, 60),
    (58, 58, 62),
    (70, 92, 48),
    (88, 60, 130),
)
_PALE = ((238, 238, 232), (190, 214, 236), (236, 210, 150))
_HAIR = ((30, 24, 22), (70, 44, 28), (120, 78, 40), (196, 160, 96), (140, 140, 145))


_GLASSES, _LONG_SLEEVES = 0.3, 0.6


def make_signer(number: int, rng: np.random.Generator, *, left_handed: bool = False) -> Signer:
    """Draw a signer; clothes are chosen to stand out against the hands."""
    tone = number % len(_SKINS)
    wardrobe = _PALE if tone >= len(_SKINS) - 2 else _CLOTHES
    return Signer(
        number=number,
        left_handed=left_handed,
        skin=_SKINS[tone],
        clothes=wardrobe[rng.integers(len(wardrobe))],
        hair=_HAIR[rng.integers(2 if tone >= len(_SKINS) - 2 else len(_HAIR))],
        hairstyle=("short", "long", "bun", "bald")[rng.choice(4, p=(0.4, 0.3, 0.2, 0.1))],
        glasses=bool(rng.random() < _GLASSES),
        long_sleeves=bool(rng.random() < _LONG_SLEEVES),
        head=rng.uniform(0.68, 0.76),
        hand=rng.uniform(0.80, 0.86),
        upper_arm=rng.uniform(0.86, 0.94),
        forearm=rng.uniform(0.80, 0.88),
        girth=rng.uniform(0.92, 1.12),
    )


def pose_body(signer: Signer, paths: Array, sway: Array) -> Body:
    """Return the body that carries its hands along `paths`.

    Args:
        signer: whose body it is.
        paths: states of the leading and the other hand, [T, 2, STATE], on each hand's own side.
        sway: how the trunk moves, [T, 2] in shoulder widths (right, down).
    """
    count = len(paths)
    trunk = np.concatenate([sway, np.zeros((count, 1))], axis=1)
    pose = np.full((count, 33, 3), np.nan)
    head = trunk * 1.3 + np.array([0.0, -0.22 - signer.head / 2, 0.05])
    for index, (right, down) in _FACE.items():
        front = 0.0 if index in _EARS else 0.3
        pose[:, index] = head + np.array([right * signer.head, down * signer.head, front])
    hands = np.empty((count, 2, 21, 3))
    for slot in (0, 1):
        leads = signer.left_handed == (slot == 0)
        side = np.array([1.0 if slot == 0 else -1.0, 1.0, 1.0])
        joints, hand = _arm(signer, paths[:, 0 if leads else 1])
        hands[:, slot] = hand * side + trunk[:, None]
        for index, points in joints.items():
            pose[:, index + slot] = points * side + trunk
        pose[:, 23 + slot] = np.array([0.36, 1.75, 0.0]) * side
    return Body(pose, hands, head)


def _arm(signer: Signer, path: Array) -> tuple[dict[int, Array], Array]:
    """Return an arm on its own side: points [T, 3] by their number in a left arm, and the hand [T, 21, 3]."""
    hand = hand_points(path, signer.hand)
    shoulder = np.broadcast_to([0.5, 0.0, 0.0], (len(path), 3))
    wrist, elbow = _reach(signer, shoulder, hand[:, 0])
    hand += (wrist - hand[:, 0])[:, None]
    return {11: shoulder, 13: elbow, 15: wrist, 17: hand[:, 17], 19: hand[:, 5], 21: hand[:, 2]}, hand


def hand_points(path: Array, length: float) -> Array:
    """Return the 21 points of a hand on its own side of the body, [T, 21, 3], by forward kinematics.

    Args:
        path: the hand's states, [T, STATE].
        length: of the hand, wrist to middle fingertip.
    """
    along = _unit(path[:, FINGERS])
    palm = _unit(path[:, PALM] - (path[:, PALM] * along).sum(-1, keepdims=True) * along)
    thumbward = np.cross(along, palm)
    points = np.empty((len(path), 21, 3))
    points[:, 0] = path[:, POSITION] - 0.45 * length * along
    for finger in range(5):
        base = points[:, 0] + length * (_BASES[finger, 0] * along + _BASES[finger, 1] * thumbward)
        points[:, 1 + 4 * finger] = base
        for joint, direction in enumerate(_bones(path, finger, along, palm, thumbward)):
            base = base + length * _BONES[finger, joint] * direction
            points[:, 2 + 4 * finger + joint] = base
    return points


def _bones(path: Array, finger: int, along: Array, palm: Array, thumbward: Array) -> list[Array]:
    """Return the directions of a finger's three bones, each [T, 3]."""
    curl = path[:, CURL][:, finger, None]
    if finger == 0:
        spread = np.clip(path[:, SPREAD, None], 0, 1.6) / 1.6
        opened = _unit(along * (1.1 - 0.5 * spread) + thumbward * (0.35 + 0.6 * spread))
        closed = _unit(0.55 * along - 0.55 * thumbward + 0.6 * palm)
        root = _unit(opened + (_unit(0.8 * along + 0.2 * thumbward + 0.5 * palm) - opened) * curl)
        return [root, _unit(root + (closed - root) * curl), _unit(opened + (closed - opened) * curl)]
    turn = _TURNS[finger] * path[:, SPREAD, None] * (1 - 0.7 * curl)
    straight = np.cos(turn) * along + np.sin(turn) * thumbward
    angles = np.cumsum(_BENDS) * curl
    return [np.cos(angle) * straight + np.sin(angle) * palm for angle in np.split(angles, 3, axis=1)]


def _reach(signer: Signer, shoulder: Array, wrist: Array) -> tuple[Array, Array]:
    """Return wrist and elbow, [T, 3] each: the wrist as near its goal as it can be, the elbow low and out."""
    upper, fore = signer.upper_arm, signer.forearm
    line = wrist - shoulder
    wanted = np.linalg.norm(line, axis=-1, keepdims=True)
    distance = np.clip(wanted, abs(upper - fore) + 0.05, upper + fore - 0.02)
    towards = line / np.maximum(wanted, 1e-6)
    share = (upper**2 - fore**2 + distance**2) / (2 * distance)
    height = np.sqrt(np.maximum(upper**2 - share**2, 0))
    hint = np.array([0.55, 1.0, -0.25])
    aside = _unit(hint - (hint * towards).sum(-1, keepdims=True) * towards)
    return shoulder + towards * distance, shoulder + towards * share + aside * height


def _unit(vectors: Array) -> Array:
    """Return vectors of length 1, along the last axis."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))
