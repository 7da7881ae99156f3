"""`bench prepare`: decode a subset's videos once, into the clip store that every run reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, cast

import typer

from benchmarks.commands.options import Data, Split, Store

if TYPE_CHECKING:
    from wlasl.prepare import Prepared
    from wlasl.view import Codec as CodecName
    from wlasl.view import CropName

Workers = Annotated[int | None, typer.Option(min=1, help="Threads that decode; else one per core.")]
Crop = Annotated[str, typer.Option(help="signer: the signer's box made square; frame: the whole frame.")]
Margin = Annotated[float, typer.Option(help="Added on each side of the box, as a share of its larger side.")]
Size = Annotated[int, typer.Option(help="Side of the stored square in pixels, a multiple of 16.")]
Quality = Annotated[int, typer.Option(help="JPEG quality, 1 to 100.")]
Codec = Annotated[str, typer.Option(help="jpeg, or raw: 7 times the disk, half the time to load.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")]


def prepare(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    split: Split = "100",
    data: Data = None,
    store: Store = None,
    workers: Workers = None,
    crop: Crop = "signer",
    margin: Margin = 0.1,
    size: Size = 256,
    quality: Quality = 95,
    codec: Codec = "jpeg",
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Decode, trim, crop and resize a subset's clips once, and say what was skipped and why.

    `bench run` does this by itself. A stopped call goes on where it stopped.
    """
    from benchmarks.progress import Bars  # noqa: PLC0415 - `bench --help` needs none of it
    from wlasl import prepare as preparing  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415
    from wlasl.subsets import load  # noqa: PLC0415
    from wlasl.view import View  # noqa: PLC0415

    # View itself refuses names that it does not know, in a sentence.
    view = View(cast("CropName", crop), margin, size, quality, cast("CodecName", codec))
    stores = store or project_folder() / "data" / "stores"
    with Bars("clips") as bar:
        done = preparing.prepare(load(split, data, bar), view, stores, workers=workers, progress=bar)
    typer.echo(json.dumps(_as_json(done), indent=2) if as_json else _as_text(done))


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
