"""From what `bench submit` is asked for to a plan: a `bench run` line per model, subset, recipe and seed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.asked import asked_of
from benchmarks.recipe import of_line, read_recipe
from benchmarks.recipe_base import Recipe
from slurm.plan import Plan, Task
from slurm.profiles import Profile
from utils.errors import BenchError
from utils.files import short_hash
from wlasl.datasets.kinds import KINDS
from wlasl.datasets.revised import VARIABLE

_KEPT = ("WLASL_ROOT", "OMP_NUM_THREADS", VARIABLE, *(kind.variable for kind in KINDS.values()))
"""Variables that matter to a run, kept as they are where it is planned."""


@dataclass(frozen=True)
class Wanted:
    """What is asked for: every combination of models, subsets, recipes and seeds.

    Attributes:
        models: rows of the zoo.
        splits: subsets.
        recipes: names or files; (None,) for each model's own.
        seeds: None: the recipe's own.
        fields: recipe fields that have an option of their own, such as engine.
        settings: words of `--set`.
        rest: further words for every line, such as `--device cpu`.
        runs: folder of checkpoints.
        results: folder of records.
    """

    models: Sequence[str]
    splits: Sequence[str]
    runs: Path
    results: Path
    recipes: Sequence[str | None] = (None,)
    seeds: Sequence[int] | None = None
    fields: Mapping[str, str] | None = None
    settings: Sequence[str] = ()
    rest: Sequence[str] = ()


def planned(wanted: Wanted, profile: Profile) -> Plan:
    """Return the plan of what is asked for; nothing is written.

    Raises:
        BenchError: an unknown model, a wrong field, or what several processes cannot do.
    """
    files: dict[str, str] = {}
    tasks: dict[str, Task] = {}
    models, splits = dict.fromkeys(wanted.models), dict.fromkeys(wanted.splits)
    for row in product(models, splits, dict.fromkeys(wanted.recipes)):
        for task in _tasks(wanted, row, files, profile):
            tasks.setdefault(task.key, task)
    return Plan(
        tasks=tuple(tasks.values()),
        runs=wanted.runs.absolute(),
        results=wanted.results.absolute(),
        profile=profile,
        environment=environment(),
        files=files,
    )


def environment() -> dict[str, str]:
    """Return the variables of this process that matter to a run, wherever it is carried out."""
    return {name: os.environ[name] for name in _KEPT if os.environ.get(name)}


def _tasks(
    wanted: Wanted, row: tuple[str, str, str | None], files: dict[str, str], profile: Profile
) -> Iterator[Task]:
    """Yield a task per seed: the recipe is resolved once, and each seed changes one field of it."""
    model, split, name = row
    options = dict(wanted.fields or {})
    recipe = of_line(model, split, name, options, wanted.settings)
    _check(recipe, profile)
    head = ["run", "--model", model, "--split", split]
    if name:
        head += ["--recipe", _frozen(name, wanted.runs, files)]
    for field, value in options.items():
        head += [f"--{field}", value]
    for setting in wanted.settings:
        head += ["--set", setting]
    fields = recipe.model_dump(mode="json")
    what = f"{model} {split}" + (f" {name}" if name else "")
    for seed in [recipe.seed] if wanted.seeds is None else wanted.seeds:
        key = asked_of({**fields, "seed": seed})
        argv = (*head, "--seed", str(seed), *wanted.rest, "--if-running", "leave")
        yield Task(key, argv, f"{what} seed {seed}")


def _check(recipe: Recipe, profile: Profile) -> None:
    """Refuse several processes where a framework has no use for them."""
    if profile.processes > 1 and recipe.engine != "torch":
        raise BenchError(
            f"{recipe.model} runs on {recipe.engine}, in one process, and the profile asks for "
            f"{profile.processes}. Give --resource nodes=1 --resource tasks_per_node=1."
        )


def _frozen(name: str, runs: Path, files: dict[str, str]) -> str:
    """Return what `--recipe` is told: a name, or a copy of a file, so that later edits change nothing.

    The copy is named after its content, and written when the plan is carried out.
    """
    path = Path(name).expanduser()
    if path.suffix not in {".toml", ".json"} and not path.is_file():
        return name
    fields: dict[str, Any] = read_recipe(path)
    text = json.dumps(fields, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    copy = runs.absolute() / "jobs" / "recipes" / f"{path.stem}-{short_hash(fields, 8)}.json"
    files[os.fspath(copy)] = text
    return os.fspath(copy)
