"""A program that is killed at the N-th thing it does to files or processes: every moment can be tried.

`python -m benchmarks.chaos_kill N FOLDER MODULE WORD...` runs a module as `python -m MODULE WORD...` would,
and sends itself SIGKILL right before the N-th time that it opens a file for writing, renames, links, deletes
or makes something under FOLDER, or starts a process. With N = 0 it lives, and its last line on stderr says
how many such moments there were.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any

COUNTED = "moments: "
"""What the last line begins with where nobody was killed."""

_CHANGES = {
    "os.rename",
    "os.link",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.utime",
    "os.chmod",
    "os.truncate",
}


class Reaper:
    """Counts what this process does, and ends it when its time has come.

    Args:
        at: the moment, 1 for the first; 0 for never.
        folder: what happens elsewhere does not count.
    """

    def __init__(self, at: int, folder: Path) -> None:
        """Begin to count."""
        self.count = 0
        self._at, self._folder = at, os.fspath(folder)

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        """Hear of an event (`sys.addaudithook`)."""
        if not self._counts(event, args):
            return
        self.count += 1
        if self.count == self._at:
            os.kill(os.getpid(), signal.SIGKILL)

    def _counts(self, event: str, args: tuple[Any, ...]) -> bool:
        """Say whether an event changes anything that others see."""
        if event in {"subprocess.Popen", "os.posix_spawn"}:
            return True
        if event == "open":
            return self._is_ours(args[0]) and isinstance(args[2], int) and bool(args[2] & _WRITING)
        return event in _CHANGES and self._is_ours(args[0])

    def _is_ours(self, path: object) -> bool:
        """Say whether a path lies in the folder."""
        return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(self._folder)


_WRITING = os.O_WRONLY | os.O_RDWR


def main() -> None:
    """Run a module until its time has come."""
    at, folder, module, *words = sys.argv[1:]
    reaper = Reaper(int(at), Path(folder))
    sys.argv = [module, *words]
    sys.addaudithook(reaper)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        sys.stderr.write(f"{COUNTED}{reaper.count}\n")


if __name__ == "__main__":
    main()
