"""Where landmarks come from: `--landmarks` names a source, or a file or folder in any format that is read."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from utils.errors import BenchError
from utils.names import lookup
from wlasl.clips import Subset
from wlasl.landmarks.joints import HOLISTIC
from wlasl.landmarks.readers_arrays import HandsFile, PoseHandsFile
from wlasl.landmarks.readers_hrnet import LAYOUTS, hrnet
from wlasl.landmarks.readers_mediapipe import BROKEN, holistic_npy, holistic_npz
from wlasl.landmarks.readers_openpose import JOINTS, openpose
from wlasl.landmarks.readers_pose import pose_file
from wlasl.landmarks.readers_spoter import SpoterFiles
from wlasl.landmarks.source_kinds import (
    FileSource,
    FrameSource,
    ManyClips,
    ManySource,
    Reader,
    Source,
    VideoSource,
)
from wlasl.subsets import DataSet

SOURCES: Mapping[str, str] = {
    "true": "the sample's own landmarks, drawn with its signers",
    "holistic": "MediaPipe Holistic, from landmarks/holistic in the data set's folder",
    "hands": "MediaPipe Hands, from landmarks/asl300_hands.npz in the data set's folder",
    "pose-hands": "MediaPipe Holistic, from landmarks/asl300_pose_hands_30.npz in the data set's folder",
    "mediapipe": "MediaPipe Holistic, extracted from the videos",
}
"""The sources with a name; whatever else `--landmarks` says is the path of a file or folder."""


def files_of(folder: Path, suffix: str) -> dict[str, Path]:
    """Return a folder's files of a kind, by the stem of their names."""
    if not folder.is_dir():
        return {}
    with os.scandir(folder) as entries:
        found = sorted(entry.name for entry in entries if entry.name.endswith(suffix) and entry.is_file())
    return {name.removesuffix(suffix): folder / name for name in found if not name.startswith(".")}


def open_source(dataset: DataSet, name: str) -> Source:
    """Open a source of landmarks for a data set.

    Args:
        dataset: whose clips.
        name: one of SOURCES, or the path of a file or folder, from here or from the data set's `landmarks`.

    Raises:
        BenchError: no such source, nothing at its place, or a format that is not read.
    """
    if name in SOURCES:
        source = VideoSource(dataset) if name == "mediapipe" else _named(dataset, name)
        source.named = True
        return source
    path = Path(name).expanduser()
    beside = dataset.root / "landmarks" / name
    if not path.exists() and beside.exists():
        path = beside
    if path.exists():
        return open_path(path, dataset.subset)
    if os.sep in name or path.suffix:
        raise BenchError(f"There is no file or folder {name} to read landmarks from.")
    lookup("source of landmarks", name, SOURCES)
    raise AssertionError


def _true(dataset: DataSet, folder: Path) -> Source:
    """Open the sample's own landmarks."""
    if dataset.subset.name != "sample":
        known = ", ".join(found for found in SOURCES if found != "true")
        raise BenchError(f"Only the sample has true landmarks. For {dataset.root}: {known}, or a path.")
    reader = partial(holistic_npz, source="true")
    source = FileSource("true", "true", folder, files_of(folder, ".npz"), reader)
    source.joints = HOLISTIC
    return source


def _named(dataset: DataSet, name: str) -> Source:
    """Open one of the sources that lie beside the videos."""
    folder = dataset.root / "landmarks"
    if name == "true":
        return _true(dataset, folder)
    places = {"holistic": "holistic", "hands": "asl300_hands.npz", "pose-hands": "asl300_pose_hands_30.npz"}
    path = folder / places[name]
    if not path.exists():
        there = [known for known, place in places.items() if (folder / place).exists()]
        have = f"has {', '.join(there)}" if there else "has none"
        message = f"There are no landmarks {name!r} for {dataset.subset.name}: {path} is missing"
        more = "true" if dataset.subset.name == "sample" else "mediapipe"
        raise BenchError(f"{message} ({folder} {have}). Try --landmarks {more}, or give a path.")
    return open_path(path, dataset.subset, name)


def short_name(name: str) -> str:
    """Return what a recipe and a table call a source: its name, or one made of its path."""
    if name in SOURCES:
        return name
    return re.sub(r"[^a-z0-9._-]+", "-", Path(name).stem.lower()).strip("-._") or "landmarks"


def open_path(path: Path, subset: Subset, name: str = "") -> Source:
    """Open a file or folder, whatever is in it.

    Args:
        path: where it lies.
        subset: whose clips are wanted.
        name: its short name; made from the path's where it is empty.

    Raises:
        BenchError: it holds nothing that is read here.
    """
    name = name or short_name(str(path))
    if path.is_dir():
        return _folder(path, subset, name)
    if path.suffix == ".csv":
        return ManySource(name, path, SpoterFiles([path], subset))
    if path.suffix == ".npz" and (file := _array_file(path)):
        return ManySource(name, path, file)
    raise BenchError(f"{path} holds no landmarks of a format that is read here. {_READ}")


_READ = (
    "Read are: a folder with an .npz, .npy or .pose file or a folder of OpenPose's JSON for each clip, "
    "named as the clip; SPOTER's .csv; an .npz of many clips with 'x' and 'video_id'."
)


def _array_file(path: Path) -> ManyClips | None:
    """Open an `.npz` of many clips, by the arrays that it holds."""
    try:
        with np.load(path, allow_pickle=False) as file:
            names = set(file.files)
    except BROKEN as error:
        raise BenchError(f"{path} cannot be read ({error}).") from error
    if not {"x", "video_id"} <= names:
        return None
    return HandsFile(path) if "lengths" in names else PoseHandsFile(path)


def _folder(folder: Path, subset: Subset, name: str) -> Source:
    """Open a folder, by the suffix of the files in it."""
    if tables := files_of(folder, ".csv"):
        return ManySource(name, folder, SpoterFiles(tuple(tables.values()), subset))
    if files := files_of(folder, ".npz"):
        return _of(FileSource(name, "mediapipe-holistic", folder, files, holistic_npz), HOLISTIC)
    if files := files_of(folder, ".npy"):
        own = [files[clip.id] for clip in subset.clips if clip.id in files]
        kind, reader, joints = _arrays(own or list(files.values()))
        return _of(FileSource(name, kind, folder, files, reader), joints)
    if files := files_of(folder, ".pose"):
        return FileSource(name, "pose-file", folder, files, pose_file)
    with os.scandir(folder) as entries:
        folders = {entry.name: folder / entry.name for entry in entries if entry.is_dir()}
    if found := {clip.id: folders[clip.id] for clip in subset.clips if clip.id in folders}:
        return _of(FrameSource(name, "openpose", folder, found, openpose), JOINTS)
    raise BenchError(f"{folder} holds no landmarks of the clips of {subset.name}. {_READ}")


def _of(source: Source, joints: tuple[str, ...]) -> Source:
    """Return a source whose joints are known."""
    source.joints = joints
    return source


def _arrays(paths: Sequence[Path]) -> tuple[str, Reader, tuple[str, ...]]:
    """Return what arrays are, by the first of a known shape: HRNet's, or Holistic's [T, 150] (else too)."""
    for path in paths:
        try:
            shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
        except BROKEN:
            continue
        if len(shape) == 3 and shape[1] in LAYOUTS:  # noqa: PLR2004 - frames, points, numbers
            return "hrnet", hrnet, LAYOUTS[shape[1]][1]
        if len(shape) == 2:  # noqa: PLR2004 - frames, numbers
            break
    return "mediapipe-holistic", holistic_npy, HOLISTIC
