"""One clip of the sample: who signs it, where, how, and its files and row of metadata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from utils.seeds import generator
from wlasl.clips import Part
from wlasl.sample.drawing import draw_frames
from wlasl.sample.motion import Array, hand_paths, perform
from wlasl.sample.scene import SITES, Site, paint_room, place_camera, signer_box
from wlasl.sample.signer import Signer, make_signer, pose_body
from wlasl.sample.signs import SIGNS
from wlasl.sample.writing import encode, landmark_bytes, landmarks

PATTERN: tuple[Part, ...] = ("train", "val", "test") + ("train",) * 4 + ("val", "test") + ("train",) * 3
"""The part of each clip of a gloss, repeated: 8 train, 2 val, 2 test of 12, and all three of the first 3."""

SIGNERS = 8
GUEST = SIGNERS + 1
"""A signer who appears in no training clip, as two of WLASL300's test clips have (FIELD.md C2)."""

_FIRST_ID = 80000
_IDS_PER_GLOSS = 1000
MOST_CLIPS = _IDS_PER_GLOSS
"""The most clips per gloss that ids are kept for."""

# The purposes of random numbers: a clip's, a signer's, and which signers a gloss meets.
_CLIP, _SIGNER, _CASTING = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Take:
    """One clip before it is drawn.

    Attributes:
        seed: of the whole sample.
        gloss: index into `SIGNS`.
        number: which clip of its gloss, from 0.
    """

    seed: int
    gloss: int
    number: int

    @property
    def id(self) -> str:
        """Return the clip's id: five digits, beyond WLASL's, the same however many clips are drawn."""
        return str(_FIRST_ID + self.gloss * _IDS_PER_GLOSS + self.number)

    @property
    def part(self) -> Part:
        """Return the part of the sample that the clip belongs to."""
        return PATTERN[self.number % len(PATTERN)]

    @property
    def signer(self) -> int:
        """Return the number of the clip's signer: each signs a gloss once before any signs it again."""
        if self.part == "test" and self.gloss % 8 == 0 and self.number % len(PATTERN) > len(PATTERN) // 2:
            return GUEST
        order = generator(self.seed, _CASTING, self.gloss, self.number // SIGNERS).permutation(SIGNERS)
        return 1 + int(order[self.number % SIGNERS])


@dataclass(frozen=True, slots=True)
class Drawn:
    """A clip's files and metadata.

    Attributes:
        video: the bytes of the .mp4.
        landmarks: the bytes of the .npz.
        instance: the clip's entry of `WLASL_v0.3.json`.
        action: the clip's entry of `nslt_*.json`.
    """

    video: bytes
    landmarks: bytes
    instance: dict[str, Any]
    action: dict[str, Any]


def draw_clip(take: Take) -> Drawn:
    """Draw one clip; the same take gives the same bytes."""
    rng = generator(take.seed, _CLIP, take.gloss, take.number)
    signer = make_signer(take.signer, generator(take.seed, _SIGNER, take.signer))
    site = SITES[rng.integers(len(SITES))]
    before, sign, after = _paths(take, site, rng)
    paths = np.concatenate([before, sign, after])
    body = pose_body(signer, paths, _sway(len(paths), float(site.fps), rng))
    camera = place_camera(site, rng)
    room = paint_room(site, signer.skin, rng)
    box = signer_box(camera, signer.girth, rng)
    crf, grain = int(rng.integers(19, 25)), rng.uniform(1.0, 2.5)
    video = encode(draw_frames(signer, body, camera, room), site, crf, grain, rng)
    marks = landmark_bytes(landmarks(body, camera, float(site.fps)))
    first, last = _frame_range(site, len(before), len(sign), rng)
    instance = {"bbox": list(box), "frame_start": first, "frame_end": last, **_row(take, signer, site)}
    action = {"subset": take.part, "action": [take.gloss, 1, len(sign)]}
    return Drawn(video, marks, instance, action)


def _paths(take: Take, site: Site, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Return the hands' states before, in and after the sign; before and after are ends of other signs."""
    fps = float(site.fps)
    sign = hand_paths(SIGNS[take.gloss], perform(rng), fps)
    if site.lead != "kept":
        return sign[:0], sign, sign[:0]
    others = [hand_paths(SIGNS[rng.integers(len(SIGNS))], perform(rng), fps) for _ in range(2)]
    counts = rng.integers(round(0.3 * fps), round(0.8 * fps), size=2)
    return others[0][-counts[0] :], sign, others[1][: counts[1]]


def _sway(frames: int, fps: float, rng: np.random.Generator) -> Array:
    """Return how the trunk drifts, [T, 2] in shoulder widths (right, down)."""
    times = np.arange(frames) / fps
    phases = rng.uniform(0, 2 * np.pi, 2)
    return np.asarray(np.sin(2 * np.pi * times[:, None] * [0.31, 0.43] + phases) * [0.03, 0.012])


def _frame_range(site: Site, before: int, sign: int, rng: np.random.Generator) -> tuple[int, int]:
    """Return `frame_start` and `frame_end`, 1-based, as the site's clips have them."""
    if site.lead == "kept":
        return before + 1, before + sign
    if site.lead == "cut":
        start = int(rng.integers(200, 5000))
        return start, start + sign - 1
    return 1, -1


def _row(take: Take, signer: Signer, site: Site) -> dict[str, Any]:
    """Return the fields of a clip's metadata that do not depend on its frames."""
    fps = int(site.fps) if site.fps.denominator == 1 else round(float(site.fps), 2)
    return {
        "fps": fps,
        "instance_id": take.number,
        "signer_id": signer.number,
        "source": site.name,
        "split": take.part,
        "url": f"sample://{site.name}/{take.id}",
        "variation_id": 0,
        "video_id": take.id,
    }
