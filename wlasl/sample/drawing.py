"""Draws a signer, frame by frame, with OpenCV's anti-aliased lines and polygons."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from wlasl.sample.scene import Camera, Image
from wlasl.sample.signer import Body, Colour, Signer

_SHIFT = 4
_FINE = 1 << _SHIFT
Points = NDArray[np.int32]

_FINGERS = ((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))
_PALM = (0, 1, 5, 9, 13, 17)


def draw_frames(signer: Signer, body: Body, camera: Camera, room: Image) -> Iterator[Image]:
    """Yield one picture per frame of `body`, uint8 [H, W, 3] RGB.

    Args:
        signer: whose looks to draw.
        body: the body over time.
        camera: how it is seen.
        room: the background, uint8 [H, W, 3].
    """
    pen = _Pen(signer, camera.scale)
    pose, hands, heads = (camera.project(points) for points in (body.pose, body.hands, body.head))
    neck = camera.project(np.nanmean(body.pose[:, 11:13], axis=1))
    for frame in range(len(pose)):
        picture = room.copy()
        pen.trunk(picture, neck[frame, :2])
        pen.head(picture, heads[frame, :2], pose[frame])
        # The hand that is farther from the camera is drawn first.
        for side in np.argsort(-hands[frame, :, 0, 2], kind="stable"):
            pen.arm(picture, pose[frame, [11 + side, 13 + side, 15 + side], :2])
            pen.hand(picture, hands[frame, side])
        yield picture


def _fine(points: NDArray[np.float64]) -> Points:
    """Return pixel positions in OpenCV's fixed-point units."""
    return (points * _FINE).astype(np.int32)


def shade(colour: Colour, factor: float) -> Colour:
    """Return a darker or lighter colour."""
    red, green, blue = (min(255, max(0, round(value * factor))) for value in colour)
    return red, green, blue


class _Pen:
    """Draws the parts of one signer at one scale."""

    def __init__(self, signer: Signer, scale: float) -> None:
        """Keep the signer's looks and the scale in pixels per shoulder width."""
        self.looks = signer
        self.scale = scale

    def size(self, widths: float) -> int:
        """Return a length in shoulder widths as a line's thickness in whole pixels."""
        return max(1, round(widths * self.scale))

    def line(self, picture: Image, points: NDArray[np.float64], colour: Colour, widths: float) -> None:
        """Draw a thick line through points [N, 2] with round ends."""
        thickness = self.size(widths)
        cv2.polylines(picture, [_fine(points)], False, colour, thickness, cv2.LINE_AA, _SHIFT)  # noqa: FBT003

    def blob(self, picture: Image, points: NDArray[np.float64], colour: Colour, rounding: float) -> None:
        """Fill a polygon [N, 2], its corners rounded."""
        fine = _fine(points)
        cv2.fillPoly(picture, [fine], colour, cv2.LINE_AA, _SHIFT)
        cv2.polylines(picture, [fine], True, colour, self.size(rounding), cv2.LINE_AA, _SHIFT)  # noqa: FBT003

    def oval(
        self, picture: Image, centre: NDArray[np.float64], axes: tuple[float, float], colour: Colour
    ) -> None:
        """Fill an upright ellipse with half axes in shoulder widths."""
        x, y = _fine(centre).tolist()
        across, down = (round(axis * self.scale * _FINE) for axis in axes)
        cv2.ellipse(picture, (x, y), (across, down), 0, 0, 360, colour, -1, cv2.LINE_AA, _SHIFT)

    def trunk(self, picture: Image, neck: NDArray[np.float64]) -> None:
        """Draw the torso down to the picture's edge, and the neck."""
        girth = self.looks.girth
        outline = np.array([[-0.44, 0.0], [-0.2, -0.08], [0.2, -0.08], [0.44, 0.0], [0.4, 1.0], [0.42, 2.2]])
        outline = np.concatenate([outline, [[-0.42, 2.2], [-0.4, 1.0]]]) * [girth, 1.0]
        self.blob(picture, neck + outline * self.scale, shade(self.looks.clothes, 0.82), 0.26)
        self.blob(picture, neck + outline * self.scale * [0.98, 1.0], self.looks.clothes, 0.22)
        throat = np.array([[0.0, -0.35], [0.0, -0.02]])
        self.line(picture, neck + throat * self.scale, shade(self.looks.skin, 0.8), 0.3 * girth)

    def head(self, picture: Image, centre: NDArray[np.float64], pose: NDArray[np.float64]) -> None:
        """Draw head, hair and face around its centre; `pose` gives the eyes and the mouth."""
        tall = self.looks.head
        self._hair_behind(picture, centre, tall)
        for ear in (7, 8):
            self.oval(picture, pose[ear, :2], (0.07 * tall, 0.1 * tall), shade(self.looks.skin, 0.85))
        self._hair_above(picture, centre, tall)
        face = centre + np.array([0, 0.04 * tall * self.scale])
        self.oval(picture, face, (0.36 * tall, 0.46 * tall), self.looks.skin)
        self._fringe(picture, centre, tall)
        for eye, inner, outer in ((2, 1, 3), (5, 4, 6)):
            self.oval(picture, pose[eye, :2], (0.075 * tall, 0.04 * tall), (245, 245, 245))
            self.oval(picture, pose[eye, :2], (0.036 * tall, 0.04 * tall), (40, 30, 26))
            brow = pose[[inner, outer], :2] - [0, 0.11 * tall * self.scale]
            self.line(picture, brow, shade(self.looks.hair, 0.8), 0.035 * tall)
        if self.looks.glasses:
            self._glasses(picture, pose, tall)
        nose = pose[[0, 0], :2] - [[0, 0.08 * tall * self.scale], [0, 0]]
        self.line(picture, nose, shade(self.looks.skin, 0.75), 0.05 * tall)
        self.line(picture, pose[[9, 10], :2], (160, 70, 70), 0.05 * tall)

    def _hair_behind(self, picture: Image, centre: NDArray[np.float64], tall: float) -> None:
        """Draw the hair behind the neck and the ears."""
        if self.looks.hairstyle == "long":
            back = np.array([[-0.3, -0.1], [0.3, -0.1], [0.34, 0.55], [-0.34, 0.55]]) * tall
            self.blob(picture, centre + back * self.scale, self.looks.hair, 0.2 * tall)
        if self.looks.hairstyle == "bun":
            self.oval(
                picture, centre - [0, 0.56 * tall * self.scale], (0.18 * tall, 0.16 * tall), self.looks.hair
            )

    def _hair_above(self, picture: Image, centre: NDArray[np.float64], tall: float) -> None:
        """Draw the hair around the skull."""
        if self.looks.hairstyle != "bald":
            self.oval(
                picture, centre - [0, 0.1 * tall * self.scale], (0.41 * tall, 0.46 * tall), self.looks.hair
            )

    def _fringe(self, picture: Image, centre: NDArray[np.float64], tall: float) -> None:
        """Draw the hair over the forehead."""
        if self.looks.hairstyle != "bald":
            fringe = np.array([[-0.24, -0.3], [0.0, -0.4], [0.24, -0.3]]) * tall
            self.line(picture, centre + fringe * self.scale, self.looks.hair, 0.17 * tall)

    def _glasses(self, picture: Image, pose: NDArray[np.float64], tall: float) -> None:
        """Draw glasses: a line across and a ring around each eye."""
        for eye in (2, 5):
            x, y = _fine(pose[eye, :2]).tolist()
            radius = round(0.11 * tall * self.scale * _FINE)
            cv2.circle(picture, (x, y), radius, (30, 30, 30), 1, cv2.LINE_AA, _SHIFT)
        self.line(picture, pose[[1, 4], :2], (30, 30, 30), 0.01)

    def arm(self, picture: Image, joints: NDArray[np.float64]) -> None:
        """Draw an arm through shoulder, elbow and wrist, [3, 2]."""
        girth = self.looks.girth
        sleeve = self.looks.clothes
        lower = shade(sleeve, 1.0) if self.looks.long_sleeves else self.looks.skin
        self.line(picture, joints[:2], shade(sleeve, 0.7), 0.31 * girth)
        self.line(picture, joints[1:], shade(lower, 0.7), 0.24 * girth)
        self.line(picture, joints[1:], lower, 0.19 * girth)
        self.line(picture, joints[:2], sleeve, 0.26 * girth)

    def hand(self, picture: Image, points: NDArray[np.float64]) -> None:
        """Draw a hand from its 21 points (x, y, depth), the farther parts first."""
        length = self.looks.hand
        edge, fill = shade(self.looks.skin, 0.5), shade(self.looks.skin, 1.06)
        parts = [(points[list(_PALM), 2].mean(), -1)]
        parts += [(points[list(finger[1:]), 2].mean(), index) for index, finger in enumerate(_FINGERS)]
        for _, part in sorted(parts, reverse=True):
            if part < 0:
                palm = points[list(_PALM), :2]
                self.blob(picture, palm, edge, 0.16 * length)
                self.blob(picture, palm, fill, 0.11 * length)
            else:
                finger = points[list(_FINGERS[part]), :2]
                self.line(picture, finger, edge, 0.155 * length)
                self.line(picture, finger, fill, 0.105 * length)
