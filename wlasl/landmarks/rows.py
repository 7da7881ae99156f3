"""Which clip is a row of a table that names no clips: matched by part, class and number of frames."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from utils.errors import BenchError
from wlasl.clips import PARTS, Subset

T = TypeVar("T")


class Row(NamedTuple):
    """What is known of a row besides its landmarks.

    Attributes:
        path: the file.
        number: the row's, from 1.
        label: the class as the file counts them.
        part: train, val or test; empty where nobody says.
        id: the clip's; empty where nobody says.
        frames: how many there are.
    """

    path: Path
    number: int
    label: int
    part: str
    id: str
    frames: int


def assigned(rows: Sequence[Row], subset: Subset) -> tuple[dict[str, Row], tuple[str, ...]]:
    """Return the row of each clip that has one, and what a person should know of that.

    Rows with an id are its clips'. Of the others part and class are certain; within these, the shortest row
    is the shortest clip, so that the lengths differ least. It may be another clip of the same part and class.

    Raises:
        BenchError: two rows have the same id, or a row has neither an id nor a part.
    """
    if all(row.id for row in rows):
        return _by_id(rows, {clip.id for clip in subset.clips})
    lost = next((row for row in rows if row.part not in PARTS), None)
    if lost:
        raise BenchError(
            f"{lost.path} names no clips, and which part it holds is not said: "
            f"put {', '.join(PARTS[:-1])} or {PARTS[-1]} into its name."
        )
    first = _first_class(rows, len(subset.glosses))
    clips = _grouped((clip, (clip.part, clip.label)) for clip in subset.clips)
    found: dict[str, Row] = {}
    for key, group in _grouped((row, (row.part, row.label - first)) for row in rows).items():
        there = sorted(clips.get(key, ()), key=lambda clip: clip.frames or 0)
        mine = sorted(group, key=lambda row: row.frames)
        pairs = matched([row.frames for row in mine], [clip.frames or 0 for clip in there])
        found |= {there[at].id: mine[row] for row, at in pairs}
    return found, _said(rows, found, subset)


def _by_id(rows: Sequence[Row], known: set[str]) -> tuple[dict[str, Row], tuple[str, ...]]:
    """Return the rows by their ids."""
    found = {row.id: row for row in rows}
    if len(found) < len(rows):
        raise BenchError(f"{rows[0].path.name}: {len(rows) - len(found)} ids appear twice.")
    others = len(found.keys() - known)
    notes = (f"{others:,} of {len(rows):,} rows are no clips of this subset.",) if others else ()
    return found, notes


def _first_class(rows: Iterable[Row], classes: int) -> int:
    """Return the number of a file's first class: 1 where the last one is the number of classes, else 0."""
    labels = {row.label for row in rows}
    return int(max(labels) == classes and min(labels) >= 1)


def _grouped(rows: Iterable[tuple[T, tuple[str, int]]]) -> Mapping[tuple[str, int], list[T]]:
    """Return things by their part and class."""
    groups: dict[tuple[str, int], list[T]] = defaultdict(list)
    for row, key in rows:
        groups[key].append(row)
    return groups


def _said(rows: Sequence[Row], found: Mapping[str, Row], subset: Subset) -> tuple[str, ...]:
    """Return how well rows and clips fit together, as a sentence."""
    frames = {clip.id: clip.frames for clip in subset.clips}
    same = sum(row.frames == frames[name] for name, row in found.items())
    note = (
        f"{len(found):,} of {len(rows):,} rows, which have no ids, were matched to clips by part, class and "
    )
    note += f"number of frames; {same:,} have exactly the clip's number (few: another order of the classes?)."
    return (note,)


def matched(some: Sequence[int], others: Sequence[int]) -> list[tuple[int, int]]:
    """Pair as many sorted numbers as possible in order, so that their differences sum up to the least.

    Returns:
        positions in `some` and in `others`.
    """
    if len(some) > len(others):
        return [(mine, at) for at, mine in matched(others, some)]
    spare = len(others) - len(some)
    # cost[k]: of the numbers so far, with k of the others left out; way: whether the last one was left out.
    cost = [0.0] * (spare + 1)
    ways: list[list[int]] = []
    for at, number in enumerate(some):
        row, left = list[float](), list[int]()
        best, skipped = math.inf, 0
        for k in range(spare + 1):
            here = cost[k] + abs(number - others[at + k])
            if here < best:
                best, skipped = here, k
            row.append(best)
            left.append(skipped)
        cost = row
        ways.append(left)
    pairs, k = list[tuple[int, int]](), spare
    for at in range(len(some) - 1, -1, -1):
        k = ways[at][k]
        pairs.append((at, at + k))
    return pairs[::-1]
