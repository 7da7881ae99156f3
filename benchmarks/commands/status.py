"""`bench status`: how every run stands, once or again and again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.live import Live

from benchmarks.commands.options import Results, Runs
from utils.errors import BenchError

if TYPE_CHECKING:
    from benchmarks.standing import Row, Standing

_EVERY, _LEAST = 5.0, 0.5
_WIDE = 140
"""Columns of the table where the output is no terminal, such as a pipe."""


def status(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    seconds: Annotated[
        float | None, typer.Argument(help="With --watch: seconds between two looks; else 5.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again and again, until Ctrl-C.")] = False,  # noqa: FBT002
    split: Annotated[str | None, typer.Option(help="One subset alone.")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="One model alone.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only runs that failed.")] = False,  # noqa: FBT002
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,  # noqa: FBT002
    results: Results = None,
    runs: Runs = None,
) -> None:
    """Show how every run stands that was submitted or lives: waiting, running, done, or failed and why."""
    from benchmarks.standing import standing  # noqa: PLC0415 - `bench --help` needs none of it
    from benchmarks.standing_table import as_data  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415

    if seconds is not None and not watch:
        raise BenchError("Seconds are for --watch. Give --watch too.")
    home = project_folder()
    folders = (runs or home / "runs", results or home / "results")

    def look() -> Standing:
        """Find out how everything stands now."""
        return _only(standing(*folders), lambda row: _wanted(row, split, model, failed=failed))

    if as_json:
        typer.echo(json.dumps(as_data(look()), indent=2, ensure_ascii=False))
    elif watch:
        _watch(look, max(_LEAST, seconds or _EVERY))
    else:
        _print(look())


def _only(found: Standing, wanted: Callable[[Row], bool]) -> Standing:
    """Return what is wanted of the rows."""
    from dataclasses import replace  # noqa: PLC0415

    return replace(found, rows=tuple(row for row in found.rows if wanted(row)))


def _wanted(row: Row, split: str | None, model: str | None, *, failed: bool) -> bool:
    """Say whether a row is one of those that were asked for."""
    return (
        split in {None, row.split}
        and model in {None, row.model}
        and (not failed or row.state.kind == "failed")
    )


def _print(found: Standing) -> None:
    """Print the table once."""
    from benchmarks.standing_table import rendered  # noqa: PLC0415

    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)
    console.print(rendered(found, console.width))


def _watch(look: Callable[[], Standing], every: float) -> None:
    """Show the table anew every few seconds until Ctrl-C, and leave its last state behind."""
    from benchmarks.standing_table import rendered  # noqa: PLC0415

    console, found = Console(), None
    try:
        if not console.is_terminal:
            while True:
                _print(look())
                time.sleep(every)
        found = look()
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                live.update(rendered(found, console.width, console.height), refresh=True)
                time.sleep(every)
                found = look()
    except KeyboardInterrupt:
        # The way to leave; nothing was broken off.
        if found is not None:
            _print(found)
