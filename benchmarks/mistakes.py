"""What a run gets wrong on test: which signs it takes for which, and where another run does better."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from benchmarks.metrics import Paired, confusions, mcnemar
from benchmarks.scores import Scored, Scores, read_scores
from utils.errors import FAILURE, BenchError

_SHOWN_IDS = 4


def print_confusions(scores: Scores, console: Console, *, most: int = 10) -> None:
    """Print the most frequent wrong pairs on test, true gloss first, with the clips' ids."""
    part = _test(scores)
    found = confusions(part.scores, part.labels)
    wrong = sum(len(pair.rows) for pair in found)
    console.print(
        Text(f"\nWorst confusions on test: {wrong} of {len(part.ids)} clips are wrong", style="bold")
    )
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), show_edge=False)
    for name in ("clips", "of", "true gloss", "taken for", "clip ids"):
        grid.add_column(name, justify="right" if name in {"clips", "of"} else "left", overflow="fold")
    for pair in found[:most]:
        ids = [part.ids[row] for row in pair.rows]
        shown = ", ".join(ids[:_SHOWN_IDS]) + (", ..." if len(ids) > _SHOWN_IDS else "")
        of = int((part.labels == pair.true).sum())
        names = (scores.glosses[pair.true], scores.glosses[pair.predicted], shown)
        grid.add_row(str(len(ids)), str(of), *map(Text, names))
    if found:
        console.print(grid)


def _test(scores: Scores) -> Scored:
    """Return the test part of a run's scores."""
    if "test" not in scores.parts:
        raise BenchError("This run's scores hold no test part.", exit_code=FAILURE)
    return scores.parts["test"]


def compare(first: Path, second: Path) -> Paired:
    """Compare two runs' top-1 on the test clips that both scored, by their scores files.

    Raises:
        BenchError: a file is missing, or no clip is in both, or the two disagree on a clip's label.
    """
    one, two = _test(read_scores(first)), _test(read_scores(second))
    place = {clip: row for row, clip in enumerate(two.ids)}
    rows = [(row, place[clip]) for row, clip in enumerate(one.ids) if clip in place]
    if not rows:
        raise BenchError("These two runs have no test clip in common.")
    mine, theirs = (list(side) for side in zip(*rows, strict=True))
    labels = one.labels[mine]
    if (labels != two.labels[theirs]).any():
        raise BenchError(
            "These two runs give the same clips different labels: they are of different subsets."
        )
    return mcnemar(one.scores[mine], two.scores[theirs], labels)


def print_comparison(paired: Paired, names: tuple[str, str], console: Console) -> None:
    """Print which of two runs is right where the other is not, and how sure that is."""
    clips = paired.both + paired.first + paired.second + paired.neither
    console.print(
        f"\nOn the {clips} test clips of both: {paired.both} right by both,"
        f" {paired.first} only by {names[0]}, {paired.second} only by {names[1]},"
        f" {paired.neither} by neither. McNemar's exact test: p = {paired.p:.3g}.",
        markup=False,
        highlight=False,
    )
