"""What `bench probe` found of a run: one file beside the run's record, written whole.

The record `<results>/<subset>/<model>/<id>.json` has its probes at `.../<model>/probes/<id>.json`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmarks.metrics import spread
from benchmarks.probe_names import PLAIN
from benchmarks.records import record_path
from benchmarks.schema import Record, Where
from benchmarks.seals import read_unsealed, sealed
from utils.errors import BenchError
from utils.files import write_json

FORMAT = 1
"""The version of this file's schema; readers refuse newer ones in words."""

Draw = dict[str, float | int | None]
"""What one scoring of the test part gave: clips, hits1, top1, hits5, top5, loss, ties, and on the sample
`pairs` (clips of signs that are another one's reversal) and `pair_hits` (those told from that one)."""


class _Part(BaseModel):
    """What every part of the file is: frozen, and with no fields but the known ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Probed(_Part):
    """One probe of a run.

    Attributes:
        draws: one for each time that the test part was scored; several where the probe is random.
        change: the largest change of any log-probability against the plain scores, over all draws.
        reason: why this probe says nothing of this run; there are no draws then.
    """

    draws: tuple[Draw, ...] = ()
    change: float | None = None
    reason: str = ""

    def mean(self, name: str) -> float | None:
        """Return the mean of one number over the draws; None where there is none."""
        values = [value for draw in self.draws if (value := draw.get(name)) is not None]
        return spread([float(value) for value in values])[0] if values else None


class ProbeRecord(_Part):
    """The probes of one run.

    Attributes:
        id: the run's.
        model: the run's.
        split: the run's.
        of: when the run finished; probes of an earlier run of the same recipe are out of date.
        test: the fingerprint of the test clips scored.
        probes: by name (`benchmarks.probe_names.PROBES`).
        where: what the probes were carried out on.
        started: UTC, ISO 8601.
        finished: likewise.
        format: version of this schema.
    """

    id: str
    model: str
    split: str
    of: str
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


@dataclass(frozen=True, slots=True)
class StoredProbes:
    """Probes as found on the disk.

    Attributes:
        record: what the file says.
        path: where it lies.
        stale: why it does not count; empty where it does.
    """

    record: ProbeRecord
    path: Path
    stale: str = ""


def probes_path(results: Path, record: Record) -> Path:
    """Return where the probes of a run lie."""
    path = record_path(results, record)
    return path.parent / "probes" / path.name


def write_probes(path: Path, record: ProbeRecord) -> None:
    """Write a run's probes whole, with the checksum of their body.

    Raises:
        BenchError: the folder cannot be written to.
    """
    write_json(path, sealed(record.model_dump(mode="json")))


def read_probes(results: Path, run: Record) -> StoredProbes | None:
    """Read a run's probes; None where it was not probed.

    Raises:
        BenchError: the file is none, or of a newer version.
    """
    path = probes_path(results, run)
    if not path.is_file():
        return None
    body, altered = read_unsealed(path, FORMAT, "holds no probes of a run")
    try:
        record = ProbeRecord.model_validate(body)
    except ValidationError as error:
        raise BenchError(f"{path} holds no probes of a run: {error.errors()[0]['msg']}.") from error
    return StoredProbes(record, path, altered or _outdated(record, run))


def _outdated(record: ProbeRecord, run: Record) -> str:
    """Say why probes are not of this run; empty where they are."""
    if record.id != run.id:
        return f"these are the probes of run {record.id}"
    return "" if record.of == run.finished else "the run was trained anew since"


def same(one: float | None, other: float | None) -> bool:
    """Say whether two rates are the same but for rounding."""
    return one is not None and other is not None and math.isclose(one, other, abs_tol=1e-9)


def agrees(record: ProbeRecord, metrics: Mapping[str, Mapping[str, float | int | None]]) -> bool:
    """Say whether the plain scores give the top-1 that stands in the run's record."""
    return same(record.top1(PLAIN), metrics.get("test", {}).get("top1"))
