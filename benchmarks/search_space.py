"""What a study searches: per system, which recipe fields, between which ends; the same for every tuner.

A dimension is written in words, on the command line, in study.json and in a file alike: `1e-4..1e-2:log`,
`0..0.5:0.1` in steps, `1..3` of whole numbers, `64,128,256` for a choice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.recipe import read_toml, revised
from benchmarks.recipe_base import Recipe
from benchmarks.recipe_clips import ClipRecipe
from benchmarks.recipe_hht import HhtFields
from benchmarks.search_spaces import BLOCKS, SPACES
from models import zoo
from utils.errors import BenchError
from utils.names import nearest

Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers between two ends, both included.

    Attributes:
        low: the lower end.
        high: the upper end; both are whole numbers, or neither is.
        log: every factor is as likely as any other of its size.
        step: between neighbours; None for any number (any whole number).
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def whole(self) -> bool:
        """Say whether it holds whole numbers alone."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def ends(self) -> tuple[Value, ...]:
        """Return values that stand for all: a recipe that takes them takes the others."""
        return (self.low, self.high)

    def __str__(self) -> str:
        """Write it as `parsed` reads it."""
        kind = ":log" if self.log else "" if self.step is None else f":{self.step!r}"
        return f"{self.low!r}..{self.high!r}{kind}"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values, none of them between others."""

    values: tuple[Value, ...]

    def ends(self) -> tuple[Value, ...]:
        """Return every value."""
        return self.values

    def __str__(self) -> str:
        """Write it as `parsed` reads it."""
        return ",".join(map(str, self.values))


Dimension = Range | Choice
Space = Mapping[str, Dimension]


def parsed(name: str, text: str) -> Dimension:
    """Read one dimension in words.

    Raises:
        BenchError: it is none.
    """
    ends, _, kind = text.strip().partition(":")
    low, dots, high = ends.partition("..")
    if not dots:
        return _choice(name, text)
    try:
        found = Range(_number(low), _number(high), kind == "log", _step(kind))
    except ValueError as error:
        raise BenchError(f"{name}={text}: {_HOW}") from error
    if found.whole and found.step is not None:
        found = Range(found.low, found.high, found.log, _number(kind))
    _check(name, text, found)
    return found


_HOW = "write low..high, low..high:log, low..high:step, or a,b,c for a choice."


def _choice(name: str, text: str) -> Choice:
    """Read values with commas between them."""
    words = [word.strip() for word in text.split(",")]
    if len(words) < 2 or not all(words):  # noqa: PLR2004 - one value leaves nothing to search
        raise BenchError(f"{name}={text} leaves nothing to search: {_HOW} One value is set by --set.")
    return Choice(tuple(_value(word) for word in words))


def _value(word: str) -> Value:
    """Read one value of a choice: a truth value, a number, or the word itself."""
    if word.lower() in {"true", "false"}:
        return word.lower() == "true"
    try:
        return _number(word)
    except ValueError:
        return word


def _number(word: str) -> int | float:
    """Read a number, whole where it is written as one.

    Raises:
        ValueError: it is none, or has no end.
    """
    try:
        return int(word)
    except ValueError:
        value = float(word)
    if not math.isfinite(value):
        raise ValueError(word)
    return value


def _step(kind: str) -> float | None:
    """Read what stands behind the colon."""
    return None if kind in {"", "log"} else _number(kind)


def _check(name: str, text: str, found: Range) -> None:
    """Refuse ends that are none."""
    if found.low >= found.high:
        raise BenchError(f"{name}={text}: the lower end must be below the upper one.")
    if found.log and found.low <= 0:
        raise BenchError(f"{name}={text}: on a log scale the lower end must be above 0.")
    if found.step is not None and not 0 < found.step <= found.high - found.low:
        raise BenchError(f"{name}={text}: the step must be above 0 and fit between the ends.")


def parse_searches(words: Iterable[str]) -> dict[str, Dimension]:
    """Turn the words of `--search field=low..high` into dimensions.

    Raises:
        BenchError: a word that is none.
    """
    found = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise BenchError(f"--search takes field=low..high, not {word!r}.")
        found[name.strip()] = parsed(name.strip(), text)
    return found


def read_space(path: Path) -> dict[str, Dimension]:
    """Read a TOML file of `field = "low..high"` lines.

    Raises:
        BenchError: it is missing or is no such file.
    """
    return {name: parsed(name, str(text)) for name, text in read_toml(path).items()}


def space_of(recipe: Recipe, given: Space, fixed: Iterable[str] = ()) -> dict[str, Dimension]:
    """Return what a study of this recipe searches: the system's own dimensions, with some given instead.

    Args:
        recipe: the recipe that every trial starts from.
        given: dimensions of the user's; they stand in for the system's of the same name, or beside them.
        fixed: fields that the user has set, and that are therefore not searched.

    Raises:
        BenchError: a field that the recipe does not have, ends that it does not take, nothing left.
    """
    own = {name: found for name, found in declared(recipe).items() if name not in set(fixed)}
    space = {**own, **given}
    if not space:
        raise BenchError("Nothing is left to search: name a field with --search field=low..high.")
    for name, dimension in space.items():
        _fits(recipe, name, dimension)
    return space


def declared(recipe: Recipe) -> dict[str, Dimension]:
    """Return the dimensions that are declared for a recipe's system.

    How many blocks are trained is searched only where they come with weights: random ones that are frozen
    have nothing to say.
    """
    kind = zoo.system(recipe.model).kind
    words = dict(
        SPACES.get(recipe.model) or SPACES[_family(recipe.model)] if kind == "clips" else SPACES[kind]
    )
    if kind == "clips" and recipe.weights != "none":
        words["unfreeze"] = f"0..{BLOCKS[recipe.model]}"
    return {name: parsed(name, text) for name, text in words.items()}


def _family(model: str) -> str:
    """Return the family of a system of pixels: movinet for movinet-a3-stream."""
    return model.partition("-")[0]


def _fits(recipe: Recipe, name: str, dimension: Dimension) -> None:
    """Refuse a dimension that the recipe has no field for, or whose ends it does not take."""
    never = _NEVER | _STORED if isinstance(recipe, ClipRecipe) else _NEVER
    known = [field for field in type(recipe).model_fields if field not in never]
    if name not in known:
        raise BenchError(f"{recipe.model} has no field {name!r} to search. {nearest(name, known)}")
    for value in dimension.ends():
        revised(recipe, **{name: value})


_NEVER = frozenset(
    {
        *("model", "engine", "split", "seed", "clips", "weights", "weights_sha256", "select", "landmarks"),
        *("test_select", "val_is_test", "train_on_val"),
    }
)
"""Fields that say what is compared: they are never searched."""
_STORED = frozenset(
    {
        *("crop", "margin", "store_size", "quality", "codec"),
        *(name for name in HhtFields.model_fields if name != "hht_flip"),
    }
)
"""Fields of a recipe on pixels that say how clips are prepared: likewise. Margin is another's, too."""


def written(space: Space) -> dict[str, str]:
    """Write a space as words."""
    return {name: str(dimension) for name, dimension in space.items()}


def restored_space(words: Mapping[str, str]) -> dict[str, Dimension]:
    """Read what `written` wrote."""
    return {name: parsed(name, text) for name, text in words.items()}


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Say whether two sets of parameters are the same values; 1 and 1.0 are."""
    return one.keys() == other.keys() and all(one[name] == other[name] for name in one)
