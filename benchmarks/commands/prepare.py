"""`bench prepare`: bring a subset's videos, or their landmarks, once into the store that every run reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmarks.commands.options import Data, Labels, Landmarks, RecipeName, Set, Split, Store
from utils.errors import BenchError

if TYPE_CHECKING:
    from benchmarks.progress import Bars
    from benchmarks.recipe_base import Recipe
    from wlasl.prepare import Prepared
    from wlasl.subsets import DataSet

Workers = Annotated[int | None, typer.Option(min=1, help="Threads or processes; else one per core.")]
Model = Annotated[
    str | None, typer.Option("--model", "-m", help="Prepare what this row of `bench list` sees of the clips.")
]
Crop = Annotated[
    str | None,
    typer.Option(
        help="signer: the signer's box made square, the default; frame: the whole frame; stretch: without "
        "its shape; hht: frame, hands and face side by side, cut out by --landmarks."
    ),
]
Margin = Annotated[
    float | None, typer.Option(help="Added on each side of the box, as a share of its larger side; else 0.1.")
]
Size = Annotated[
    int | None, typer.Option(help="Side of the stored square in pixels, a multiple of 16; else 256.")
]
Quality = Annotated[int | None, typer.Option(help="JPEG quality, 1 to 100; else 95.")]
Codec = Annotated[str | None, typer.Option(help="jpeg, or raw: 7 times the disk, half the time to load.")]
_OF_CANVASES = "signnet"
"""The row of the zoo whose recipe says how canvases of H&HT lie, where no model is named."""
_FIELDS = {"store_size": "size"}
"""Fields of a recipe that a view calls otherwise."""
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")]


def prepare(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    split: Split = "100",
    labels: Labels = None,
    data: Data = None,
    store: Store = None,
    landmarks: Landmarks = None,
    workers: Workers = None,
    model: Model = None,
    recipe: RecipeName = None,
    settings: Set = None,
    crop: Crop = None,
    margin: Margin = None,
    size: Size = None,
    quality: Quality = None,
    codec: Codec = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Decode, trim, crop and resize a subset's clips once, and say what was skipped and why.

    With --landmarks it prepares landmarks instead, and tables what they see.

    With --model it prepares whatever a run of that model would, so that the run need not.

    MediaPipe finds them in the videos, at 0.06 s of a core for each frame.

    `bench run` does this by itself. A stopped call goes on where it stopped.
    """
    from benchmarks.progress import Bars  # noqa: PLC0415 - `bench --help` needs none of it
    from benchmarks.recipe import of_line  # noqa: PLC0415
    from wlasl.datasets.revised import labelled  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415
    from wlasl.subsets import load  # noqa: PLC0415

    split = labelled(split, labels)
    stores = store or project_folder() / "data" / "stores"
    model = model or (_OF_CANVASES if crop == "hht" else None)
    told: dict[str, Any] = {
        "crop": crop,
        "margin": margin,
        "store_size": size,
        "quality": quality,
        "codec": codec,
    }
    if model is None and (recipe or settings):
        raise BenchError("--recipe and --set say what a model sees: give --model too.")
    with Bars("clips") as bar:
        work = _Work(load(split, data, bar), stores, workers, bar, as_json=as_json)
        if model is not None:
            work.for_model(of_line(model, split, recipe, {**told, "landmarks": landmarks}, settings or ()))
        elif landmarks is not None:
            work.landmarks(landmarks)
        else:
            work.squares(told)


@dataclass(frozen=True)
class _Work:
    """What one call prepares from, where to, and how it says so."""

    dataset: DataSet
    stores: Path
    workers: int | None
    progress: Bars
    as_json: bool

    def for_model(self, recipe: Recipe) -> None:
        """Prepare what the network of a recipe sees, and print what came."""
        from benchmarks.inputs import view  # noqa: PLC0415 - `bench --help` needs none of it
        from benchmarks.recipe_clips import ClipRecipe  # noqa: PLC0415
        from wlasl.hht_prepare import prepare_canvases  # noqa: PLC0415
        from wlasl.prepare import prepare as prepare_clips  # noqa: PLC0415

        if not isinstance(recipe, ClipRecipe):
            self.landmarks(str(getattr(recipe, "landmarks", "")))
            return
        how: Mapping[str, Any] = {"workers": self.workers, "progress": self.progress}
        if recipe.crop != "hht":
            self._say(prepare_clips(self.dataset, view(recipe), self.stores, **how))
            return
        both = prepare_canvases(self.dataset, view(recipe), recipe.landmarks, self.stores, **how)
        self._say(both.clips, both.notes)

    def squares(self, told: Mapping[str, Any]) -> None:
        """Prepare one square of every frame, as told, and print what came."""
        from wlasl.prepare import prepare as prepare_clips  # noqa: PLC0415 - `bench --help` needs none of it
        from wlasl.view import View  # noqa: PLC0415

        fields = {_FIELDS.get(name, name): value for name, value in told.items() if value is not None}
        # View itself refuses names that it does not know, in a sentence.
        done = prepare_clips(
            self.dataset, View(**fields), self.stores, workers=self.workers, progress=self.progress
        )
        self._say(done)

    def _say(self, done: Prepared, notes: Sequence[str] = ()) -> None:
        """Print what was prepared."""
        if self.as_json:
            typer.echo(json.dumps(_as_json(done), indent=2))
        else:
            typer.echo("\n".join([_as_text(done), *notes]))

    def landmarks(self, name: str) -> None:
        """Prepare the landmarks of a source, and print what came."""
        from rich.console import Console  # noqa: PLC0415 - `bench --help` needs none of it

        from benchmarks import landmark_report  # noqa: PLC0415
        from wlasl.landmarks.prepare import prepare_landmarks  # noqa: PLC0415

        done = prepare_landmarks(
            self.dataset, name, self.stores, workers=self.workers, progress=self.progress
        )
        if self.as_json:
            typer.echo(json.dumps(landmark_report.as_json(done, self.dataset), indent=2))
        else:
            landmark_report.print_landmarks(done, self.dataset, Console(markup=False, highlight=False))


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
