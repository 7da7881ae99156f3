"""How long work tells how it goes, whoever listens: a bar on a terminal, a log, or nobody."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Hears how long work goes."""

    def begin(self, task: str, total: int, done: int = 0) -> None:
        """A task of `total` steps begins, `done` of them already behind it."""
        ...

    def advance(self, note: str = "") -> None:
        """One step is done."""
        ...

    def end(self, note: str = "") -> None:
        """The task is done; `note` is its result in a few words."""
        ...

    def say(self, sentence: str) -> None:
        """Something is worth a sentence to the person at the terminal."""
        ...


class Silent:
    """A Progress that shows nothing."""

    def begin(self, task: str, total: int, done: int = 0) -> None:
        """Ignore the beginning of a task."""

    def advance(self, note: str = "") -> None:
        """Ignore a step."""

    def end(self, note: str = "") -> None:
        """Ignore the end of a task."""

    def say(self, sentence: str) -> None:
        """Ignore a sentence."""
