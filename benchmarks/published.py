"""Published numbers, each with where it was read, and what its decimals say about the clips behind it.

A rate over n clips is k/n: with two decimals, only some values are possible for a given n (the GRIM check,
Brown and Heathers 2017). A value that is none of them was not measured in one run over the official test
clips.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from utils.errors import BenchError

Fit = Literal["rounded", "cut"]

OFFICIAL_TEST = {"100": (258,), "300": (668,), "1000": (1876,), "2000": (2878, 2879)}
"""Test clips per subset; WLASL2000 has one more in nslt_2000.json than in WLASL_v0.3.json (clip 09500)."""

SHIPPED = Path(__file__).resolve().parent.parent / "results" / "published.csv"
"""The file that the project ships."""

_NUMBERS = ("top1", "top5", "top10", "pc_top1", "pc_top5", "pc_top10")


@dataclass(frozen=True, slots=True)
class Published:
    """One row of published.csv: one system on one subset, as one source printed it, in percent.

    Attributes:
        subset: 100, 300, 1000 or 2000.
        system: the row of our zoo that is the same network; empty where there is none.
        name: what the source calls it.
        modality: what it sees: rgb, pose, flow or a mix.
        year: of the publication.
        top1: per instance, as printed.
        top5: likewise.
        top10: likewise.
        pc_top1: per class, as printed.
        pc_top5: likewise.
        pc_top10: likewise.
        n: the official numbers of test clips that all per-instance values fit (see `fitting`).
        chosen_on: the part that chose the checkpoint: val, test, last (no choice), or empty where unknown.
        extra: training data beyond the subset's own and Kinetics or ImageNet.
        source: who printed it.
        url: where.
        quoted: the text as it stands there.
        tag: S read in the source's repository, P in the paper, 3p in a third party's copy, R recalled.
        verified: read in the original; other rows are kept to be checked, and are not printed.
        read: the day it was last read there; empty where only the survey of the field did.
        note: what a reader should know.
    """

    subset: str
    system: str
    name: str
    modality: str
    year: str
    top1: str
    top5: str
    top10: str
    pc_top1: str
    pc_top5: str
    pc_top10: str
    n: str
    chosen_on: str
    extra: str
    source: str
    url: str
    quoted: str
    tag: str
    verified: bool
    read: str
    note: str


COLUMNS = tuple(field.name for field in fields(Published))


def read_published(path: Path = SHIPPED) -> tuple[Published, ...]:
    """Read published.csv.

    Raises:
        BenchError: the file is missing, has other columns, or a value that is no rate.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, restkey="", strict=True)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise BenchError(f"{path} should have the columns {', '.join(COLUMNS)}.")
            return tuple(_row(path, reader.line_num, values) for values in reader)
    except FileNotFoundError as error:
        raise BenchError(f"{path} is missing.") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"{path} cannot be read as CSV: {error}.") from error


def _row(path: Path, line: int, values: dict[str, str | None]) -> Published:
    """Turn one line into a row, and refuse what cannot be one."""
    text = {name: values.get(name) or "" for name in COLUMNS}
    verified = text.pop("verified")
    bad = [name for name in _NUMBERS if text[name] and not _is_percent(text[name])]
    if bad or verified not in {"true", "false"} or len(values) != len(COLUMNS):
        what = ", ".join(f"{name}={text[name]!r}" for name in bad) or "its columns or `verified`"
        raise BenchError(
            f"{path}, line {line}: {what} is not what it should be (rates as percent, true or false)."
        )
    return Published(verified=verified == "true", **text)


def _is_percent(text: str) -> bool:
    """Say whether a text is a plain decimal number from 0 to 100."""
    whole, _, decimals = text.partition(".")
    return whole.isdigit() and (decimals.isdigit() or not decimals) and float(text) <= 100  # noqa: PLR2004


def fit(value: str, clips: int) -> Fit | None:
    """Say whether a printed percentage can be k of `clips`: rounded, cut off, or not at all.

    Args:
        value: as printed, such as "63.95": its decimals count.
        clips: n, the test clips.
    """
    decimals = len(value.partition(".")[2])
    unit = 10**decimals
    printed = int(value.replace(".", ""))
    nearest = round(printed * clips / (100 * unit))
    near = [k for k in (nearest - 1, nearest, nearest + 1) if 0 <= k <= clips]
    # 2 * |100 k unit / n - printed| <= 1, in whole numbers: a value halfway may be rounded either way.
    if any(2 * abs(100 * k * unit - printed * clips) <= clips for k in near):
        return "rounded"
    return "cut" if any(100 * k * unit // clips == printed for k in near) else None


def fitting(row: Published) -> str:
    """Return the official numbers of test clips that all of a row's per-instance values fit, as text.

    Numbers that fit when all values are rounded come plain; where there are none, those that fit when some
    values were cut off instead, marked `cut`. Empty where nothing fits: not one run on the official clips.
    """
    values = [value for value in (row.top1, row.top5, row.top10) if value]
    official = OFFICIAL_TEST.get(row.subset, ()) if values else ()
    kinds = {clips: {fit(value, clips) for value in values} for clips in official}
    rounded = [str(clips) for clips, found in kinds.items() if found == {"rounded"}]
    cut = [f"{clips} cut" for clips, found in kinds.items() if None not in found]
    return " ".join(rounded or cut)


def of_system(rows: Iterable[Published], subset: str, system: str) -> tuple[Published, ...]:
    """Return the verified per-instance numbers published for a row of the zoo on one subset."""
    return tuple(
        row for row in rows if row.verified and row.top1 and (row.subset, row.system) == (subset, system)
    )
