"""What was measured, kept as one small JSON file per measurement: docs/SPEED.md is made of them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.doctor import installed
from benchmarks.where import cpu_model
from utils.errors import BenchError
from utils.files import write_json
from utils.threads import allotted_cores
from wlasl.root import project_folder

KINDS = ("infer", "train", "load", "movinet", "growth", "gpu")
"""What can be measured and kept, in the page's order."""
_PACKAGES = ("torch", "torchvision", "onnxruntime", "openvino", "ai-edge-litert", "tensorflow", "numpy", "av")


@dataclass(frozen=True)
class Kept:
    """One measurement.

    Attributes:
        kind: one of KINDS.
        name: of what was measured, such as a row of the zoo.
        report: what it said of itself, as JSON.
        cpu: the processor.
        cores: that this process might use.
        load: the machine's load over five minutes when it ended, its own share included.
        versions: of the packages at hand.
        date: UTC, the day.
    """

    kind: str
    name: str
    report: Mapping[str, Any]
    cpu: str
    cores: int
    load: float
    versions: Mapping[str, str]
    date: str


def folder() -> Path:
    """Return where measurements are kept."""
    return project_folder() / "benchmarks" / "speed"


def keep(kind: str, name: str, report: Mapping[str, Any], where: Path | None = None) -> Path:
    """Write a measurement down, in place of an earlier one of the same; return the file."""
    path = (where or folder()) / f"{kind}-{name}.json"
    versions = {package: found for package in _PACKAGES if (found := installed(package))}
    content = {
        "kind": kind,
        "name": name,
        "cpu": cpu_model(),
        "cores": allotted_cores(),
        "load": round(os.getloadavg()[1], 1),
        "versions": versions,
        "date": datetime.now(timezone.utc).date().isoformat(),
        "report": dict(report),
    }
    write_json(path, content)
    return path


def kept(where: Path | None = None) -> list[Kept]:
    """Return all measurements, by kind and name.

    Raises:
        BenchError: a file is none.
    """
    found = [_read(path) for path in sorted((where or folder()).glob("*.json"))]
    return sorted(found, key=lambda one: (KINDS.index(one.kind), _natural(one)))


def _read(path: Path) -> Kept:
    """Return a file's measurement."""
    try:
        return Kept(**json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise BenchError(f"{path} is no measurement: {error}. Delete it and measure again.") from error


def _natural(one: Kept) -> tuple[float, str]:
    """Return what measurements of a kind are ordered by: what a clip costs where that is known."""
    rows = one.report.get("rows") or [{}]
    return float(rows[0].get("milliseconds", 0.0)), one.name
