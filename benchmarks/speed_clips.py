"""What preparing and loading clips costs: ours, and what people do otherwise, in turns in one run."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.speed_report import Method, Report, measure
from utils.errors import BenchError
from utils.seeds import generator
from wlasl.augment import Crop, apply, look
from wlasl.clips import Clip
from wlasl.hht import Canvas
from wlasl.landmarks.prepare import prepare_landmarks
from wlasl.landmarks.store import LandmarkStore
from wlasl.loader import ClipLoader, LoaderOptions
from wlasl.prepare import prepare
from wlasl.root import default_root
from wlasl.sampling import Sampling, frame_indices
from wlasl.subsets import DataSet, load
from wlasl.video import VideoError, probe
from wlasl.view import Square, View, square

Frames = npt.NDArray[np.uint8]

PREPARE_AT_MOST = 1.5
"""Times the CPU time of decoding alone that preparing may take."""
LOAD_AT_MOST = 6.0
"""Milliseconds of one core that loading a sample from the JPEG store may take."""

SAMPLING = Sampling(frames=20)
CROP = Crop(size=172, scale=(0.5, 1.0), ratio=(3 / 4, 4 / 3), hflip=0.5)


@dataclass(frozen=True)
class Item:
    """One clip and what every method is told of it.

    Attributes:
        clip: the clip.
        path: its file.
        frames: how many decode.
        place: the square to cut out.
    """

    clip: Clip
    path: str
    frames: int
    place: Square


@dataclass(frozen=True)
class Choice:
    """The clips to measure on."""

    dataset: DataSet
    items: tuple[Item, ...]

    def what(self, doing: str) -> str:
        """Return what is measured, and on which clips."""
        name = self.dataset.subset.name
        return f"{doing}: {len(self.items)} clips of {name}, CPU time a clip, one thread"


def choose(split: str | None, data: Path | None, count: int) -> Choice:
    """Return `count` readable clips, spread evenly: of WLASL if it is here, else of the sample.

    Raises:
        BenchError: there is no readable clip.
    """
    here = data is not None or default_root().is_dir()
    dataset = load(split or ("300" if here else "sample"), data)
    found = list(_items(dataset))
    if not found:
        raise BenchError(f"There is no readable clip under {dataset.root}.")
    count = min(count, len(found))
    items = tuple(found[index * len(found) // count] for index in range(count))
    subset = replace(dataset.subset, clips=tuple(item.clip for item in items))
    return Choice(replace(dataset, subset=subset), items)


def _items(dataset: DataSet) -> Iterator[Item]:
    """Yield the clips that can be read."""
    for clip in dataset.available():
        path = dataset.files.path(clip.id) or Path()
        with contextlib.suppress(VideoError):
            seen = probe(path)
            yield Item(clip, os.fspath(path), seen.frames, square(clip.box, seen.width, seen.height, View()))


def preparing(choice: Choice, rounds: int, folder: Path) -> Report:
    """Compare preparing clips with decoding alone and with dumping frames.

    Args:
        choice: which clips.
        rounds: turns of each method.
        folder: where stores and frames are written.
    """
    methods: list[Method] = [
        ("PyAV: decode and do nothing else", partial(_decode, choice)),
        ("this project: decode, crop, resize, store as JPEG", partial(_store, choice, folder, View())),
        ("this project: the same, stored raw", partial(_store, choice, folder, View(codec="raw"))),
        ("OpenCV: read, crop, resize, a JPEG file a frame", partial(_dump_squares, choice, folder)),
        ("OpenCV: read, a JPEG file a frame in full size", partial(_dump_whole, choice, folder)),
    ]
    notes = []
    if found := _landmarks(choice, folder):
        canvases = partial(_store, choice, folder, View(crop="hht", canvas=Canvas()), found)
        methods.append(("this project: frame, hands and face on one canvas (H&HT), stored as JPEG", canvases))
    else:
        notes.append("H&HT: not measured, not all of these clips have landmarks (true, holistic)")
    if shutil.which("ffmpeg"):
        methods.append(("ffmpeg: crop, scale, a JPEG file a frame", partial(_dump_ffmpeg, choice, folder)))
    else:
        notes.append("ffmpeg dumping frames: not measured, there is no ffmpeg on the path")
    rows = measure(methods, len(choice.items), rounds)
    mark = f"preparing takes at most {PREPARE_AT_MOST} x decoding alone"
    return Report(choice.what("preparing"), rows, tuple(notes), mark, rows[1].ratio <= PREPARE_AT_MOST)


def _frames_av(path: str) -> Iterator[av.VideoFrame]:
    """Decode a file with PyAV on one thread."""
    with av.open(path, metadata_errors="ignore") as container:
        container.streams.video[0].codec_context.thread_count = 1
        yield from container.decode(video=0)


def _frames_cv(path: str) -> Iterator[Frames]:
    """Decode a file with OpenCV on one thread, to BGR."""
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    there, frame = capture.read()
    while there:
        yield cast(Frames, frame)
        there, frame = capture.read()


def _decode(choice: Choice) -> None:
    """Decode all clips."""
    for item in choice.items:
        for _ in _frames_av(item.path):
            pass


def _landmarks(choice: Choice, folder: Path) -> LandmarkStore | None:
    """Return the landmarks of all clips, prepared; None where they are not at hand."""
    for name in ("true", "holistic"):
        with contextlib.suppress(BenchError):
            found = prepare_landmarks(choice.dataset, name, folder / "landmarks").store
            return found if len(found.ids) == len(choice.items) else None
    return None


def _store(choice: Choice, folder: Path, view: View, landmarks: LandmarkStore | None = None) -> None:
    """Prepare all clips anew, as `bench prepare` does, with one worker."""
    shutil.rmtree(folder / "store", ignore_errors=True)
    prepare(choice.dataset, view, folder / "store", landmarks=landmarks, workers=1)


def _fresh(folder: Path) -> Path:
    """Return an empty folder for dumped frames."""
    shutil.rmtree(folder / "frames", ignore_errors=True)
    (folder / "frames").mkdir(parents=True)
    return folder / "frames"


def _cut(frame: Frames, place: Square) -> Frames:
    """Cut the part of a square that lies in a frame."""
    left, top, right, bottom = place.visible(frame.shape[1], frame.shape[0])
    return frame[top:bottom, left:right]


def _dump_squares(choice: Choice, folder: Path) -> None:
    """Write every frame's square as a JPEG file of 256 x 256."""
    out = _fresh(folder)
    for item in choice.items:
        for number, frame in enumerate(_frames_cv(item.path)):
            picture = cv2.resize(_cut(frame, item.place), (256, 256))
            cv2.imwrite(f"{out}/{item.clip.id}_{number:05d}.jpg", picture)


def _dump_whole(choice: Choice, folder: Path) -> None:
    """Write every frame as a JPEG file, as it is."""
    out = _fresh(folder)
    for item in choice.items:
        for number, frame in enumerate(_frames_cv(item.path)):
            cv2.imwrite(f"{out}/{item.clip.id}_{number:05d}.jpg", frame)


def _dump_ffmpeg(choice: Choice, folder: Path) -> None:
    """Write every frame's square as a JPEG file with ffmpeg, a process a clip."""
    out = _fresh(folder)
    for item in choice.items:
        place = item.place
        crop = f"crop=min(iw\\,{place.side}):min(ih\\,{place.side}):{max(place.x, 0)}:{max(place.y, 0)}"
        words = ["ffmpeg", "-v", "error", "-threads", "1", "-i", item.path, "-vf", f"{crop},scale=256:256"]
        subprocess.run([*words, "-q:v", "2", f"{out}/{item.clip.id}_%05d.jpg"], check=True)  # noqa: S603 - ours


def loading(choice: Choice, rounds: int, folder: Path) -> Report:
    """Compare loading a training sample from the stores with loading it from the videos.

    Args:
        choice: which clips.
        rounds: turns of each method.
        folder: where stores are written.
    """
    methods: list[Method] = [
        ("this project, from the JPEG store", _epoch(choice, folder, View())),
        ("this project, from the raw store", _epoch(choice, folder, View(codec="raw"))),
        ("PyAV: decode the video, convert and resize 20 frames", partial(_load_av, choice)),
        ("OpenCV: read and resize all frames, normalise in float, take 20", partial(_load_cv, choice)),
    ]
    rows = measure(methods, len(choice.items), rounds)
    mark = f"a sample from the JPEG store takes at most {LOAD_AT_MOST:g} ms of one core"
    what = choice.what("loading 20 frames at 172 x 172 with a random resized crop")
    return Report(what, rows, (), mark, rows[0].milliseconds <= LOAD_AT_MOST)


def _epoch(choice: Choice, folder: Path, view: View) -> Callable[[], object]:
    """Return what loads one epoch with one thread from a fresh store."""
    store = prepare(choice.dataset, view, folder / "loading").store
    options = LoaderOptions(batch_size=8, train=True, threads=1)
    loader = ClipLoader(store, choice.dataset.subset.clips, SAMPLING, CROP, options)
    return lambda: [len(batch.labels) for batch in loader.epoch(0)]


def _load_av(choice: Choice) -> None:
    """Load each clip from its video with PyAV: decode all, convert only what is seen."""
    for index, item in enumerate(choice.items):
        rng = generator(0, 0, index + 1)
        chosen = frame_indices(item.frames, SAMPLING, rng).tolist()
        wanted = set(chosen)
        decoded = enumerate(_frames_av(item.path))
        kept = {at: cast(Frames, frame.to_ndarray(format="rgb24")) for at, frame in decoded if at in wanted}
        _crop([_cut(kept[at], item.place) for at in chosen], rng)


def _crop(frames: Sequence[Frames], rng: np.random.Generator) -> Frames:
    """Take the same random crop of each frame, at 172 x 172."""
    out = np.empty((SAMPLING.frames, CROP.size, CROP.size, 3), np.uint8)
    place = look(CROP, min(frames[0].shape[:2]), rng)
    for row, frame in zip(out, frames, strict=True):
        apply(place, frame, row)
    return out


def _load_cv(choice: Choice) -> None:
    """Load each clip as much published code does: all frames through OpenCV and float, then 20 of them."""
    for item in choice.items:
        frames = []
        for frame in _frames_cv(item.path):
            rgb = cv2.cvtColor(cv2.resize(frame, (CROP.size, CROP.size)), cv2.COLOR_BGR2RGB)
            frames.append((rgb.astype(np.float32) / 255 - 0.45) / 0.225)
        np.stack(frames)[frame_indices(len(frames), SAMPLING, None)]
