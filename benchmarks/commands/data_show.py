"""`bench data show ID`: a clip on one sheet, as filmed and as a network sees it."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.commands.options import Data, Split
from utils.errors import BenchError

if TYPE_CHECKING:
    from wlasl.clips import Clip
    from wlasl.subsets import DataSet

_SHOWN_IDS = 12

Id = Annotated[str, typer.Argument(metavar="ID", help="A clip's id, as the metadata lists it.")]
Frames = Annotated[int, typer.Option(min=1, max=256, help="Frames that the network sees.")]
Size = Annotated[int, typer.Option(min=16, max=1024, help="Side of the network's input in pixels.")]
CropName = Annotated[str, typer.Option("--crop", help="signer or frame.")]
Out = Annotated[Path | None, typer.Option("--out", help="The PNG; else data/show/SPLIT-ID.png.")]


def show(
    clip_id: Id,
    split: Split = "100",
    data: Data = None,
    frames: Frames = 16,
    size: Size = 172,
    crop: CropName = "signer",
    out: Out = None,
) -> None:
    """Write a contact sheet of a clip: frames as filmed with the crop drawn in, and what a network sees."""
    from utils.files import write_whole  # noqa: PLC0415 - `bench --help` needs none of it
    from wlasl.contact import Look, contact_sheet  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415
    from wlasl.sampling import Sampling  # noqa: PLC0415
    from wlasl.subsets import load  # noqa: PLC0415
    from wlasl.view import View  # noqa: PLC0415

    look = Look(View(crop=crop), Sampling(frames=frames), size)  # type: ignore[arg-type]
    dataset = load(split, data)
    clip = find_clip(dataset, clip_id)
    sheet = contact_sheet(find_video(dataset, clip), clip, look)
    target = out or project_folder() / "data" / "show" / f"{split}-{clip.id}.png"
    write_whole(target, lambda file: sheet.save(file, format="PNG"))
    typer.echo(f"{clip.id} ({clip.gloss}, {clip.part}): {target}")


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
