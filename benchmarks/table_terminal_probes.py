"""What probes found of a board's rows, on a terminal: a table of its own, for want of room in the other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from benchmarks import table_text as text
from benchmarks.probe_names import PLAIN, PROBES
from benchmarks.table import Board, Row

_WORDS = "Probes: top-1 of the same weights on test clips that were changed; nothing is tuned on them."
_LEAST = ("#", "Model", "Top-1", "Shuffled", "Reversed", "One frame", "Pairs")
"""The columns of a narrow terminal."""
_LEFT_OUT = frozenset({"No left", "No right"})
"""Columns that no terminal has room for; `bench show` and results/README.md have them."""
_WIDE = 98


def print_probes(board: Board, console: Console) -> None:
    """Print what probes found of the rows over one set of test clips; nothing where no row was probed."""
    rows = [row for row in board.rows if row.probes.runs]
    if not rows:
        return
    columns = {name: [cell(row) for row in rows] for name, cell in _COLUMNS.items()}
    names = [name for name in columns if set(columns[name]) != {text.NONE}]
    if console.width < _WIDE:
        names = [name for name in names if name in _LEAST]
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for name in names:
        grid.add_column(name.replace(" ", "\n"), justify="left" if name == "Model" else "right")
    for number in range(len(rows)):
        grid.add_row(*(Text(columns[name][number]) for name in names))
    console.print(Text(f"\n{_WORDS}"), grid, sep="\n")


def _about(row: Row) -> str:
    """Write which row it is."""
    return "\n".join([text.model(row), *([row.recipe] if row.recipe else []), *row.differs[:2]])


def _rate(name: str, row: Row) -> str:
    """Write top-1 under a probe, its spread below it."""
    return text.probed(row, name).replace(" ± ", "\n±").replace(" (", "\n(")


_COLUMNS: dict[str, Callable[[Row], str]] = {
    "#": text.rank,
    "Model": _about,
    "Top-1": lambda row: text.percent(row.top[1].mean if row.top[1] else None),
    **{
        probe.heading: partial(_rate, name)
        for name, probe in PROBES.items()
        if name != PLAIN and probe.heading not in _LEFT_OUT
    },
    "Order change": lambda row: text.change(row.probes.change),
    "Pairs": lambda row: text.pairs(row).replace(" of ", "/"),
}
