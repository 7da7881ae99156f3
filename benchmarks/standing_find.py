"""A run by what people call it: its id, its key, the first digits of either, or `model:split:seed`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.standing import Row
from utils.errors import BenchError
from utils.names import nearest

_LEAST = 3
"""Digits that a run must be named by at least."""
_NAMED = 5
"""How many of several runs a sentence names."""


def chosen(rows: Sequence[Row], names: Iterable[str]) -> list[Row]:
    """Return the runs of these names, each once, in the order of their rows.

    Args:
        rows: those there are.
        names: ids, keys, first digits, or `model:split:seed`; a part left out (`gru:100`, `gru`) stands for
            all of them.

    Raises:
        BenchError: a name that nothing has, or digits that several have.
    """
    keys = {row.key for name in names for row in _named(rows, name)}
    return [row for row in rows if row.key in keys]


def one(rows: Sequence[Row], name: str) -> Row:
    """Return the one run of a name.

    Raises:
        BenchError: none has it, or several.
    """
    found = _named(rows, name)
    if len(found) > 1:
        raise BenchError(f"{name!r} stands for {len(found)} runs: {_listed(found)}. Name one of them.")
    return found[0]


def _named(rows: Sequence[Row], name: str) -> list[Row]:
    """Return the runs of a name: more than one only of `model:split:seed`."""
    if exact := [row for row in rows if name in {row.id, row.key}]:
        return exact
    parts = name.split(":")
    if alike := [row for row in rows if row.spoken.split(":")[: len(parts)] == parts]:
        return alike
    begun = [
        row
        for row in rows
        if len(name) >= _LEAST and name and (row.id.startswith(name) or row.key.startswith(name))
    ]
    if len(begun) > 1:
        raise BenchError(f"Several runs begin with {name!r}: {_listed(begun)}. Give more of its digits.")
    if not begun:
        raise BenchError(f"There is no run {name!r}. {_hint(rows, name)}")
    return begun


def _hint(rows: Sequence[Row], name: str) -> str:
    """Return the sentence that answers a wrong name."""
    if not rows:
        return "Nothing was submitted, and no run lives."
    known = {row.name for row in rows} | {row.spoken for row in rows}
    answer = nearest(name, known)
    return answer if answer.startswith("Did") else "`bench status` lists the runs."


def _listed(rows: Sequence[Row]) -> str:
    """Name some runs."""
    names = [f"{row.name} ({row.spoken})" for row in rows[:_NAMED]]
    return ", ".join(names) + (f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else "")
