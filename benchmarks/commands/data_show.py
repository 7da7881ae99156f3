"""`bench data show ID`: a clip on one sheet, as filmed and as a network sees it, or its landmarks."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from benchmarks.commands.options import Data, Labels, Split, Store
from utils.errors import BenchError

if TYPE_CHECKING:
    from PIL.Image import Image

    from benchmarks.recipe_clips import ClipRecipe
    from wlasl.clips import Clip
    from wlasl.subsets import DataSet
    from wlasl.view import CropName as Crop

_SHOWN_IDS = 12

Id = Annotated[str, typer.Argument(metavar="ID", help="A clip's id, as the metadata lists it.")]
Frames = Annotated[int, typer.Option(min=1, max=256, help="Frames that the network sees, or that are shown.")]
Size = Annotated[
    int | None,
    typer.Option(
        min=16,
        max=1024,
        help="Side in pixels of the network's input, else 172 (hht: 224); of a skeleton, else 240.",
    ),
]
CropName = Annotated[
    str,
    typer.Option(
        "--crop", "--view", help="signer, frame, stretch, or hht: frame, hands and face cut by landmarks."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="hht: field=value of a recipe, as hht_margin=30 or hht_parts=pad; repeat it."),
]
Landmarks = Annotated[
    str | None,
    typer.Option(
        help="Draw landmarks over the frames instead; with hht, cut out by them: auto for those at hand, or "
        "true, mediapipe, holistic, hands, pose-hands, a file or a folder."
    ),
]
Out = Annotated[Path | None, typer.Option("--out", help="The PNG; else data/show/SPLIT-ID.png.")]
_INPUT, _SKELETON, _CANVAS = 172, 240, 224
_OF_CANVASES = "signnet"
"""The row of the zoo whose recipe says how canvases lie, as far as --set does not."""


def show(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    clip_id: Id,
    split: Split = "100",
    data: Data = None,
    frames: Frames = 16,
    size: Size = None,
    crop: CropName = "signer",
    landmarks: Landmarks = None,
    settings: Settings = None,
    store: Store = None,
    out: Out = None,
    labels: Labels = None,
) -> None:
    """Write a contact sheet of a clip: frames as filmed with the crop drawn in, and what a network sees.

    With `--landmarks` the skeleton is drawn over the frames, on plain ground where there is no video.
    """
    from utils.files import write_whole  # noqa: PLC0415 - `bench --help` needs none of it
    from wlasl.datasets.revised import labelled  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415
    from wlasl.subsets import load  # noqa: PLC0415

    split = labelled(split, labels)
    dataset = load(split, data)
    clip = find_clip(dataset, clip_id)
    stores = store or project_folder() / "data" / "stores"
    if crop == "hht":
        told = (landmarks or "auto", stores)
        sheet, source, said = _canvases(dataset, clip, (frames, size or _CANVAS, settings or []), told)
        names = [split, clip.id, crop, source]
    elif settings:
        raise BenchError("--set says how the parts of --view hht lie; give that too.")
    elif landmarks is None:
        sheet, names, said = _pixels(dataset, clip, (frames, size or _INPUT, crop)), [split, clip.id], ""
    else:
        chosen = (landmarks, frames, size or _SKELETON)
        sheet, source, said = _skeletons(dataset, clip, chosen, stores)
        names = [split, clip.id, source]
    target = out or project_folder() / "data" / "show" / f"{'-'.join(names)}.png"
    write_whole(target, lambda file: sheet.save(file, format="PNG"))
    typer.echo(f"{clip.id} ({clip.gloss}, {clip.part}): {target}")
    if said:
        typer.echo(said)


def _pixels(dataset: DataSet, clip: Clip, chosen: tuple[int, int, str]) -> Image:
    """Return the sheet of a clip as filmed and as a network sees it: so many frames, so large, so cropped."""
    from wlasl.contact import Look, contact_sheet  # noqa: PLC0415 - `bench --help` needs none of it
    from wlasl.sampling import Sampling  # noqa: PLC0415
    from wlasl.view import View  # noqa: PLC0415

    frames, size, crop = chosen
    # View itself refuses names that it does not know, in a sentence.
    look = Look(View(crop=cast("Crop", crop)), Sampling(frames=frames), size)
    return contact_sheet(find_video(dataset, clip), clip, look)


def _skeletons(
    dataset: DataSet, clip: Clip, chosen: tuple[str, int, int], stores: Path
) -> tuple[Image, str, str]:
    """Return the sheet of a clip's landmarks, the name of their source, and what it saw in a sentence.

    `chosen` is what `--landmarks` says, how many frames are shown, and the side of a picture in pixels.
    """
    from benchmarks.landmarks_at_hand import find_landmarks  # noqa: PLC0415 - `bench --help` needs none of it
    from benchmarks.progress import Bars  # noqa: PLC0415
    from wlasl.landmarks.draw import Sheet, landmark_sheet, shares  # noqa: PLC0415

    with Bars("clips") as bars:
        source, found = find_landmarks(dataset, clip, chosen[0], stores, bars)
    seen = shares(found.points, found.joints)
    parts = ", ".join(f"{part} in {share:.0%}" for part, share in seen.items())
    sheet = Sheet(source, *chosen[1:])
    picture = landmark_sheet(clip, found, dataset.files.path(clip.id), sheet)
    return picture, source, f"{source}: {parts} of {len(found.points)} frames"


def _canvases(
    dataset: DataSet, clip: Clip, chosen: tuple[int, int, list[str]], told: tuple[str, Path]
) -> tuple[Image, str, str]:
    """Return the sheet of a clip's canvases, the name of the landmarks' source, and nothing more to say.

    `chosen` is how many frames are shown, the side of the network's input in pixels, and recipe fields that
    say how the canvas lies; `told` is what `--landmarks` says, and the folder of all stores.
    """
    from benchmarks.inputs import view  # noqa: PLC0415 - `bench --help` needs none of it
    from benchmarks.landmarks_at_hand import find_landmarks  # noqa: PLC0415
    from benchmarks.progress import Bars  # noqa: PLC0415
    from benchmarks.recipe import of_line  # noqa: PLC0415
    from wlasl.contact import Look  # noqa: PLC0415
    from wlasl.hht_pixels import Parts  # noqa: PLC0415
    from wlasl.hht_sheet import canvas_sheet  # noqa: PLC0415
    from wlasl.sampling import Sampling  # noqa: PLC0415

    frames, size, settings = chosen
    recipe = cast("ClipRecipe", of_line(_OF_CANVASES, dataset.subset.name, settings=["crop=hht", *settings]))
    with Bars("clips") as bars:
        source, found = find_landmarks(dataset, clip, *told, bars)
    whole = found.canonical()
    parts = Parts(whole.points, whole.joints)
    look = Look(view(recipe), Sampling(frames=frames), size)
    return canvas_sheet(find_video(dataset, clip), clip, parts, look, source), source, ""


def find_clip(dataset: DataSet, clip_id: str) -> Clip:
    """Return the clip with this id.

    Raises:
        BenchError: there is none; the sentence gives the nearest ids, or those of a gloss of that name.
    """
    clips = {clip.id: clip for clip in dataset.subset.clips}
    if clip_id in clips:
        return clips[clip_id]
    name = dataset.subset.name
    of_gloss = [clip.id for clip in clips.values() if clip.gloss == clip_id]
    if of_gloss:
        more = ", ..." if len(of_gloss) > _SHOWN_IDS else ""
        ids = ", ".join(of_gloss[:_SHOWN_IDS]) + more
        raise BenchError(f"{clip_id!r} is a gloss of {name}; give the id of one of its clips: {ids}.")
    close = difflib.get_close_matches(clip_id, clips, n=3, cutoff=0.5) or list(clips)[:3]
    raise BenchError(f"{name} has no clip {clip_id!r}. Nearest of its {len(clips)} ids: {', '.join(close)}.")


def find_video(dataset: DataSet, clip: Clip) -> Path:
    """Return the clip's video file.

    Raises:
        BenchError: this copy of the data set lacks it; the sentence names a clip of the gloss that is there.
    """
    path = dataset.files.path(clip.id)
    if path is not None:
        return path
    there = [other.id for other in dataset.available() if other.label == clip.label][:_SHOWN_IDS]
    hint = f"Clips of {clip.gloss!r} that are there: {', '.join(there)}." if there else ""
    raise BenchError(
        f"{dataset.root} lacks the video of clip {clip.id} ({clip.gloss}); `bench data doctor` lists all "
        f"that are missing. {hint}".rstrip()
    )
