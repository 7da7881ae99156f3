"""What the doctor says of other data sets than WLASL: their lists against their authors' numbers, and more.

Duplicates are files of the same bytes; only files of the same size are read for that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from utils.files import sha256
from wlasl.clips import PARTS, Clip, Part
from wlasl.datasets.form import Kind
from wlasl.datasets.kinds import kind_of
from wlasl.subsets import DataSet


@dataclass(frozen=True)
class SetHealth:
    """What is to be known of a data set beside WLASL.

    Attributes:
        kind: the data set as its authors published it.
        listed: per part, how many clips its lists have.
        classes: how many classes they have.
        signers: per part, how many people sign in it; none where nobody says.
        shared: per two parts that share signers, those signers.
        twins: groups of clips whose files have the same bytes; None where no file was opened.
        strays: videos that no list names, or that are there twice.
    """

    kind: Kind
    listed: Mapping[Part, int]
    classes: int
    signers: Mapping[Part, int]
    shared: Mapping[tuple[Part, Part], tuple[int, ...]]
    twins: tuple[tuple[Clip, ...], ...] | None
    strays: tuple[Path, ...]

    def twins_across(self, what: str) -> int:
        """Return how many groups of twins are in several parts, or under several labels."""
        return sum(len({getattr(clip, what) for clip in group}) > 1 for group in self.twins or ())

    def differing(self) -> list[str]:
        """Return, in words, where the lists have other numbers than their authors give."""
        pairs: list[tuple[str, int | None, int | None]]
        pairs = [(f"{part} clips", self.listed[part], self.kind.clips.get(part)) for part in PARTS]
        pairs += [("classes", self.classes, self.kind.classes)]
        pairs += [(f"{part} signers", self.signers.get(part), self.kind.signers.get(part)) for part in PARTS]
        return [
            f"{name}: {here:,} here, {official:,} by its authors"
            for name, here, official in pairs
            if here is not None and official is not None and here != official
        ]


def examine_set(dataset: DataSet, *, open_files: bool = True) -> SetHealth | None:
    """Look a data set beside WLASL over; None for WLASL and the sample.

    Args:
        dataset: the data set.
        open_files: read files of the same size, to find twins.
    """
    kind = kind_of(dataset.subset.name)
    if kind is None:
        return None
    subset = dataset.subset
    people = {part: {c.signer for c in subset.part(part) if c.signer is not None} for part in PARTS}
    shared = {
        (one, other): tuple(sorted(people[one] & people[other]))
        for one, other in combinations(PARTS, 2)
        if people[one] & people[other]
    }
    return SetHealth(
        kind=kind,
        listed={part: len(subset.part(part)) for part in PARTS},
        classes=len(subset.glosses),
        signers={part: len(found) for part, found in people.items() if found},
        shared=shared,
        twins=tuple(_twins(dataset)) if open_files else None,
        strays=dataset.files.strays,
    )


def _twins(dataset: DataSet) -> Iterable[tuple[Clip, ...]]:
    """Yield the clips whose files have the same bytes, a group at a time."""
    of_size: dict[int, list[Clip]] = defaultdict(list)
    for clip in dataset.available():
        if size := _size(dataset.files.path(clip.id)):
            of_size[size].append(clip)
    for same in of_size.values():
        if len(same) > 1:
            yield from _same_bytes(dataset, same)


def _size(path: Path | None) -> int:
    """Return a file's size; 0 where it is gone."""
    try:
        return path.stat().st_size if path else 0
    except OSError:
        return 0


def _same_bytes(dataset: DataSet, clips: Sequence[Clip]) -> Iterable[tuple[Clip, ...]]:
    """Yield the groups of clips, all of one size, whose files have the same bytes."""
    groups: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        path = dataset.files.path(clip.id)
        try:
            groups[sha256(path) if path else clip.id].append(clip)
        except OSError:
            continue  # an unreadable file is told of where it is opened
    yield from (tuple(group) for group in groups.values() if len(group) > 1)


def as_json(health: SetHealth) -> dict[str, Any]:
    """Return all that was found, as a JSON value."""
    twins = health.twins
    return {
        "data_set": health.kind.name,
        "parts": health.kind.parts,
        "listed": dict(health.listed),
        "official": dict(health.kind.clips),
        "classes": health.classes,
        "official_classes": health.kind.classes,
        "signers": dict(health.signers),
        "signers_shared": {f"{one} {other}": list(ids) for (one, other), ids in health.shared.items()},
        "differs_from_official": health.differing(),
        "strays": [str(path) for path in health.strays],
        "same_bytes": None if twins is None else [[clip.id for clip in group] for group in twins],
        "same_bytes_across_parts": None if twins is None else health.twins_across("part"),
        "same_bytes_across_glosses": None if twins is None else health.twins_across("label"),
    }
