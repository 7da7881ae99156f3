"""Checked reading of JSON that somebody else wrote: a wrong value is answered with the place it stands in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from utils.errors import BenchError

_VAST = 1e9
"""Above every number that metadata holds; JSON allows integers that no float can hold, and Infinity."""


class Fields:
    """The named fields of one JSON object, read by kind.

    Args:
        entry: what stands in the file.
        where: the place, for the sentences.

    Raises:
        BenchError: `entry` is no object.
    """

    def __init__(self, entry: object, where: str) -> None:
        """Keep the object and its place."""
        if not isinstance(entry, dict):
            raise BenchError(f"{where}: there should be named fields here, not {brief(entry)}.")
        self._entry: dict[str, Any] = entry
        self.where = where

    def has(self, key: str) -> bool:
        """Say whether a field is there and is not null."""
        return self._entry.get(key) is not None

    def text(self, key: str, default: str | None = None) -> str:
        """Return a printable string; a missing one is the default, or a BenchError where there is none."""
        value: str = self._checked(key, str, default)
        if not value.isprintable():
            raise BenchError(f"{self.where}: {key!r} is {value!a}, which cannot be printed.")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """Return a number above 0; a missing one is the default, or a BenchError where there is none."""
        value = self._checked(key, (int, float), default)
        if not 0 < value < _VAST:
            raise BenchError(f"{self.where}: {key!r} is {brief(value)}, which is no positive number.")
        return float(value)

    def whole(self, key: str) -> int:
        """Return a whole number, which must be there."""
        return self._checked(key, int, None)  # type: ignore[no-any-return]

    def whole_or_none(self, key: str) -> int | None:
        """Return a whole number, or None where there is none."""
        return self.whole(key) if self.has(key) else None

    def items(self, key: str) -> list[Any]:
        """Return a list of anything, which must be there."""
        return self._checked(key, list, None)  # type: ignore[no-any-return]

    def wholes(self, key: str, names: Sequence[str]) -> list[int]:
        """Return a list of as many whole numbers as there are names for them."""
        value = self.items(key)
        if len(value) != len(names) or any(type(number) is not int for number in value):
            raise BenchError(f"{self.where}: {key!r} should be [{', '.join(names)}], not {brief(value)}.")
        return value

    def one_of(self, key: str, names: Sequence[str]) -> str:
        """Return a string that must be one of some names."""
        name = self.text(key)
        if name not in names:
            raise BenchError(
                f"{self.where}: {key!r} is {brief(name)}, and should be one of {', '.join(names)}."
            )
        return name

    def _checked(self, key: str, kind: type | tuple[type, ...], default: object) -> Any:  # noqa: ANN401 - of the kind
        """Return a field that is of a kind; a JSON true or false is no number."""
        value = self._entry.get(key, default)
        if value is None and key not in self._entry:
            raise BenchError(f"{self.where}: {key!r} is missing.")
        if isinstance(value, bool) or not isinstance(value, kind):
            raise BenchError(f"{self.where}: {key!r} is {brief(value)}, which is of the wrong kind.")
        return value


def brief(value: object, length: int = 60) -> str:
    """Show a wrong value, shortened to fit in a sentence."""
    text = repr(value)
    return text if len(text) <= length else f"{text[: length - 3]}..."


def strict_json(path: Path, text: bytes | None = None) -> Any:  # noqa: ANN401 - any JSON value
    """Read a JSON file in which no key may stand twice, which Python's reader passes over in silence.

    Args:
        path: the file.
        text: what the file holds, where it has been read already; then `path` only names it.

    Raises:
        BenchError: the file is missing, cannot be read, is not JSON, or holds a key twice.
    """
    try:
        return json.loads(path.read_bytes() if text is None else text, object_pairs_hook=_unique)
    except FileNotFoundError as error:
        raise BenchError(f"{path} is missing. `bench data import PATH` brings a copy in.") from error
    except _TwiceError as error:
        raise BenchError(f"{path}: the key {error} appears twice in one place.") from error
    except (ValueError, RecursionError) as error:
        raise BenchError(f"{path} is not a JSON file: {error}. Take a fresh copy.") from error
    except OSError as error:
        raise BenchError(f"Cannot read {path}: {error.strerror}.") from error


class _TwiceError(Exception):
    """A key stands twice in one JSON object."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dictionary of an object's keys and values, none of them twice."""
    table: dict[str, Any] = {}
    for key, value in pairs:
        if key in table:
            raise _TwiceError(brief(key))
        table[key] = value
    return table
