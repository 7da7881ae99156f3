"""Methods that take turns, and what they cost: CPU time and ratios, as a table or as JSON."""

from __future__ import annotations

import resource
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Method = tuple[str, Callable[[], object]]


@dataclass(frozen=True)
class Row:
    """One method's cost.

    Attributes:
        name: what it does.
        milliseconds: CPU time of one clip or sample, with threads and child processes: the least of
            the rounds, since whatever else the machine does only adds to it.
        ratio: over the first method's, median of the rounds' ratios.
    """

    name: str
    milliseconds: float
    ratio: float


@dataclass(frozen=True)
class Report:
    """What was measured.

    Attributes:
        what: in words, with the clips that it was measured on.
        rows: a method each, the first the yardstick.
        notes: what was not measured and why.
        mark: what ours should reach.
        met: whether it did.
    """

    what: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    mark: str
    met: bool

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON."""
        rows = [{"method": row.name, "cpu_ms": row.milliseconds, "ratio": row.ratio} for row in self.rows]
        return {"what": self.what, "rows": rows, "notes": [*self.notes], "mark": self.mark, "met": self.met}

    def as_page(self, command: str) -> dict[str, object]:
        """Return it as JSON, with the table for docs/SPEED.md; `command` is what measures it."""
        cells = [[row.name, f"{row.milliseconds:.1f}", f"{row.ratio:.2f}"] for row in self.rows]
        notes = [*self.notes, f"{self.mark}: {'met' if self.met else 'missed'}"]
        head = ["method", "CPU ms", "times the first"]
        return {"command": command, "what": self.what, "head": head, "cells": cells, "notes": notes}

    def as_text(self) -> str:
        """Return it as a table in plain text."""
        width = max(len(row.name) for row in self.rows)
        lines = [self.what, f"{'':{width}}  CPU ms   ratio"]
        lines += [f"{row.name:{width}}  {row.milliseconds:6.1f}  {row.ratio:6.2f}" for row in self.rows]
        return "\n".join([*lines, *self.notes, f"{self.mark}: {'met' if self.met else 'missed'}"])


@dataclass(frozen=True)
class Mark:
    """Something that ours should reach.

    Attributes:
        what: in words.
        found: what it came to, in words.
        met: whether it did.
    """

    what: str
    found: str
    met: bool


@dataclass(frozen=True)
class Section:
    """One comparison.

    Attributes:
        what: in words.
        rows: a method each, the first the yardstick; costs of one sample.
    """

    what: str
    rows: tuple[Row, ...]

    def faster(self, words: str) -> float:
        """Return how many times as fast the best of the methods is whose names hold these words."""
        return max((1 / row.ratio for row in self.rows if words in row.name), default=0.0)


@dataclass(frozen=True)
class Comparisons:
    """What was measured.

    Attributes:
        what: on what, and by which clock.
        sections: the comparisons.
        marks: what ours should reach.
    """

    what: str
    sections: tuple[Section, ...]
    marks: tuple[Mark, ...]

    @property
    def met(self) -> bool:
        """Whether every mark was reached."""
        return all(mark.met for mark in self.marks)

    @property
    def mark(self) -> str:
        """Return the marks that were missed, in words."""
        return "; ".join(f"{mark.what} ({mark.found})" for mark in self.marks if not mark.met)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        sections = [
            {
                "what": section.what,
                "rows": [
                    {"method": row.name, "ms": row.milliseconds, "times_as_fast": round(1 / row.ratio, 3)}
                    for row in section.rows
                ],
            }
            for section in self.sections
        ]
        marks = [{"mark": mark.what, "found": mark.found, "met": mark.met} for mark in self.marks]
        return {"what": self.what, "sections": sections, "marks": marks, "met": self.met}

    def as_text(self) -> str:
        """Return it as tables in plain text."""
        lines = [self.what]
        for section in self.sections:
            lines += ["", *_table(section)]
        verdicts = (f"{mark.what}: {mark.found}, {'met' if mark.met else 'missed'}" for mark in self.marks)
        return "\n".join([*lines, "", *verdicts])


def _table(section: Section) -> list[str]:
    """Return one comparison as lines."""
    width = max(len(section.what), *(len(row.name) for row in section.rows))
    lines = [f"{section.what:{width}}  ms a sample   samples/s   times as fast"]
    for row in section.rows:
        numbers = f"{row.milliseconds:11.3f}  {1000 / row.milliseconds:10.1f}  {1 / row.ratio:14.2f}"
        lines.append(f"{row.name:{width}}  {numbers}")
    return lines


def cpu_seconds() -> float:
    """Return the CPU time of this process and of its ended children, user and system."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measure(
    methods: Sequence[Method], count: int, rounds: int, clock: Callable[[], float] | None = None
) -> tuple[Row, ...]:
    """Let methods take turns, after one turn that does not count.

    Args:
        methods: names and what to call; the first is the yardstick.
        count: clips or samples that one call handles.
        rounds: turns of each.
        clock: tells the time in seconds; None for CPU time.
    """
    now = clock or cpu_seconds
    taken: dict[str, list[float]] = {name: [] for name, _ in methods}
    for turn in range(rounds + 1):
        for name, run in methods:
            begin = now()
            run()
            if turn:
                taken[name].append(1000 * (now() - begin) / count)
    first = taken[methods[0][0]]
    return tuple(_row(name, each, first) for name, each in taken.items())


def _row(name: str, taken: Sequence[float], first: Sequence[float]) -> Row:
    """Return the least time and the median ratio of one method's turns."""
    ratios = [ms / base for ms, base in zip(taken, first, strict=True)]
    return Row(name, round(min(taken), 3), round(statistics.median(ratios), 3))
