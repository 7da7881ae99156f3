"""H&HT: one picture of a whole frame, the right hand, the face and the left hand, cut out by landmarks.

The hand and head tiling of SignNet (IEEE Access 13:127926, 2025, doi 10.1109/access.2025.3591123), as far as
its preprocessing can be told: a part is the box of its landmarks with a margin, cut to the frame, stretched
into its quadrant; a part that is not seen is black. Their canvas has the video's shape and is made square for
the network; here it is square from the start. Here stands the geometry alone: which box goes where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from utils.errors import BenchError
from wlasl.landmarks.form import Points
from wlasl.landmarks.joints import POSE, hand

Box = tuple[int, int, int, int]
Boxes = npt.NDArray[np.int64]
Frames = npt.NDArray[np.uint8]

Fill = Literal["stretch", "square", "pad"]
Layout = Literal["quadrants", "bottom"]

TILES = ("frame", "right hand", "face", "left hand")
"""What lies on the canvas, in reading order. Left and right are the signer's own."""
_HANDS = (TILES.index("right hand"), TILES.index("left hand"))
_FACE_PART = TILES.index("face") - 1
_FACE = POSE[:11]
"""MediaPipe Pose's points of the face, 0 to 10: nose, eyes, ears, mouth."""
_MESH = "face_"
"""How the names of a face mesh's points begin, where a source has one."""
_HEADS = 2.0
"""A face grows by no more than so many times the height of its points, above and below."""
_DUST = 0.01
"""Hundredths of a pixel are what is left of a whole one in float32: they reach into no other pixel."""
_HALF = 0.5
"""A part is seen in a frame in which so large a share of its joints is."""
_SLACK = 3
"""Landmarks and frames whose numbers differ by no more go together one by one: the last ones were lost."""
_FEWEST, _MOST = 0.75, 2.5
"""How many landmarks in time a frame can have: copies of a clip run at 24 to 30 frames a second, some at 60.
Fewer are a clip's beginning alone; with many more they are another clip's."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """How a frame and its parts lie on one square picture.

    Attributes:
        landmarks: which landmarks the parts are cut out by: their store's name.
        margin: pixels of the video around the box of a part's landmarks.
        margin_share: more around it, as a share of the video's longer side.
        head: more above and below the points of a face, as a share of their height, where there is no face
            mesh: those of the body reach from eyes to mouth alone, without forehead and chin.
        parts: how a part fills its tile: `stretch`, whatever its shape; `square`, its box is made square
            first; `pad`, it keeps its shape, with black beside it.
        pad_first: the frame is made square with black bars before anything is cut out of it.
        layout: `quadrants`; or `bottom`, the frame over the whole width; right hand, face, left hand below.
        show: a 1 or a 0 for each of TILES: a 0 leaves it black.
        grey: without colour.
    """

    landmarks: str = ""
    margin: int = 10
    margin_share: float = 0.0
    head: float = 0.75
    parts: Fill = "stretch"
    pad_first: bool = False
    layout: Layout = "quadrants"
    show: str = "1111"
    grey: bool = False

    def __post_init__(self) -> None:
        """Refuse values that no canvas can have."""
        for name, value, known in (("parts", self.parts, Fill), ("layout", self.layout, Layout)):
            if value not in get_args(known):
                raise BenchError(f"{name} is {value!r}; it can be {', '.join(get_args(known))}.")
        if len(self.show) != len(TILES) or set(self.show) - {"0", "1"}:
            raise BenchError(f"show is {self.show!r}; it is a 0 or a 1 for each of {', '.join(TILES)}: 1111.")
        if self.margin < 0 or not 0 <= self.margin_share <= 1 or not 0 <= self.head <= _HEADS:
            raise BenchError(
                "A margin is 0 pixels or more, a share of the frame from 0 to 1, of a face to 2."
            )


def tiles(size: int, layout: Layout) -> tuple[Box, ...]:
    """Return where each of TILES lies on a canvas of this side, (xmin, ymin, xmax, ymax).

    Edges are even where the side is a multiple of four; both hands' tiles have the same size at any side.
    """
    half = size // 2
    if layout == "quadrants":
        low = size - half
        return (0, 0, half, half), (low, 0, size, half), (0, low, half, size), (low, low, size, size)
    third = round(size / 6) * 2
    right = size - third
    return (0, 0, size, half), (0, half, third, size), (third, half, right, size), (right, half, size, size)


def mirrored(frames: Frames, layout: Layout) -> Frames:
    """Return canvases [..., S, S, 3] of the mirrored signer, as new arrays.

    Every tile is mirrored in its place, and the hands change places: a mirrored right hand is a left one.
    Mirroring the canvas as a whole picture instead would move every part to another tile.
    """
    out = frames.copy()
    places = tiles(frames.shape[-2], layout)
    order = list(range(len(TILES)))
    first, second = _HANDS
    order[first], order[second] = second, first
    for place, other in zip(places, (places[index] for index in order), strict=True):
        left, top, right, bottom = place
        from_left, from_top, from_right, from_bottom = other
        part = frames[..., from_top:from_bottom, from_left:from_right, :]
        out[..., top:bottom, left:right, :] = part[..., ::-1, :]
    return out


class Moments(NamedTuple):
    """Which landmarks belong to which frame of a clip.

    Attributes:
        offset: the number of the first of the clip's frames among those that are counted.
        frames: how many frames the clip has.
        landmarks: how many landmarks in time it has.
    """

    offset: int
    frames: int
    landmarks: int

    def at(self, number: int) -> int:
        """Return which landmarks belong to a counted frame.

        One by one where the numbers agree, or nearly; else by the place in the clip, as for landmarks at
        another frame rate.
        """
        index, last = max(number - self.offset, 0), self.landmarks - 1
        if abs(self.frames - self.landmarks) > _SLACK:
            index = round(index * last / max(self.frames - 1, 1))
        return min(index, last)

    @property
    def fit(self) -> bool:
        """Whether the landmarks can be those of all of the clip's frames."""
        return _FEWEST * self.frames - _SLACK <= self.landmarks <= _MOST * self.frames + _SLACK


def part_joints(joints: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """Return the positions of the joints of right hand, face and left hand; none where a source has none.

    The face is its mesh where there is one, else what the body's points show of it.
    """
    mesh = tuple(index for index, name in enumerate(joints) if name.startswith(_MESH))
    at = {name: index for index, name in enumerate(joints)}
    face = mesh or tuple(at[name] for name in _FACE if name in at)
    right, left = (tuple(at[name] for name in hand(side) if name in at) for side in ("right", "left"))
    return right, face, left


def part_boxes(points: Points, joints: Sequence[str], size: tuple[int, int], canvas: Canvas) -> Boxes:
    """Return the boxes of right hand, face and left hand in each frame, int64 [T, 3, 4], even numbers.

    (xmin, ymin, xmax, ymax) in pixels, zeros where a part is not seen. A box may reach out of the frame only
    where the frame is made square first.

    Args:
        points: float32 [T, J, 2 or 3], image coordinates, y down, NaN where unseen.
        joints: the J names.
        size: width and height of the upright frame in pixels.
        canvas: the margins, and how parts fill their tiles.
    """
    out = np.zeros((len(points), 3, 4), np.int64)
    bounds = around(size, canvas)
    margin = canvas.margin + canvas.margin_share * max(size)
    for part, found in enumerate(part_joints(joints)):
        if found:
            pixels = points[:, list(found), :2].astype(np.float64) * np.array(size)
            bare = part == _FACE_PART and not joints[found[0]].startswith(_MESH)
            out[:, part] = _boxes(pixels, (margin, canvas.head * bare), bounds, canvas)
    return out


def around(size: tuple[int, int], canvas: Canvas) -> Box:
    """Return what parts are cut out of, in even pixels: the frame, or the square around it."""
    width, height = (length - length % 2 for length in size)
    if not canvas.pad_first:
        return 0, 0, width, height
    side = max(width, height)
    left, top = (side - width) // 4 * 2, (side - height) // 4 * 2
    return -left, -top, side - left, side - top


def _boxes(points: npt.NDArray[np.float64], more: tuple[float, float], bounds: Box, canvas: Canvas) -> Boxes:
    """Return one part's boxes [T, 4]: least and largest of its points [T, K, 2] and more, cut to bounds.

    `more` is a margin in pixels, and what is added above and below as a share of the height.
    """
    unseen = np.isnan(points)
    seen = (~unseen[..., 0]).mean(axis=1) >= _HALF
    low, high = np.where(unseen, np.inf, points).min(axis=1), np.where(unseen, -np.inf, points).max(axis=1)
    low, high = np.where(seen[:, None], low, 0), np.where(seen[:, None], high, 0)
    around_it = more[0] + (high - low) * np.array([0, more[1]])
    low, high = np.floor(low - around_it + _DUST), np.ceil(high + around_it - _DUST)
    lower, upper = np.array(bounds[:2]), np.array(bounds[2:])
    if canvas.parts == "square":
        side = np.minimum((high - low).max(axis=1, keepdims=True), upper - lower)
        low = np.clip((low + high - side) / 2, lower, upper - side)
        high = low + side
    low, high = np.clip(low, lower, upper), np.clip(high, lower, upper)
    seen &= ((high - low) >= 1).all(axis=1)
    low, high = np.floor(low / 2) * 2, np.ceil(high / 2) * 2
    found = np.concatenate([low, high], axis=1).astype(np.int64)
    return np.where(seen[:, None], found, 0)


def land(box: Box, tile: Box, size: tuple[int, int], *, keep: bool) -> tuple[Box, Box] | None:
    """Return which part of a frame goes to which place of the canvas, in even pixels; None for nothing.

    Args:
        box: what is to be shown, in pixels of the upright frame; it may reach out of it.
        tile: where it is to be shown.
        size: width and height of the frame.
        keep: keep the box's shape, with black beside it, instead of stretching it.
    """
    if box[2] <= box[0] or box[3] <= box[1]:
        return None
    spans = [
        _land(box[axis::2], tile[axis::2], size[axis], _share(box, tile, axis, keep=keep)) for axis in (0, 1)
    ]
    (across, to_across), (down, to_down) = spans
    if across[1] <= across[0] or down[1] <= down[0]:
        return None
    return (across[0], down[0], across[1], down[1]), (to_across[0], to_down[0], to_across[1], to_down[1])


def _share(box: Box, tile: Box, axis: int, *, keep: bool) -> float:
    """Return how much of a tile a box takes along an axis."""
    if not keep:
        return 1.0
    scales = [(tile[at + 2] - tile[at]) / (box[at + 2] - box[at]) for at in (0, 1)]
    return min(scales) / scales[axis]


def _land(
    span: Sequence[int], tile: Sequence[int], length: int, share: float
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return, along one axis, the seen part of a span of the frame and its place in the tile."""
    low, high = max(span[0], 0), min(span[1], length - length % 2)
    room = tile[1] - tile[0]
    used = max(2 * round(room * share / 2), 2)
    scale = used / (span[1] - span[0])
    start = tile[0] + (room - used) // 4 * 2
    first, last = (2 * round((start + (edge - span[0]) * scale) / 2) for edge in (low, high))
    return (low, high), (first, min(max(last, first + 2), tile[1]))
