"""Where a clip is filmed: the camera, the room behind the signer, and how the site publishes its videos."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from wlasl.sample.motion import Array

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Site:
    """One source of videos, with the habits that its clips share.

    Attributes:
        name: the `source` of the metadata.
        size: width and height in pixels.
        fps: frames per second.
        room: what is behind the signer.
        matrix: how RGB becomes YUV, and whether the file says so: BT.601 or BT.709 by tag; BT.601 untold.
        lead: "none": a file is one sign; "kept": it has frames of other signs before and after, which the
            frame numbers exclude; "cut": the numbers count in a long video, of which the file is a part.
    """

    name: str
    size: tuple[int, int]
    fps: Fraction
    room: Literal["plain", "gradient", "blotches", "stripes", "panels"]
    matrix: Literal["bt601", "bt709", "untold"]
    lead: Literal["none", "kept", "cut"]


SITES: tuple[Site, ...] = (
    Site("drawn-studio", (320, 240), Fraction(25), "plain", "bt601", "none"),
    Site("drawn-lessons", (352, 264), Fraction(30000, 1001), "gradient", "bt601", "kept"),
    Site("drawn-wide", (426, 240), Fraction(30), "panels", "bt709", "none"),
    Site("drawn-phone", (240, 320), Fraction(30), "blotches", "bt709", "kept"),
    Site("drawn-archive", (256, 192), Fraction(24), "stripes", "untold", "cut"),
    Site("drawn-square", (300, 280), Fraction(25), "gradient", "untold", "none"),
)


@dataclass(frozen=True, slots=True)
class Camera:
    """How the body becomes pixels.

    Attributes:
        size: width and height in pixels.
        centre: pixel of the base of the signer's neck.
        scale: pixels per shoulder width.
    """

    size: tuple[int, int]
    centre: tuple[float, float]
    scale: float

    def project(self, points: Array) -> Array:
        """Return points [..., 3] in pixels: x, y, and depth, smaller nearer; they come in shoulder widths."""
        nearness = 1 + 0.10 * np.nan_to_num(points[..., 2:])
        flat = points[..., :2] * nearness * self.scale + np.array(self.centre)
        return np.concatenate([flat, -points[..., 2:] * self.scale], axis=-1)


def place_camera(site: Site, rng: np.random.Generator) -> Camera:
    """Draw a framing: the signer fills the height, and stands anywhere that there is room."""
    width, height = site.size
    scale = min(height * rng.uniform(0.31, 0.34), width / 2.9)
    slack = max(0.0, width / 2 - 1.45 * scale)
    across = width / 2 + rng.uniform(-1, 1) * slack
    return Camera(site.size, (across, height - scale * rng.uniform(1.48, 1.58)), scale)


def signer_box(camera: Camera, girth: float, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Return a person detector's box in pixels (xmin, ymin, xmax, ymax), a little off."""
    width, height = camera.size
    corners = np.array([-1.05 * girth, -1.08, 1.05 * girth, 9.0])
    box = corners * camera.scale + np.tile(camera.centre, 2) + rng.normal(0, 0.025 * camera.scale, 4)
    limits = np.array([width, height, width, height])
    xmin, ymin, xmax, ymax = np.clip(np.round(box), 0, limits).astype(int).tolist()
    return xmin, ymin, xmax, ymax


def paint_room(site: Site, skin: tuple[int, int, int], rng: np.random.Generator) -> Image:
    """Return the background, uint8 [H, W, 3] RGB, in a colour that hands of this skin stand out from."""
    width, height = site.size
    base = _wall(np.array(skin), rng)
    shift = rng.uniform(-22, 22, 3)
    across, down = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    match site.room:
        case "plain":
            pattern = np.asarray(0.15 * down, np.float64)
        case "gradient":
            angle = rng.uniform(0, 2 * np.pi)
            pattern = np.cos(angle) * across + np.sin(angle) * down
        case "blotches":
            coarse = rng.uniform(-1, 1, (6, 6)).astype(np.float32)
            smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
            pattern = np.asarray(smooth, np.float64)
        case "stripes":
            pattern = 0.5 * np.sign(np.sin(across * rng.uniform(18, 28) + rng.uniform(0, 6)))
        case "panels":
            edges = rng.uniform(-1, 1, 2)
            pattern = np.where(across < edges[0], 0.6, -0.2) + np.where(down < edges[1], -0.3, 0.2)
    return np.clip(base + pattern[..., None] * shift, 0, 255).astype(np.uint8)


_WALLS = ((206, 214, 220), (120, 150, 170), (90, 120, 100), (60, 76, 110), (150, 170, 150), (96, 96, 110))


_FAR = 110
"""Sum of the differences in red, green and blue from which hands stand out from a wall."""


def _wall(skin: Array, rng: np.random.Generator) -> Array:
    """Return a wall's colour, drawn among those far enough from the skin's."""
    far = [wall for wall in _WALLS if np.abs(np.array(wall) - skin).sum() > _FAR]
    return np.array(far[rng.integers(len(far))]) + rng.uniform(-10, 10, 3)
