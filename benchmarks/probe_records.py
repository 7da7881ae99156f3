"""What `bench probe` found of a run: one file beside the run's record, written whole.

The record `<results>/<subset>/<model>/<id>.json` has its probes at `.../<model>/probes/<id>.json`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from benchmarks.beside import Beside, Files, Stored
from benchmarks.metrics import spread
from benchmarks.probe_names import PLAIN
from benchmarks.schema import Frozen, Where

FORMAT = 1
"""The version of this file's schema; readers refuse newer ones in words."""

Draw = dict[str, float | int | None]
"""What one scoring of the test part gave: clips, hits1, top1, hits5, top5, loss, ties, and on the sample
`pairs` (clips of signs that are another one's reversal) and `pair_hits` (those told from that one)."""


class Probed(Frozen):
    """One probe of a run.

    Attributes:
        draws: one for each time that the test part was scored; several where the probe is random.
        change: the largest change of any log-probability against the plain scores, over all draws.
        double: the same in double precision, where single precision leaves open whether it is rounding.
        reason: why this probe says nothing of this run; there are no draws then.
    """

    draws: tuple[Draw, ...] = ()
    change: float | None = None
    double: float | None = None
    reason: str = ""

    @property
    def told(self) -> float | None:
        """Return the change as exactly as it is known."""
        return self.change if self.double is None else self.double

    def mean(self, name: str) -> float | None:
        """Return the mean of one number over the draws; None where there is none."""
        values = [value for draw in self.draws if (value := draw.get(name)) is not None]
        return spread([float(value) for value in values])[0] if values else None


class ProbeRecord(Beside):
    """The probes of one run.

    Attributes:
        test: the fingerprint of the test clips scored.
        probes: by name (`benchmarks.probe_names.PROBES`).
        where: what the probes were carried out on.
        started: UTC, ISO 8601.
        finished: likewise.
        format: version of this schema.
    """

    test: str
    probes: dict[str, Probed]
    where: Where = Where()
    started: str = ""
    finished: str = ""
    format: int = FORMAT

    def top1(self, probe: str) -> float | None:
        """Return the mean top-1 under a probe, as a fraction; None where there is none."""
        return self.probes[probe].mean("top1") if probe in self.probes else None

    def pairs(self, probe: str = PLAIN) -> float | None:
        """Return the share of reversed pairs' clips told apart under a probe; None where there are none."""
        found = self.probes.get(probe)
        if found is None or not (pairs := found.mean("pairs")):
            return None
        return (found.mean("pair_hits") or 0.0) / pairs


StoredProbes = Stored[ProbeRecord]
"""Probes as found on the disk."""
_FILES = Files("probes", ProbeRecord, FORMAT)
probes_path, write_probes, read_probes = _FILES.path, _FILES.write, _FILES.read


def same(one: float | None, other: float | None) -> bool:
    """Say whether two rates are the same but for rounding."""
    return one is not None and other is not None and math.isclose(one, other, abs_tol=1e-9)


def agrees(record: ProbeRecord, metrics: Mapping[str, Mapping[str, float | int | None]]) -> bool:
    """Say whether the plain scores give the top-1 that stands in the run's record."""
    return same(record.top1(PLAIN), metrics.get("test", {}).get("top1"))
