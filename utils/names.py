"""Names that people type and names that become paths."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from utils.errors import BenchError

T = TypeVar("T")

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the sentence that answers a wrong name: the nearest right ones, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return f"Known: {', '.join(names)}."


def lookup(kind: str, name: str, table: Mapping[str, T]) -> T:
    """Return `table[name]`; a wrong name is a BenchError that names the nearest right ones."""
    if name in table:
        return table[name]
    raise BenchError(f"There is no {kind} named {name!r}. {nearest(name, table)}")


def whole_numbers(text: str) -> list[int]:
    """Return the numbers in `0..4` or `0,3,7`, each once; none where that is no such list."""
    first, dots, last = text.partition("..")
    try:
        found = range(int(first), int(last) + 1) if dots else [int(word) for word in text.split(",")]
    except ValueError:
        return []
    return list(dict.fromkeys(found))


def is_safe_id(name: str) -> bool:
    """Say whether a clip id can be part of a path: letters, digits, `.`, `_`, `-`, at most 128 of them."""
    return _SAFE.fullmatch(name) is not None
