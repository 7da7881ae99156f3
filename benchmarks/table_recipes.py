"""Recipes in a table: the nearest named one, and the fields in which a run differs from it.

A system without named recipes has nothing to be near to: there, a row says in which fields it differs from
the other rows of its model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from benchmarks.recipe import as_set, resolve
from benchmarks.recipe_table import DEFAULT, named, names
from benchmarks.schema import Record
from utils.errors import BenchError

OWN_COLUMNS = frozenset(
    {
        *("model", "engine", "split", "seed", "frames", "size", "landmarks"),
        *("weights", "weights_sha256", "clips", "revision"),
    }
)
"""Recipe fields that tell rows apart in a column of their own, or not at all."""

Differing = Mapping[tuple[str, str], frozenset[str]]
"""Per model and engine, the recipe fields in which runs differ."""


def differing(records: Iterable[Record]) -> Differing:
    """Return, per model and engine, the recipe fields in which its runs differ, but those with a column."""
    firsts: dict[tuple[str, str], dict[str, Any]] = {}
    found: dict[tuple[str, str], set[str]] = {}
    for record in records:
        network = _network(record)
        first = firsts.setdefault(network, {})
        apart = found.setdefault(network, set())
        # A field that a record of an older version lacks is no difference.
        apart.update(name for name, value in record.recipe.items() if first.setdefault(name, value) != value)
    return {network: frozenset(apart) - OWN_COLUMNS for network, apart in found.items()}


def _network(record: Record) -> tuple[str, str]:
    """Return a run's model and engine."""
    return (record.model, str(record.recipe.get("engine", "")))


def described(record: Record, others: Differing) -> tuple[str, tuple[str, ...]]:
    """Return the named recipe that a run's is nearest to, and what differs from it, `field=value`.

    The name is empty for a system without named recipes; what differs is then from the other rows.

    Args:
        record: the run.
        others: what `differing` says of all runs beside it.
    """
    near = {name: fields for name in _candidates(record) if (fields := _apart(record, name)) is not None}
    name = min(near, key=lambda name: (len(near[name]), name != DEFAULT), default="")
    if not name:
        # Only what another row does otherwise, and of that only what the row does not do by default.
        apart = others[_network(record)]
        return "", _written(record.recipe, apart & near.get(name, apart))
    # What two rows of a model differ in comes first: it is what a short cell shows.
    told = sorted(near[name], key=lambda field: (field not in others[_network(record)], field))
    return name, tuple(f"{field}={as_set(record.recipe[field])}" for field in told)


def _candidates(record: Record) -> tuple[str, ...]:
    """Return the named recipes that a run may be near to; of pixels also the row's own, as ""."""
    known = names(record.model)
    if "skeleton" in record.recipe:
        return known
    # Pixels: what a row does by default has no name, and a run older than a recipe's fields is none of it.
    told = record.recipe.keys()
    return ("", *(name for name in known if named(record.model, name).keys() <= told))


def _apart(record: Record, name: str) -> frozenset[str] | None:
    """Return the fields in which a run differs from a named recipe; None where that is no recipe any more."""
    base = _resolved(record.model, record.split, name)
    if base is None:
        return None
    mine = record.recipe
    told = {field for field in base if field in mine and mine[field] != base[field]} - OWN_COLUMNS
    # Nothing follows in recipes on pixels, and looking takes a millisecond a field.
    for field in sorted(told) if "skeleton" in mine else ():
        # A field that follows from the others (a warm-up from the epochs) says nothing.
        rest = {other: mine[other] for other in told - {field}}
        follows = _with(record, name, rest)
        if follows is not None and follows.get(field) == mine[field]:
            told = told - {field}
    return frozenset(told)


@cache
def _resolved(model: str, split: str, name: str) -> Mapping[str, Any] | None:
    """Return every field of a named recipe as a record writes it; None where it cannot be made."""
    try:
        return resolve(model, split, _told(model, split, name)).model_dump(mode="json")
    except BenchError:
        return None


def _with(record: Record, name: str, fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return every field of a named recipe with some fields of its own; None where it cannot be made."""
    try:
        told = _told(record.model, record.split, name)
        return resolve(record.model, record.split, told, fields).model_dump(mode="json")
    except BenchError:
        return None


def _told(model: str, split: str, name: str) -> Mapping[str, Any]:
    """Return the fields of a named recipe; none for the row's own, which has no name."""
    return named(model, name, split) if name else {}


def _written(recipe: Mapping[str, Any], fields: Iterable[str]) -> tuple[str, ...]:
    """Write some fields of a recipe, `field=value`, by name."""
    return tuple(f"{field}={as_set(recipe[field])}" for field in sorted(fields) if field in recipe)
