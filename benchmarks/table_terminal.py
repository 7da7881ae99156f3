"""The table on a terminal: the rows of `results/README.md`, in the columns that 100 characters hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from benchmarks import table_text as text
from benchmarks.published import Published
from benchmarks.records import Stored
from benchmarks.table import Board, Measure, Row, Section, Table, title
from benchmarks.table_terminal_probes import print_probes

_IDS = 3
"""How many ids of runs a row shows."""
_FIELDS = 4
"""How many fields of its recipe a row shows."""


def print_table(table: Table, console: Console, split: str | None = None) -> None:
    """Print every subset that has records, or the one named `split`."""
    sections = [section for section in table.sections if split in {None, section.subset}]
    for section in sections:
        _print_section(section, console)
    if not sections:
        what = f"for {title(split)} " if split else ""
        how = f"`bench run --model movinet-a3 --split {split or 'sample'}` makes some."
        console.print(f"No results {what}yet. {how}", markup=False, highlight=False, soft_wrap=True)
    for sentence in table.unreadable:
        console.print(f"Left out: {sentence}", markup=False, highlight=False, soft_wrap=True)


def _print_section(section: Section, console: Console) -> None:
    """Print one subset."""
    console.print(Text(f"\n{title(section.subset)}", style="bold"))
    for number, board in enumerate(section.boards):
        words = "\n" * (number > 0) + f"{text.caption(board)}. {text.warning(board, len(section.boards) - 1)}"
        console.print(Text(words.rstrip()), _board(board, console.width), sep="\n")
        print_probes(board, console)
    if section.unfinished:
        console.print("\nNot finished", _listed(section.unfinished, lambda one: one.record.reason), sep="\n")
    if section.altered:
        heading = "\nAltered, and so in no number above"
        console.print(heading, _listed(section.altered, lambda one: one.altered), sep="\n")


def _board(board: Board, width: int) -> Grid:
    """Lay out the rows over one set of test clips in as many columns as `width` characters hold."""
    grid = _grid()
    names = [name for name in _COLUMNS if width >= _WIDE or name not in _ONLY_WIDE]
    if not any(row.published for row in board.rows):
        names.remove("Published")
    longest = max(len(row.first.model) for row in board.rows)
    for name in names:
        room = longest if name == "Model" else _ROOM.get(name)
        grid.add_column(name, justify=_COLUMNS[name][0], overflow="fold", min_width=room)
    for row in board.rows:
        grid.add_row(*(Text(_COLUMNS[name][1](row)) for name in names))
    return grid


def _grid() -> Grid:
    """Return an empty table in the style of all of them."""
    return Grid(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)


def _about(row: Row) -> str:
    """Write which system a row is, what it saw, where it started from, and by which recipe."""
    engine = row.first.recipe.get("engine", "torch")
    lines = [row.first.model, f"{text.shape(row.first)}, {_start(row)}"]
    lines += [f"pose: {text.sources(row)}"] * (text.sources(row) != text.NONE)
    lines += [f"extra data: {text.extras(row)}"] * (text.extras(row) != text.NONE)
    lines += [] if engine == "torch" else [str(engine)]
    lines += [row.recipe] * bool(row.recipe)
    lines += row.differs[:_FIELDS]
    lines += [f"and {len(row.differs) - _FIELDS} more"] if len(row.differs) > _FIELDS else []
    lines += [text.tuned(row).replace(", ", "\n", 1)] * bool(text.tuned(row))
    return "\n".join([*lines, *([text.BADGE] if row.on_test else [])])


def _runs(row: Row) -> str:
    """Write a row's mean time and the ids of its runs, the first three of many."""
    ids = [record.id for record in row.records]
    more = [f"and {len(ids) - _IDS} more"] if len(ids) > _IDS else []
    missing = [f"{text.seeds(row)} runs"] if len(ids) < row.attempted else []
    return "\n".join([text.mean_duration(row), *ids[:_IDS], *more, *missing])


def _start(row: Row) -> str:
    """Write where the first of a row's runs started from, and from how many others the rest did."""
    first, *others = text.differing(map(text.weights, row.records))
    return first + (f" and {len(others)} more" if others else "")


def _published(row: Published) -> str:
    """Write a published number above its source."""
    return f"{text.rates(row).replace(' ', '')}\n{row.source}"


def _in_lines(value: Measure | None) -> str:
    """Write a rate with its interval or spread below it."""
    return text.measure(value).replace(" (", "\n").replace(")", "").replace(" ± ", "\n±")


def _short(value: Measure | None) -> str:
    """Write a rate with its spread below it, without an interval."""
    if value is None:
        return text.NONE
    return text.percent(value.mean) + (f"\n±{100 * value.spread:.2f}" if value.spread is not None else "")


_COLUMNS: dict[str, tuple[Literal["left", "right"], Callable[[Row], str]]] = {
    "#": ("right", text.rank),
    "Model": ("left", _about),
    "Size": ("right", lambda row: f"{text.millions(row.first)} M\n{text.gmacs(row.first)} G"),
    "Top-1": ("right", lambda row: _in_lines(row.top[1])),
    "Top-2": ("right", lambda row: _short(row.top[2])),
    "Top-5": ("right", lambda row: _short(row.top[5])),
    "Top-10": ("right", lambda row: _short(row.top[10])),
    "Loss": ("right", lambda row: text.loss(row.loss).replace(" ± ", "\n±")),
    "Time, runs": ("left", _runs),
    "Published": ("left", lambda row: "\n".join(map(_published, row.published))),
}
_ROOM = {"Top-1": len("54.8-66.6"), "Time, runs": 12, "Published": len("65.89/84.11")}
"""The least width of columns whose numbers no line break may cut."""
_ONLY_WIDE = {"Top-2", "Top-10", "Loss"}
_WIDE = 98
"""The width that all columns need."""


def _listed(stored: Sequence[Stored], why: Callable[[Stored], str]) -> Grid:
    """Lay out single runs with a reason each."""
    grid = _grid()
    for name in ("Model", "Seed", "Run", "Status", "Why"):
        grid.add_column(name, overflow="fold")
    for one in stored:
        record = one.record
        seed = str(record.recipe.get("seed", text.NONE))
        grid.add_row(*map(Text, (record.model, seed, one.path.stem, record.status, why(one))))
    return grid
