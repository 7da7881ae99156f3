"""`bench doctor`: what this installation is, and what it misses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.commands.options import Data, Results, Runs, Store

if TYPE_CHECKING:
    from benchmarks.machine import Finding

_MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "problem": "[red]problem[/]"}


def doctor(
    data: Data = None,
    store: Store = None,
    results: Results = None,
    runs: Runs = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,  # noqa: FBT002
) -> None:
    """Look at the installation: packages, extras, device, memory, data and disk.

    The exit code is 1 if something will go wrong.
    """
    import json  # noqa: PLC0415

    from benchmarks.doctor import Folders, examine, to_json, well  # noqa: PLC0415

    given = {"data": data, "store": store, "results": results, "runs": runs}
    findings = examine(Folders(**{name: folder for name, folder in given.items() if folder is not None}))
    if as_json:
        typer.echo(json.dumps(to_json(findings), indent=2))
    else:
        _show(findings)
    raise typer.Exit(0 if well(findings) else 1)


def _show(findings: list[Finding]) -> None:
    """Print the findings as a table, and what to do about those that are not well."""
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    for title in ("area", "name", "", "found"):
        table.add_column(title, overflow="fold")
    for finding in findings:
        table.add_row(finding.area, finding.name, _MARKS[finding.level], escape(finding.value))
    console = Console(soft_wrap=False)
    console.print(table)
    for finding in findings:
        if finding.advice:
            console.print(f"{_MARKS[finding.level]} {finding.name}: {escape(finding.advice)}", soft_wrap=True)
