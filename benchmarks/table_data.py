"""The table for other programs: CSV with a line per row, and JSON with everything."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import Any

from benchmarks import table_text as text
from benchmarks.probe_names import PLAIN, PROBES
from benchmarks.records import Stored
from benchmarks.table import Board, Measure, Row, Section, Table, title


def as_csv(table: Table) -> str:
    """Return the rows of all subsets as CSV; rates are fractions, lists are joined by spaces."""
    rows = _rows(table)
    file = io.StringIO()
    if rows:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return file.getvalue()


def as_json(table: Table) -> str:
    """Return the whole table as JSON: rows, single runs that are in none, and the published numbers."""
    whole = {
        "rows": _rows(table),
        "unfinished": [_single(section, one) for section in table.sections for one in section.unfinished],
        "altered": [_single(section, one) for section in table.sections for one in section.altered],
        "unreadable": list(table.unreadable),
        "published": [asdict(row) for row in table.published],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _cell(value: Any) -> Any:  # noqa: ANN401 - whatever a CSV cell can hold
    """Make a list one cell."""
    return " ".join(map(str, value)) if isinstance(value, list) else value


def _rows(table: Table) -> list[dict[str, Any]]:
    """Return every row of every board, flat, all with the same names."""
    return [
        {"subset": section.subset, **_of_board(board), **_of_row(row)}
        for section in table.sections
        for board in section.boards
        for row in board.rows
    ]


def _of_board(board: Board) -> dict[str, Any]:
    """Return which clips a row was scored on."""
    return {"test": board.test, "clips": board.clips, "official_clips": board.official}


def _of_row(row: Row) -> dict[str, Any]:
    """Return what a row says."""
    first, test = row.first, row.first.metrics["test"]
    flat: dict[str, Any] = {
        "rank": row.rank,
        "model": first.model,
        "engine": first.recipe.get("engine"),
        "recipe": row.recipe,
        "differs": list(row.differs),
        **_of_tuning(row),
        "selection": first.selection.rule if first.selection else None,
        "chosen_on_test": row.on_test,
        "frames": first.recipe.get("frames"),
        "size": first.recipe.get("size"),
        "views": first.recipe.get("views"),
        "test_sampling": first.recipe.get("test_sampling"),
        "landmarks": first.recipe.get("landmarks") or None,
        "pose_source": first.clips.landmarks or None,
        "skeleton": first.recipe.get("skeleton"),
        "dims": first.recipe.get("dims"),
        "parameters": first.cost.parameters,
        "gmacs": first.cost.gmacs,
        "classes": test.get("classes"),
        "classes_scored": test.get("classes_scored"),
    }
    for k, value in row.top.items():
        flat.update(_of_measure(f"top{k}", value))
    for k, value in row.per_class.items():
        flat.update(_of_measure(f"per_class_top{k}", value))
    return {
        **flat,
        **_of_measure("loss", row.loss),
        **_of_probes(row),
        "zero_shot": _of_zero_shot(row),
        **_of_runs(row),
    }


def _of_zero_shot(row: Row) -> list[str]:
    """Return, per run and data set, the top-1 of the nearest centroid: `run:name:fraction`."""
    return [
        f"{record.id}:{name}:{found.metrics.get('centroid_top1')}"
        for record in row.records
        for name, found in record.zero_shot.items()
    ]


def _of_tuning(row: Row) -> dict[str, Any]:
    """Return the study that a row's recipe came from, and what it took."""
    found = next((record.tuning for record in row.records if record.tuning is not None), None)
    names = {"study": "study", "tuner": "tuner", "trials": "tuning_trials", "hours": "tuning_hours"}
    return {name: getattr(found, field, None) for field, name in names.items()}


def _of_probes(row: Row) -> dict[str, Any]:
    """Return the mean top-1 under every probe, and what else probes found."""
    found = row.probes
    flat: dict[str, Any] = {"probed_runs": found.runs}
    for name in PROBES:
        if name != PLAIN:
            flat[f"probe_{name.replace('-', '_')}_top1"] = found.top1.get(name, (None, None))[0]
    pairs, clips = found.pairs or (None, None)
    return {**flat, "probe_shuffled_change": found.change, "pairs_told_apart": pairs, "pairs_clips": clips}


def _of_measure(name: str, value: Measure | None) -> dict[str, float | None]:
    """Return a number with its interval and its spread; only rates per instance have an interval."""
    flat = {name: value.mean if value else None, f"{name}_spread": value.spread if value else None}
    if name.startswith("top"):
        flat |= {f"{name}_low": value.low if value else None, f"{name}_high": value.high if value else None}
    return flat


def _of_runs(row: Row) -> dict[str, Any]:
    """Return what is known of the runs behind a row."""
    records, extra = row.records, text.extra_links(row.first)
    return {
        "seeds": [record.recipe.get("seed") for record in records],
        "runs_attempted": row.attempted,
        "runs": [record.id for record in records],
        "weights": text.starts(row),
        "started_from": text.differing(
            record.weights.chain[-1].id for record in records if record.weights.chain
        ),
        "extra_data": [title(link.split) for link in extra],
        "test_clips_seen": [link.test_seen for link in extra],
        "weights_sha256": text.differing(record.weights.sha256 for record in records),
        "seconds": [record.cost.seconds for record in records],
        "devices": text.devices(row),
        "commits": text.commits(row),
        "published_top1": [published.top1 for published in row.published],
        "published_top5": [published.top5 for published in row.published],
        "published_url": [published.url for published in row.published],
    }


def _single(section: Section, stored: Stored) -> dict[str, Any]:
    """Return one run that is in no row, and why."""
    record = stored.record
    return {
        "subset": section.subset,
        "model": record.model,
        "seed": record.recipe.get("seed"),
        "run": stored.path.stem,
        "status": record.status,
        "why": stored.altered or record.reason,
    }
