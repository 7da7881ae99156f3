"""What one `bench run` line asks for: clips prepared once, a run per recipe, a table of what came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from benchmarks import zero_shot
from benchmarks.holding import is_first_process
from benchmarks.inputs import Inputs, prepared
from benchmarks.progress import Bars
from benchmarks.recipe_base import Recipe
from benchmarks.run import Machine, Outcome, Places, run
from benchmarks.table import load_table
from benchmarks.table_markdown import write_readme
from benchmarks.table_terminal import print_table
from benchmarks.zero_shot_report import print_zero_shot
from utils.lease import HeldElsewhereError
from utils.stopping import interruptible
from wlasl.subsets import load


@dataclass(frozen=True)
class Request:
    """What a command line asks for.

    Attributes:
        recipes: one per run; they differ by the seed alone.
        data: the data set's folder; None for the usual places.
        store: where prepared clips lie.
        places: where records, checkpoints and scores go.
        machine: device and processes.
        again: train anew where a result is there.
        evaluate_on: signs to tell apart without training, `SPLIT` or `SPLIT:LANDMARKS`.
    """

    recipes: Sequence[Recipe]
    data: Path | None
    store: Path
    places: Places
    machine: Machine
    again: bool = False
    evaluate_on: Sequence[str] = ()


def carry_out(request: Request) -> list[Outcome]:
    """Prepare the clips, carry out every recipe in turn, and return how each ended.

    Raises:
        BenchError: nothing could start, or a run failed; the runs before it are recorded.
        HeldElsewhereError: another process carries out one of the runs; the others are recorded.
    """
    with interruptible(), Bars(silent=not is_first_process()) as bars:
        inputs = _inputs(request, bars)
        _announce(inputs, bars)
        request = replace(request, machine=replace(request.machine, progress=bars))
        found = _targets(request, inputs)
        outcomes, left = [], []
        for recipe in request.recipes:
            try:
                outcome = _one(recipe, inputs, request, bars)
            except HeldElsewhereError as error:
                left.append(error)
                continue
            if found:
                outcome = zero_shot.evaluated(outcome, found, inputs, request.places, request.machine)
            outcomes.append(outcome)
        if left:
            raise left[0]
        return outcomes


def _targets(request: Request, inputs: Inputs) -> list[zero_shot.Target]:
    """Find what is to be evaluated beside the test part, before anything is trained."""
    around = zero_shot.Around(request.data, request.store, request.machine, request.places)
    return zero_shot.targets(request.evaluate_on, request.recipes[0], inputs, around)


def _inputs(request: Request, bars: Bars) -> Inputs:
    """Bring the clips into the store, once for all recipes of the request."""
    recipe = request.recipes[0]
    dataset = load(recipe.split, request.data, bars)
    return prepared(recipe, dataset, request.store, progress=bars)


def show(outcomes: Sequence[Outcome], request: Request) -> None:
    """Print the subset's table, bring README.md of the results up to date, and name the records."""
    table = load_table(request.places.results)
    print_table(table, Console(), request.recipes[0].split)
    write_readme(table, request.places.results)
    for outcome in outcomes:
        print_zero_shot(outcome.record, Console())
        print(f"{outcome.record.id}  {outcome.path}")  # noqa: T201 - the command's answer


def _one(recipe: Recipe, inputs: Inputs, request: Request, bars: Bars) -> Outcome:
    """Carry out one recipe and say where it stands."""
    bars.say(f"{recipe.model} on {recipe.split}, seed {recipe.seed}, {recipe.engine}")
    outcome = run(recipe, inputs, request.places, request.machine, again=request.again)
    if outcome.repeated:
        bars.say(f"run {outcome.record.id} is done already; --again trains it anew")
    return outcome


def _announce(inputs: Inputs, bars: Bars) -> None:
    """Say which clips are at hand, and what that means for the numbers."""
    parts = inputs.coverage().parts
    counts = ", ".join(f"{name} {part.scored} of {part.official}" for name, part in parts.items())
    bars.say(f"clips at hand: {counts}")
    for note in inputs.notes:
        bars.say(note)
    untrained = inputs.untrained()
    if untrained and len(untrained) < len(inputs.dataset.subset.glosses):
        few = ", ".join(untrained[:5]) + (", ..." if len(untrained) > 5 else "")  # noqa: PLR2004 - a line's worth
        what = "1 gloss has" if len(untrained) == 1 else f"{len(untrained)} glosses have"
        bars.say(f"{what} no training clip and cannot be learnt: {few}")
