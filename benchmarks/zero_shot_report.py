"""What `--evaluate-on` found, printed."""

from __future__ import annotations

from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from benchmarks import table_text as text
from benchmarks.retrieval import RULES
from benchmarks.schema import Record, ZeroShot

_NAMES = {"centroid": "nearest centroid", "nearest": "nearest clip", "vote": "vote of 5"}


def print_zero_shot(record: Record, console: Console) -> None:
    """Print how well a run's embeddings tell other signs apart; nothing where that was not asked for."""
    for name, found in record.zero_shot.items():
        console.print(Text(f"\nEvaluated on {name}, without training", style="bold"))
        console.print(Text(_described(found), style="dim"), soft_wrap=True)
        console.print(_grid(found.metrics))


def _described(found: ZeroShot) -> str:
    """Say which signs these are, and whose clips."""
    metrics = found.metrics
    signs = f"{metrics['classes']} signs of {found.split}"
    seen = "never trained on" if found.unseen else "trained on, with other landmarks"
    clips = f"{metrics['clips']} test clips among {found.gallery} clips whose signs are told"
    within = f"{text.percent(metrics['within5'])} % have one of their own sign among the 5 nearest"
    return f"{signs} ({seen}; {found.landmarks}): {clips}; {within}"


def _grid(metrics: Mapping[str, float | int | None]) -> Grid:
    """Lay out a row per rule, and one of chance."""
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 3, 0, 0), show_edge=False)
    for name in ("", "top-1, %", "top-5, %"):
        grid.add_column(name)
    for rule in RULES:
        grid.add_row(Text(_NAMES[rule], style="dim"), *(_rate(metrics, f"{rule}_top{k}") for k in (1, 5)))
    classes = metrics["classes"] or 1
    grid.add_row(Text("chance", style="dim"), *(text.percent(min(1.0, k / classes)) for k in (1, 5)))
    return grid


def _rate(metrics: Mapping[str, float | int | None], name: str) -> str:
    """Write a rate with its interval; a dash where it has none."""
    low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
    if low is None or high is None:
        return text.NONE
    return f"{text.percent(metrics.get(name))} {text.interval(low, high)}"
