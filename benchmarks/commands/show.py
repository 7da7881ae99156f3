"""`bench show`: one run in full."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from benchmarks.commands.options import Data, Landmarks, Results, Runs, Store
from utils.errors import BenchError

if TYPE_CHECKING:
    from benchmarks.schema import Record


def show(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    run: Annotated[str, typer.Argument(help="The run's id, or its first digits.")],
    against: Annotated[str | None, typer.Option(help="Another run, to compare clip by clip.")] = None,
    clip: Annotated[
        str | None,
        typer.Option(metavar="ID", help="A clip: what the run takes it for, and from which frames."),
    ] = None,
    results: Results = None,
    runs: Runs = None,
    store: Store = None,
    data: Data = None,
    landmarks: Landmarks = None,
) -> None:
    """Print one run's record and worst confusions, and draw its learning curves; or one clip through it."""
    from benchmarks.mistakes import compare, print_comparison  # noqa: PLC0415
    from benchmarks.report import find, print_record  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415

    records, folders = results or project_folder() / "results", runs or project_folder() / "runs"
    console = Console()
    stored = find(records, run)
    if clip is not None:
        from benchmarks.show_clip import places_of, show_clip  # noqa: PLC0415

        show_clip(stored, clip, places_of((records, folders), (data, store), landmarks), console)
        return
    record = stored.record
    print_record(stored, console)
    _show_scores(folders / record.id, console)
    _show_curves(record, folders / record.id, console)
    _show_map(record, folders / record.id, console)
    if against is not None:
        other = find(records, against).record
        paired = compare(folders / record.id / "scores.npz", folders / other.id / "scores.npz")
        print_comparison(paired, (record.id, other.id), console)


def _show_scores(folder: Path, console: Console) -> None:
    """Print the worst confusions, or why there are none."""
    from benchmarks.mistakes import print_confusions  # noqa: PLC0415
    from benchmarks.scores import read_scores  # noqa: PLC0415

    try:
        print_confusions(read_scores(folder / "scores.npz"), console)
    except BenchError as error:
        console.print(f"\n{error}", markup=False, highlight=False, soft_wrap=True)


def _show_curves(record: Record, folder: Path, console: Console) -> None:
    """Draw the learning curves, or say why there are none."""
    from benchmarks.curves import draw_curves  # noqa: PLC0415

    try:
        words = f"Learning curves: {draw_curves(record, folder)}"
    except BenchError as error:
        words = str(error)
    console.print(f"\n{words}", markup=False, highlight=False, soft_wrap=True)


def _show_map(record: Record, folder: Path, console: Console) -> None:
    """Draw the embeddings of a run that has any, or say why that fails."""
    from benchmarks.curves import heading  # noqa: PLC0415
    from benchmarks.embeddings import EMBEDDINGS, draw_map  # noqa: PLC0415
    from benchmarks.scores import read_scores  # noqa: PLC0415

    if not (folder / EMBEDDINGS).is_file():
        return
    try:
        glosses = read_scores(folder / "scores.npz").glosses
        words = f"Embeddings: {draw_map(folder, f'{heading(record)}: t-SNE', glosses)}"
    except BenchError as error:
        words = str(error)
    console.print(f"\n{words}", markup=False, highlight=False, soft_wrap=True)
