"""Test clips that the runs before were trained on: a start from another run may bring the answers along.

Two clips are the same where they have the same id in the same family of subsets, the same url and frames, or
files with the same bytes. A run keeps which clips it was trained on in `runs/<id>/trained_on.json`. Of an
older run without one, the official training part of its subset is taken, where that is a relative.
Copies that the official parts themselves hold on both sides are every run's, and no start brings them along.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


def write_trained_on(folder: Path, inputs: Inputs, clips: Sequence[Clip]) -> None:
    """Keep which clips a run was trained on, with the checksums of their files where they are known.

    Raises:
        BenchError: the folder cannot be written to.
    """
    ids, files = [clip.id for clip in clips], _files(inputs, clips)
    write_json(folder / FILE, {"family": inputs.dataset.family, "ids": ids, "files": files})


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
    seen = _seen(link, inputs, runs)
    if seen is None:
        return None
    known = [clip for clip in inputs.clips("test") if _is_among(clip, seen, inputs)]
    # An id is one clip of its subset, so that no test clip has a training clip's.
    train = inputs.clips("train")
    own = _Seen(frozenset(), _recordings(train), frozenset(_files(inputs, train).values()))
    return sum(not _is_among(clip, own, inputs) for clip in known)


def _files(inputs: Inputs, clips: Sequence[Clip]) -> dict[str, str]:
    """Return the checksums of clips' files by id, as far as they are known."""
    return {clip.id: checksum for clip in clips if (checksum := _file(inputs, clip))}


def _is_among(clip: Clip, seen: _Seen, inputs: Inputs) -> bool:
    """Say whether a run was trained on a clip."""
    return (
        clip.id in seen.ids
        or (bool(clip.url) and clip.recording in seen.recordings)
        or (bool(seen.files) and _file(inputs, clip) in seen.files)
    )


def _seen(link: Link, inputs: Inputs, runs: Path) -> _Seen | None:
    """Return what a run was trained on; None where that is not known on this machine."""
    kept = _kept(runs / link.id / FILE)
    mine = inputs.dataset.family
    relatives = _relatives(link, inputs)
    kin = {clip.id: clip for clip in relatives or ()}
    if kept is None:
        if not kin:
            # Another data set altogether has other clips; another folder, or a lost list, may have any.
            unknown = relatives is None or _is_folder(link)
            return None if unknown else _Seen(frozenset(), frozenset(), frozenset())
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


def _relatives(link: Link, inputs: Inputs) -> tuple[Clip, ...] | None:
    """Return the training clips of a run's subset by its metadata, none where it is of another family.

    None where it is of this one's and its list is not here.
    """
    if family(link.split) != inputs.dataset.family or _is_folder(link):
        return ()
    try:
        return load(link.split, inputs.dataset.root).subset.part("train")
    except BenchError:
        return None


def _is_folder(link: Link) -> bool:
    """Say whether a run was trained on a folder of somebody's, of which nobody knows what it held."""
    kind = kind_of(link.split)
    return kind is not None and kind.name == "folder"


def _recordings(clips: Iterable[Clip]) -> frozenset[tuple[str, int, int]]:
    """Return the recordings that clips are of, where their url is known."""
    return frozenset(clip.recording for clip in clips if clip.url)


def _file(inputs: Inputs, clip: Clip) -> str:
    """Return the checksum of a clip's file with its cut; empty where it is not known (landmarks)."""
    if not isinstance(inputs.store, ClipStore):
        return ""
    return f"{inputs.store.entry(clip.id).source.sha256} {clip.frame_start}..{clip.frame_end}"
