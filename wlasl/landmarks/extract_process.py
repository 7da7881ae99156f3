"""One MediaPipe process and the talk with it: frames out, points back, and every way that can end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wlasl.landmarks.extract_worker import HEADER
from wlasl.landmarks.joints import HOLISTIC

Frame = npt.NDArray[np.uint8]

_SHAPE = (len(HOLISTIC), 3)
_LONGEST = 1 << 16
"""No answer is longer, in bytes: what claims to be is garbage."""
_CHATTER = ("I0000", "W0000", "INFO", "WARNING")
"""What the lines begin with that MediaPipe and TensorFlow Lite write in good health."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a process may be silent, in seconds, before it is taken for hung.

    Attributes:
        start: until it is ready; importing MediaPipe takes 2 s, and minutes on a cold network disk.
        frame: for a frame; one takes 0.05 s.
    """

    start: float = 300.0
    frame: float = 60.0


class WorkerLostError(Exception):
    """The process ended, hung, or answered what is no answer; it is of no use any more."""


class WorkerRefusedError(Exception):
    """The process could not look at a frame and said why; it can go on with another clip."""


class Worker:
    """A MediaPipe process.

    Args:
        command: its command line, to which the number of its socket is added.
        environment: its environment.
        patience: how long it may be silent.

    Raises:
        OSError: the command cannot be started.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], patience: Patience | None = None
    ) -> None:
        """Start the process; `greet` waits until it is ready."""
        self._patience = patience or Patience()
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._line, theirs = socket.socketpair()
        try:
            # A session of its own: Ctrl-C is for us, who end it then. No descriptor but its socket: so it
            # notices at once when we are gone, however that came.
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours
                [*command, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._words,
                stderr=self._words,
                start_new_session=True,
                env=dict(environment),
            )
        except BaseException:
            self._close()
            raise
        finally:
            theirs.close()

    def greet(self) -> str:
        """Wait until the process is ready; return MediaPipe's version.

        Raises:
            WorkerLostError: it will not be.
        """
        self._line.settimeout(self._patience.start)
        version = self._receive(b"HELO").decode(errors="replace")
        self._line.settimeout(self._patience.frame)
        return version

    def look(self, frames: Iterable[Frame]) -> npt.NDArray[np.float32]:
        """Return the points of a clip's frames, float32 [T, 75, 3], NaN where unseen.

        Args:
            frames: RGB, uint8 [H, W, 3] each; taken one at a time.

        Raises:
            WorkerLostError: the process is of no use any more.
            WorkerRefusedError: it could not look at one of the frames.
        """
        os.lseek(self._words.fileno(), 0, os.SEEK_SET)
        os.ftruncate(self._words.fileno(), 0)
        self._send(HEADER.pack(b"CLIP", 0, 0))
        points = [self._ask(frame) for frame in frames]
        return np.stack(points) if points else np.empty((0, *_SHAPE), np.float32)

    def kill(self) -> None:
        """End the process at once; may be called from any thread, and again."""
        with contextlib.suppress(OSError):
            self._process.kill()

    def bury(self) -> None:
        """End the process, and let go of all that it holds; for the thread that talks with it."""
        self.kill()
        self._process.wait()
        self._close()

    def _close(self) -> None:
        """Close the socket and the file of last words."""
        self._line.close()
        self._words.close()

    def _ask(self, frame: Frame) -> npt.NDArray[np.float32]:
        """Return the points of one frame, float32 [75, 3]."""
        height, width = frame.shape[:2]
        self._send(HEADER.pack(b"RGB8", width, height))
        self._send(np.ascontiguousarray(frame).data)
        data = self._receive(b"XYZ4")
        if len(data) != 4 * _SHAPE[0] * _SHAPE[1]:
            raise WorkerLostError(f"it answered {len(data)} bytes, which are no points")
        return np.frombuffer(data, "<f4").reshape(_SHAPE).astype(np.float32)

    def _send(self, data: bytes | memoryview) -> None:
        """Send bytes."""
        try:
            self._line.sendall(data)
        except OSError as error:
            raise self._lost(error) from error

    def _receive(self, wanted: bytes) -> bytes:
        """Return what a message of the wanted kind holds."""
        kind, size, _ = HEADER.unpack(self._exactly(HEADER.size))
        if kind not in {wanted, b"OOPS"} or size > _LONGEST:
            raise WorkerLostError(f"it answered garbage ({kind!r})")
        data = self._exactly(size)
        if kind == b"OOPS":
            raise WorkerRefusedError(data.decode(errors="replace"))
        return data

    def _exactly(self, size: int) -> bytes:
        """Return so many bytes from the process."""
        data = b""
        while len(data) < size:
            try:
                more = self._line.recv(size - len(data))
            except OSError as error:
                raise self._lost(error) from error
            if not more:
                raise self._lost(None)
            data += more
        return data

    def _lost(self, error: OSError | None) -> WorkerLostError:
        """Return why the process does not answer, with its last words."""
        if isinstance(error, TimeoutError):
            return WorkerLostError(f"it did not answer within {self._line.gettimeout():g} s")
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return WorkerLostError("it closed its socket")
        how, last = _how_it_ended(code), self._last_words()
        return WorkerLostError(f"it {how}: {last}" if last else f"it {how}")

    def _last_words(self) -> str:
        """Return the last line that the process wrote about this clip, chatter left out."""
        size = os.fstat(self._words.fileno()).st_size
        text = os.pread(self._words.fileno(), 4000, max(0, size - 4000)).decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if not line.startswith(_CHATTER)]
        return next((line for line in reversed(lines) if line), "")[:300]


def _how_it_ended(code: int) -> str:
    """Return how a process with this return code ended, in words."""
    if code == -signal.SIGKILL:
        return "was killed, as the system does where memory runs out"
    if code < 0:
        return "ended by " + (signal.strsignal(-code) or f"signal {-code}").lower()
    return f"ended with exit code {code}"
