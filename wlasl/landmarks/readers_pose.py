"""Reader of `.pose` files, the format of the sign-language-processing tools, by their own library.

A header names components (body, hands, face) and their points, and tells the picture's width and height; the
body holds fps, coordinates [T, people, points, 2 or 3] in pixels, y down, and a confidence of each point, 0
where unseen. The first person is the signer. Each hand is a component with its side in its name, so that left
and right stay. Of MediaPipe's z (in the unit of x) nothing has been scaled. Face and world landmarks are
passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from utils.imports import optional
from wlasl.clips import Clip
from wlasl.landmarks.form import LandmarkError, Landmarks, Points
from wlasl.landmarks.joints import BODY_25, COCO, HAND, POSE, hand
from wlasl.landmarks.readers_mediapipe import BROKEN

_BODIES = {
    "POSE_LANDMARKS": ("mediapipe-holistic", POSE),
    "pose_keypoints_2d": ("openpose", BODY_25),
    "BODY_133": ("alphapose", COCO),
    "BODY_136": ("alphapose", COCO),
    "BODY": ("coco-wholebody", COCO),
}
"""What found the landmarks and the names of its first points, by the component of the body."""


def pose_file(path: Path, clip: Clip) -> Landmarks:
    """Read a clip.

    Raises:
        LandmarkError: the file is broken, or holds neither a body nor a hand that is known here.
        BenchError: the library pose-format is not installed.
    """
    del clip
    library = optional("pose_format", "formats")
    try:
        found = library.Pose.read(path.read_bytes())
    except FileNotFoundError as error:
        raise LandmarkError("missing", f"{path.name} is gone") from error
    except (*BROKEN, LookupError, AttributeError, struct.error) as error:
        raise LandmarkError("unreadable", f"{path.name}: {error}") from error
    kind, columns, names = _columns(found.header.components)
    points, confidence = np.asarray(found.body.data.data), np.asarray(found.body.confidence)
    if points.ndim != 4 or points.shape[1] < 1 or confidence.shape != points.shape[:3]:  # noqa: PLR2004
        raise LandmarkError(
            "shape", f"{path.name} holds {list(points.shape)}, not [frames, people, points, 2 or 3]"
        )
    size = (int(found.header.dimensions.width), int(found.header.dimensions.height))
    taken = _scaled(points[:, 0, columns], size)
    taken[confidence[:, 0, columns] <= 0] = np.nan
    fps = float(found.body.fps)
    return Landmarks(taken, names, kind, size=size, fps=fps if fps > 0 else None)


def _scaled(points: Any, size: tuple[int, int]) -> Points:  # noqa: ANN401 - an array of any numbers
    """Return pixels in image coordinates.

    Raises:
        LandmarkError: the picture has no size, as in files whose points were moved and scaled.
    """
    if min(size) <= 1:
        raise LandmarkError(
            "shape", f"the picture is {size[0]} x {size[1]}: these points were normalised already"
        )
    taken = np.array(points, np.float32)[..., :3]
    taken[..., 0] /= size[0]
    taken[..., 1] /= size[1]
    return taken


def _columns(components: Sequence[Any]) -> tuple[str, list[int], tuple[str, ...]]:
    """Return what found the landmarks, which of a file's points are taken, and their names."""
    kind, columns, names, at = "pose-file", list[int](), list[str](), 0
    for component in components:
        taken = _names(component)
        kind = _BODIES[component.name][0] if component.name in _BODIES else kind
        columns += range(at, at + len(taken))
        names += taken
        at += len(component.points)
    if not names:
        told = ", ".join(component.name for component in components)
        raise LandmarkError("joints", f"no body or hand is known among its components: {told}")
    return kind, columns, tuple(names)


def _names(component: Any) -> tuple[str, ...]:  # noqa: ANN401 - the library has no types
    """Return the names of the points that are taken of a component, its first ones."""
    name = component.name.lower()
    if "hand" in name and len(component.points) == len(HAND) and "world" not in name:
        return hand("left" if "left" in name else "right")
    if component.name in _BODIES:
        names = _BODIES[component.name][1]
        return names if len(component.points) >= len(names) else ()
    return ()
