"""A run's learning curves, from the history that its engine kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.chain import chosen_on_test
from benchmarks.schema import Record
from benchmarks.table import title
from utils.errors import FAILURE, BenchError
from utils.files import read_json
from utils.plots import Figure, Panel, draw


def heading(record: Record) -> str:
    """Return what stands above a run's pictures."""
    return f"{record.model} on {title(record.split)}, seed {record.recipe.get('seed')}, run {record.id}"


def draw_curves(record: Record, folder: Path) -> Path:
    """Draw a run's learning curves from `history.json` into `curves.png`, both in `folder`.

    Raises:
        BenchError: there is no history, or it is none.
    """
    history = read_history(folder / "history.json")
    epoch = record.selection.epoch + 1 if record.selection else None
    # What chose the epoch is called val in the history, whatever part it was.
    part = "test" if chosen_on_test(record) else "val"
    figure = Figure(
        title=heading(record),
        x_name="epoch",
        x=[row["epoch"] + 1 for row in history],
        panels=[
            _losses(history, part, embeds="vector_length" in record.recipe),
            Panel(f"top-1 on {part}, %", {part: [100 * value for value in _over(history, "val_top1")]}),
            *_silhouettes(history, part),
            Panel("learning rate", {"learning rate": _over(history, "lr")}, log=True),
        ],
        mark=epoch,
        mark_name="chosen",
    )
    draw(folder / "curves.png", figure)
    return folder / "curves.png"


def _losses(history: Sequence[Mapping[str, float]], part: str, *, embeds: bool) -> Panel:
    """Return the panel of losses; an embedding learns from triplets and is judged by cross-entropy."""
    train, judged = _over(history, "train_loss"), _over(history, "val_loss")
    if embeds:
        return Panel("loss", {"train, triplets": train, f"{part}, cross-entropy": judged})
    return Panel("cross-entropy, nats", {"train": train, part: judged})


def _silhouettes(history: Sequence[Mapping[str, float]], part: str) -> list[Panel]:
    """Return the panel of an embedding's silhouettes; none where the history has none."""
    names = {"train": "train_silhouette", part: "val_silhouette"}
    lines = {
        label: _over(history, name) for label, name in names.items() if any(name in row for row in history)
    }
    return [Panel("silhouette", lines)] if lines else []


def read_history(path: Path) -> list[dict[str, float]]:
    """Read what an engine noted per epoch.

    Raises:
        BenchError: the file is missing or holds something else.
    """
    if not path.is_file():
        raise BenchError(f"{path} is missing: this run's history is not on this machine.", exit_code=FAILURE)
    history = read_json(path)
    if not isinstance(history, list) or not all(isinstance(row, dict) and "epoch" in row for row in history):
        raise BenchError(f"{path} holds no history of a run.", exit_code=FAILURE)
    return history


def _over(history: Sequence[Mapping[str, float]], name: str) -> list[float]:
    """Return one measure over the epochs, NaN where an epoch has none."""
    return [math.nan if (value := row.get(name)) is None else float(value) for row in history]
