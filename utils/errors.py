"""The one exception that speaks to people: the command line prints its sentence, never a traceback."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

USAGE = 2
"""Exit code of a mistake in what was asked: a wrong name, a missing folder, a bad value."""
FAILURE = 1
"""Exit code of work that was asked rightly and did not succeed."""


class BenchError(Exception):
    """A problem that the user can act on; its text says what happened and what to do.

    Args:
        message: one or two sentences for a person.
        exit_code: what the `bench` command ends with.
    """

    def __init__(self, message: str, *, exit_code: int = USAGE) -> None:
        """Keep the sentence and the exit code."""
        super().__init__(message)
        self.exit_code = exit_code


@contextlib.contextmanager
def ending_in_words() -> Iterator[None]:
    """End the process where there is a problem: its sentence on stderr, and its exit code."""
    try:
        yield
    except BenchError as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(problem.exit_code)
