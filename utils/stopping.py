"""Stopping between two steps: a first Ctrl-C or warning signal asks, a second Ctrl-C insists."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

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
    wanted = signals or (signal.SIGINT, signal.SIGTERM)
    ASKED.clear()
    if threading.current_thread() is not threading.main_thread():
        yield ASKED
        return
    before = {number: signal.signal(number, _ask) for number in wanted}
    try:
        yield ASKED
    finally:
        for number, handler in before.items():
            # None: set by native code, which Python cannot put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
