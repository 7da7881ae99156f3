"""Methods that take turns, and what they cost: CPU time and ratios, as a table or as JSON."""

from __future__ import annotations

import resource
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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

    def as_text(self) -> str:
        """Return it as a table in plain text."""
        width = max(len(row.name) for row in self.rows)
        lines = [self.what, f"{'':{width}}  CPU ms   ratio"]
        lines += [f"{row.name:{width}}  {row.milliseconds:6.1f}  {row.ratio:6.2f}" for row in self.rows]
        return "\n".join([*lines, *self.notes, f"{self.mark}: {'met' if self.met else 'missed'}"])


def cpu_seconds() -> float:
    """Return the CPU time of this process and of its ended children, user and system."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measure(methods: Sequence[Method], count: int, rounds: int) -> tuple[Row, ...]:
    """Let methods take turns, after one turn that does not count.

    Args:
        methods: names and what to call; the first is the yardstick.
        count: clips or samples that one call handles.
        rounds: turns of each.
    """
    taken: dict[str, list[float]] = {name: [] for name, _ in methods}
    for turn in range(rounds + 1):
        for name, run in methods:
            begin = cpu_seconds()
            run()
            if turn:
                taken[name].append(1000 * (cpu_seconds() - begin) / count)
    first = taken[methods[0][0]]
    return tuple(_row(name, each, first) for name, each in taken.items())


def _row(name: str, taken: Sequence[float], first: Sequence[float]) -> Row:
    """Return the least time and the median ratio of one method's turns."""
    ratios = [ms / base for ms, base in zip(taken, first, strict=True)]
    return Row(name, round(min(taken), 3), round(statistics.median(ratios), 3))
