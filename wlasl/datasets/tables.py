"""Lists of clips in CSV files that somebody else wrote: every bad row is answered with its line."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from utils.errors import BenchError
from wlasl.datasets.form import listed

_SAID = 5
"""How many bad rows a sentence tells of."""


@dataclass(frozen=True)
class Row:
    """One row of a list: its line in the file, 1-based, and its cells, stripped."""

    line: int
    cells: tuple[str, ...]


@dataclass
class Faults:
    """What is wrong with a list, gathered so that one answer tells of several rows.

    Attributes:
        path: the list.
        found: a sentence's part per bad row.
    """

    path: Path
    found: list[str] = field(default_factory=list)

    def add(self, line: int, what: str) -> None:
        """Note what is wrong with a line."""
        self.found.append(f"line {line}: {what}")

    def check(self, advice: str) -> None:
        """Refuse the list where anything was found.

        Raises:
            BenchError: the first of what was found, and what to do.
        """
        if self.found:
            raise BenchError(f"{self.path}, {listed(self.found, _SAID)}. {advice}")


def rows(path: Path, faults: Faults, *, columns: Sequence[str] = (), least: int = 0) -> Iterator[Row]:
    """Yield the rows of a CSV file; empty lines are passed over, rows with too few cells are faults.

    Args:
        path: the file; UTF-8, with or without a byte order mark.
        faults: hears of bad rows.
        columns: names that its first row must have, in any order; the cells are given in this order. None
            where the file has no heading.
        least: how many cells a row without a heading must have.

    Raises:
        BenchError: the file cannot be read, or its heading lacks a column.
    """
    lines = csv.reader(text_of(path).splitlines())
    at = _places(path, next(lines, []), columns) if columns else list(range(least))
    try:
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) <= max(at):
                faults.add(lines.line_num, f"{len(cells)} of {max(at) + 1} cells")
                continue
            yield Row(lines.line_num, tuple(cells[place].strip() for place in at))
    except csv.Error as error:
        raise BenchError(f"{path}, line {lines.line_num}: no row of a CSV file ({error}).") from error


def text_of(path: Path) -> str:
    """Return what a file of text holds.

    Raises:
        BenchError: it cannot be read, or is no text.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BenchError(f"Cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise BenchError(f"{path}, line {line}: not UTF-8 text. Fetch the file again.") from error


def _places(path: Path, heading: Sequence[str], columns: Sequence[str]) -> list[int]:
    """Return where the columns stand."""
    known = {_plain(name): place for place, name in enumerate(heading)}
    missing = [name for name in columns if _plain(name) not in known]
    if missing:
        have = ", ".join(repr(name) for name in heading) or "nothing"
        raise BenchError(f"{path}, line 1: there is no column {listed(map(repr, missing))}, only {have}.")
    return [known[_plain(name)] for name in columns]


def _plain(name: str) -> str:
    """Return a column's name without case, spaces and marks."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def whole(text: str) -> int | None:
    """Return the whole number of 0 or more that a cell holds; None where it holds none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None  # noqa: PLR2004 - no one has 10^9 classes
