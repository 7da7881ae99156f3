"""How everything stands, on a terminal or for another program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.standing import Row, Standing
from slurm.words import spell

ORDER = ("running", "waiting", "unknown", "stopped", "cancelled", "failed", "done")
"""Kinds of states, those that people look for first before others."""
_COLOURS = {"running": "cyan", "failed": "red", "done": "green", "unknown": "yellow", "cancelled": "magenta"}
_LEAST = 3
"""Rows of each kind that are shown however little room there is."""
_MOST = 200
"""Rows that are shown at a time where nobody says how much room there is."""
_FRAME = 5
"""Lines around the rows: heading, rule, a gap, the numbers, and the cursor's."""
_DIGITS = 12
"""Digits of an id; of a key, which has more, the first so many do as well."""
_WIDE = 100
"""Columns of a terminal that has room for everything."""


def rendered(found: Standing, width: int = _WIDE, height: int | None = None) -> RenderableType:
    """Lay out how everything stands: a table, what could not be found out, and the numbers.

    Args:
        found: what was found out.
        width: columns that there are.
        height: lines that there are, of which it takes no more; None where a table may be long.
    """
    notes = [Text(note, style="yellow") for note in found.notes]
    if not found.rows:
        return Group(*notes, Text("Nothing was submitted, and no run lives. `bench submit` starts some."))
    rows = sorted(found.rows, key=_place)
    groups = [group for kind in ORDER if (group := [row for row in rows if row.state.kind == kind])]
    lines = _MOST if height is None else height - _FRAME - len(notes)
    rooms = _rooms([len(group) for group in groups], lines)
    names = _names(rows, width)
    table = _table(names)
    for group, room in zip(groups, rooms, strict=True):
        for row in group[:room]:
            table.add_row(*_cells(row, names, fold=height is None))
        if left := len(group) - room:
            words = {"Run": f"and {left} more", "State": group[0].state.kind}
            table.add_row(*(Text(words.get(name, ""), style="dim") for name in names))
    more = [Text("--failed, --model and --split show fewer; --json has all.", style="dim")]
    hint = more if height is None and sum(rooms) < len(rows) else []
    return Group(table, Text(), *notes, *hint, Text(summary(found), style="bold"))


def _table(names: Sequence[str]) -> Table:
    """Return an empty table, in which only reasons give way where there is little room."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for name in names:
        justify: Literal["left", "right"] = "right" if name in _RIGHT else "left"
        table.add_column(name, justify=justify, no_wrap=name != "Why", overflow="fold")
    return table


def _cells(row: Row, names: Sequence[str], *, fold: bool) -> Iterator[Text]:
    """Yield a row's cells; its reason on one line, cut, unless it may take several."""
    for name in names:
        text = Text(_COLUMNS[name](row), style=_COLOURS.get(row.state.kind, "") if name == "State" else "")
        if name == "Why" and not fold:
            text.no_wrap, text.overflow = True, "ellipsis"
        yield text


def _names(rows: Sequence[Row], width: int) -> list[str]:
    """Return the columns that say anything, and that there is room for."""
    names = [name for name in _COLUMNS if width >= _WIDE or name not in _ONLY_WIDE]
    return [name for name in names if name in _ALWAYS or any(_COLUMNS[name](row) for row in rows)]


def _place(row: Row) -> tuple[Any, ...]:
    """Return where a row comes: its kind, then system, subset and seed."""
    seed = (0, int(row.seed)) if row.seed.isdecimal() else (1, 0)
    return ORDER.index(row.state.kind), row.model, row.split, seed, row.key


def _rooms(wanted: Sequence[int], lines: int) -> list[int]:
    """Share lines out among groups: each gets a few, and what is left goes to the first that want more."""
    if sum(wanted) <= lines:
        return list(wanted)
    shares = [min(number, _LEAST) for number in wanted]
    # A line each says how many more there are.
    left = lines - sum(shares) - sum(number > _LEAST for number in wanted)
    for place, number in enumerate(wanted):
        more = max(0, min(left, number - shares[place]))
        shares[place] += more
        left -= more
    return shares


def summary(found: Standing) -> str:
    """Return how many runs stand how, in a line."""
    numbers: Counter[str] = Counter(row.state.kind for row in found.rows)
    runs = f"{len(found.rows)} run{'s' * (len(found.rows) != 1)}"
    return f"{runs}: {', '.join(f'{numbers[kind]} {kind}' for kind in ORDER if numbers[kind])}"


def as_data(found: Standing) -> dict[str, Any]:
    """Return how everything stands, as JSON has it."""
    return {
        "runs": [_data(row) for row in sorted(found.rows, key=_place)],
        "counts": dict(Counter(row.state.kind for row in found.rows)),
        "notes": list(found.notes),
    }


def _data(row: Row) -> dict[str, Any]:
    """Return a row as JSON has it."""
    facts = row.beat.facts if row.beat is not None else {}
    told = {
        name: facts.get(name) for name in ("task", "epoch", "epochs", "step", "steps", "best", "seconds_left")
    }
    return {
        "key": row.key,
        "id": row.id or None,
        "model": row.model,
        "split": row.split,
        "seed": int(row.seed) if row.seed.isdecimal() else None,
        "state": row.state.kind,
        "reason": row.state.reason,
        **told,
        "last_beat_seconds": round(row.beat.age, 1) if row.beat is not None else None,
        "test_top1": row.top1,
        "job": _job(row) or None,
        "where": _where(row) or None,
        "submission": row.submission.id if row.submission is not None else None,
        "log": str(row.submission.log(row.key)) if row.submission is not None else None,
    }


def _kind(row: Row) -> str:
    """Return how it stands, in a word."""
    return row.state.kind


def _epoch(row: Row) -> str:
    """Return how far it is; of a running one that is between epochs, what it does."""
    if row.beat is None or row.state.kind in {"done", "waiting"}:
        return ""
    facts = row.beat.facts
    return f"{facts.get('epoch', 0)}/{facts.get('epochs', 0)}"


def _best(row: Row) -> str:
    """Return test top-1 of a run that is done, and of any other the best on val so far."""
    if row.top1 is not None:
        return f"test {100 * row.top1:.1f} %"
    best = row.beat.facts.get("best") if row.beat is not None else None
    if not isinstance(best, dict) or not isinstance(best.get("value"), int | float):
        return ""
    measure, value = str(best.get("measure", "")), best["value"]
    return (
        f"{measure.removeprefix('val_')} {value:.3f}" if "top" not in measure else f"val {100 * value:.1f} %"
    )


def _left(row: Row) -> str:
    """Return how long it will take yet."""
    left = row.beat.facts.get("seconds_left") if row.beat is not None else None
    return spell(left) if isinstance(left, int | float) and row.state.kind == "running" else ""


def _job(row: Row) -> str:
    """Return its job's number, as Slurm's commands take it."""
    if row.job is None:
        return ""
    return row.job[0] if row.job[1] is None else f"{row.job[0]}_{row.job[1]}"


def _where(row: Row) -> str:
    """Return where it runs or ran: its job, and its node or machine."""
    if row.state.kind == "done":
        return ""
    host = str(row.beat.facts.get("host", "")) if row.beat is not None and row.state.kind == "running" else ""
    return " ".join(word for word in (_job(row), row.node or host) if word)


def _why(row: Row) -> str:
    """Return why it stands so; of a running one what it does."""
    task = str(row.beat.facts.get("task", "")) if row.beat is not None else ""
    return row.state.reason or (task if row.state.kind == "running" else "")


_COLUMNS: dict[str, Callable[[Row], str]] = {
    "Run": lambda row: row.name[:_DIGITS],
    "Model": lambda row: row.model,
    "Split": lambda row: row.split,
    "Seed": lambda row: row.seed,
    "State": _kind,
    "Epoch": _epoch,
    "Best": _best,
    "Left": _left,
    "Where": _where,
    "Why": _why,
}
_RIGHT = {"Epoch", "Best", "Left"}
_ONLY_WIDE = {"Where"}
_ALWAYS = {"Run", "Model", "State"}
