"""Test clips that the runs before were trained on: a start from another run may bring the answers along.

Two clips are the same where they have the same id in the same family of subsets, the same url and frames, or
files with the same bytes. A run keeps which clips it was trained on in `runs/<id>/trained_on.json`. Of an
older run without one, the official training part of its subset is taken, where that is a relative.
Copies that the official parts themselves hold on both sides are every run's, and no start brings them along.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import chain
from benchmarks.inputs import Inputs
from benchmarks.recipe_base import Recipe
from benchmarks.schema import InitialWeights, Link
from utils.errors import BenchError
from utils.files import read_json, write_json
from utils.progress import Progress
from wlasl.clips import Clip
from wlasl.datasets.kinds import kind_of
from wlasl.store import ClipStore
from wlasl.subsets import family, load

FILE = "trained_on.json"


@dataclass(frozen=True)
class _Seen:
    """What a run was trained on.

    Attributes:
        ids: of clips of this run's own family.
        recordings: (url, first frame, last frame) of those whose url is known.
        files: checksums of their files, as far as they are known.
    """

    ids: frozenset[str]
    recordings: frozenset[tuple[str, int, int]]
    files: frozenset[str]


def write_trained_on(folder: Path, inputs: Inputs) -> None:
    """Keep which clips a run was trained on, with the checksums of their files where they are known.

    Raises:
        BenchError: the folder cannot be written to.
    """
    clips = inputs.clips("train")
    files = {clip.id: checksum for clip in clips if (checksum := _file(inputs, clip))}
    known = {"family": inputs.dataset.family, "ids": [clip.id for clip in clips], "files": files}
    write_json(folder / FILE, known)


def initial(recipe: Recipe, inputs: Inputs, results: Path, runs: Path) -> InitialWeights:
    """Return where a run starts from, with how many of its test clips each run before was trained on.

    Raises:
        BenchError: the run that it starts from has no record here, or is of another kind of network.
    """
    links = tuple(
        link.model_copy(update={"test_seen": _count(link, inputs, runs)})
        for link in chain.links(recipe, results)
    )
    return InitialWeights(source=recipe.weights, sha256=recipe.weights_sha256, chain=links)


def tell(start: InitialWeights, inputs: Inputs, progress: Progress) -> None:
    """Say which of the runs before know test clips of this one, or may."""
    clips = len(inputs.clips("test"))
    for link in start.chain:
        name = f"run {link.id} ({link.model} on {link.split}), which this one builds on,"
        if link.test_seen:
            progress.say(
                f"LEAK: {name} was trained on {link.test_seen} of these {clips} test clips. The result is not"
                " one of unseen clips; the record and the table say so."
            )
        elif link.test_seen is None:
            progress.say(f"Whether {name} was trained on test clips of this one cannot be told here.")


def _count(link: Link, inputs: Inputs, runs: Path) -> int | None:
    """Return how many test clips a run was trained on and this one is not; None where nobody can tell."""
    seen, own = _seen(link, inputs, runs), _own(inputs)
    if seen is None:
        return None
    clips = inputs.clips("test")
    return sum(_is_among(clip, seen, inputs) and not _is_among(clip, own, inputs) for clip in clips)


def _own(inputs: Inputs) -> _Seen:
    """Return what the present run is trained on itself."""
    clips = inputs.clips("train")
    files = frozenset(checksum for clip in clips if (checksum := _file(inputs, clip)))
    return _Seen(frozenset(clip.id for clip in clips), _recordings(clips), files)


def _is_among(clip: Clip, seen: _Seen, inputs: Inputs) -> bool:
    """Say whether a run was trained on a clip."""
    recording = (clip.url, clip.frame_start, clip.frame_end)
    return (
        clip.id in seen.ids
        or (bool(clip.url) and recording in seen.recordings)
        or (bool(seen.files) and _file(inputs, clip) in seen.files)
    )


def _seen(link: Link, inputs: Inputs, runs: Path) -> _Seen | None:
    """Return what a run was trained on; None where that is not known on this machine."""
    kept = _kept(runs / link.id / FILE)
    mine = inputs.dataset.family
    kin = {clip.id: clip for clip in _relatives(link, inputs)}
    if kept is None:
        if not kin:
            # Another data set altogether has other clips; another folder may have any.
            return None if _is_folder(link) else _Seen(frozenset(), frozenset(), frozenset())
        return _Seen(frozenset(kin), _recordings(kin.values()), frozenset())
    files: Mapping[str, str] = kept["files"]
    # Two folders may have the same name and other clips under the same ids: where bytes are known, they tell.
    by_bytes = _is_folder(link) and bool(files) and isinstance(inputs.store, ClipStore)
    ids = frozenset(kept["ids"]) if kept["family"] == mine and not by_bytes else frozenset()
    return _Seen(ids, _recordings(kin[name] for name in ids & kin.keys()), frozenset(files.values()))


def _kept(path: Path) -> dict[str, Any] | None:
    """Read what `write_trained_on` wrote; None where it is not there, or is something else."""
    try:
        found = read_json(path)
    except BenchError:
        return None
    return found if isinstance(found, dict) and found.keys() == {"family", "ids", "files"} else None


def _relatives(link: Link, inputs: Inputs) -> tuple[Clip, ...]:
    """Return the training clips of a run's subset by its metadata, where it is of this one's family."""
    if family(link.split) != inputs.dataset.family or _is_folder(link):
        return ()
    try:
        return load(link.split, inputs.dataset.root).subset.part("train")
    except BenchError:
        return ()


def _is_folder(link: Link) -> bool:
    """Say whether a run was trained on a folder of somebody's, of which nobody knows what it held."""
    kind = kind_of(link.split)
    return kind is not None and kind.name == "folder"


def _recordings(clips: Iterable[Clip]) -> frozenset[tuple[str, int, int]]:
    """Return the recordings that clips are of, where their url is known."""
    return frozenset((clip.url, clip.frame_start, clip.frame_end) for clip in clips if clip.url)


def _file(inputs: Inputs, clip: Clip) -> str:
    """Return the checksum of a clip's file with its cut; empty where it is not known (landmarks)."""
    if not isinstance(inputs.store, ClipStore):
        return ""
    return f"{inputs.store.entry(clip.id).source.sha256} {clip.frame_start}..{clip.frame_end}"
