"""Landmarks out of videos: MediaPipe Holistic on the very frames that the networks of pixels see.

Frames are decoded here, by the code that prepares clips, and sent to processes that hold nothing but
MediaPipe: so cut, turn and colours are the same for both families of networks.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from utils.errors import FAILURE, BenchError
from utils.progress import Progress, Silent
from wlasl.clips import Clip
from wlasl.landmarks import extract_worker
from wlasl.landmarks.extract_process import Patience, Worker, WorkerLostError, WorkerRefusedError
from wlasl.landmarks.form import LandmarkError, Landmarks
from wlasl.landmarks.joints import HOLISTIC
from wlasl.landmarks.mediapipe_env import VERSION, ensure_python, environment
from wlasl.pixels import upright_rgb
from wlasl.video import Video, VideoError, displayed_size, read

SOURCE = "mediapipe-holistic"
_GIVE_UP = 5
"""After so many clips in a row at which the process was lost, it is not the clips."""

_MOST_BYTES = 4 << 30
"""Decoded frames of one clip that are held at a time: five times what WLASL's longest takes at 1920x1080."""

Outcome = Landmarks | LandmarkError


@dataclass(frozen=True, slots=True)
class Program:
    """What looks at frames.

    Attributes:
        command: its command line; speaks as `wlasl.landmarks.extract_worker` does.
        environment: its environment variables.
        patience: how long it may be silent.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    patience: Patience = field(default_factory=Patience)


def mediapipe(progress: Progress) -> Program:
    """Return MediaPipe as a program, installing it where it is not there.

    Raises:
        BenchError: it cannot be installed.
    """
    python = ensure_python(progress)
    return Program((str(python), str(Path(extract_worker.__file__).absolute())), environment(python))


def extract(
    jobs: Iterable[tuple[Clip, Path]],
    workers: int,
    progress: Progress | None = None,
    *,
    program: Program | None = None,
) -> Generator[tuple[Clip, Outcome], None, None]:
    """Yield each clip with its landmarks, or with why there are none, as they are finished.

    Landmarks are float32 [T, 75, 3] in the order of HOLISTIC. Each clip is tracked from its first frame on:
    the same file gives the same numbers. Closing the iterator, and Ctrl-C, end all processes at once.

    Args:
        jobs: clips and their videos; taken from as the work goes on.
        workers: processes, each of which takes a core and 0.4 GB.
        progress: hears of the installation; of each clip the caller hears.
        program: what looks at the frames; None for MediaPipe, which is installed where it is not there.

    Raises:
        BenchError: MediaPipe cannot be installed, does not start, or fails at one clip after the other.
    """
    rest = iter(jobs)
    first = list(islice(rest, 1))
    if not first:
        return
    crew = _Crew(program or mediapipe(progress or Silent()))
    running: dict[Future[Outcome], Clip] = {}
    pool = ThreadPoolExecutor(workers, "landmarks")
    try:
        while True:
            for clip, path in [*first, *islice(rest, 2 * workers - len(running) - len(first))]:
                running[pool.submit(crew.see, clip, path)] = clip
            first = []
            if not running:
                return
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                yield running.pop(future), future.result()
    finally:
        crew.stop()
        pool.shutdown(cancel_futures=True)
        crew.bury()


class _Crew:
    """The processes at hand: each clip takes one that is idle, or a new one."""

    def __init__(self, program: Program) -> None:
        """Begin with none."""
        self._program = program
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._stopped = False
        self._lost_in_a_row = 0

    def stop(self) -> None:
        """End all processes; threads that wait for one are free at once."""
        with self._lock:
            self._stopped = True
            for worker in self._all:
                worker.kill()

    def bury(self) -> None:
        """Let go of what the ended processes held, when no thread talks with them any more."""
        for worker in self._all:
            worker.bury()

    def see(self, clip: Clip, path: Path) -> Outcome:
        """Return the landmarks of one clip, or why there are none.

        Raises:
            BenchError: the program does not start, or fails at one clip after the other.
        """
        try:
            fps, frames = self._decode(clip, path)
        except VideoError as error:
            return LandmarkError("missing" if error.reason == "missing" else "unreadable", str(error))
        except OSError as error:
            return LandmarkError("unreadable", error.strerror or str(error))
        try:
            points = self._look(frames)
            size = displayed_size(frames[0])
            return Landmarks(points, HOLISTIC, SOURCE, size=size, fps=fps or clip.fps or None).checked()
        except WorkerLostError as error:
            return self._mourn(error)
        except WorkerRefusedError as error:
            return LandmarkError("unreadable", f"MediaPipe refuses the video: {error}")
        except LandmarkError as error:
            return error

    def _look(self, frames: Sequence[av.VideoFrame]) -> npt.NDArray[np.float32]:
        """Return the points of a clip's frames; a clip that a process was lost at is shown to a new one.

        A process is also lost where memory runs out for a moment, and the clip is not to blame for that.

        Raises:
            WorkerLostError: the second one was lost too.
            WorkerRefusedError: a frame cannot be looked at.
        """
        try:
            return self._look_once(frames)
        except WorkerLostError:
            if self._stopped:
                raise
            return self._look_once(frames)

    def _look_once(self, frames: Sequence[av.VideoFrame]) -> npt.NDArray[np.float32]:
        """Return the points of a clip's frames, and keep the process unless it is lost."""
        worker = self._take()
        try:
            points = worker.look(upright_rgb(frame) for frame in frames)
        except WorkerLostError:
            with self._lock:
                self._all.discard(worker)
            worker.bury()
            raise
        finally:
            with self._lock:
                if worker in self._all:
                    self._idle.append(worker)
        self._lost_in_a_row = 0
        return points

    def _decode(self, clip: Clip, path: Path) -> tuple[float, list[av.VideoFrame]]:
        """Return a clip's frame rate and its frames as they come from the decoder, half the size of RGB."""
        with contextlib.closing(Video(path)) as video:
            fps = video.fps
        held = 0

        def kept(frame: av.VideoFrame) -> av.VideoFrame:
            """Keep a frame, unless everything is to stop or there are too many."""
            nonlocal held
            held += sum(plane.buffer_size for plane in frame.planes)
            if self._stopped:
                raise VideoError("unreadable", "stopped")
            if held > _MOST_BYTES:
                raise VideoError("too many frames", f"more than {_MOST_BYTES >> 30} GB of them")
            return frame

        return fps, read(path, clip, kept)

    def _take(self) -> Worker:
        """Return an idle process, or a new one that is ready."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        try:
            worker = Worker(self._program.command, self._program.environment, self._program.patience)
        except OSError as error:
            raise BenchError(f"Cannot start {self._program.command[0]}: {error.strerror}.") from error
        with self._lock:
            self._all.add(worker)
            if self._stopped:
                worker.kill()
        self._welcome(worker)
        return worker

    def _welcome(self, worker: Worker) -> None:
        """Wait until a process is ready.

        Raises:
            BenchError: it does not get ready, or is not the MediaPipe whose results are compared.
        """
        python = self._program.command[0]
        try:
            version = worker.greet()
        except (WorkerLostError, WorkerRefusedError) as error:
            advice = "docs/INSTALL.md has the ways to install it"
            message = f"MediaPipe does not start with {python}: {error}. {advice}."
            raise BenchError(message, exit_code=FAILURE) from error
        if version != VERSION:
            raise BenchError(
                f"{python} has MediaPipe {version}; landmarks are compared as {VERSION} finds them. "
                f"Install it there: pip install mediapipe=={VERSION}."
            )

    def _mourn(self, error: WorkerLostError) -> LandmarkError:
        """Return what a clip gets at which processes were lost.

        Raises:
            BenchError: it happened at too many clips in a row.
        """
        with self._lock:
            self._lost_in_a_row += 1
            hopeless = self._lost_in_a_row >= _GIVE_UP and not self._stopped
        if hopeless:
            message = f"MediaPipe failed at {_GIVE_UP} clips in a row, the last time because {error}."
            raise BenchError(message, exit_code=FAILURE)
        return LandmarkError("unreadable", f"MediaPipe was lost twice at this clip: {error}")
