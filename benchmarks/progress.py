"""Training as a bar per epoch on a terminal, and as a line per epoch in a job's log."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.progress import TimeRemainingColumn as Remaining

if TYPE_CHECKING:
    from typing_extensions import Self


class Bars:
    """Shows an engine's progress on stderr; implements `benchmarks.engine.Progress`."""

    def __init__(self, *, silent: bool = False) -> None:
        """Make the bar; `silent` for the processes that do not print."""
        self.console = Console(stderr=True, quiet=silent)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            Remaining(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
            transient=True,
            disable=silent or not self.console.is_terminal,
        )
        self._task: TaskID | None = None
        self._name = ""

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
        """Show a new bar of `total` steps."""
        self._clear()
        self._name = task
        self._task = self._bar.add_task(task, total=total, completed=done, note="")

    def advance(self, note: str = "") -> None:
        """Move the bar one step."""
        if self._task is not None:
            self._bar.update(self._task, advance=1, note=note)

    def end(self, note: str = "") -> None:
        """Take the bar away and leave a line with the task's result."""
        self._clear()
        if note:
            self.say(f"{self._name}  {note}")

    def say(self, sentence: str) -> None:
        """Print a line above the bar."""
        self.console.print(sentence, highlight=False, markup=False, soft_wrap=True)

    def _clear(self) -> None:
        """Take the bar away."""
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
