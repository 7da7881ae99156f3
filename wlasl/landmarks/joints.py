"""The names of joints, and the skeletons that networks see: which joints, in which order."""

from __future__ import annotations

FINGERS = ("thumb", "index", "middle", "ring", "little")
HAND: tuple[str, ...] = (
    "wrist",
    *(f"thumb_{part}" for part in ("cmc", "mcp", "ip", "tip")),
    *(f"{finger}_{part}" for finger in FINGERS[1:] for part in ("mcp", "pip", "dip", "tip")),
)
"""The 21 points of a hand, in MediaPipe's and OpenPose's order."""

SIDES = ("left", "right")


def hand(side: str) -> tuple[str, ...]:
    """Return the names of one hand's 21 joints; side is left or right, the signer's own."""
    return tuple(f"{side}_hand_{name}" for name in HAND)


HANDS: tuple[str, ...] = hand("left") + hand("right")

POSE: tuple[str, ...] = (
    "nose",
    *("left_eye_inner", "left_eye", "left_eye_outer"),
    *("right_eye_inner", "right_eye", "right_eye_outer"),
    *("left_ear", "right_ear", "mouth_left", "mouth_right"),
    *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    *("left_pinky", "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb"),
    *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
    *("left_heel", "right_heel", "left_foot_index", "right_foot_index"),
)
"""The 33 points of MediaPipe Pose, in its order."""

HOLISTIC: tuple[str, ...] = POSE + HANDS
"""MediaPipe Holistic without the face: 33 points of the body, then left and right hand."""

BODY_25: tuple[str, ...] = (
    *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist"),
    *("left_shoulder", "left_elbow", "left_wrist", "mid_hip", "right_hip", "right_knee", "right_ankle"),
    *("left_hip", "left_knee", "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear"),
    *("left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel"),
)
"""OpenPose's 25 points of the body, in its order."""

COCO: tuple[str, ...] = (
    "nose",
    *(
        f"{side}_{name}"
        for name in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in SIDES
    ),
)
"""COCO's 17 points of the body, in its order."""

SPOTER_BODY: tuple[str, ...] = (
    "nose",
    "neck",
    *(
        f"{side}_{name}"
        for name in ("eye", "ear", "shoulder", "elbow", "wrist")
        for side in ("right", "left")
    ),
)
_SPOTER_HAND = (
    "wrist",
    *(f"{finger}_{part}" for finger in FINGERS[1:] for part in ("tip", "dip", "pip", "mcp")),
    *(f"thumb_{part}" for part in ("tip", "ip", "mcp", "cmc")),
)
SPOTER: tuple[str, ...] = SPOTER_BODY + tuple(
    f"{side}_hand_{name}" for side in SIDES for name in _SPOTER_HAND
)
"""SPOTER's 54 joints in its order: 12 of the body, 21 of the left hand, 21 of the right."""

SPOBET_BODY: tuple[str, ...] = (
    "nose",
    "neck",
    *(f"{side}_{name}" for side in ("right", "left") for name in ("shoulder", "elbow", "wrist")),
    *("right_eye", "left_eye", "right_ear", "left_ear"),
)
SPOBET: tuple[str, ...] = SPOBET_BODY + hand("right") + hand("left")
"""SPOBET's 54 joints in its order: 12 of the body, then right and left hand."""

_SIGNS27_HAND = (
    "wrist",
    "thumb_tip",
    *(f"{finger}_{part}" for finger in FINGERS[1:] for part in ("mcp", "tip")),
)
SIGNS27: tuple[str, ...] = (
    *("nose", "left_eye", "right_eye", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow"),
    *(f"{side}_hand_{name}" for side in SIDES for name in _SIGNS27_HAND),
)
"""The 27 joints that graph networks of signs see: 7 of the body, 10 of each hand (Jiang et al. 2021)."""

SKELETONS: dict[str, tuple[str, ...]] = {
    "spoter": SPOTER,
    "spobet": SPOBET,
    "hands": HANDS,
    "holistic": HOLISTIC,
    "signs27": SIGNS27,
}


def mirrored(joints: tuple[str, ...]) -> tuple[int, ...]:
    """Return, per joint, the position of its counterpart on the other side of the body (or its own).

    Raises:
        ValueError: a joint has a side but no counterpart among these.
    """
    return tuple(joints.index(_other_side(name)) for name in joints)


def _other_side(name: str) -> str:
    """Return the name of a joint on the other side of the body."""
    words = name.split("_")
    other = {"left": "right", "right": "left"}
    return "_".join(other.get(word, word) for word in words)
