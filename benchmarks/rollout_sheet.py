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
        tiles: pictures of the clip, uint8 [S, S, 3] each, in the middle of as many equal parts of it.
    """

    title: str
    weights: Numbers
    tiles: Sequence[Frame]


def tiles(clip: Clip, landmarks: Landmarks, video: Path | None) -> list[Frame]:
    """Return pictures of a clip, uint8 [S, S, 3], each from the middle of one of `TILES` equal parts.

    The skeleton is drawn over the video's frames where they can be read, and on plain ground elsewhere.
    """
    from wlasl.landmarks.draw import GROUND, closer, skeleton  # noqa: PLC0415 - OpenCV and Pillow

    frames = _frames(clip, video)
    width, height = landmarks.size or (480, 480)
    if frames:
        height, width = frames[0].shape[:2]
    window = closer(landmarks.points, landmarks.joints, (width, height), _SIDE)
    plain = np.full((height, width, 3), GROUND, np.uint8)
    pictures = []
    for place in (np.arange(TILES) + 0.5) / TILES:
        frame = frames[int(place * len(frames))] if frames else plain
        points = landmarks.points[int(place * len(landmarks.points))]
        pictures.append(skeleton(frame, points, landmarks.joints, window))
    return pictures


def _frames(clip: Clip, video: Path | None) -> list[Frame]:
    """Return a clip's frames, RGB, uint8 [H, W, 3]; none where there is no video that can be read."""
    from wlasl.pixels import upright_rgb  # noqa: PLC0415 - PyAV and OpenCV
    from wlasl.video import VideoError, read  # noqa: PLC0415 - likewise

    if video is None:
        return []
    try:
        return read(video, clip, upright_rgb)
    except VideoError:
        return []


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
