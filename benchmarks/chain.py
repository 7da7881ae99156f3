"""`--weights RUN`: training that starts from another run's chosen weights, and what that run was trained on.

A recipe names such a start `run:<id>`. The run's record says what it started from itself, so that the chain
of all runs before is known from the first to the last, and stands in every record that comes of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path

from benchmarks.recipe import as_set
from benchmarks.recipe_base import Recipe
from benchmarks.records import Stored, read_record
from benchmarks.schema import Link, Record
from benchmarks.scores import read_scores
from models import zoo
from utils.errors import BenchError
from utils.names import is_safe_id, lookup
from wlasl.root import project_folder
from wlasl.subsets import family

PREFIX = "run:"
"""What a recipe's `weights` begins with where it names a run."""

_BEST = {"torch": "best.pt", "tensorflow": "best.weights.npz"}
_ID = re.compile(r"[0-9a-f]{3,12}")
_SHAPING = (
    *("skeleton", "features", "dims", "single_pos", "no_pos", "vector_length"),
    *("hidden", "layers", "width", "depth"),
)
"""Recipe fields on landmarks by which a network is built: a start and what starts from it share them."""
_NAMED = 5
"""How many of several runs a sentence names."""


def is_run(weights: str) -> bool:
    """Say whether a recipe's `weights` names a run."""
    return weights.startswith(PREFIX)


def told(weights: str | None, results: Path) -> str | None:
    """Return what a recipe is told for the word behind `--weights`: `run:<id>` where it names a run.

    Args:
        weights: none, kinetics, a file, a run's id or its first digits, `model:split:seed`; None for nothing.
        results: where records lie.

    Raises:
        BenchError: it can only be a run, and there is no such one, or there are several.
    """
    if weights is None or weights in {"none", "kinetics"} or Path(weights).expanduser().exists():
        return weights
    name = weights.removeprefix(PREFIX)
    if not (is_run(weights) or ":" in name or _ID.fullmatch(name)):
        return weights
    return PREFIX + _one(name, results).record.id


def _one(name: str, results: Path) -> Stored:
    """Return the finished run of a name."""
    model, _, rest = name.partition(":")
    split, _, seed = rest.partition(":")
    if rest:
        lookup("model", model, zoo.ZOO)
        pattern = f"{split}/{model}/*.json"
    else:
        pattern = f"*/*/{name}*.json"
    if not is_safe_id(split if rest else name):
        raise BenchError(f"{name!r} names no run: give an id, its first digits, or model:split:seed.")
    paths = [path for path in sorted(results.glob(pattern)) if not path.name.startswith(".")]
    found = [one for one in map(read_record, paths) if one.record.status == "done" and not one.altered]
    if seed:
        found = [one for one in found if str(one.record.recipe.get("seed")) == seed]
    if len(found) == 1:
        return found[0]
    if not found:
        why = f"{len(paths)} began or failed; none is done" if paths else "`bench table` lists the runs"
        raise BenchError(f"There is no finished run {name!r} in {results} to start from ({why}).")
    listed = ", ".join(f"{one.record.id} ({spoken(one.record)})" for one in found[:_NAMED])
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    raise BenchError(f"{name!r} stands for {len(found)} runs: {listed}{more}. Name one by its id.")


def spoken(record: Record) -> str:
    """Return `model:split:seed` of a run."""
    return f"{record.model}:{record.split}:{record.recipe.get('seed')}"


def weights_of(recipe: Recipe, runs: Path | None) -> Path:
    """Return the file of the chosen weights of the run that a recipe starts from.

    Raises:
        BenchError: they are not on this machine, or of the other framework.
    """
    folder = (runs or project_folder() / "runs") / recipe.weights.removeprefix(PREFIX)
    path = folder / _BEST[recipe.engine]
    if path.is_file():
        return path
    other = next((engine for engine, name in _BEST.items() if (folder / name).is_file()), None)
    if other is not None:
        raise BenchError(
            f"Run {folder.name} was trained with {other}, and its weights are of no use to {recipe.engine}."
            f" Start from a {recipe.engine} run, or give --engine {other}."
        )
    raise BenchError(
        f"The weights of run {folder.name} are not on this machine: there is no {path}. Copy its folder here,"
        " give another with --runs, or train the run anew."
    )


def keeps_head(recipe: Recipe, runs: Path | None, glosses: Sequence[str]) -> bool:
    """Say whether a start's classifier may be taken over: a run's, only where it told the very same glosses.

    Args:
        recipe: says where it starts from; a file's head is judged by its shape alone.
        runs: where runs keep their weights; None for `runs` in the project's folder.
        glosses: the classes, in label order.
    """
    if not is_run(recipe.weights):
        return True
    try:
        folder = (runs or project_folder() / "runs") / recipe.weights.removeprefix(PREFIX)
        return read_scores(folder / "scores.npz").glosses == tuple(glosses)
    except BenchError:
        return False  # nobody knows what its classes are


def links(recipe: Recipe, results: Path) -> tuple[Link, ...]:
    """Return the runs that a recipe builds on, the first of them first; none where it starts from no run.

    Raises:
        BenchError: the run's record is not there, was changed, or is of another kind of network.
    """
    if not is_run(recipe.weights):
        return ()
    record = _one(recipe.weights.removeprefix(PREFIX), results).record
    _check_kin(recipe, record)
    last = Link(
        id=record.id,
        model=record.model,
        split=record.split,
        clips=str(record.recipe.get("clips", "")),
        initial=record.weights.source,
        on_test=chosen_on_test(record),
    )
    return (*record.weights.chain, last)


def group_of(record: Record, known: Mapping[str, Record]) -> str:
    """Return what runs share that differ by their seeds alone, those of the runs they start from included.

    Args:
        record: a run.
        known: every run that others may have started from, by its id.
    """
    before = [known[link.id] for link in record.weights.chain if link.id in known]
    if len(before) < len(record.weights.chain):
        return record.group
    return reduce(lambda start, run: run.grouped(start), [*before, record], "")


def chosen_on_test(record: Record) -> bool:
    """Say whether a run chose its checkpoint on test."""
    return record.selection is not None and record.selection.rule.startswith("test_")


def owes_to_test(record: Record) -> bool:
    """Say whether test chose a run's checkpoint, or that of a relative that it starts from.

    Such a run is badged, and ranked and averaged with no other.
    """
    kin = (link for link in record.weights.chain if family(link.split) == family(record.split))
    return chosen_on_test(record) or any(link.on_test for link in kin)


def _check_kin(recipe: Recipe, record: Record) -> None:
    """Refuse a start from another network, before its tensors are compared one by one."""
    mine, theirs = zoo.system(recipe.model), zoo.ZOO.get(record.model)
    built = {} if theirs is None else {str(engine): place for engine, place in theirs.builders.items()}
    same = mine.builders.get(recipe.engine) == built.get(str(record.recipe.get("engine", "torch")))
    if not same and record.model not in mine.starts_from:
        raise BenchError(
            f"{recipe.model} cannot start from run {record.id} ({spoken(record)}): that is another kind of"
            f" network. Start from a run of {' or '.join((recipe.model, *mine.starts_from))}."
        )
    own = recipe.model_dump(mode="json")
    apart = [name for name in _SHAPING if name in own and record.recipe.get(name, own[name]) != own[name]]
    if apart:
        settings = " ".join(f"--set {name}={as_set(record.recipe[name])}" for name in apart)
        raise BenchError(
            f"{recipe.model} as asked for cannot start from run {record.id} ({spoken(record)}), whose network"
            f" was built with other settings. Add {settings}."
        )
