"""`bench prepare`: bring a subset's videos, or their landmarks, once into the store that every run reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from benchmarks.commands.options import Data, Labels, Landmarks, Split, Store

if TYPE_CHECKING:
    from benchmarks.progress import Bars
    from wlasl.prepare import Prepared
    from wlasl.subsets import DataSet
    from wlasl.view import Codec as CodecName
    from wlasl.view import CropName

Workers = Annotated[int | None, typer.Option(min=1, help="Threads or processes; else one per core.")]
Crop = Annotated[str, typer.Option(help="signer: the signer's box made square; frame: the whole frame.")]
Margin = Annotated[float, typer.Option(help="Added on each side of the box, as a share of its larger side.")]
Size = Annotated[int, typer.Option(help="Side of the stored square in pixels, a multiple of 16.")]
Quality = Annotated[int, typer.Option(help="JPEG quality, 1 to 100.")]
Codec = Annotated[str, typer.Option(help="jpeg, or raw: 7 times the disk, half the time to load.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")]


def prepare(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    split: Split = "100",
    labels: Labels = None,
    data: Data = None,
    store: Store = None,
    landmarks: Landmarks = None,
    workers: Workers = None,
    crop: Crop = "signer",
    margin: Margin = 0.1,
    size: Size = 256,
    quality: Quality = 95,
    codec: Codec = "jpeg",
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Decode, trim, crop and resize a subset's clips once, and say what was skipped and why.

    With --landmarks it prepares landmarks instead, and tables what they see.

    MediaPipe finds them in the videos, at 0.06 s of a core for each frame.

    `bench run` does this by itself. A stopped call goes on where it stopped.
    """
    from benchmarks.progress import Bars  # noqa: PLC0415 - `bench --help` needs none of it
    from wlasl import prepare as preparing  # noqa: PLC0415
    from wlasl.datasets.revised import labelled  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415
    from wlasl.subsets import load  # noqa: PLC0415
    from wlasl.view import View  # noqa: PLC0415

    split = labelled(split, labels)
    stores = store or project_folder() / "data" / "stores"
    if landmarks is not None:
        with Bars("clips") as bar:
            dataset = load(split, data, bar)
            _landmarks(dataset, landmarks, (stores, workers), bar, as_json=as_json)
        return
    # View itself refuses names that it does not know, in a sentence.
    view = View(cast("CropName", crop), margin, size, quality, cast("CodecName", codec))
    with Bars("clips") as bar:
        done = preparing.prepare(load(split, data, bar), view, stores, workers=workers, progress=bar)
    typer.echo(json.dumps(_as_json(done), indent=2) if as_json else _as_text(done))


def _landmarks(
    dataset: DataSet, name: str, where: tuple[Path, int | None], progress: Bars, *, as_json: bool
) -> None:
    """Prepare the landmarks of a source, in a folder of stores with so many workers, and print what came."""
    from rich.console import Console  # noqa: PLC0415 - `bench --help` needs none of it

    from benchmarks import landmark_report  # noqa: PLC0415
    from wlasl.landmarks.prepare import prepare_landmarks  # noqa: PLC0415

    stores, workers = where
    done = prepare_landmarks(dataset, name, stores, workers=workers, progress=progress)
    if as_json:
        typer.echo(json.dumps(landmark_report.as_json(done, dataset), indent=2))
    else:
        landmark_report.print_landmarks(done, dataset, Console(markup=False, highlight=False))


def _as_json(done: Prepared) -> dict[str, object]:
    """Return the outcome as JSON."""
    return {
        "store": str(done.store.folder),
        "clips": len(done.store.ids),
        "new": done.done,
        "bytes": done.store.nbytes,
        "seconds": round(done.seconds, 3),
        "skipped": dict(sorted(done.skipped.items())),
    }


def _as_text(done: Prepared) -> str:
    """Return the outcome in sentences: unreadable files one by one, missing ones by their number."""
    bad = [(name, why) for name, why in sorted(done.skipped.items()) if why != "missing"]
    lines = [f"  {name}: {why}. {done.details[name]}".rstrip() for name, why in bad]
    return "\n".join([done.summary(), *lines])
