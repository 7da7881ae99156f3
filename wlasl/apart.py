"""A clip that may end the process that decodes it: noted while it is decoded, and then decoded apart.

Decoders are C code, and files come from anywhere. None of thousands of damaged clips has crashed one here,
but who is unlucky must not meet the same clip, and the same end, at every call. So `prepare` notes which
clips it has at work; what a call that died has left in the notes is decoded by the next one in a process of
its own.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from utils.files import spoken

T = TypeVar("T")

NOTES = "decoding"
PATIENCE = 900.0
"""Seconds that a clip may take apart: far more than the longest one needs on the busiest machine."""


class LostError(Exception):
    """The process that did the work ended without a result; its text says how."""


def apart(work: Callable[..., T], *arguments: object) -> T:
    """Do some work in a process of its own, and return its result.

    Args:
        work: a function of a module; it and its arguments and result are pickled.
        arguments: for it.

    Raises:
        LostError: the process died, or took too long.
    """
    project = str(Path(__file__).resolve().parent.parent)
    paths = os.pathsep.join(filter(None, [project, os.environ.get("PYTHONPATH", "")]))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "wlasl.apart"],
            input=pickle.dumps((work, arguments)),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths},
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LostError(f"nothing after {PATIENCE:.0f} s") from error
    if done.returncode:
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        raise LostError(how)
    result: T = pickle.loads(done.stdout)  # noqa: S301 - written by ourselves
    return result


class Notes:
    """Which clips are being decoded, on the disk: a line when one is begun, another when it is done.

    Args:
        folder: the store's, whose lock the caller holds.

    Attributes:
        left: the clips that a call which died had at work.
    """

    def __init__(self, folder: Path) -> None:
        """Read what was left, and begin anew."""
        self._path = folder / NOTES
        lines = []
        with contextlib.suppress(OSError):
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        ended = {line[1:] for line in lines if line.startswith("-")}
        self.left = frozenset(line[1:] for line in lines if line.startswith("+")) - ended
        with spoken(self._path):
            self._file = self._path.open("a", encoding="utf-8", buffering=1)

    def begin(self, clip_id: str) -> None:
        """Note that a clip is begun."""
        with spoken(self._path):
            self._file.write(f"+{clip_id}\n")

    def end(self, clip_id: str) -> None:
        """Note that a clip has been decoded, or refused."""
        with spoken(self._path):
            self._file.write(f"-{clip_id}\n")

    def close(self) -> None:
        """Take the notes away: whoever can do that is alive."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._path.unlink()


def main() -> None:
    """Do what the standard input says, and put the result on the standard output."""
    answers = os.dup(1)
    os.dup2(2, 1)
    work, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by ourselves
    with os.fdopen(answers, "wb") as file:
        file.write(pickle.dumps(work(*arguments)))


if __name__ == "__main__":
    main()
