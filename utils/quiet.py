"""Native libraries kept from chattering on stderr, without losing what they say when they fail."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

_STDERR = 2


@contextmanager
def held_back() -> Iterator[None]:
    """Hold back what is written to stderr, also by C++ code; let it out where the block fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as kept:
        real = os.dup(_STDERR)
        os.dup2(kept.fileno(), _STDERR)
        try:
            yield
        except BaseException:
            _restore(real)
            _let_out(kept)
            raise
        _restore(real)


def _restore(real: int) -> None:
    """Make stderr what it was."""
    sys.stderr.flush()
    os.dup2(real, _STDERR)
    os.close(real)


def _let_out(kept: IO[bytes]) -> None:
    """Write what was held back to stderr."""
    kept.seek(0)
    os.write(_STDERR, kept.read())
