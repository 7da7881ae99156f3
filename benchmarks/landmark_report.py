"""The tables about landmarks: how many clips have them, what their frames show, and what was skipped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.data_report import table, titled
from benchmarks.table import title
from wlasl.clips import PARTS, Clip
from wlasl.landmarks.prepare import PreparedLandmarks
from wlasl.landmarks.quality import GROUPS, Quality, survey, together
from wlasl.subsets import DataSet

_NAMED = 5
"""How many clips a line names before it says how many more there are."""
_SHORT = ("body", "left", "right")
"""GROUPS, as headings."""
_LEGEND = "Shares are of frames; `no hand` are clips in which no frame shows one."
_WORDS = {
    "missing": "no landmarks for it",
    "shape": "a wrong shape",
    "empty": "no frames",
    "unseen": "no joint seen in any frame",
    "infinite": "infinite numbers",
    "joints": "other joints than the others",
    "mixed": "of another source than the others",
    "short": "far fewer frames than the clip has",
    "unreadable": "unreadable",
}
"""The reasons of wlasl.landmarks.form in words."""


def print_landmarks(prepared: PreparedLandmarks, dataset: DataSet, console: Console) -> None:
    """Print what `prepare_landmarks` found: coverage, what is seen, what was skipped and why, and notes."""
    console.print(landmark_report(prepared, dataset))


def landmark_report(prepared: PreparedLandmarks, dataset: DataSet) -> RenderableType:
    """Return all that is to be said of a data set's landmarks.

    Raises:
        BenchError: a clip's bytes are damaged.
    """
    store, subset = prepared.store, dataset.subset
    seen = survey(store, subset.clips)
    of = title(subset.name)
    heading = f"Landmarks of {of}: {store.source}, {len(store.joints)} joints x {store.dims}"
    said = [*titled(heading, _coverage(subset.clips, seen))[:-1], Text(f"{_LEGEND}\n")]
    said += _worst(seen)
    said += _skipped(prepared)
    said += [Text(f"{note}\n") for note in prepared.notes]
    said.append(Text(prepared.summary()))
    return Group(*said)


def in_short(prepared: PreparedLandmarks) -> tuple[str, ...]:
    """Return what whoever trains on landmarks should know of them, a sentence each: notes, and bad clips."""
    reasons = _by_reason({name: why for name, why in prepared.skipped.items() if why != "missing"})
    bad = [
        f"Left out, {_WORDS.get(reason, reason)}: {_few(names, prepared.details)}."
        for reason, names in reasons.items()
    ]
    return (*prepared.notes, *bad)


def as_json(prepared: PreparedLandmarks, dataset: DataSet) -> dict[str, object]:
    """Return the same as JSON: shares from 0 to 1, None for what the source does not know."""
    store = prepared.store
    seen = survey(store, dataset.subset.clips)
    return {
        "store": str(store.folder),
        "source": store.source,
        "joints": len(store.joints),
        "dims": store.dims,
        "clips": len(store.ids),
        "new": prepared.done,
        "bytes": store.nbytes,
        "seconds": round(prepared.seconds, 3),
        "parts": {
            name: _numbers(together(rows)) for name, rows in _parts(dataset.subset.clips, seen).items()
        },
        "skipped": dict(sorted(prepared.skipped.items())),
        "details": {name: what for name, what in sorted(prepared.details.items()) if what},
        "notes": list(prepared.notes),
    }


def _numbers(found: Quality) -> dict[str, object]:
    """Return one part's figures for JSON."""
    shares = {group: found.share(group) for group in GROUPS}
    return {
        "clips": found.clips,
        "frames": found.frames,
        "seen": shares,
        "clips_without_a_hand": found.handless,
    }


def _parts(clips: Sequence[Clip], seen: Mapping[str, Quality]) -> dict[str, list[Quality]]:
    """Return what is seen of the clips of each part that have landmarks."""
    return {
        part: [seen[clip.id] for clip in clips if clip.part == part and clip.id in seen] for part in PARTS
    }


def _coverage(clips: Sequence[Clip], seen: Mapping[str, Quality]) -> Table:
    """Return how many clips of each part have landmarks, and the share of their frames with each group."""
    made = table("part", "clips", "have", "frames", *_SHORT, "either", "no hand")
    parts = _parts(clips, seen)
    for part in PARTS:
        _row(made, part, sum(clip.part == part for clip in clips), together(parts[part]))
    made.add_section()
    _row(made, "all", len(clips), together(seen.values()))
    return made


def _row(made: Table, name: str, official: int, found: Quality) -> None:
    """Add a part's row."""
    shares = [found.share(group) for group in GROUPS]
    made.add_row(
        name,
        f"{official:,}",
        f"{found.clips:,}",
        f"{found.frames:,}",
        *("-" if share is None else f"{share:.1%}" for share in shares),
        f"{found.any_hand / found.frames:.1%}" if found.frames else "-",
        f"{found.handless:,}",
    )


def _worst(seen: Mapping[str, Quality]) -> list[RenderableType]:
    """Return the clips of whose frames the fewest show a hand, as a table."""
    rows = sorted(seen.items(), key=lambda row: (row[1].any_hand / row[1].frames, row[0]))[:_NAMED]
    made = table("clip", "frames", *_SHORT, "either")
    for name, found in rows:
        shares = [found.share(group) for group in GROUPS]
        cells = ["-" if share is None else f"{share:.1%}" for share in shares]
        made.add_row(name, f"{found.frames:,}", *cells, f"{found.any_hand / found.frames:.1%}")
    return titled("The clips that show the fewest hands", made)


def _skipped(prepared: PreparedLandmarks) -> list[RenderableType]:
    """Return why clips have no landmarks, as a table; nothing where all have."""
    if not prepared.skipped:
        return []
    made = table("reason", "clips")
    made.add_column("for example")
    for reason, names in _by_reason(prepared.skipped).items():
        made.add_row(_WORDS.get(reason, reason), f"{len(names):,}", _few(names, prepared.details))
    return titled("Without landmarks: left out of every run", made)


def _by_reason(skipped: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the clips of each reason, the most frequent one first."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for name, reason in sorted(skipped.items()):
        reasons[reason].append(name)
    return dict(sorted(reasons.items(), key=lambda row: -len(row[1])))


def _few(names: Sequence[str], details: Mapping[str, str]) -> str:
    """Write the first few ids with what was seen of each, and how many more there are."""
    told = [f"{name} ({details[name]})" if details.get(name) else name for name in names[:_NAMED]]
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(told) + more
