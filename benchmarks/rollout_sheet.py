"""A clip's frames in a row, and below them how much of a network's answer comes from each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from utils.files import write_whole
from wlasl.clips import Clip
from wlasl.landmarks.form import Landmarks

Frame = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.float64]

TILES = 12
_SIDE = 200
_INCHES, _DPI = (15.0, 3.3), 110
_CURVE = "#0072b2"


@dataclass(frozen=True)
class Rollout:
    """What is drawn of one clip.

    Attributes:
        title: stands above.
        weights: float64 [T], each frame's share of the answer, in the clip's own order.
        tiles: pictures of the clip, uint8 [S, S, 3] each, from the middle of as many equal parts of it.
    """

    title: str
    weights: Numbers
    tiles: Sequence[Frame]


def tiles(clip: Clip, landmarks: Landmarks, video: Path | None, seen: Numbers) -> tuple[list[Frame], str]:
    """Return pictures of what a network saw of a clip, and what is to be said of them.

    Args:
        clip: whose.
        landmarks: all of its frames.
        video: its file; the skeletons stand on plain ground where there is none that can be read.
        seen: float64 [T], the frames of the landmarks that the network saw, in the clip's order.

    Returns:
        uint8 [S, S, 3] each, from the middle of one of `TILES` equal parts of what was seen; and a sentence.
    """
    from wlasl.landmarks.draw import GROUND, closer, filmed_frames, matching, skeleton  # noqa: PLC0415
    from wlasl.pixels import upright_rgb  # noqa: PLC0415 - PyAV and OpenCV, as those above

    frames, note = filmed_frames(clip, landmarks, video)
    width, height = landmarks.size or (480, 480)
    if frames:
        height, width = upright_rgb(frames[0]).shape[:2]
    window = closer(landmarks.points, landmarks.joints, (width, height), _SIDE)
    plain = np.full((height, width, 3), GROUND, np.uint8)
    pictures, count = [], len(landmarks.points)
    for place in (np.arange(TILES) + 0.5) / TILES:
        at = round(float(seen[int(place * len(seen))]))
        frame = upright_rgb(frames[matching(at, count, len(frames))]) if frames else plain
        pictures.append(skeleton(frame, landmarks.points[at], landmarks.joints, window))
    return pictures, note


def draw(path: Path, rollout: Rollout) -> None:
    """Write the sheet as PNG, whole; the same roll-out gives the same bytes.

    Raises:
        BenchError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - takes half a second
    from matplotlib.figure import Figure  # noqa: PLC0415 - likewise

    canvas = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(canvas)
    canvas.suptitle(rollout.title)
    above, below = canvas.subplots(2, 1, height_ratios=(1.2, 1), sharex=True)
    count = len(rollout.weights)
    strip = np.concatenate(list(rollout.tiles), axis=1)
    above.imshow(strip, extent=(0.5, count + 0.5, 0, 1), aspect="auto", interpolation="antialiased")
    above.set_yticks([])
    above.set_box_aspect(1 / TILES)  # tiles are squares
    above.spines[:].set_visible(False)
    above.tick_params(bottom=False)
    _curve(below, rollout.weights)
    write_whole(path, lambda file: canvas.savefig(file, format="png", metadata={"Software": None}))


def _curve(axes, weights: Numbers) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - matplotlib's
    """Draw how many even shares each frame has."""
    count = len(weights)
    at, shares = np.arange(count) + 1, weights * count
    axes.fill_between(at, shares, step="mid", color=_CURVE, alpha=0.25, linewidth=0)
    axes.step(at, shares, where="mid", color=_CURVE, linewidth=1.6)
    axes.axhline(1, color="0.5", linestyle="--", linewidth=1)
    axes.set_xlim(0.5, count + 0.5)
    axes.set_ylim(0, max(1.15, 1.08 * float(shares.max())))
    axes.set_xlabel("frame")
    axes.set_ylabel("share of the answer,\n1 is an even share")
    axes.grid(visible=True, color="0.92")
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.get_major_locator().set_params(integer=True)
