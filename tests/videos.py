"""Tiny videos that tests draw for themselves: known colours, known order, every way to be wrong."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from wlasl.clips import Clip, Subset
from wlasl.root import VideoFiles
from wlasl.subsets import DataSet

BARS = np.array(
    [
        [255, 255, 255],
        [255, 255, 0],
        [0, 255, 255],
        [0, 200, 0],
        [200, 0, 200],
        [220, 30, 30],
        [30, 30, 220],
        [0, 0, 0],
    ],
    np.uint8,
)


@dataclass(frozen=True)
class Kind:
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    colorspace: int = 2
    color_range: int = 0
    fps: int = 25
    crf: int = 4


def bars(width: int = 128, height: int = 96) -> np.ndarray:
    """Eight vertical bars of known colours, uint8 [height, width, 3]."""
    return np.repeat(BARS[np.arange(width) * 8 // width][None], height, axis=0)


def numbered(count: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """Grey frames whose brightness is their number: 20, 24, 28, ..."""
    return [np.full((height, width, 3), 20 + 4 * (index % 50), np.uint8) for index in range(count)]


def write(path: Path, frames: list[np.ndarray], kind: Kind = Kind()) -> Path:
    """Write RGB frames as a video file; the tags say how its colours are to be read, and they are right."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(kind.codec, rate=kind.fps)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = kind.pix_fmt
        if kind.codec == "libx264":
            stream.options = {"crf": str(kind.crf), "preset": "ultrafast"}
        context = stream.codec_context
        context.colorspace, context.color_range = kind.colorspace, kind.color_range
        space = {2: "itu601", 1: "itu709", 6: "itu601", 5: "itu601", 9: "bt2020", 0: "itu601"}[
            kind.colorspace
        ]
        if not hasattr(av.video.reformatter.Colorspace, space):
            pytest.skip(f"PyAV {av.__version__} cannot write {space}")
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame = frame.reformat(
                format=kind.pix_fmt, dst_colorspace=space, dst_color_range=kind.color_range or 1
            )
            frame.colorspace, frame.color_range = kind.colorspace, kind.color_range
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def rotate(path: Path, quarters: int) -> Path:
    """Write into an MP4's header that players turn it clockwise."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    one = 0x10000
    a, b, c, d = {1: (0, one, -one, 0), 2: (-one, 0, 0, -one), 3: (0, -one, one, 0)}[quarters]
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    turned = path.with_name(f"turned{quarters}.mp4")
    turned.write_bytes(data)
    return turned


def dataset(root: Path, count: int = 4, name: str = "100", frames: int = 6) -> DataSet:
    """Write `count` tiny clips under a root (those that are not there yet) and return them as a data set."""
    (root / "videos").mkdir(parents=True, exist_ok=True)
    clips = []
    for index in range(count):
        clip = Clip(
            f"{index:05d}", "book", index % 2, ("train", "val", "test")[index % 3], box=(8, 8, 40, 40)
        )
        path = root / "videos" / f"{clip.id}.mp4"
        if not path.exists():
            write(path, numbered(frames + index), Kind("mpeg4"))
        clips.append(clip)
    subset = Subset(name, ("book", "drink"), tuple(clips), "r1")
    return DataSet(subset, root, VideoFiles.of(root, clips))
