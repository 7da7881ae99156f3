"""From records to the rows of a table: grouped by recipe, ranked only among runs over the same test clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from benchmarks.chain import group_of, owes_to_test
from benchmarks.metrics import KS, spread
from benchmarks.probe_records import ProbeRecord
from benchmarks.published import SHIPPED, Published, of_system, read_published
from benchmarks.records import Shelf, Stored, read_records
from benchmarks.schema import Record
from benchmarks.table_probes import Probes, gathered, summed
from benchmarks.table_recipes import Differing, described, differing

SUBSETS = ("100", "300", "1000", "2000", "sample")
"""The order in which subsets are printed; others follow by name."""


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
        rank: 1 is the highest mean top-1 among the same test clips; equal means share a rank. None where the
            checkpoint was chosen on test: such a row is ranked with none.
        records: the runs averaged, in the order of their seeds.
        attempted: runs of this recipe that there are, with those that failed or were altered.
        recipe: the named recipe that this one is nearest to; empty for a system that has none.
        differs: fields by which this recipe differs from that one, `field=value`; without a named recipe,
            from others of the same model here.
        top: per k; None where k says nothing.
        per_class: per k, likewise; the mean over classes that have clips.
        loss: cross-entropy in nats.
        published: verified numbers of the same network.
        probes: what `bench probe` found of these runs.
    """

    rank: int | None
    records: tuple[Record, ...]
    attempted: int
    recipe: str
    differs: tuple[str, ...]
    top: dict[int, Measure | None]
    per_class: dict[int, Measure | None]
    loss: Measure | None
    published: tuple[Published, ...]
    probes: Probes

    @property
    def first(self) -> Record:
        """Return the run that stands for what all seeds share."""
        return self.records[0]

    @property
    def on_test(self) -> bool:
        """Say whether test chose the checkpoint or one before it, as reproducing a paper may."""
        return owes_to_test(self.first)


@dataclass(frozen=True, slots=True)
class Board:
    """Rows over the very same test clips.

    Attributes:
        test: the clips' fingerprint.
        clips: how many they are.
        official: how many the subset's authors list.
        rows: in the order of their ranks; those without one stand below.
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
    """Return what people call a subset: WLASL100 for 100, WLASL2000 labelled w1573 for 2000-w1573."""
    size, _, labels = subset.partition("-")
    if not size.isdigit():
        return subset
    return f"WLASL{size} labelled {labels}" if labels else f"WLASL{size}"


def load_table(results: Path) -> Table:
    """Read a results folder, with its published.csv or else the one that the project ships."""
    own = results / SHIPPED.name
    shelf = read_records(results)
    probes, unused = gathered(results, [one.record for one in shelf.records if _counts(one)])
    published = read_published(own if own.is_file() else SHIPPED)
    return collect(replace(shelf, unreadable=(*shelf.unreadable, *unused)), published, probes)


def collect(
    shelf: Shelf, published: Sequence[Published], probes: Mapping[str, ProbeRecord] | None = None
) -> Table:
    """Arrange records as a table; the order of files and the time of day change nothing.

    Args:
        shelf: the records.
        published: the published numbers.
        probes: by the id of their run.
    """
    starts = {one.record.id: one.record for one in shelf.records if _counts(one)}
    by_subset = groupby(sorted(shelf.records, key=_place), key=_place)
    sections = tuple(_section(list(runs), starts, published, probes or {}) for _, runs in by_subset)
    return Table(sections, tuple(published), shelf.unreadable)


def _counts(stored: Stored) -> bool:
    """Say whether a record is a finished run, as it was written."""
    return not stored.altered and stored.record.status == "done"


def _place(stored: Stored) -> tuple[int, str]:
    """Return what records are sorted by: their subset."""
    subset = stored.record.split
    return (SUBSETS.index(subset) if subset in SUBSETS else len(SUBSETS), subset)


def _section(
    stored: Sequence[Stored],
    starts: Mapping[str, Record],
    published: Sequence[Published],
    probes: Mapping[str, ProbeRecord],
) -> Section:
    """Arrange the records of one subset."""
    good = [one.record for one in stored if _counts(one)]
    unfinished = [one for one in stored if not one.altered and one.record.status != "done"]
    altered = [one for one in stored if one.altered]
    attempted: dict[str, set[str]] = {}
    groups: dict[str, str] = {}
    for one in stored:
        group = group_of(one.record, starts)
        attempted.setdefault(group, set()).add(one.record.id)
        if not one.altered:
            groups[one.record.id] = group
    # One run of each group will do: the others differ by their seed, which no row tells.
    one_each = {groups[record.id]: record for record in good}
    context = _Context(groups, attempted, differing(one_each.values()), published, probes)
    boards = [
        _board(list(records), context)
        for _, records in groupby(sorted(good, key=_test_clips), key=_test_clips)
    ]
    return Section(
        stored[0].record.split,
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


@dataclass(frozen=True, slots=True)
class _Context:
    """What rows need to know besides their own runs.

    Attributes:
        groups: the group of each run, by its id: hashed once, which 10,000 runs notice.
        attempted: per group of runs, the ids of all there are.
        differing: what `differing` says of the subset's runs.
        published: the published numbers.
        probes: by the id of their run.
    """

    groups: Mapping[str, str]
    attempted: Mapping[str, set[str]]
    differing: Differing
    published: Sequence[Published]
    probes: Mapping[str, ProbeRecord]


def _board(records: list[Record], context: _Context) -> Board:
    """Arrange the finished runs over one set of test clips: those chosen on test below, without a rank."""
    groups: dict[tuple[bool, str], list[Record]] = {}
    for record in sorted(records, key=_seed):
        groups.setdefault((owes_to_test(record), context.groups[record.id]), []).append(record)
    ordered = sorted(
        groups.items(), key=lambda item: (item[0][0], -_mean_top1(item[1]), item[1][0].model, item[0][1])
    )
    means = [_mean_top1(runs) for (on_test, _), runs in ordered if not on_test]
    first = {mean: rank for rank, mean in reversed(list(enumerate(means, start=1)))}
    ranks = [first[mean] for mean in means]
    ranked: list[int | None] = [*ranks, *[None] * (len(ordered) - len(ranks))]
    rows = tuple(_row(rank, runs, context) for rank, (_, runs) in zip(ranked, ordered, strict=True))
    coverage = records[0].clips.parts.get("test")
    clips = int(records[0].metrics["test"].get("clips") or 0)
    return Board(records[0].clips.test, clips, coverage.official if coverage else clips, rows)


def _row(rank: int | None, records: Sequence[Record], context: _Context) -> Row:
    """Measure the seeds of one recipe."""
    first = records[0]
    recipe, differs = described(first, context.differing)
    return Row(
        rank=rank,
        records=tuple(records),
        attempted=len(context.attempted[context.groups[first.id]]),
        recipe=recipe,
        differs=differs,
        top={k: _measure(records, f"top{k}") for k in KS},
        per_class={k: _measure(records, f"per_class_top{k}") for k in KS},
        loss=_measure(records, "loss"),
        published=of_system(context.published, first.split, first.model),
        probes=summed([context.probes[one.id] for one in records if one.id in context.probes]),
    )


def _mean_top1(records: Sequence[Record]) -> float:
    """Return what rows are ranked by; -1 where top-1 says nothing."""
    top1 = _measure(records, "top1")
    return -1.0 if top1 is None else top1.mean


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
