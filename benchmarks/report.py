"""One run in full: its record in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from benchmarks import table_text as text
from benchmarks.chain import owes_to_test
from benchmarks.metrics import KS
from benchmarks.probe_records import read_probes
from benchmarks.probe_report import print_probes
from benchmarks.records import Stored, read_record
from benchmarks.schema import Record
from benchmarks.streaming_records import read_streams
from benchmarks.streaming_report import print_streams
from benchmarks.table import title
from benchmarks.zero_shot_report import print_zero_shot
from utils.errors import BenchError
from utils.names import nearest
from wlasl.clips import PARTS
from wlasl.landmarks.joints import SKELETONS

_LONGEST = 40
Kept = TypeVar("Kept")


def find(results: Path, name: str) -> Stored:
    """Read the record of a run by its id or the first digits of it.

    Raises:
        BenchError: no run's id begins so, several do, or the record cannot be read.
    """
    paths = {path.stem: path for path in sorted(results.glob("*/*/*.json")) if path.name[0] != "."}
    found = [stem for stem in paths if stem.startswith(name)]
    if name in paths or len(found) == 1:
        return read_record(paths[name if name in paths else found[0]])
    if found:
        raise BenchError(f"Several runs begin with {name!r}: {', '.join(found)}. Give more digits.")
    if not paths:
        raise BenchError(f"There are no runs in {results} yet.")
    hint = nearest(name, paths)
    hint = hint if hint.startswith("Did you mean") else "`bench table` lists the runs."
    raise BenchError(f"There is no run {name!r} in {results}. {hint}")


def print_record(stored: Stored, console: Console) -> None:
    """Print what a record says: how it ended, its metrics, clips, cost, place and recipe."""
    record = stored.record
    heading = f"{record.model} on {title(record.split)}, seed {record.recipe.get('seed')}, run {record.id}"
    console.print(Text(heading, style="bold"))
    if stored.altered:
        console.print(Text(f"This record is not to be trusted: {stored.altered}.", style="red"))
    if record.status != "done":
        console.print(Text(f"{record.status}: {record.reason}", style="yellow"))
    if record.metrics:
        console.print(_metrics(record))
    console.print(_facts(record))
    _print_beside(stored, console, read_probes, print_probes)
    _print_beside(stored, console, read_streams, print_streams)
    print_zero_shot(record, console)
    console.print(Text("\nRecipe", style="bold"))
    console.print(_recipe(record.recipe))


def _print_beside(
    stored: Stored,
    console: Console,
    read: Callable[[Path, Record], Kept | None],
    show: Callable[[Kept, Console], None],
) -> None:
    """Print what was found of a run since, or why that cannot be read; nothing where nothing was found."""
    try:
        found = read(stored.path.parents[2], stored.record)
    except BenchError as error:
        console.print(Text(f"\n{error}", style="yellow"), soft_wrap=True)
        return
    if found is not None:
        show(found, console)


def _metrics(record: Record) -> Grid:
    """Lay out the metrics, a column for each part, test first."""
    parts = sorted(record.metrics)
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 3, 0, 0), show_edge=False)
    for name in ("", *parts):
        grid.add_column(name)
    columns = [_described(record.metrics[part]) for part in parts]
    for name in columns[0]:
        grid.add_row(Text(name, style="dim"), *(column[name] for column in columns))
    return grid


def _described(values: Mapping[str, float | int | None]) -> dict[str, str]:
    """Write every metric of one part."""
    loss = values.get("loss")
    lines = {f"top-{k}": _rate(values, k) for k in KS}
    lines |= {f"per class top-{k}": text.percent(values.get(f"per_class_top{k}")) for k in KS}
    lines["classes"] = f"{_number(values, 'classes_scored')} of {_number(values, 'classes')} have clips"
    lines["loss"] = text.NONE if loss is None else f"{loss:.4f}"
    lines["ties"] = _number(values, "ties")
    # What a paper's code reports beside ours; never in a table.
    lines |= {
        name: text.percent(value)
        for name, value in sorted(values.items(), key=lambda item: len(item[0]))
        if name.startswith("class0_")
    }
    return lines


def _rate(values: Mapping[str, float | int | None], k: int) -> str:
    """Write a top-k rate with its interval and its counts."""
    low, high = values.get(f"top{k}_low"), values.get(f"top{k}_high")
    if low is None or high is None:
        return text.NONE
    counts = f"{_number(values, f'hits{k}')} of {_number(values, 'clips')}"
    return f"{text.percent(values.get(f'top{k}'))} {text.interval(low, high)}, {counts}"


def _number(values: Mapping[str, float | int | None], name: str) -> str:
    """Write a count."""
    value = values.get(name)
    return text.NONE if value is None else str(value)


def _facts(record: Record) -> Grid:
    """Lay out everything but the metrics and the recipe, a line each."""
    grid = Grid.grid(padding=(0, 2))
    for name, value in _lines(record):
        grid.add_row(Text(name, style="dim"), Text(value))
    return grid


def _lines(record: Record) -> list[tuple[str, str]]:
    """Return the names and values that `_facts` lays out."""
    cost, where = record.cost, record.where
    lines = [
        ("chosen by", _chosen(record)),
        ("clips", _clips(record)),
        ("landmarks", _landmarks(record)),
        ("missing", _counted(record.clips.missing_reasons)),
        ("test clips", record.clips.test),
        ("weights", text.weights(record)),
        ("extra data", _chain(record)),
        ("network", f"{text.millions(record)} M parameters, {text.gmacs(record)} GMACs a view"),
        ("time", f"{text.duration(cost.seconds)}, of it training {text.duration(cost.seconds_fit)}"),
        ("trained", f"{_or_none(cost.epochs)} epochs, {_or_none(cost.steps)} steps"),
        ("memory", _memory(record)),
        ("device", text.several([where.device, where.cpu])),
        ("commit", text.commit(record) or text.NONE),
        ("versions", ", ".join(f"{name} {value}" for name, value in sorted(where.versions.items()))),
        ("cluster", ", ".join(f"{name} {value}" for name, value in sorted(where.slurm.items()))),
        ("started", record.started),
        ("finished", record.finished),
    ]
    return [(name, value) for name, value in lines if value]


def _chain(record: Record) -> str:
    """Say which runs a run builds on, the first of them first, and whether they know its test clips."""
    lines = []
    for link in record.weights.chain:
        seen = "nobody can tell" if link.test_seen is None else str(link.test_seen)
        lines.append(
            f"run {link.id}: {link.model} on {title(link.split)}, from {link.initial};"
            f" test clips of this run that it was trained on: {seen}"
        )
    return "\n".join(lines)


def _chosen(record: Record) -> str:
    """Say what chose the checkpoint."""
    selection = record.selection
    if selection is None:
        return ""
    value = "" if selection.value is None else f", {selection.value:.4g} there"
    epoch = f"epoch {selection.epoch + 1}" if selection.epoch >= 0 else "the initial weights"
    badge = f" ({text.BADGE}: ranked with no other run)" if owes_to_test(record) else ""
    return f"{selection.rule}: {epoch}{value}{badge}"


def _landmarks(record: Record) -> str:
    """Say which landmarks a network saw, and what found them; nothing of a network that sees plain pixels."""
    recipe = record.recipe
    joints = SKELETONS.get(str(recipe.get("skeleton")))
    source = text.several([str(recipe.get("landmarks")), record.clips.landmarks])
    if joints is None:
        return f"{source}; hands and face of the canvas are cut out by them" if record.clips.landmarks else ""
    frames = "all" if recipe.get("frames") is None else recipe["frames"]
    shown = (
        f"{frames} frames x {len(joints)} joints ({recipe['skeleton']}) x {recipe.get('dims')} coordinates"
    )
    return f"{source}; {shown}; normalisation {recipe.get('normalisation')}"


def _clips(record: Record) -> str:
    """Say how many clips of each part were there."""
    parts = [(part, record.clips.parts[part]) for part in PARTS if part in record.clips.parts]
    return ", ".join(f"{part} {clips.scored} of {clips.official}" for part, clips in parts)


def _counted(reasons: Mapping[str, int]) -> str:
    """Write how many clips are missing for which reason, the most frequent first."""
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {reason}" for reason, count in ordered if count)


def _memory(record: Record) -> str:
    """Say how much memory a run took at its peak."""
    cost = record.cost
    parts = [(cost.peak_memory_mb, "MB"), (cost.peak_device_memory_mb, "MB on the device")]
    return ", ".join(f"{value:.0f} {unit}" for value, unit in parts if value is not None)


def _or_none(value: int | None) -> str:
    """Write a count that may not be known."""
    return text.NONE if value is None else str(value)


def _recipe(recipe: Mapping[str, Any]) -> Grid:
    """Lay out every field of a recipe in three columns."""
    cells = [Text.assemble((f"{name} ", "dim"), _cut(str(value))) for name, value in recipe.items()]
    height = -(-len(cells) // 3)
    cells += [Text()] * (3 * height - len(cells))
    grid = Grid.grid(padding=(0, 3))
    for line in range(height):
        grid.add_row(*cells[line::height])
    return grid


def _cut(value: str) -> str:
    """Shorten a checksum; the record's file has all of it."""
    return value if len(value) <= _LONGEST else f"{value[:12]}..."
