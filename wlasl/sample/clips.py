"""One clip of the sample: who signs it, where and how; its files and its rows of metadata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from utils.seeds import generator
from wlasl.clips import Part
from wlasl.sample.drawing import draw_frames
from wlasl.sample.motion import Array, hand_paths, perform
from wlasl.sample.scene import SITES, Camera, Site, paint_room, place_camera, signer_box
from wlasl.sample.signer import Body, Signer, make_signer, pose_body
from wlasl.sample.signs import SIGNS
from wlasl.sample.writing import Film, encode, landmark_bytes, landmarks

PATTERN: tuple[Part, ...] = ("train", "val", "test") + ("train",) * 4 + ("val", "test") + ("train",) * 3
"""The part of each clip of a gloss, repeated: 8 train, 2 val, 2 test of 12, and all three of the first 3."""

SIGNERS = 6
"""How many signers sign every gloss."""
LEFT_HANDED = 7
"""The one signer who leads with the left hand; seen in training alone, in one clip of 24."""
GUEST = 8
"""The one signer who is in no training clip; in two test clips of 32."""

_LAST_TEST = max(place for place, part in enumerate(PATTERN) if part == "test")
_GUEST_PAIR = 4

_FIRST_ID = 80000
_IDS_PER_GLOSS = 1000
MOST_CLIPS = _IDS_PER_GLOSS
"""The most clips per gloss that ids are kept for."""

# The purposes of random numbers: a clip's, a signer's looks, which signers a gloss meets, a clip's
# pictures, a signer's room.
_CLIP, _SIGNER, _CASTING, _FILM, _ROOM = range(5)


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
        place = self.number % len(PATTERN)
        # Both glosses of a reversed pair, who are neighbours, meet them alike: who signs gives nothing away.
        if (self.gloss // 2) % 8 == _GUEST_PAIR and place == _LAST_TEST:
            return GUEST
        if (self.gloss // 2) % 2 and place == len(PATTERN) - 1:
            return LEFT_HANDED
        order = generator(self.seed, _CASTING, self.gloss, self.number // SIGNERS).permutation(SIGNERS)
        return 1 + int(order[self.number % SIGNERS])


@dataclass(frozen=True, slots=True)
class Plan:
    """A clip that is fully decided, and cheap to make: everything but its pictures.

    Attributes:
        take: which clip it is.
        signer: who signs.
        site: who publishes.
        camera: how it is filmed.
        body: the signer's body over time.
        box: the signer's box in pixels.
        span: `frame_start` and `frame_end` of the metadata.
        frames: how many frames the sign itself has.
    """

    take: Take
    signer: Signer
    site: Site
    camera: Camera
    body: Body
    box: tuple[int, int, int, int]
    span: tuple[int, int]
    frames: int


def plan_clip(take: Take) -> Plan:
    """Decide everything about a clip; the same take gives the same plan."""
    rng = generator(take.seed, _CLIP, take.gloss, take.number)
    signer = _signer(take)
    site = SITES[take.signer % len(SITES)]
    before, sign, after = _paths(take, site, rng)
    paths = np.concatenate([before, sign, after])
    body = pose_body(signer, paths, _sway(len(paths), float(site.fps), rng))
    camera = place_camera(site, rng)
    box = signer_box(camera, signer.girth, rng)
    span = _frame_range(site, len(before), len(sign), rng)
    return Plan(take, signer, site, camera, body, box, span, len(sign))


def _signer(take: Take) -> Signer:
    """Return the signer of a take, the same person in every clip."""
    rng = generator(take.seed, _SIGNER, take.signer)
    return make_signer(take.signer, rng, left_handed=take.signer == LEFT_HANDED)


def draw_video(plan: Plan) -> bytes:
    """Return the bytes of a clip's .mp4."""
    rng = generator(plan.take.seed, _FILM, plan.take.gloss, plan.take.number)
    home = generator(plan.take.seed, _ROOM, plan.signer.number)
    room = paint_room(plan.site, plan.signer.skin, home)
    film = Film(
        plan.site, crf=int(rng.integers(19, 25)), grain=rng.uniform(1.0, 2.5), light=rng.uniform(0.94, 1.06)
    )
    return encode(draw_frames(plan.signer, plan.body, plan.camera, room), film, rng)


def draw_landmarks(plan: Plan) -> bytes:
    """Return the bytes of a clip's .npz of true landmarks."""
    return landmark_bytes(landmarks(plan.body, plan.camera, float(plan.site.fps)))


def instance(plan: Plan) -> dict[str, Any]:
    """Return a clip's entry in `WLASL_v0.3.json`."""
    fps, take = plan.site.fps, plan.take
    return {
        "bbox": list(plan.box),
        "fps": int(fps) if fps.denominator == 1 else round(float(fps), 2),
        "frame_end": plan.span[1],
        "frame_start": plan.span[0],
        "instance_id": take.number,
        "signer_id": plan.signer.number,
        "source": plan.site.name,
        "split": take.part,
        "url": f"sample://{plan.site.name}/{take.id}",
        "variation_id": 0,
        "video_id": take.id,
    }


def action(plan: Plan) -> dict[str, Any]:
    """Return a clip's entry in `nslt_*.json`: its part, and its class and frames."""
    return {"subset": plan.take.part, "action": [plan.take.gloss, 1, plan.frames]}


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
