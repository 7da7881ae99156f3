"""What probes found of one run, as a table on the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from benchmarks import table_text as text
from benchmarks.probe_names import PLAIN, PROBES
from benchmarks.probe_records import Probed, ProbeRecord, StoredProbes
from benchmarks.table import title


def print_probes(stored: StoredProbes, console: Console) -> None:
    """Print every probe of a run: what it does, top-1 and top-5 under it, and how far scores moved."""
    record = stored.record
    heading = f"Probes of {record.model} on {title(record.split)}, run {record.id}"
    console.print(Text(f"\n{heading}", style="bold"))
    if stored.stale:
        console.print(Text(f"They do not count: {stored.stale}. Probe again with --again.", style="yellow"))
    console.print(Text(_how(record), style="dim"))
    console.print(_grid(record))


def _how(record: ProbeRecord) -> str:
    """Say which scores these are."""
    clips = next((draw["clips"] for draw in record.probes[PLAIN].draws), 0)
    return f"Weights as they were chosen, {clips} test clips as stated; nothing is trained or tuned."


def _grid(record: ProbeRecord) -> Grid:
    """Lay out the probes, a line each."""
    paired = record.pairs() is not None
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), show_edge=False)
    for name in ("Probe", "What", "Top-1", "Top-5", "Change", *(["Pairs"] if paired else [])):
        grid.add_column(name, justify="left" if name in {"Probe", "What"} else "right")
    for name in (name for name in PROBES if name in record.probes):
        found = record.probes[name]
        cells = [name, found.reason or PROBES[name].words, *_numbers(found)]
        grid.add_row(*map(Text, [*cells, pairs(found)] if paired else cells))
    return grid


def _numbers(found: Probed) -> list[str]:
    """Write top-1, top-5 and the change of one probe."""
    rates = [text.percent(found.mean(name)) for name in ("top1", "top5")]
    return [*rates, text.change(found.told)]


def pairs(found: Probed) -> str:
    """Write how many clips of reversed signs were told from the other sign, of how many."""
    of, hits = found.mean("pairs"), found.mean("pair_hits")
    return text.NONE if of is None or hits is None else f"{hits:.3g} of {of:.0f}"
