"""`bench list`: the zoo on one page, for people or as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from models.zoo import ROWS, Input, LandmarkInput, System

WIDTH = 100
"""Columns of the whole table; it is also printed so wide where the output is no terminal, such as a pipe."""

_COLUMNS: dict[str, Callable[[System], str]] = {
    "model": lambda row: row.name,
    "input": lambda row: _shape(row.input),
    "params": lambda row: f"{row.parameters / 1e6:.2f}M",
    "GMACs": lambda row: f"{row.gmacs:#.3g}".rstrip("."),
    "engines": lambda row: ", ".join(row.builders),
    "paper": lambda row: _cited(row.paper),
    "licence": lambda row: row.licence,
    "weights": lambda row: ", ".join(row.weights) or "-",
}
_RIGHT = {"input", "params", "GMACs"}
_WIDE = {"licence", "weights"}  # left out where the terminal has fewer columns


def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Print every field as JSON.")] = False,  # noqa: FBT002
) -> None:
    """List the models: what `--model` takes, the input each expects, its size, paper and weights."""
    if as_json:
        typer.echo(json.dumps([_fields(row) for row in ROWS], indent=2))
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    console.print(_table(wide=console.width >= WIDTH))
    console.print()
    for line in _legend():
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _fields(row: System) -> dict[str, Any]:
    """Return a row as JSON values; the builders become the list of engines."""
    fields = asdict(row)
    fields["engines"] = list(fields.pop("builders"))
    return fields


def _shape(expected: Input | LandmarkInput) -> str:
    """Write what a network sees of a clip: frames x side², or frames x joints."""
    if isinstance(expected, LandmarkInput):
        return f"{expected.frames}x{expected.joints}"
    return f"{expected.frames}x{expected.size}²"


def _cited(paper: str) -> str:
    """Write a paper in a few characters: its arXiv number, or its first author and year, or its owner."""
    if "arXiv:" in paper:
        return paper.rpartition(":")[2]
    words = paper.partition(",")[0].partition("/")[0].split()
    dated = len(words) > 1 and words[-1].isdigit()
    return f"{words[0]} {words[-1]}" if dated else " ".join(words)


def _table(*, wide: bool) -> Table:
    """Lay the zoo out, a line per row, a gap between papers."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    columns = {name: cell for name, cell in _COLUMNS.items() if wide or name not in _WIDE}
    for name in columns:
        table.add_column(name, justify="right" if name in _RIGHT else "left", no_wrap=True)
    for position, row in enumerate(ROWS):
        last = position + 1 == len(ROWS) or ROWS[position + 1].paper != row.paper
        table.add_row(*(cell(row) for cell in columns.values()), end_section=last)
    return table


def _legend() -> list[str]:
    """Say what the columns mean, and name the papers."""
    papers = dict.fromkeys(row.paper for row in ROWS)
    return [
        "input: frames x side² in pixels, or frames x joints; a recipe may differ (`bench recipe`).",
        "params: trainable, with 100 classes. GMACs: multiply-adds of one view of that input, in 10^9.",
        "weights: what `--weights` takes by name, besides any FILE; without it a network starts at random.",
        *(f"{_cited(paper)}: {_named(paper)}" for paper in papers if _named(paper)),
    ]


def _named(paper: str) -> str:
    """Return what the legend says of a paper: its authors and year, or all of it where it has no number."""
    if "arXiv:" in paper:
        return paper.rpartition(",")[0]
    return paper if paper != _cited(paper) else ""
