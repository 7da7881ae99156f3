"""What was asked for, before anything is prepared: the key of a run from its line to its record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.recipe_base import Recipe
from utils.files import short_hash

_FILLED_IN = ("clips", "weights_sha256")
_DIGITS = 16


def asked(recipe: Recipe) -> str:
    """Return the key of a recipe: 16 hexadecimal digits, the same before and after a run filled it in."""
    return asked_of(recipe.model_dump(mode="json"))


def asked_of(fields: Mapping[str, Any]) -> str:
    """Return the key of a recipe given as plain fields, such as a record's."""
    return short_hash({name: value for name, value in fields.items() if name not in _FILLED_IN}, _DIGITS)
