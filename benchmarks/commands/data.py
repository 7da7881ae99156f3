"""`bench data`: bring WLASL in, look after its health, list its glosses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from benchmarks.commands.options import Data, Labels, Split

if TYPE_CHECKING:
    from wlasl.subsets import DataSet

T = TypeVar("T")

app = typer.Typer(help="Bring a data set in, look after its health, list its glosses.", no_args_is_help=True)
Replace = Annotated[bool, typer.Option("--replace", help="Take the copy's file where both have one.")]
NoVideos = Annotated[bool, typer.Option("--no-videos", help="Look at the metadata alone.")]
MissingFile = Annotated[
    Path | None,
    typer.Option(help="Where the missing ids are written; else data/doctor/missing_SPLIT.txt."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="A folder or a zip: videos/, raw_videos/, the Kaggle copy.")],
    data: Data = None,
    replace: Replace = False,  # noqa: FBT002
) -> None:
    """Bring a copy of WLASL in, from a folder or a zip, and say what was found."""
    from benchmarks.data_report import import_report  # noqa: PLC0415 - `bench --help` needs none of it
    from wlasl.importing import import_copy  # noqa: PLC0415
    from wlasl.root import default_root  # noqa: PLC0415

    root = data.expanduser() if data else default_root()
    done = import_copy(path, root, replace=replace, track=_tracked("importing"))
    _print(import_report(done, _coverage(root)))
    if done.damaged:
        raise typer.Exit(1)


@app.command()
def doctor(
    split: Split = "100",
    labels: Labels = None,
    data: Data = None,
    as_json: Json = False,  # noqa: FBT002
    missing_file: MissingFile = None,
    no_videos: NoVideos = False,  # noqa: FBT002
) -> None:
    """Say what of a subset is missing or unreadable, and what duplicates and leaks its metadata has."""
    from benchmarks.data_report import health_report  # noqa: PLC0415
    from benchmarks.data_set_report import set_report  # noqa: PLC0415
    from benchmarks.landmarks_at_hand import at_hand  # noqa: PLC0415
    from utils.files import write_text  # noqa: PLC0415
    from wlasl.datasets.health import as_json as set_json  # noqa: PLC0415
    from wlasl.datasets.health import examine_set  # noqa: PLC0415
    from wlasl.datasets.revised import labelled  # noqa: PLC0415
    from wlasl.doctor import as_json as health_json  # noqa: PLC0415
    from wlasl.doctor import examine, missing_text  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415
    from wlasl.subsets import load  # noqa: PLC0415

    split = labelled(split, labels)
    file = missing_file or project_folder() / "data" / "doctor" / f"missing_{split}.txt"
    dataset = load(split, data)
    health = examine(dataset, open_files=not no_videos, track=_tracked("opening files"))
    its_own = examine_set(dataset, open_files=not no_videos)
    write_text(file, missing_text(health))
    landmarks = {name: len(ids) for name, ids in at_hand(dataset, project_folder() / "data" / "stores")}
    if as_json:
        more = {"own": set_json(its_own)} if its_own else {}
        _print_json({**health_json(health), **more, "missing_file": str(file), "landmarks": landmarks})
    else:
        _print(health_report(health, file))
        if its_own:
            _print(set_report(its_own))
        _print(_landmarks(landmarks))


@app.command()
def glosses(
    split: Split = "100",
    labels: Labels = None,
    data: Data = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List the classes of a subset: the gloss, and its clips in each part."""
    from benchmarks.data_report import gloss_report, gloss_rows  # noqa: PLC0415
    from wlasl.datasets.revised import labelled  # noqa: PLC0415
    from wlasl.subsets import load  # noqa: PLC0415

    dataset = load(labelled(split, labels), data)
    if as_json:
        _print_json(gloss_rows(dataset))
    else:
        _print(gloss_report(dataset))


def _landmarks(there: Mapping[str, int]) -> str:
    """Return which landmarks are at hand, by the names that `--landmarks` takes, in a sentence."""
    if not there:
        return "No landmarks are at hand: `bench prepare --landmarks mediapipe` finds them in the videos."
    return (
        "Landmarks at hand: " + ", ".join(f"{name} ({count:,} clips)" for name, count in there.items()) + "."
    )


def _coverage(root: Path) -> Iterator[DataSet]:
    """Yield the subsets that a root's metadata describes, the smallest first."""
    from wlasl.metadata import INSTANCES  # noqa: PLC0415
    from wlasl.root import find_metadata  # noqa: PLC0415
    from wlasl.subsets import SPLITS, load  # noqa: PLC0415

    for split in SPLITS:
        if find_metadata(root, INSTANCES) and find_metadata(root, f"nslt_{split}.json"):
            yield load(split, root)


def _tracked(task: str) -> Callable[[Sequence[T]], Iterator[T]]:
    """Return what passes things through and moves a bar on stderr."""
    from benchmarks.progress import Bars  # noqa: PLC0415

    def track(things: Sequence[T]) -> Iterator[T]:
        with Bars() as bars:
            bars.begin(task, len(things))
            for thing in things:
                yield thing
                bars.advance()

    return track


def _print(report: Any) -> None:  # noqa: ANN401 - anything that rich can print
    """Print a report, without taking names for markup."""
    from rich.console import Console  # noqa: PLC0415

    Console(markup=False, highlight=False).print(report)


def _print_json(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Print a JSON value on stdout."""
    typer.echo(json.dumps(value, indent=2))
