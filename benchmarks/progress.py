"""Long work as a bar on a terminal, and as a line now and then in a job's log."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from typing_extensions import Self

_LOG_SECONDS = 30.0
"""Without a terminal a line is printed this often."""


class _Rate(TextColumn):
    """Steps a second, as measured lately."""

    def __init__(self, unit: str) -> None:
        """Have no text of its own, only a unit."""
        super().__init__("")
        self._unit = unit

    def render(self, task: Task) -> Text:
        """Return the rate of the last while, or nothing before there is one."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} {self._unit}/s" if speed else "")


class Bars:
    """Shows progress on stderr; implements `utils.progress.Progress`.

    Args:
        unit: what a step is, for the rate.
        console: where to draw; None for stderr.
        silent: draw and say nothing, as all but one of several processes do.
    """

    def __init__(self, unit: str = "steps", *, console: Console | None = None, silent: bool = False) -> None:
        """Make the bar."""
        self.console = console or Console(stderr=True, quiet=silent)
        self._unit = unit
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        rest = (_Rate(unit), TimeRemainingColumn(), TextColumn("left  {task.fields[note]}"))
        shown = self.console.is_terminal and not silent
        self._bar = Progress(*columns, *rest, console=self.console, transient=True, disable=not shown)
        self._task: TaskID | None = None
        self._name, self._total, self._done, self._fresh = "", 0, 0, 0
        self._began = self._told = 0.0

    def __enter__(self) -> Self:
        """Start drawing."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing and leave the terminal as it was."""
        self._bar.stop()

    def begin(self, task: str, total: int, done: int = 0) -> None:
        """Show a new bar of `total` steps, `done` of them behind it."""
        self._clear()
        self._name, self._total, self._done, self._fresh = task, total, done, 0
        self._began = self._told = time.monotonic()
        self._task = self._bar.add_task(task, total=total, completed=done, note="")

    def advance(self, note: str = "") -> None:
        """Move the bar by a step; where nobody sees it, say now and then how far it is."""
        self._done, self._fresh = self._done + 1, self._fresh + 1
        if self._task is not None:
            self._bar.update(self._task, advance=1, note=note)
        now = time.monotonic()
        if not self.console.is_terminal and now - self._told >= _LOG_SECONDS:
            self._told = now
            rate = self._fresh / (now - self._began)
            left = f"{(self._total - self._done) / rate:.0f} s left"
            self.say(f"{self._name}: {self._done}/{self._total}, {rate:.1f} {self._unit}/s, {left}  {note}")

    def end(self, note: str = "") -> None:
        """Take the bar away and leave a line with the task's result."""
        self._clear()
        if note:
            self.say(f"{self._name}  {note}")

    def say(self, sentence: str) -> None:
        """Print a line above the bar."""
        self.console.print(sentence.rstrip(), highlight=False, markup=False, emoji=False, soft_wrap=True)

    def _clear(self) -> None:
        """Take the bar away."""
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
