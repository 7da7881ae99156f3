"""What folds said of a recipe, and of others that were judged on the same ones, as tables on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from benchmarks.folds import Judged
from benchmarks.metrics import evaluate, mcnemar
from benchmarks.recipe import as_set
from benchmarks.scores import Scored
from benchmarks.table import title
from benchmarks.table_text import interval, percent
from wlasl.folds import Folds


def print_folds(mine: Judged, others: Sequence[Judged], folds: Folds, console: Console) -> None:
    """Print each fold of a recipe, all of them together, and how other recipes compare clip by clip."""
    recipe = mine.recipe
    words = (
        f"{title(recipe.split)}: {len(folds.of)} clips of train and val in {folds.count} folds by {folds.by}"
    )
    console.print(Text(f"\n{recipe.model} on {words} ({folds.id})", style="bold"))
    if recipe.select != "last":
        console.print(
            f"Each fold chose its epoch itself (select={recipe.select}), which flatters a little;"
            " --set select=last chooses nothing.",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    grid = _grid("Fold", "Clips", "Top-1", "Top-5", "Loss")
    for fold, scored in sorted(mine.folds.items()):
        grid.add_row(str(fold), *_numbers(scored))
    if len(mine.folds) > 1:
        grid.add_section()
        grid.add_row("all" if len(mine.folds) == folds.count else "these", *_numbers(mine.together()))
    console.print(grid)
    if others:
        _print_others(mine, others, console)


def _print_others(mine: Judged, others: Sequence[Judged], console: Console) -> None:
    """Print the recipes that were judged on the same clips, the best first, each against this one."""
    console.print(Text("\nJudged on the same folds", style="bold"))
    grid = _grid("Recipe", "Top-1", "Loss", "Only it", "Only this", "p")
    own = mine.together()
    rows = [(mine, own), *((other, other.together()) for other in others)]
    told = [(evaluate(scored.scores, scored.labels), judged, scored) for judged, scored in rows]
    for found, judged, scored in sorted(told, key=lambda row: -float(row[0]["top1"] or 0)):
        against = ("", "", "")
        if judged is not mine:
            paired = mcnemar(scored.scores, own.scores, own.labels)
            against = (str(paired.first), str(paired.second), f"{paired.p:.2g}")
        grid.add_row(Text(_apart(judged, mine)), percent(found["top1"]), f"{found['loss']:.3f}", *against)
    console.print(grid)
    console.print("p: McNemar's exact test on the clips that only one of the two has right.", highlight=False)


def _apart(judged: Judged, mine: Judged) -> str:
    """Say which recipe this is: this one, another model's, or in which fields it differs from this one."""
    if judged is mine:
        return "this one"
    own, other = (one.recipe.model_dump(mode="json") for one in (mine, judged))
    if own["model"] != other["model"]:
        return f"{other['model']} ({judged.recipe.id})"
    return " ".join(f"{name}={as_set(value)}" for name, value in sorted(other.items()) if own[name] != value)


def _numbers(scored: Scored) -> tuple[str, ...]:
    """Write how many clips were scored, and how well."""
    found = evaluate(scored.scores, scored.labels)
    low, high = float(found["top1_low"] or 0), float(found["top1_high"] or 0)
    top1 = f"{percent(found['top1'])} {interval(low, high)}"
    return str(len(scored.ids)), top1, percent(found["top5"]), f"{found['loss']:.3f}"


def _grid(first: str, *others: str) -> Grid:
    """Return an empty table whose first column is text and whose others are numbers."""
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), show_edge=False)
    grid.add_column(first, overflow="fold")
    for name in others:
        grid.add_column(name, justify="right")
    return grid
