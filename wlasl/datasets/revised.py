"""WLASL with other labels: lists of `WLASL2000/<id>.mp4 <class>` per part, such as SignNet's 1,573 classes.

The clips, their parts and all else that is known of them stay WLASL's; the lists say which clips are kept and
what sign each shows. A subset is then called after both, `2000-w1573`, for its numbers are of another task.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from utils.errors import BenchError
from utils.names import is_safe_id
from wlasl.clips import PARTS, Clip, Part, Subset
from wlasl.datasets.form import listed, revision
from wlasl.datasets.tables import Faults, text_of, whole

VARIABLE = "WLASL_LABELS"
"""The folder of lists that are not beside the data set; `--labels FILE` sets it for its own processes."""

_ENDINGS: dict[Part, tuple[str, ...]] = {
    "train": ("train",),
    "val": ("dev", "val"),
    "test": ("test",),
}
"""What the list of a part ends with, before `.csv`."""
_LIST = re.compile(r"(.+)_(?:train|dev|val|test)(?:\.csv)?")
_NUMBER = re.compile(r"\d+")


def labelled(split: str, file: str | None) -> str:
    """Return what a subset is called with the labels of `--labels FILE`, and remember where they lie.

    Args:
        split: a subset of WLASL; any where no labels are given.
        file: one of the lists, what their names begin with (`lists/w1573`), or that alone where they lie
            under `revised` in the data set's folder.

    Raises:
        BenchError: no list of that name is there, or the name cannot be part of a folder's.
    """
    if file is None:
        return split
    path = Path(file).expanduser()
    match = _LIST.fullmatch(path.name)
    name = match[1] if match else path.name
    if not is_safe_id(name) or "-" in split:
        raise BenchError(f"--labels takes a list such as w1573_train.csv, not {file!r} for {split!r}.")
    if path.parent != Path():
        if _list_in(path.parent, name, "train") is None:
            raise BenchError(f"There is no list {path.parent / name}_train.csv for --labels.")
        os.environ[VARIABLE] = str(path.parent.absolute())
    return f"{split}-{name}"


def relabelled(whole_: Subset, base: Subset, name: str, root: Path) -> Subset:
    """Return the clips of a subset that the lists keep, with the lists' labels.

    Args:
        whole_: WLASL2000, whose clips the lists name.
        base: the subset whose clips are wanted; its classes are those that its clips have.
        name: what the lists' names begin with.
        root: the data set's folder.

    Raises:
        BenchError: a list is missing or has bad rows; the sentence names their lines.
    """
    folder = _folder(root, name)
    known = {clip.id: clip for clip in whole_.clips}
    given = {part: _read(folder, name, part, known) for part in PARTS}
    _check_parts(name, given)
    mine = {clip.id for clip in base.clips}
    kept = {clip: (part, label) for part in PARTS for clip, label in given[part].items() if clip in mine}
    if not kept:
        raise BenchError(f"The lists {name} keep no clip of {base.name}.")
    all_ = {clip: label for part in PARTS for clip, label in given[part].items()}
    names = _names(folder, name, all_, known)
    order = sorted({label for _, label in kept.values()})
    places = {label: place for place, label in enumerate(order)}
    glosses = tuple(names[label] for label in order)
    clips = tuple(
        replace(known[clip], gloss=names[label], label=places[label], part=part)
        for clip, (part, label) in kept.items()
    )
    called = f"{base.name}-{name}"
    notes = _notes(clips, base, kept)
    return Subset(called, glosses, clips, revision(called, glosses, clips), notes)


def _folder(root: Path, name: str) -> Path:
    """Return the folder that the lists lie in."""
    told = os.environ.get(VARIABLE)
    folders = [*([Path(told).expanduser()] if told else []), root / "revised", root]
    found = next((folder for folder in folders if _list_in(folder, name, "train")), None)
    if found is None:
        where = " or ".join(str(folder) for folder in folders)
        raise BenchError(f"There is no list {name}_train.csv in {where}. Say where with --labels FILE.")
    return found


def _list_in(folder: Path, name: str, part: Part) -> Path | None:
    """Return the list of a part in a folder; None where there is none."""
    paths = (folder / f"{name}_{ending}.csv" for ending in _ENDINGS[part])
    return next((path for path in paths if path.is_file()), None)


def _read(folder: Path, name: str, part: Part, known: Mapping[str, Clip]) -> dict[str, int]:
    """Return the class of each clip of one part's list."""
    path = _list_in(folder, name, part)
    if path is None:
        raise BenchError(f"{folder} has no list {name}_{_ENDINGS[part][0]}.csv of the {part} clips.")
    faults = Faults(path)
    labels: dict[str, int] = {}
    for number, line in enumerate(text_of(path).splitlines(), start=1):
        words = line.split()
        label = whole(words[1]) if len(words) == 2 else None  # noqa: PLR2004 - a name and a class
        clip = PurePosixPath(words[0]).stem if words else ""
        if label is None:
            if words:
                faults.add(number, f"{line[:60]!r} is no file and class")
        elif clip not in known:
            faults.add(number, f"{clip!r} is no clip of WLASL2000")
        elif known[clip].part != part:
            faults.add(number, f"clip {clip} is one of {known[clip].part} in WLASL2000")
        elif labels.setdefault(clip, label) != label:
            faults.add(number, f"clip {clip} has class {labels[clip]} already")
    faults.check("Mend these lines, or fetch the list again.")
    return labels


def _check_parts(name: str, given: Mapping[Part, Mapping[str, int]]) -> None:
    """Refuse lists that leave numbers out: nobody could be right in a class that is nowhere."""
    labels = {label for part in given.values() for label in part.values()}
    holes = sorted(set(range(len(labels))) - labels)
    if holes or not labels:
        raise BenchError(f"The lists {name} name no clip of class {listed(map(str, holes)) or '0'}.")


def _names(folder: Path, name: str, labels: Mapping[str, int], known: Mapping[str, Clip]) -> dict[int, str]:
    """Return the classes' names: of `map1573.txt` for w1573, else WLASL's commonest and a number."""
    classes = max(labels.values()) + 1
    number = _NUMBER.search(name)
    path = folder / f"map{number[0] if number else name}.txt"
    if path.is_file():
        names = [line.strip() for line in text_of(path).splitlines() if line.strip()]
        if len(names) == classes == len(set(names)):
            return dict(enumerate(names))
        raise BenchError(f"{path} should name {classes} classes, each once; it has {len(names)} lines.")
    of_class: dict[int, list[str]] = {}
    for clip, label in labels.items():
        of_class.setdefault(label, []).append(known[clip].gloss)
    return {label: f"{_commonest(glosses)} #{label}" for label, glosses in of_class.items()}


def _commonest(glosses: Sequence[str]) -> str:
    """Return the most frequent of some glosses, the first by name of several."""
    return min(sorted(set(glosses)), key=lambda gloss: -glosses.count(gloss))


def _notes(clips: Sequence[Clip], base: Subset, kept: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """Say what differs from the subset with its own labels."""
    notes = {
        f"clips of WLASL{base.name} that the lists leave out": tuple(_without(base, kept)),
        "classes without a training clip": tuple(_untaught(clips)),
    }
    said = {text: ids for text, ids in notes.items() if ids}
    return {f"other labels: not comparable with WLASL{base.name}": (), **said}


def _without(base: Subset, kept: Mapping[str, object]) -> Iterator[str]:
    """Yield the clips of a subset that are not kept."""
    return (clip.id for clip in base.clips if clip.id not in kept)


def _untaught(clips: Sequence[Clip]) -> list[str]:
    """Return the glosses that train has no clip of."""
    taught = {clip.label for clip in clips if clip.part == "train"}
    return list(dict.fromkeys(clip.gloss for clip in clips if clip.label not in taught))
