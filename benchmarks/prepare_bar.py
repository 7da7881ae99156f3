"""Preparing clips as a bar with clips a second and the time left, or as a line now and then in a log."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_LOG_SECONDS = 30.0
"""Without a terminal a line is printed this often."""


class _Rate(TextColumn):
    """Clips a second, as measured lately."""

    def __init__(self) -> None:
        """Have no text of its own."""
        super().__init__("")

    def render(self, task: Task) -> Text:
        """Return the rate of the last while, or nothing before there is one."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} clips/s" if speed else "")


class ClipBar:
    """Shows how preparing goes on stderr; implements `wlasl.prepare.Progress`.

    Args:
        console: where to draw; None for stderr.
    """

    def __init__(self, console: Console | None = None) -> None:
        """Make the bar."""
        self.console = console or Console(stderr=True)
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
        )
        left = (TimeRemainingColumn(), TextColumn("left  {task.fields[note]}"))
        self._bar = Progress(
            *columns, *left, console=self.console, transient=True, disable=not self.console.is_terminal
        )
        self._task: TaskID | None = None
        self._name, self._total, self._done, self._fresh = "", 0, 0, 0
        self._began = self._told = 0.0

    def __enter__(self) -> ClipBar:  # noqa: PYI034 - Self is of Python 3.11
        """Start drawing."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing and leave the terminal as it was."""
        self._bar.stop()

    def begin(self, task: str, total: int, done: int = 0) -> None:
        """Show a new bar of `total` clips, `done` of them there already."""
        self._clear()
        self._name, self._total, self._done, self._fresh = task, total, done, 0
        self._began = self._told = time.monotonic()
        self._task = self._bar.add_task(task, total=total, completed=done, note="")
        if not self.console.is_terminal:
            self._say(task)

    def advance(self, note: str = "") -> None:
        """Move the bar by a clip."""
        self._done, self._fresh = self._done + 1, self._fresh + 1
        if self._task is not None:
            self._bar.update(self._task, advance=1, note=note)
        now = time.monotonic()
        if not self.console.is_terminal and now - self._told >= _LOG_SECONDS:
            self._told = now
            rate = self._fresh / (now - self._began)
            left = (self._total - self._done) / rate
            self._say(
                f"{self._name}: {self._done}/{self._total}, {rate:.1f} clips/s, {left:.0f} s left {note}"
            )

    def end(self, note: str = "") -> None:
        """Take the bar away; the command prints the outcome."""
        del note
        self._clear()

    def _say(self, sentence: str) -> None:
        """Print a line."""
        self.console.print(sentence, highlight=False, markup=False, soft_wrap=True)

    def _clear(self) -> None:
        """Take the bar away."""
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
