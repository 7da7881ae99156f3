"""Work that may crash, hang or chatter, in processes of its own: what comes back is a value or a sentence."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from utils.errors import FAILURE, BenchError

_STREAMS = (1, 2)
_SPOKEN = 300
"""So many characters of an error are told."""


class Child:
    """A process that makes something once and then answers questions about it.

    Args:
        log: file for what it prints.
        make: called in the child with `args`; what it returns takes the questions.
        args: picklable.
    """

    def __init__(self, log: Path, make: Callable[..., Any], *args: object) -> None:
        """Start it; `ready` waits for it."""
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._log = log
        self._process = context.Process(target=_serve, args=(other, log, make, args), daemon=True)
        self._process.start()
        other.close()

    def ready(self, limit: float) -> None:
        """Wait until it is made.

        Raises:
            BenchError: that fails, crashes, or takes longer than `limit` seconds.
        """
        self._answer(limit)

    def ask(self, question: str, *args: object, limit: float = 600.0) -> Any:  # noqa: ANN401 - what the method returns
        """Return what the method of that name returns.

        Raises:
            BenchError: it fails, crashes, or takes longer than `limit` seconds.
        """
        try:
            self._pipe.send((question, args))
        except OSError as error:
            raise self._ended() from error
        return self._answer(limit)

    def close(self) -> None:
        """End it."""
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _answer(self, limit: float) -> Any:  # noqa: ANN401
        """Return its answer."""
        if not self._pipe.poll(limit):
            self._process.kill()
            self.close()
            raise BenchError(f"It took longer than {limit:.0f} s.", exit_code=FAILURE)
        try:
            error, value = self._pipe.recv()
        except (EOFError, OSError) as gone:
            raise self._ended() from gone
        if error:
            raise BenchError(error, exit_code=FAILURE)
        return value

    def _ended(self) -> BenchError:
        """Return how it ended, with the last line that it printed."""
        self._process.join(5)
        code = self._process.exitcode or 0
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        lines = self._log.read_text(errors="replace").strip().splitlines() if self._log.exists() else []
        said = f": {lines[-1][:_SPOKEN]}" if lines else ""
        return BenchError(f"Its process ended by {how}{said}.", exit_code=FAILURE)


def carried_out(log: Path, limit: float, work: Callable[..., None], *args: object) -> None:
    """Carry out work in a process of its own and wait for it.

    Raises:
        BenchError: it fails, crashes, or takes longer than `limit` seconds.
    """
    child = Child(log, work, *args)
    try:
        child.ready(limit)
    finally:
        child.close()


def _serve(pipe: Connection, log: Path, make: Callable[..., Any], args: tuple[object, ...]) -> None:
    """Make something, then answer until nobody asks any more."""
    os.environ.update(OMP_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE", TF_CPP_MIN_LOG_LEVEL="3")
    printed = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    for stream in _STREAMS:
        os.dup2(printed, stream)
    made = _told(pipe, make, *args, answer=False)
    while made is not None:
        try:
            question, rest = pipe.recv()
        except (EOFError, OSError):
            return
        _told(pipe, getattr(made, question), *rest)


def _told(pipe: Connection, work: Callable[..., Any], *args: object, answer: bool = True) -> Any:  # noqa: ANN401
    """Do some work, and send what came of it: an error in words, or the value (None unless `answer`)."""
    try:
        value = work(*args)
    except BenchError as error:
        pipe.send((str(error), None))
    except Exception as error:  # noqa: BLE001 - told to the process that asked
        first = str(error).strip().partition("\n")[0]
        pipe.send((f"{type(error).__name__}: {first[:_SPOKEN]}", None))
    else:
        pipe.send(("", value if answer else None))
        return value
    return None
