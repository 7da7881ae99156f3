"""Stopping between two steps: a first Ctrl-C or warning signal asks, a second Ctrl-C insists.

Slurm warns with SIGTERM, or with the signal that a job was submitted with: SIGUSR1 or SIGUSR2 by habit.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

WARNINGS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""Signals besides Ctrl-C that ask to stop."""
ASKED = threading.Event()
"""Set once somebody asked this process to stop."""


def _ask(number: int, _frame: FrameType | None) -> None:
    """Note the wish to stop; a second Ctrl-C stops at once."""
    if ASKED.is_set() and number == signal.SIGINT:
        raise KeyboardInterrupt
    ASKED.set()


@contextmanager
def stoppable(*signals: signal.Signals) -> Iterator[threading.Event]:
    """Within this block the signals set the event that is returned; after it they mean what they meant.

    Only the main thread can listen to signals: elsewhere the event is returned and never set by one.
    """
    wanted = signals or (signal.SIGINT, *WARNINGS)
    ASKED.clear()
    if threading.current_thread() is not threading.main_thread():
        yield ASKED
        return
    with _handled(_ask, wanted):
        yield ASKED


@contextmanager
def interruptible() -> Iterator[None]:
    """Within this block a warning signal is what Ctrl-C is: KeyboardInterrupt, wherever it is met."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _handled(_interrupt, WARNINGS):
        yield


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Raise what Ctrl-C raises."""
    raise KeyboardInterrupt


@contextmanager
def _handled(
    handler: Callable[[int, FrameType | None], None], numbers: Sequence[signal.Signals]
) -> Iterator[None]:
    """Handle signals within this block; after it they mean what they meant."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, was in before.items():
            # None: set by native code, which Python cannot put back.
            signal.signal(number, signal.SIG_DFL if was is None else was)
