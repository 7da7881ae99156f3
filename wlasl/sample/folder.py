"""Makes the sample's folder: drawn once, whole or not at all, safe under several processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils.errors import BenchError
from utils.files import read_json, short_hash, spoken, sync_folder, write_json, write_whole
from utils.threads import allotted_cores

if TYPE_CHECKING:
    from wlasl.sample.clips import Plan, Take

VERSION = 3
"""Raised with every change to what is drawn: an older sample is then replaced."""

STAMP = "sample.json"
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """What to draw.

    Attributes:
        seed: of every random number.
        glosses: how many of the sixteen, from the first.
        clips: per gloss; of 12, 8 are for training, 2 for validation and 2 for test. A clip keeps its id and
            its bytes when more are drawn.
    """

    seed: int = 0
    glosses: int = 16
    clips: int = 12


def ensure(folder: Path, options: SampleOptions | None = None, *, progress: Progress | None = None) -> Path:
    """Return `folder` with the sample in it, drawing it first unless it is there already.

    A drawing that was stopped goes on where it was; of two processes that ask at once, one draws and the
    other waits. An older version of the sample is replaced; a folder that holds anything else is refused.

    Args:
        folder: where the sample lives; it is laid out as a WLASL root is.
        options: what the folder is to hold; None for any sample, and where there is none, the default one.
        progress: told (clips drawn, clips in all) after each clip.

    Raises:
        BenchError: the folder holds something else, the options cannot be drawn, or the disk refuses.
    """
    options = options or _options_of(folder) or SampleOptions()
    _check(options)
    stamp = {"version": VERSION, **asdict(options)}
    if _complete(folder, stamp):
        return folder
    _refuse_strangers(folder)
    with _only_one(folder):
        if not _complete(folder, stamp):
            part = folder.parent / f".{folder.name}-{short_hash(stamp)}.partial"
            with spoken(part):
                _draw(part, options, stamp, progress)
                _put_in_place(part, folder)
    return folder


def _options_of(folder: Path) -> SampleOptions | None:
    """Return what a sample, of any version, was drawn with; None where there is none."""
    with contextlib.suppress(BenchError, AttributeError, KeyError, TypeError):
        stamp = read_json(folder / STAMP)
        return SampleOptions(**{field.name: int(stamp[field.name]) for field in fields(SampleOptions)})
    return None


def _check(options: SampleOptions) -> None:
    """Refuse options that cannot be drawn."""
    from wlasl.sample.clips import MOST_CLIPS  # noqa: PLC0415 - OpenCV and PyAV only when drawing
    from wlasl.sample.signs import SIGNS  # noqa: PLC0415

    if not (1 <= options.glosses <= len(SIGNS) and 1 <= options.clips <= MOST_CLIPS and options.seed >= 0):
        raise BenchError(
            f"The sample has 1 to {len(SIGNS)} glosses of 1 to {MOST_CLIPS} clips each, and a seed of at "
            f"least 0; asked for: {options}."
        )


def takes(options: SampleOptions) -> list[Take]:
    """Return every clip of a sample, gloss by gloss."""
    from wlasl.sample.clips import Take  # noqa: PLC0415 - OpenCV and PyAV only when drawing

    return [
        Take(options.seed, gloss, number)
        for gloss in range(options.glosses)
        for number in range(options.clips)
    ]


def _complete(folder: Path, stamp: dict[str, Any]) -> bool:
    """Say whether `folder` holds the sample that `stamp` describes, with every clip."""
    with contextlib.suppress(BenchError, OSError):
        count = stamp["glosses"] * stamp["clips"]
        found = [len(list(os.scandir(folder / name))) for name in ("videos", "landmarks")]
        return bool(read_json(folder / STAMP) == stamp and found == [count, count])
    return False


def _refuse_strangers(folder: Path) -> None:
    """Refuse a folder that holds something other than a sample of this project."""
    if folder.exists() and not (folder / STAMP).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise BenchError(
            f"{folder} is in the way: it holds something other than the sample. Move it elsewhere."
        )


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Let one process at a time draw into `folder`; a killed process's claim ends with it."""
    lock = folder.parent / f".{folder.name}.lock"
    with spoken(lock):
        folder.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        # Some network file systems know no locks; drawing is then merely done twice.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _draw(part: Path, options: SampleOptions, stamp: dict[str, Any], progress: Progress | None) -> None:
    """Draw every clip that `part` lacks, then write the metadata and, last, the stamp."""
    work = takes(options)
    # Drawing and encoding release the interpreter's lock, so threads do it as fast as processes would.
    pool = ThreadPoolExecutor(allotted_cores())
    try:
        jobs = [pool.submit(_draw_one, part, take) for take in work]
        for done, job in enumerate(as_completed(jobs), start=1):
            job.result()
            if progress:
                progress(done, len(work))
    finally:
        pool.shutdown(cancel_futures=True)
    _write_metadata(part, [job.result() for job in jobs])
    write_json(part / STAMP, stamp)


def _draw_one(part: Path, take: Take) -> Plan:
    """Draw one clip unless it is there; its landmarks are written last, and say that it is."""
    from wlasl.sample.clips import draw_landmarks, draw_video, plan_clip  # noqa: PLC0415 - OpenCV when drawing

    plan = plan_clip(take)
    marks = part / "landmarks" / f"{take.id}.npz"
    if not marks.is_file():
        video = draw_video(plan)
        write_whole(part / "videos" / f"{take.id}.mp4", lambda file: file.write(video))
        write_whole(marks, lambda file: file.write(draw_landmarks(plan)))
    return plan


def _write_metadata(part: Path, plans: list[Plan]) -> None:
    """Write `WLASL_v0.3.json` and `nslt_<glosses>.json`."""
    from wlasl.sample.clips import action, instance  # noqa: PLC0415 - OpenCV and PyAV only when drawing
    from wlasl.sample.signs import SIGNS  # noqa: PLC0415 - beside its one use

    entries: dict[int, list[dict[str, Any]]] = {}
    for plan in plans:
        entries.setdefault(plan.take.gloss, []).append(instance(plan))
    glosses = [{"gloss": SIGNS[gloss].gloss, "instances": clips} for gloss, clips in entries.items()]
    write_json(part / "WLASL_v0.3.json", glosses)
    write_json(part / f"nslt_{len(glosses)}.json", {plan.take.id: action(plan) for plan in plans})


def _put_in_place(part: Path, folder: Path) -> None:
    """Make the finished drawing the sample, and remove the one that it replaces."""
    if folder.exists():
        old = folder.parent / f".{folder.name}-{os.getpid()}.old"
        os.rename(folder, old)
        os.rename(part, folder)
        shutil.rmtree(old)
    else:
        os.rename(part, folder)
    sync_folder(folder.parent)
