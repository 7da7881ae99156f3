"""What of a video the networks will see: which square of the frame, at which size, kept how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from utils.errors import BenchError
from utils.files import short_hash
from wlasl.hht import Canvas

CropName = Literal["signer", "frame", "stretch", "hht"]
Codec = Literal["jpeg", "raw"]
Box = tuple[int, int, int, int]

FORMAT = 1
"""Version of the pixels and of the files that hold them; a change makes every store a new one."""

_SLACK = 1.02
"""A box may reach this far over the frame before the file is taken for a copy of another size."""


@dataclass(frozen=True, slots=True)
class View:
    """The square that is cut out of every frame of a video, and how it is kept.

    Attributes:
        crop: `signer`, the signer's box made square; `frame`, the whole frame with black bars; `stretch`, the
            whole frame without them, its shape lost; `hht`, the whole frame, hands and face side by side
            (`wlasl.hht`).
        margin: what is added on each side of the signer's box, as a share of its larger side.
        size: side of the stored square, in pixels, a multiple of 16.
        quality: JPEG quality, 1 to 100; it means nothing for `raw`.
        codec: `jpeg` (4:2:0), or `raw`, planes of 4:2:0 without compression (7 times as large).
        canvas: how `hht` lies; nothing for the others.
    """

    crop: CropName = "signer"
    margin: float = 0.1
    size: int = 256
    quality: int = 95
    codec: Codec = "jpeg"
    canvas: Canvas | None = None

    def __post_init__(self) -> None:
        """Refuse values that no store can have."""
        for name, value, known in (("crop", self.crop, CropName), ("codec", self.codec, Codec)):
            if value not in get_args(known):
                raise BenchError(f"{name} is {value!r}; it can be {' or '.join(get_args(known))}.")
        if self.size % 16 or not 16 <= self.size <= 4096:  # noqa: PLR2004 - said in the sentence
            raise BenchError(f"The stored size is {self.size}; it must be a multiple of 16, from 16 to 4096.")
        if not 0 <= self.margin <= 1:
            raise BenchError(f"The margin is {self.margin}; it must lie between 0 and 1.")
        if not 1 <= self.quality <= 100:  # noqa: PLR2004 - said in the sentence
            raise BenchError(f"The JPEG quality is {self.quality}; it must lie between 1 and 100.")
        if (self.crop == "hht") != (self.canvas is not None):
            raise BenchError(
                "Hands and face are cut out by landmarks: crop hht needs them, and no other does."
            )

    @property
    def key(self) -> str:
        """Return 12 hexadecimal digits that name this view and the version of the store's format."""
        fields = as_fields(self)
        if self.codec == "raw":
            fields["quality"] = None
        if self.canvas is not None:
            fields["margin"] = None
        return short_hash({**fields, "format": FORMAT})


def as_fields(view: View) -> dict[str, Any]:
    """Return a view as JSON has it; what it has no canvas for is left out, as before there were any."""
    fields = asdict(view)
    return fields if view.canvas else {name: value for name, value in fields.items() if name != "canvas"}


def of_fields(fields: Mapping[str, Any]) -> View:
    """Return the view that `as_fields` wrote.

    Raises:
        TypeError: fields that a view does not have.
    """
    canvas = fields.get("canvas")
    return View(**{**fields, "canvas": Canvas(**canvas) if canvas else None})


@dataclass(frozen=True, slots=True)
class Square:
    """A square region of a frame, in pixels; parts of it may lie outside the frame and are black there.

    Attributes:
        x: left edge, even; negative where the square begins left of the frame.
        y: upper edge, even; negative where it begins above the frame.
        side: its side, even.
    """

    x: int
    y: int
    side: int

    def visible(self, width: int, height: int) -> Box:
        """Return the part inside a frame of that size, as (xmin, ymin, xmax, ymax)."""
        return max(self.x, 0), max(self.y, 0), min(self.x + self.side, width), min(self.y + self.side, height)


def _even(low: int, high: int, length: int) -> tuple[int, int]:
    """Widen [low, high) to even numbers, inside a frame of that length; at least 2 pixels remain."""
    length -= length % 2
    low = min(max(low, 0), length - 2) // 2 * 2
    return low, max(min(high + high % 2, length), low + 2)


def fit_box(box: Box, width: int, height: int) -> Box:
    """Return the signer's box in the pixels of a file of this size, cut to the frame, in even numbers.

    Boxes are in pixels of the video as it was published, and its size is written nowhere. A box that does not
    fit betrays a copy that was made smaller: it is scaled until it touches the edge that it crossed, since
    nearly all of WLASL's boxes end at the lower edge of their frame.
    """
    excess = max(box[2] / width, box[3] / height)
    if excess > _SLACK:
        left, top, right, bottom = (round(value / excess) for value in box)
    else:
        left, top, right, bottom = box
    (left, right), (top, bottom) = _even(left, right, width), _even(top, bottom, height)
    return left, top, right, bottom


def _place(low: int, high: int, side: int, length: int) -> int:
    """Return where `side` pixels begin that hold [low, high) in their middle, shifted into [0, length)."""
    if side >= length:
        return (length - side) // 4 * 2
    start = (low + high - side) // 4 * 2
    return min(max(start, 0), length - side)


def square(box: Box | None, width: int, height: int, view: View) -> Square:
    """Return the square that `view` cuts out of a frame of `width` x `height` pixels.

    The square always holds the whole box. It is the box's larger side with the margin around it, shifted into
    the frame. Where the margin does not fit into the frame's shorter side, it shrinks; where the box itself
    does not fit (a quarter of WLASL: arms wider than the frame is high), the square reaches over the frame
    and the rest is black, so that no hand is cut off. A clip without a box is shown as the whole frame.
    """
    shown = (0, 0, width, height) if view.crop != "signer" or box is None else box
    left, top, right, bottom = fit_box(shown, width, height)
    width, height = width - width % 2, height - height % 2
    longer = max(right - left, bottom - top)
    wanted = longer if shown is not box else round(longer * (0.5 + view.margin)) * 2
    side = max(longer, min(wanted, width, height))
    return Square(_place(left, right, side, width), _place(top, bottom, side, height), side)
