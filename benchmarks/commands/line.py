"""What the options that name one recipe come to: the recipe, and its clips, prepared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.inputs import Inputs
    from benchmarks.recipe_base import Recipe
    from utils.progress import Progress


def recipe_of(
    model: str,
    split: str,
    name: str | None,
    told: Mapping[str, str | None],
    settings: Sequence[str] | None,
    *,
    labels: str | None,
    results: Path | None,
) -> Recipe:
    """Return the recipe that a command line asks for.

    Args:
        model: `--model`.
        split: `--split`, without the labels.
        name: `--recipe`.
        told: recipe fields that have an option of their own; `weights` may name a run.
        settings: the words of `--set`.
        labels: `--labels`.
        results: `--results`, where the runs are looked for that `weights` may name.

    Raises:
        BenchError: an unknown model, recipe, run or field, a value of the wrong type or out of range.
    """
    from benchmarks import chain  # noqa: PLC0415 - `bench --help` needs none of it
    from benchmarks.recipe import of_line  # noqa: PLC0415
    from wlasl.datasets.revised import labelled  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415

    start = chain.told(told.get("weights"), results or project_folder() / "results")
    return of_line(model, labelled(split, labels), name, {**told, "weights": start}, settings or ())


def clips_of(recipe: Recipe, data: Path | None, store: Path | None, progress: Progress) -> Inputs:
    """Bring what a recipe's network sees into the store (`--store`, of the data set `--data`), and return it.

    Raises:
        BenchError: nothing can be read, or the store cannot be written.
    """
    from benchmarks.inputs import prepared  # noqa: PLC0415 - `bench --help` needs none of it
    from wlasl.root import project_folder  # noqa: PLC0415
    from wlasl.subsets import load  # noqa: PLC0415

    dataset = load(recipe.split, data, progress)
    return prepared(recipe, dataset, store or project_folder() / "data" / "stores", progress=progress)
