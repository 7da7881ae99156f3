"""A row of the chaos test's table: what was done to a sweep, what came of it, and whether that will do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.chaos_audit import STEPS, Audit


@dataclass(frozen=True)
class Row:
    """One kind of fault.

    Attributes:
        name: of the row.
        faults: what was done, in words and numbers.
        audit: what came of it.
        sound: whatever else the row asks for; False misses the bar.
        note: what else is to be said.
        seconds: on the clock.
        skipped: why it was not tried; empty where it was.
    """

    name: str
    faults: str
    audit: Audit
    sound: bool = True
    note: str = ""
    seconds: float = 0.0
    skipped: str = ""

    @property
    def met(self) -> bool:
        """Whether nothing is wrong, and no cut cost more than the work since the last checkpoint."""
        return bool(self.skipped) or (
            self.sound and self.audit.clean and self.audit.redone <= STEPS * self.audit.cuts
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**asdict(self), "met": self.met}


_HEADS = (
    "",
    "runs",
    "lost",
    "duplicated",
    "corrupt",
    "wrong",
    "run twice",
    "cuts",
    "steps again",
    "s",
    "bar",
)


def table(rows: Sequence[Row]) -> str:
    """Return rows as a table in plain text, each with what was done to it below."""
    cells = [_HEADS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADS))]
    lines = []
    for line, row in zip(cells, [None, *rows], strict=True):
        first, *numbers = (cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        lines.append("  ".join([line[0].ljust(len(first)), *numbers]).rstrip())
        if row is not None:
            said = "; ".join(
                word for word in (row.skipped or row.faults, row.note, *_details(row.audit)) if word
            )
            lines.append(f"    {said}")
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    """Return a row's cells."""
    if row.skipped:
        return (row.name, *("-" for _ in _HEADS[2:]), "skipped")
    audit = row.audit
    counts = (audit.lost + audit.failed, audit.duplicated, audit.corrupt, audit.wrong, audit.twice)
    numbers = [audit.runs, *(len(found) for found in counts), audit.cuts, audit.redone, round(row.seconds)]
    return (row.name, *(str(number) for number in numbers), "met" if row.met else "MISSED")


def _details(audit: Audit) -> list[str]:
    """Name a few of what is wrong."""
    told = {"lost": audit.lost, "failed": audit.failed, "duplicated": audit.duplicated, "wrong": audit.wrong}
    told |= {"run twice": audit.twice}
    words = [f"{name}: seeds {', '.join(map(str, found[:10]))}" for name, found in told.items() if found]
    return [*words, *audit.corrupt[:3]]
