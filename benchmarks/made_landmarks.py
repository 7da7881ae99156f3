"""Made landmarks of realistic lengths, so that speed can be measured where there is no data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from utils.seeds import generator
from wlasl.clips import Clip
from wlasl.landmarks.form import Points
from wlasl.landmarks.joints import SPOTER

Numbers = npt.NDArray[np.float64]

FRAMES = (60, 100)
"""The fewest and the most frames of a made clip: a clip of 4 s has 100 at 25 frames per second."""

_BODY = {
    "nose": (0.5, 0.3),
    "neck": (0.5, 0.5),
    "eye": (0.03, 0.27),
    "ear": (0.07, 0.29),
    "shoulder": (0.15, 0.5),
    "elbow": (0.2, 0.7),
    "wrist": (0.12, 0.75),
}
"""Where joints are at rest; those of a side: how far from the middle, the left ones at larger x."""
_NOISE = 0.01
"""Standard deviation of a joint about its path, in widths of the picture."""
_UNSEEN = 0.1
"""Share of the frames in which the right hand is unseen."""
_RIGHT_HAND = slice(SPOTER.index("right_hand_wrist"), len(SPOTER))


@dataclass(frozen=True)
class MadeStore:
    """Landmarks in memory, as a loader reads them from a store.

    Attributes:
        clips: the clips.
        found: canonical landmarks by a clip's id, float32 [T, J, 2].
        joints: the names of the J joints.
    """

    clips: tuple[Clip, ...]
    found: Mapping[str, Points]
    joints: tuple[str, ...] = SPOTER

    def points(self, clip_id: str) -> Points:
        """Return one clip's canonical landmarks, float32 [T, J, 2]."""
        return self.found[clip_id]


def made(count: int, classes: int, *, frames: tuple[int, int] = FRAMES, key: int = 0) -> MadeStore:
    """Make clips of signs that move their hands along paths of their own.

    Args:
        count: how many clips; their classes take turns.
        classes: how many signs.
        frames: the fewest and the most frames of a clip.
        key: other clips of the same signs have another key.
    """
    clips, found = [], {}
    for number in range(count):
        label, rng = number % classes, generator(key, number)
        length = int(rng.integers(frames[0], frames[1] + 1))
        clip = Clip(f"{number:05d}", f"sign{label:03d}", label, "train", frames=length)
        clips.append(clip)
        found[clip.id] = _signed(label, length, rng)
    return MadeStore(tuple(clips), found)


def _signed(label: int, frames: int, rng: np.random.Generator) -> Points:
    """Return one clip of a sign, float32 [T, J, 2]; its right hand is unseen in some frames."""
    sign = generator(1, label)  # the same for all clips of a sign
    wrists = {side: _path(sign, frames) for side in ("left", "right")}
    shapes = {side: sign.normal(0, 0.03, (len(SPOTER), 2)) for side in wrists}
    points = np.empty((frames, len(SPOTER), 2))
    for at, name in enumerate(SPOTER):
        side, _, part = name.partition("_")
        if side not in wrists:
            points[:, at] = _BODY[name]
        elif part in _BODY:
            across, down = _BODY[part]
            points[:, at] = (0.5 + across * (1 if side == "left" else -1), down)
            points[:, at] += wrists[side] * {"wrist": 1.0, "elbow": 0.5}.get(part, 0.0)
        else:
            points[:, at] = points[:, SPOTER.index(f"{side}_wrist")] + shapes[side][at]
    points += rng.normal(0, _NOISE, points.shape) + rng.normal(0, 0.02, 2)
    points[rng.random(frames) < _UNSEEN, _RIGHT_HAND] = np.nan
    return points.astype(np.float32)


def _path(sign: np.random.Generator, frames: int) -> Numbers:
    """Return how a wrist moves about its place at rest, [T, 2]."""
    size, phase = sign.uniform(0.02, 0.1, 2), sign.uniform(0, 2 * np.pi, 2)
    turns = sign.uniform(0.5, 2.5, 2)
    moment = np.linspace(0, 1, frames)[:, None]
    return np.asarray(size * np.sin(2 * np.pi * turns * moment + phase) - (0, 0.1))
