"""Writes the sample's files: H.264 in MP4, and the true landmarks."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from utils.errors import BenchError
from wlasl.sample.motion import Array
from wlasl.sample.scene import Camera, Image, Site
from wlasl.sample.signer import Body

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

# Shares of red and blue in brightness, by matrix; files that do not say are BT.601, as players assume.
_LUMA = {"bt601": (0.299, 0.114), "untold": (0.299, 0.114), "bt709": (0.2126, 0.0722)}
_TAGS = {"bt601": "smpte170m", "bt709": "bt709"}
_GRAIN_MARGIN = 32


@dataclass(frozen=True, slots=True)
class Film:
    """How a clip is recorded.

    Attributes:
        site: size, frame rate and colour matrix.
        crf: x264's quality, lower is better.
        grain: standard deviation of the camera's noise in brightness, 0 to 255.
        light: factor on all brightness and colour, as of the lamp's strength.
    """

    site: Site
    crf: int
    grain: float
    light: float


def encode(frames: Iterable[Image], film: Film, rng: np.random.Generator) -> bytes:
    """Return an MP4 file of H.264 frames; the same pictures, film and noise give the same bytes.

    Args:
        frames: pictures, uint8 [H, W, 3] RGB.
        film: how they are recorded.
        rng: where the camera's noise is drawn from.
    """
    site = film.site
    width, height = site.size
    field = rng.standard_normal((height + _GRAIN_MARGIN, width + _GRAIN_MARGIN), dtype=np.float32)
    noise = np.round(field * film.grain).astype(np.int16)
    matrix = _yuv_matrix(*_LUMA[site.matrix], film.light)
    file = io.BytesIO()
    with av.open(file, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = _stream(container, film)
        for picture in frames:
            planes = _yuv(picture, matrix)
            across, down = rng.integers(_GRAIN_MARGIN, size=2)
            luma = planes[:height]
            cv2.add(luma, noise[down : down + height, across : across + width], luma, dtype=cv2.CV_8U)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def _stream(container: OutputContainer, film: Film) -> VideoStream:
    """Add a file's one stream: one thread, no build date, so that its bytes depend on the pictures alone.

    Raises:
        BenchError: this build of PyAV has no encoder for H.264.
    """
    try:
        stream = container.add_stream("libx264", rate=film.site.fps, options=_options(film))
    except ValueError as error:
        message = "This PyAV cannot write H.264. Install the one from PyPI: pip install --force-reinstall av"
        raise BenchError(message) from error
    stream.width, stream.height = film.site.size
    stream.pix_fmt = "yuv420p"
    stream.codec_context.thread_count = 1
    stream.codec_context.flags |= av.codec.context.Flags.bitexact
    return stream


def _options(film: Film) -> dict[str, str]:
    """Return x264's options: fast, one thread, and the colour tags that the site writes."""
    # Nearly x264's fastest preset, but with what files on the web have: B-frames, CABAC and the loop filter.
    parameters = ["cabac=1", "bframes=2", "deblock=0,0"]
    if film.site.matrix in _TAGS:
        tag = _TAGS[film.site.matrix]
        parameters += [f"colorprim={tag}", f"transfer={tag}", f"colormatrix={tag}", "range=tv"]
    return {"preset": "ultrafast", "crf": str(film.crf), "threads": "1", "x264-params": ":".join(parameters)}


def _yuv_matrix(red: float, blue: float, light: float) -> NDArray[np.float32]:
    """Return the 3 x 4 matrix from RGB to limited-range YUV, all 0..255."""
    luma = np.array([red, 1 - red - blue, blue])
    chroma_blue = (np.array([0.0, 0.0, 1.0]) - luma) / (2 * (1 - blue))
    chroma_red = (np.array([1.0, 0.0, 0.0]) - luma) / (2 * (1 - red))
    rows = light * np.stack([luma * 219, chroma_blue * 224, chroma_red * 224]) / 255
    return np.concatenate([rows, [[16], [128], [128]]], axis=1).astype(np.float32)


def _yuv(picture: Image, matrix: NDArray[np.float32]) -> Image:
    """Return a picture's planes one below the other as PyAV takes them, uint8 [3 H / 2, W], chroma halved."""
    height, width = picture.shape[:2]
    luma, *chroma = cv2.split(cv2.transform(picture, matrix))
    planes = np.empty((height * 3 // 2, width), np.uint8)
    planes[:height] = luma
    halves = [cv2.resize(plane, (width // 2, height // 2), interpolation=cv2.INTER_AREA) for plane in chroma]
    planes[height:] = np.concatenate([half.ravel() for half in halves]).reshape(height // 2, width)
    return planes


def landmarks(body: Body, camera: Camera, fps: float) -> dict[str, NDArray[Any]]:
    """Return the true landmarks as MediaPipe Holistic would name them.

    `pose` [T, 33, 3], `left_hand` and `right_hand` [T, 21, 3] float32 in image coordinates (0..1, y down; z
    in the unit of x, smaller is nearer, from the hips for the pose and from the wrist for a hand), NaN where
    not seen: a point of the pose outside the picture, or a hand of which less than half is inside; `size`
    (width, height); `fps`.
    """
    pose = _normalised(body.pose, camera)
    hands = _normalised(body.hands, camera)
    pose[~_inside(pose)] = np.nan
    hands[_inside(hands).mean(axis=-1) < 0.5] = np.nan  # noqa: PLR2004 - half of the hand
    hands[..., 2] -= hands[..., :1, 2].copy()
    return {
        "pose": pose.astype(np.float32),
        "left_hand": hands[:, 0].astype(np.float32),
        "right_hand": hands[:, 1].astype(np.float32),
        "size": np.array(camera.size, np.int64),
        "fps": np.array(fps, np.float64),
    }


def _normalised(points: Array, camera: Camera) -> Array:
    """Return points in image coordinates: x and y in 0..1, z in the same unit as x."""
    width, height = camera.size
    return np.asarray(camera.project(points) / np.array([width, height, width]), np.float64)


def _inside(points: Array) -> NDArray[np.bool_]:
    """Say which points lie in the picture."""
    return np.asarray(((points[..., :2] >= 0) & (points[..., :2] <= 1)).all(axis=-1))


def landmark_bytes(arrays: dict[str, NDArray[Any]]) -> bytes:
    """Return an .npz file's bytes; NumPy dates its entries 1980, so the same arrays give the same bytes."""
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()
