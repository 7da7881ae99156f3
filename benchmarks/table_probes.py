"""Probes in a table: what each found, over the runs of a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.metrics import spread
from benchmarks.probe_names import PLAIN
from benchmarks.probe_records import ProbeRecord, read_probes
from benchmarks.schema import Record
from utils.errors import BenchError

SHUFFLED = "shuffled"
"""The probe whose change of scores tells whether a system sees order at all."""


@dataclass(frozen=True, slots=True)
class Probes:
    """What probes found of a row's runs; fractions.

    Attributes:
        runs: how many of the row's runs were probed.
        top1: per probe, the mean over runs and its standard deviation (None of a single run).
        change: the largest change of any log-probability where frames are shuffled, over all runs.
        pairs: the share of clips of reversed signs that are told from the other sign, and of how many.
    """

    runs: int = 0
    top1: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)
    change: float | None = None
    pairs: tuple[float, int] | None = None


def gathered(results: Path, records: Sequence[Record]) -> tuple[dict[str, ProbeRecord], tuple[str, ...]]:
    """Return the probes of these runs by id, and a sentence per file that does not count.

    Args:
        results: the results folder.
        records: finished runs.
    """
    known = {path.stem for path in results.glob("*/*/probes/*.json")}
    found: dict[str, ProbeRecord] = {}
    unused: list[str] = []
    for record in records:
        if record.id not in known:
            continue
        try:
            stored = read_probes(results, record)
        except BenchError as error:
            unused.append(str(error))
            continue
        if stored is not None and stored.stale:
            unused.append(
                f"{stored.path} does not count: {stored.stale}. `bench probe {record.id}` makes it anew."
            )
        elif stored is not None:
            found[record.id] = stored.record
    return found, tuple(unused)


def summed(probes: Sequence[ProbeRecord]) -> Probes:
    """Return what the probes of a row's runs found together."""
    if not probes:
        return Probes()
    names = dict.fromkeys(name for one in probes for name in one.probes if name != PLAIN)
    top1 = {
        name: spread(values)
        for name in names
        if (values := [rate for one in probes if (rate := one.top1(name)) is not None])
    }
    changes = [one.probes[SHUFFLED].told for one in probes if SHUFFLED in one.probes]
    return Probes(
        len(probes), top1, max((each for each in changes if each is not None), default=None), _pairs(probes)
    )


def _pairs(probes: Sequence[ProbeRecord]) -> tuple[float, int] | None:
    """Return the mean share of reversed signs' clips told apart, and how many clips they are."""
    shares = [share for one in probes if (share := one.pairs()) is not None]
    if not shares:
        return None
    return spread(shares)[0], int(probes[0].probes[PLAIN].mean("pairs") or 0)
