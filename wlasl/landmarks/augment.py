"""What training does to landmarks so that they differ every time, all of it vectorised over a batch.

What happens to a clip is drawn from the clip's own generator, and does not depend on its neighbours. NaN
(unseen) stays NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import numpy as np

from utils.errors import BenchError
from wlasl.landmarks.augment_draws import Draws
from wlasl.landmarks.augment_space import affine, arms, mirror, perspective, rotate, squeeze, turned
from wlasl.landmarks.augment_unseen import Lengths, hide_frames, hide_hand, hide_joints, rows, span
from wlasl.landmarks.columns import Mask, Numbers, Planes, Where, columns

_CHANCES = frozenset(
    {"mirror", "one_of", "rotate", "perspective", "squeeze", "arms", "arm_joint", "speed", "spin"}
    | {"hand_dropout"}
)
_SHARES = frozenset(
    {"perspective_ratio", "squeeze_ratio", "time_crop", "time_warp", "span", "frame_dropout"}
    | {"joint_dropout"}
)
_ONE_OF = ("rotate", "perspective", "squeeze", "arms")
"""The four of SPOTER, in its order."""


@dataclass(frozen=True, slots=True)
class Augment:
    """How landmarks are varied in training; by default they are not.

    The ranges are those of the papers. SPOTER as published is `Augment.spoter()`, SPOBET `Augment.spobet()`.

    Attributes:
        mirror: probability of a mirrored signer: x turned, left and right swapped.
        one_of: probability of one of rotate, perspective, squeeze and arms, all as likely (SPOTER).
        rotate: probability of turning everything about the picture's middle (rotate_degrees either way).
        perspective: probability of a view from the left or the right (up to perspective_ratio of the width).
        squeeze: probability of moving the left and the right edge inwards (each up to squeeze_ratio).
        arms: probability of turning arms: at each of neck, shoulder, elbow and wrist, with probability
            arm_joint, what comes after it (arm_degrees either way).
        body_only: perspective, squeeze and arms leave the joints of hands where they are, as published.
        speed: probability of another speed (slower or faster by a factor of up to speed_factor).
        time_crop: the clip loses up to this share of its frames, at both ends together.
        time_warp: parts of the clip become faster by up to this share, and others slower.
        scale: normalised coordinates grow or shrink by a factor of up to exp of this.
        stretch: x alone does so.
        shear: x moves by up to this times y.
        shift: everything moves by up to this, in x and in y.
        spin: probability of turning normalised coordinates about their origin by 0 to spin_degrees (SPOBET).
        noise: standard deviation of normal noise on normalised coordinates.
        mask_draws: so many draws of a row from 1 to mask_rows, the frame of each hidden (SPOBET: row 0 is the
            class token, so row 1 is the first frame).
        frame_dropout: up to this share of the frames is hidden.
        span: up to this share of the frames is hidden, side by side.
        joint_dropout: up to this share of the joints is hidden throughout the clip.
        hand_dropout: probability that one of two hands is hidden throughout the clip.
    """

    mirror: float = 0.0
    one_of: float = 0.0
    rotate: float = 0.0
    rotate_degrees: float = 13.0
    perspective: float = 0.0
    perspective_ratio: float = 0.1
    squeeze: float = 0.0
    squeeze_ratio: float = 0.15
    arms: float = 0.0
    arm_joint: float = 0.3
    arm_degrees: float = 4.0
    body_only: bool = True
    speed: float = 0.0
    speed_factor: float = 1.25
    time_crop: float = 0.0
    time_warp: float = 0.0
    scale: float = 0.0
    stretch: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    spin: float = 0.0
    spin_degrees: float = 13.0
    noise: float = 0.0
    mask_draws: int = 0
    mask_rows: int = 249
    frame_dropout: float = 0.0
    span: float = 0.0
    joint_dropout: float = 0.0
    hand_dropout: float = 0.0

    @classmethod
    def spoter(cls, probability: float = 0.5, noise: float = 0.001) -> Augment:
        """Return SPOTER's: one of four with this probability, and noise on every coordinate."""
        return cls(one_of=probability, noise=noise)

    @classmethod
    def spobet(cls) -> Augment:
        """Return SPOBET's: a turn with probability 0.3, and 83 draws of the rows 1 to 249 of 250."""
        return cls(spin=0.3, mask_draws=83)

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        for name in sorted(_CHANCES):
            if not 0 <= getattr(self, name) <= 1:
                raise BenchError(f"augment.{name} is {getattr(self, name)}; a probability is from 0 to 1.")
        for name in sorted(_SHARES):
            if not 0 <= getattr(self, name) < 1:
                raise BenchError(f"augment.{name} is {getattr(self, name)}; it must be at least 0, below 1.")
        for name in {field.name for field in fields(self)} - _CHANCES - _SHARES - {"body_only"}:
            if not 0 <= getattr(self, name) < np.inf:
                raise BenchError(f"augment.{name} is {getattr(self, name)}; it must not be negative.")
        if self.speed_factor < 1 or 2 * self.squeeze_ratio >= 1 or self.mask_rows < 1:
            wanted = "speed_factor and mask_rows must be at least 1, and squeeze_ratio below 0.5"
            raise BenchError(f"augment: {wanted}.")


def before(
    augment: Augment,
    planes: Planes,
    joints: tuple[str, ...],
    draws: Draws,
    hands: Mapping[str, Where] | None = None,
) -> Planes:
    """Return canonical planes [J, D, B, T] varied: what is done before they are normalised.

    Args:
        augment: how.
        planes: the landmarks.
        joints: the J joints' names.
        draws: the clips' random numbers.
        hands: per side, all that is hidden with a hand; None for its own joints alone.
    """
    planes = planes.copy()
    on = _chosen(augment, draws)
    for name, change in _CHANGES.items():
        clips = np.flatnonzero(on[name])
        if len(clips):
            drawn = draws[name][clips]
            planes[:, :, clips] = change(augment, planes[:, :, clips], joints, drawn)
    if augment.hand_dropout:
        chance, which = draws["hand_dropout"].T
        own = columns(joints).hands
        hide_hand(planes, own, hands or own, chance < augment.hand_dropout, which)
    return planes


def after(augment: Augment, planes: Planes, lengths: Lengths, draws: Draws) -> Planes:
    """Return normalised planes [J, D, B, T] varied: what is done after."""
    planes = planes.copy()
    spun = np.flatnonzero(draws["spin"][:, 0] < augment.spin)
    if len(spun):
        angle = np.radians(augment.spin_degrees) * draws["spin"][spun, 1]
        planes[:, :, spun] = turned(planes[:, :, spun], angle)
    if augment.scale or augment.stretch or augment.shear or augment.shift:
        planes = affine(planes, *_affine(augment, draws))
    _hide(augment, planes, lengths, draws)
    if augment.noise:
        planes += np.float32(augment.noise) * draws.normals(planes.shape[:2], lengths)
    return planes


def _chosen(augment: Augment, draws: Draws) -> dict[str, Mask]:
    """Return, per change, in which clips it is made, bool [B]."""
    on: dict[str, Mask] = {name: draws[name][:, 0] < getattr(augment, name) for name in _CHANGES}
    one, which = draws["one_of"].T
    for number, name in enumerate(_ONE_OF):
        on[name] |= (one < augment.one_of) & (np.floor(which * len(_ONE_OF)) == number)
    return on


def _mirror(_augment: Augment, planes: Planes, joints: tuple[str, ...], _drawn: Numbers) -> Planes:
    """Mirror some clips."""
    return mirror(planes, joints)


def _rotate(augment: Augment, planes: Planes, _joints: tuple[str, ...], drawn: Numbers) -> Planes:
    """Turn some clips about the picture's middle."""
    return rotate(planes, np.radians(augment.rotate_degrees) * (2 * drawn[:, 1] - 1))


def _perspective(augment: Augment, planes: Planes, joints: tuple[str, ...], drawn: Numbers) -> Planes:
    """See some clips from one side."""
    left = drawn[:, 2] < 0.5  # noqa: PLR2004 - a coin
    return perspective(planes, _moving(augment, joints), augment.perspective_ratio * drawn[:, 1], left)


def _squeeze(augment: Augment, planes: Planes, joints: tuple[str, ...], drawn: Numbers) -> Planes:
    """Squeeze some clips."""
    return squeeze(planes, _moving(augment, joints), augment.squeeze_ratio * drawn[:, 1:])


def _arms(augment: Augment, planes: Planes, joints: tuple[str, ...], drawn: Numbers) -> Planes:
    """Turn the arms of some clips, at each joint or not."""
    chance, angle = np.split(drawn[:, 1:], 2, axis=1)
    turns = np.where(chance < augment.arm_joint, np.radians(augment.arm_degrees) * (2 * angle - 1), 0)
    return arms(planes, joints, turns, hands=not augment.body_only)


_CHANGES: dict[str, Callable[[Augment, Planes, tuple[str, ...], Numbers], Planes]] = {
    "mirror": _mirror,
    "rotate": _rotate,
    "perspective": _perspective,
    "squeeze": _squeeze,
    "arms": _arms,
}
"""In this order; each takes the chosen clips alone, and what was drawn for them."""


def _moving(augment: Augment, joints: tuple[str, ...]) -> Where:
    """Return the joints that perspective and squeeze move."""
    return columns(joints).body if augment.body_only else slice(0, len(joints))


def _affine(augment: Augment, draws: Draws) -> tuple[Numbers, Numbers, Numbers]:
    """Return factors [B, 2], shear [B] and shift [B, 2]."""
    scale, stretch = (np.exp(draws.either(name, getattr(augment, name))) for name in ("scale", "stretch"))
    shift = np.stack([draws.either("shift", augment.shift, number) for number in (0, 1)], 1)
    return np.stack([scale * stretch, scale], 1), draws.either("shear", augment.shear), shift


def _hide(augment: Augment, planes: Planes, lengths: Lengths, draws: Draws) -> None:
    """Hide joints and frames, in place."""
    frames = planes.shape[-1]
    if augment.joint_dropout:
        chance, *each = draws.shares(1 + len(planes)).T
        hide_joints(planes, np.stack(each, 1) < augment.joint_dropout * chance[:, None])
    if augment.mask_draws:
        hide_frames(planes, rows(draws.rows(augment.mask_draws, augment.mask_rows), frames))
    if augment.frame_dropout:
        chance = augment.frame_dropout * draws["frame_dropout"][:, 0]
        hide_frames(planes, draws.frames(lengths, chance))
    if augment.span:
        share, start = draws["span"].T
        hide_frames(planes, span(augment.span * share, start, lengths, frames))
