"""Skeletons over frames: what a source of landmarks saw of a clip, on one sheet that a person can judge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from wlasl.clips import Clip
from wlasl.contact import Seen, lay_out
from wlasl.landmarks.form import Landmarks, Points
from wlasl.landmarks.joints import FINGERS, SIDES
from wlasl.landmarks.quality import presence
from wlasl.pixels import upright_rgb
from wlasl.video import VideoError, read

Frame = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.float64]
Colour = tuple[int, int, int]

BODY: Colour = (255, 255, 255)
LEFT: Colour = (86, 180, 233)
RIGHT: Colour = (230, 159, 0)
"""Okabe and Ito's sky blue and orange, which everybody tells apart; white for the body."""
GROUND: Colour = (52, 56, 64)
_HALO: Colour = (0, 0, 0)
_FINER = 3
"""Pictures are drawn so many times larger and made small by averaging: lines of any width, without steps."""
_FAR = 4.0
"""No line leads further out of the picture, in its widths: what is drawn with is 16 bits."""
_MARGIN = 0.08
_BELOW = ("knee", "ankle", "heel", "foot")
"""Joints that no sign needs; MediaPipe guesses them below the picture."""
_SHIFT = 4

_FACE = (("nose", "{}_eye"), ("{}_eye", "{}_ear"), ("mouth_left", "mouth_right"))
_ARM = (("{}_shoulder", "{}_elbow"), ("{}_elbow", "{}_wrist"), ("{}_shoulder", "{}_hip"))
_TRUNK = (("nose", "neck"), ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"))


def _finger(name: str) -> tuple[str, ...]:
    """Return the joints of a finger from the wrist to its tip."""
    parts = ("cmc", "mcp", "ip", "tip") if name == "thumb" else ("mcp", "pip", "dip", "tip")
    return ("wrist", *(f"{name}_{part}" for part in parts))


def bones(joints: tuple[str, ...]) -> Iterator[tuple[str, str, Colour]]:
    """Yield the lines of a skeleton with these joints: from, to and colour; hands last, as they lie in front.

    A neck that has no joint is the middle of the shoulders.
    """
    known = {*joints, "neck"}
    body = [(a.format(side), b.format(side)) for a, b in (*_FACE, *_ARM) for side in SIDES]
    lines = [(a, b, BODY) for a, b in dict.fromkeys((*_TRUNK, *body))]
    for side, colour in zip(SIDES, (LEFT, RIGHT), strict=True):
        chains = [_finger(name) for name in FINGERS]
        palm = tuple(f"{name}_mcp" for name in FINGERS[1:])
        pairs = [pair for chain in (*chains, palm) for pair in pairwise(chain)]
        lines += [(f"{side}_hand_{a}", f"{side}_hand_{b}", colour) for a, b in pairs]
    yield from (line for line in lines if {line[0], line[1]} <= known)


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a frame and the picture that is made of it.

    Attributes:
        left, top: its corner, in pixels of the frame; may lie outside.
        scale: pixels of the picture per pixel of the frame.
        shape: the picture's width and height.
        weight: width of a hand's lines, in pixels of the picture; those of the body are wider by a third.
    """

    left: float
    top: float
    scale: float
    shape: tuple[int, int]
    weight: float = 1.0


def skeleton(frame: Frame, points: Points, joints: tuple[str, ...], window: Window) -> Frame:
    """Return a picture of a part of a frame with the skeleton over it, uint8 [H, W, 3].

    Args:
        frame: RGB, uint8 [H, W, 3].
        points: one frame's, [J, 2 or 3] in image coordinates, y down; unseen ones are not drawn.
        joints: their names.
        window: which part, how large.
    """
    height, width = frame.shape[:2]
    scale = window.scale * _FINER
    # Where the frame's corner lies in the picture; OpenCV counts from the middle of a pixel.
    corner = np.array([-window.left, -window.top], np.float64) * scale - 0.5
    move = np.column_stack([np.eye(2) * scale, corner - scale / 2])
    shape = (window.shape[0] * _FINER, window.shape[1] * _FINER)
    # The edge's pixels once more around it, so that the ground does not shine through them.
    framed = cv2.copyMakeBorder(frame, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    picture = cast(Frame, cv2.warpAffine(framed, move, shape, flags=cv2.INTER_LINEAR, borderValue=GROUND))
    at = points[:, :2] * (width, height) * scale + corner
    reach = _FAR * max(shape)
    _draw(picture, np.clip(at, -reach, reach), joints, window.weight * _FINER)
    return cast(Frame, cv2.resize(picture, window.shape, interpolation=cv2.INTER_AREA))


def _draw(picture: Frame, at: Numbers, joints: tuple[str, ...], weight: float) -> None:
    """Draw the skeleton whose joints lie at these pixels, each line on a dark one that is wider."""
    place = {name: point for name, point in zip(joints, at, strict=True) if np.isfinite(point).all()}
    if "neck" not in place and {"left_shoulder", "right_shoulder"} <= place.keys():
        place["neck"] = (place["left_shoulder"] + place["right_shoulder"]) / 2
    lines = [(place[a], place[b], colour) for a, b, colour in bones(joints) if a in place and b in place]
    for group in ((BODY,), (LEFT, RIGHT)):
        mine = [line for line in lines if line[2] in group]
        wide = weight * (4 / 3 if BODY in group else 1)
        for extra, halo in ((1.2 * weight, True), (0.0, False)):
            for start, end, colour in mine:
                _line(picture, start, end, _HALO if halo else colour, wide + extra)


def _line(picture: Frame, start: Numbers, end: Numbers, colour: Colour, width: float) -> None:
    """Draw a line with round ends, placed to a sixteenth of a pixel."""
    first, last = (tuple(np.round(point * (1 << _SHIFT)).astype(int).tolist()) for point in (start, end))
    cv2.line(picture, first, last, colour, max(1, round(width)), cv2.LINE_AA, _SHIFT)


def whole(size: tuple[int, int], longest: int) -> Window:
    """Return the window on a whole frame (width, height in pixels), its longer side so many pixels long."""
    scale = longest / max(size)
    return Window(0, 0, scale, (max(1, round(size[0] * scale)), max(1, round(size[1] * scale))), 0.7)


def closer(points: Points, joints: tuple[str, ...], size: tuple[int, int], side: int) -> Window:
    """Return the square window, `side` pixels wide, on all that a clip's skeleton does above its knees.

    Args:
        points: the clip's, [T, J, 2 or 3] in image coordinates.
        joints: their names.
        size: the frame's width and height in pixels.
        side: the picture's, in pixels.
    """
    kept = [index for index, name in enumerate(joints) if not any(part in name for part in _BELOW)]
    at = points[:, kept, :2].reshape(-1, 2) * np.array(size)
    at = at[np.isfinite(at).all(axis=1) & (at[:, 1] <= size[1])]
    if not len(at):
        return Window(0, 0, side / max(size), (side, side))
    low, high = np.percentile(at, (0.5, 99.5), axis=0)
    wide = max(float((high - low).max()), 1.0) * (1 + 2 * _MARGIN)
    # Inside the frame where it fits there, else on its middle.
    slack = np.array(size) - wide
    corner = np.clip((low + high) / 2 - wide / 2, np.minimum(slack / 2, 0), np.maximum(slack, slack / 2))
    return Window(float(corner[0]), float(corner[1]), side / wide, (side, side))


def shares(points: Points, joints: tuple[str, ...]) -> dict[str, float]:
    """Return the share of frames in which each of body, left hand and right hand is seen, if it is known."""
    return {group: float(seen.mean()) for group, seen in presence(points, joints).items()}


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is put on a sheet.

    Attributes:
        name: what the source of the landmarks is called.
        frames: how many frames are shown, spread over the clip.
        size: side of the close pictures, in pixels.
    """

    name: str
    frames: int = 16
    size: int = 240


_RATES = 0.75
"""Copies of a clip run at 24 to 30 frames per second: fewer landmarks than this share are its beginning."""


def landmark_sheet(clip: Clip, landmarks: Landmarks, video: Path | None, sheet: Sheet) -> Image.Image:
    """Return a sheet of a clip's landmarks: over whole frames, and closer.

    Args:
        clip: whose.
        landmarks: all of its frames.
        video: its file; None where there is none: then the skeletons stand on plain ground.
        sheet: what is put on it.
    """
    landmarks = landmarks.canonical()
    frames, note = filmed_frames(clip, landmarks, video)
    count = len(frames) or len(landmarks.points)
    indices = np.unique(np.linspace(0, count - 1, min(sheet.frames, count)).round()).astype(np.int64)
    if frames:
        height, width = upright_rgb(frames[0]).shape[:2]
        landmarks = replace(landmarks, size=(width, height))
    width, height = landmarks.size or (480, 480)
    far = whole((width, height), sheet.size)
    near = closer(landmarks.points, landmarks.joints, (width, height), sheet.size)
    plain = np.full((height, width, 3), GROUND, np.uint8)
    filmed, inputs = [], []
    for index in indices:
        frame = upright_rgb(frames[index]) if frames else plain
        points = landmarks.points[matching(int(index), count, len(landmarks.points))]
        filmed.append(skeleton(frame, points, landmarks.joints, far))
        inputs.append(skeleton(frame, points, landmarks.joints, near))
    title = [*_title(clip, landmarks, sheet), *([note] if note else [])]
    return lay_out(Seen(indices, filmed, np.stack(inputs), count, (width, height)), title)


def filmed_frames(clip: Clip, landmarks: Landmarks, video: Path | None) -> tuple[list[av.VideoFrame], str]:
    """Return the frames that landmarks are of (none without a video), and what is to be said of that."""
    if video is None:
        return [], "There is no video here: the skeletons stand on plain ground."
    try:
        frames = read(video, clip, lambda frame: frame)
    except VideoError as error:
        return [], f"The video cannot be read ({error}): the skeletons stand on plain ground."
    if len(frames) == len(landmarks.points):
        return frames, ""
    if len(landmarks.points) < _RATES * len(frames):
        shown = len(landmarks.points)
        return frames[:shown], f"The landmarks are of the first {shown} of {len(frames)} frames."
    counts = f"The video has {len(frames)} frames and the landmarks {len(landmarks.points)}"
    return frames, f"{counts}: each is drawn at its place in the clip."


def matching(index: int, count: int, length: int) -> int:
    """Return which of `length` pictures of a clip shows what one of `count` others of it shows."""
    return index if count == length else round(index * (length - 1) / max(count - 1, 1))


def _title(clip: Clip, landmarks: Landmarks, sheet: Sheet) -> list[str]:
    """Return the sheet's title, what the landmarks are, and how much they see, a line each."""
    signer = "signer unknown" if clip.signer is None else f"signer {clip.signer}"
    rate = f", {landmarks.fps:.4g} fps" if landmarks.fps else ""
    size = "{} x {}".format(*landmarks.size) if landmarks.size else "no size known, as of a square"
    kind = "" if landmarks.source == sheet.name else f" ({landmarks.source})"
    count, joints, dims = landmarks.points.shape
    colours = {"body": "white", "left hand": "blue", "right hand": "orange"}
    seen = shares(landmarks.points, landmarks.joints)
    told = [f"{part} ({colours[part]}) {share:.0%}" for part, share in seen.items()]
    return [
        f"{clip.id}   {clip.gloss}   (class {clip.label}, {clip.part}, {signer})",
        f"Landmarks: {sheet.name}{kind}, {joints} joints in {dims}-D, {count} frames{rate}, {size}",
        f"Seen in so many of the frames: {', '.join(told)}; left and right are the signer's own",
    ]
