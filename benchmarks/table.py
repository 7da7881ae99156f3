"""From records to the rows of a table: grouped by recipe, ranked only among runs over the same test clips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from benchmarks.metrics import KS, spread
from benchmarks.published import SHIPPED, Published, of_system, read_published
from benchmarks.records import Shelf, Stored, read_records
from benchmarks.schema import Record

SUBSETS = ("100", "300", "1000", "2000", "sample")
"""The order in which subsets are printed; others follow by name."""

_OWN_COLUMNS = frozenset(
    ("model", "engine", "split", "seed", "frames", "size", "weights", "weights_sha256", "clips", "revision")
)
"""Recipe fields that tell rows apart in a column of their own, or not at all."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One number over the seeds of a row, as a fraction.

    Attributes:
        mean: over the seeds.
        low: lower end of the 95 % interval; only where there is one seed.
        high: likewise, upper end.
        spread: sample standard deviation; only where there are several seeds.
    """

    mean: float
    low: float | None = None
    high: float | None = None
    spread: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a recipe apart from its seed, over one set of test clips.

    Attributes:
        rank: 1 is the highest mean top-1 among the same test clips; equal means share a rank.
        records: the runs averaged, in the order of their seeds.
        attempted: runs of this recipe that there are, with those that failed or were altered.
        differs: fields by which this recipe differs from others of the same model here, `field=value`.
        top: per k; None where k says nothing.
        per_class: per k, likewise; the mean over classes that have clips.
        loss: cross-entropy in nats.
        published: verified numbers of the same network.
    """

    rank: int
    records: tuple[Record, ...]
    attempted: int
    differs: tuple[str, ...]
    top: dict[int, Measure | None]
    per_class: dict[int, Measure | None]
    loss: Measure | None
    published: tuple[Published, ...]

    @property
    def first(self) -> Record:
        """Return the run that stands for what all seeds share."""
        return self.records[0]


@dataclass(frozen=True, slots=True)
class Board:
    """Rows over the very same test clips.

    Attributes:
        test: the clips' fingerprint.
        clips: how many they are.
        official: how many the subset's authors list.
        rows: in the order of their ranks.
    """

    test: str
    clips: int
    official: int
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """Everything of one subset.

    Attributes:
        subset: its name on the command line.
        boards: the set of most clips first.
        unfinished: runs that failed, timed out or were skipped, with their reasons.
        altered: records that are not as they were written; in no mean.
    """

    subset: str
    boards: tuple[Board, ...]
    unfinished: tuple[Stored, ...]
    altered: tuple[Stored, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """What `bench table` prints.

    Attributes:
        sections: a subset each.
        published: every row of published.csv.
        unreadable: a sentence per file that is not a record.
    """

    sections: tuple[Section, ...]
    published: tuple[Published, ...]
    unreadable: tuple[str, ...]


def title(subset: str) -> str:
    """Return what people call a subset: WLASL100 for 100."""
    return f"WLASL{subset}" if subset.isdigit() else subset


def load_table(results: Path) -> Table:
    """Read a results folder, with its published.csv or else the one that the project ships."""
    own = results / SHIPPED.name
    return collect(read_records(results), read_published(own if own.is_file() else SHIPPED))


def collect(shelf: Shelf, published: Sequence[Published]) -> Table:
    """Arrange records as a table; the order of files and the time of day change nothing."""
    by_subset: dict[str, list[Stored]] = {}
    for stored in shelf.records:
        by_subset.setdefault(stored.record.split, []).append(stored)
    sections = tuple(_section(name, by_subset[name], published) for name in sorted(by_subset, key=_place))
    return Table(sections, tuple(published), shelf.unreadable)


def _place(subset: str) -> tuple[int, str]:
    """Return what subsets are sorted by."""
    return (SUBSETS.index(subset) if subset in SUBSETS else len(SUBSETS), subset)


def _section(subset: str, stored: Sequence[Stored], published: Sequence[Published]) -> Section:
    """Arrange the records of one subset."""
    good = [one.record for one in stored if not one.altered and one.record.status == "done"]
    unfinished = [one for one in stored if not one.altered and one.record.status != "done"]
    altered = [one for one in stored if one.altered]
    attempted: dict[str, set[str]] = {}
    for one in stored:
        attempted.setdefault(one.record.group, set()).add(one.record.id)
    differing = _differing(good)
    boards = [
        _board(list(records), attempted, differing, published)
        for _, records in groupby(sorted(good, key=_test_clips), key=_test_clips)
    ]
    return Section(
        subset,
        tuple(sorted(boards, key=lambda board: (-board.clips, board.test))),
        tuple(sorted(unfinished, key=_by_name)),
        tuple(sorted(altered, key=_by_name)),
    )


def _test_clips(record: Record) -> str:
    """Return the fingerprint of the test clips that a run scored."""
    return record.clips.test


def _by_name(stored: Stored) -> tuple[str, int, Path]:
    """Return what lists of single runs are sorted by."""
    return (stored.record.model, _seed(stored.record), Path(stored.path.name))


def _seed(record: Record) -> int:
    """Return a run's seed; 0 where an altered record has none."""
    seed = record.recipe.get("seed")
    return seed if isinstance(seed, int) else 0


def _differing(records: Iterable[Record]) -> dict[tuple[str, str], frozenset[str]]:
    """Return, per model and engine, the recipe fields in which its runs differ, but those with a column."""
    values: dict[tuple[str, str], dict[str, set[str]]] = {}
    for record in records:
        seen = values.setdefault(_network(record), {})
        for field, value in record.recipe.items():
            seen.setdefault(field, set()).add(repr(value))
    return {
        network: frozenset(field for field, kinds in seen.items() if len(kinds) > 1) - _OWN_COLUMNS
        for network, seen in values.items()
    }


def _network(record: Record) -> tuple[str, str]:
    """Return a run's model and engine."""
    return (record.model, str(record.recipe.get("engine", "")))


def _board(
    records: list[Record],
    attempted: dict[str, set[str]],
    differing: dict[tuple[str, str], frozenset[str]],
    published: Sequence[Published],
) -> Board:
    """Arrange the finished runs over one set of test clips."""
    groups: dict[str, list[Record]] = {}
    for record in sorted(records, key=_seed):
        groups.setdefault(record.group, []).append(record)
    ordered = sorted(groups.values(), key=lambda runs: (-_mean_top1(runs), runs[0].model, runs[0].group))
    means = [_mean_top1(runs) for runs in ordered]
    rows = [
        _row(
            1 + sum(other > mean for other in means),
            runs,
            len(attempted[runs[0].group]),
            _differs(runs[0], differing[_network(runs[0])]),
            of_system(published, runs[0].split, runs[0].model),
        )
        for runs, mean in zip(ordered, means, strict=True)
    ]
    coverage = records[0].clips.parts.get("test")
    clips = int(records[0].metrics["test"].get("clips") or 0)
    return Board(records[0].clips.test, clips, coverage.official if coverage else clips, tuple(rows))


def _row(
    rank: int,
    records: Sequence[Record],
    attempted: int,
    differs: tuple[str, ...],
    published: tuple[Published, ...],
) -> Row:
    """Measure the seeds of one recipe."""
    return Row(
        rank=rank,
        records=tuple(records),
        attempted=attempted,
        differs=differs,
        top={k: _measure(records, f"top{k}") for k in KS},
        per_class={k: _measure(records, f"per_class_top{k}") for k in KS},
        loss=_measure(records, "loss"),
        published=published,
    )


def _mean_top1(records: Sequence[Record]) -> float:
    """Return what rows are ranked by; -1 where top-1 says nothing."""
    top1 = _measure(records, "top1")
    return -1.0 if top1 is None else top1.mean


def _differs(record: Record, fields: frozenset[str]) -> tuple[str, ...]:
    """Return how a recipe differs from others of its model, `field=value`, by field name."""
    recipe = record.recipe
    return tuple(f"{field}={recipe[field]}" for field in sorted(fields) if field in recipe)


def _measure(records: Sequence[Record], name: str) -> Measure | None:
    """Return a test metric over seeds; None where a run lacks it."""
    parts = [record.metrics["test"] for record in records]
    values = [float(value) for part in parts if (value := part.get(name)) is not None]
    if not values or len(values) < len(parts):
        return None
    mean, deviation = spread(values)
    if deviation is not None:
        return Measure(mean, spread=deviation)
    return Measure(mean, parts[0].get(f"{name}_low"), parts[0].get(f"{name}_high"))
