"""From a model's name and some fields to a whole recipe; recipes from files and to files."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from benchmarks.recipe_base import Recipe
from benchmarks.recipe_clips import ClipRecipe
from benchmarks.recipe_embedding import EmbeddingRecipe
from benchmarks.recipe_gru import GruRecipe
from benchmarks.recipe_landmarks import ConformerRecipe, GraphRecipe, LandmarkRecipe, SpoterRecipe
from benchmarks.recipe_spobet import SpobetRecipe
from benchmarks.recipe_table import DEFAULT, named
from models import zoo
from utils.errors import BenchError
from utils.files import read_json
from utils.names import nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KINDS: dict[str, type[Recipe]] = {
    "clips": ClipRecipe,
    "landmarks": LandmarkRecipe,
    "spoter": SpoterRecipe,
    "embedding": EmbeddingRecipe,
    "gru": GruRecipe,
    "spobet": SpobetRecipe,
    "conformer": ConformerRecipe,
    "graph": GraphRecipe,
}
"""The recipes that a row of the zoo can have (`zoo.System.kind`)."""

FIELDS = tuple(dict.fromkeys(name for kind in KINDS.values() for name in kind.model_fields))
"""Every field that some recipe has."""

R = TypeVar("R", bound=Recipe)


def resolve(model: str, split: str, *layers: Mapping[str, Any]) -> Recipe:
    """Return the whole recipe of a run: defaults, then the zoo's row, then each of `layers` in turn.

    Raises:
        BenchError: an unknown model or field, a value of the wrong type or out of range.
    """
    row = zoo.system(model)
    fields: dict[str, Any] = {"engine": next(iter(row.builders)), **_defaults(row, split)}
    for layer in layers:
        fields.update(layer)
    fields.update(model=model, split=split)
    recipe = _checked(KINDS[row.kind], fields)
    if recipe.engine not in row.builders:
        raise BenchError(f"{model} has no {recipe.engine} engine. Its engines: {', '.join(row.builders)}.")
    return recipe


def of_line(
    model: str,
    split: str,
    name: str | None = None,
    options: Mapping[str, str | None] | None = None,
    settings: Iterable[str] = (),
) -> Recipe:
    """Return the recipe that a command line asks for: the named fields, then the options', then `--set`'s.

    Args:
        model: a row of the zoo.
        split: the subset.
        name: what `--recipe` took, a name or a file; None for the system's own.
        options: recipe fields that have an option of their own; None where it was not given.
        settings: the words of `--set`.

    Raises:
        BenchError: an unknown model, recipe or field, a value of the wrong type or out of range.
    """
    fields = recipe_fields(model, name, split) if name else {}
    told = {field: value for field, value in (options or {}).items() if value is not None}
    return resolve(model, split, fields, told, parse_settings(settings))


def _defaults(row: zoo.System, split: str) -> dict[str, Any]:
    """Return the fields of a row's own recipe."""
    if isinstance(row.input, zoo.Input):
        return {"frames": row.input.frames, "size": row.input.size, **row.recipe}
    landmarks = "true" if split == "sample" else "mediapipe"
    return {"landmarks": landmarks, "skeleton": row.input.skeleton, **row.recipe, **named(row.name, DEFAULT)}


def revised(recipe: R, **changes: object) -> R:
    """Return a recipe with some fields changed, checked again."""
    return _checked(type(recipe), {**recipe.model_dump(), **changes})


def restored(fields: Mapping[str, Any]) -> Recipe:
    """Return the recipe of a record: its fields as they were written.

    Raises:
        BenchError: a model that the zoo no longer has, or fields that its recipe no longer has.
    """
    return _checked(KINDS[zoo.system(str(fields.get("model"))).kind], fields)


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """Turn the words of `--set field=value` into recipe fields; `none` stands for no value.

    Raises:
        BenchError: no equals sign in a word, or a field that recipes do not have.
    """
    fields: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise BenchError(f"--set takes field=value, not {setting!r}.")
        _known(name.strip())
        fields[name.strip()] = None if value.strip().lower() == "none" and _nullable(name) else value.strip()
    return fields


def as_set(value: object) -> str:
    """Write a field's value as `--set` takes it."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return "none" if value is None else str(value)


def recipe_fields(model: str, name: str, split: str = "") -> dict[str, Any]:
    """Return the fields of `--recipe NAME`: a file's, or those of one of the model's named recipes.

    Raises:
        BenchError: it is neither.
    """
    path = Path(name).expanduser()
    return (
        read_recipe(path)
        if path.suffix in {".toml", ".json"} or path.is_file()
        else named(model, name, split)
    )


def read_recipe(path: Path) -> dict[str, Any]:
    """Read recipe fields from a TOML or JSON file.

    Raises:
        BenchError: the file is missing, is neither TOML nor JSON, or names fields that recipes do not have.
    """
    fields = read_json(path) if path.suffix == ".json" else read_toml(path)
    if not isinstance(fields, dict):
        raise BenchError(f"{path} holds no recipe: it should be a table of field = value.")
    for name in fields:
        _known(name)
    return fields


def to_toml(recipe: Recipe) -> str:
    """Write a recipe as TOML with a comment per field; fields without a value are commented out."""
    lines = []
    for name, field in type(recipe).model_fields.items():
        value = getattr(recipe, name)
        text = f"# {name} = none" if value is None else f"{name} = {json.dumps(value)}"
        lines.append(f"{text:34} # {field.description}" if field.description else text)
    return "\n".join(lines) + "\n"


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file, in words where that fails."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BenchError(f"There is no recipe file {path}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BenchError(f"{path} is not a TOML file: {error}.") from error
    except OSError as error:
        raise BenchError(f"Cannot read {path}: {error.strerror}.") from error


def _known(name: str) -> None:
    """Refuse a field that recipes do not have, with the nearest right ones."""
    if name not in FIELDS:
        raise BenchError(f"A recipe has no field {name!r}. {nearest(name, FIELDS)}")


def _nullable(name: str) -> bool:
    """Say whether a field may have no value."""
    field = next(
        kind.model_fields[name.strip()] for kind in KINDS.values() if name.strip() in kind.model_fields
    )
    return type(None) in get_args(field.annotation)


def _checked(kind: type[R], fields: Mapping[str, Any]) -> R:
    """Build a recipe, and turn pydantic's findings into sentences."""
    for name in fields:
        _known(name)
        if name not in kind.model_fields:
            advice = nearest(name, kind.model_fields)
            raise BenchError(f"The recipe of {fields.get('model')} has no field {name!r}. {advice}")
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        sentences = " ".join(_sentence(detail) for detail in error.errors())
        raise BenchError(sentences) from error


def _sentence(detail: ErrorDetails) -> str:
    """Say what is wrong with one field of a recipe."""
    if detail["type"] == "value_error":
        return f"{detail['ctx']['error']}."
    field = ".".join(str(part) for part in detail["loc"])
    return f"{field}={detail['input']!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}."
