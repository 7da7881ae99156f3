"""`bench table`: print the results of every subset, and keep `results/README.md` up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from benchmarks.commands.options import Results
from utils.errors import FAILURE, BenchError

if TYPE_CHECKING:
    from benchmarks.table import Table


def table(
    split: Annotated[str | None, typer.Option(help="One subset alone: 100, 300, ... or sample.")] = None,
    results: Results = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, a line per row.")] = False,  # noqa: FBT002
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,  # noqa: FBT002
    check: Annotated[bool, typer.Option("--check", help="Fail where README.md is out of date.")] = False,  # noqa: FBT002
) -> None:
    """Print the results, ranked only among runs over the same test clips, and write results/README.md."""
    from benchmarks.table import load_table  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415

    folder = results or project_folder() / "results"
    if results is not None and not folder.is_dir():
        raise BenchError(f"There is no results folder {folder}.")
    if as_csv and as_json:
        raise BenchError("Give --csv or --json, not both.")
    whole = load_table(folder)
    if check:
        _check(whole, folder)
    elif as_csv or as_json:
        _print_data(_only(whole, split), as_csv=as_csv)
    else:
        _print(whole, folder, split)


def _only(whole: Table, split: str | None) -> Table:
    """Return the table with one subset alone, or all of it."""
    from dataclasses import replace  # noqa: PLC0415

    if split is None:
        return whole
    sections = tuple(section for section in whole.sections if section.subset == split)
    published = tuple(row for row in whole.published if row.subset == split)
    return replace(whole, sections=sections, published=published)


def _print_data(whole: Table, *, as_csv: bool) -> None:
    """Print the table for another program."""
    from benchmarks import table_data  # noqa: PLC0415

    typer.echo(table_data.as_csv(whole) if as_csv else table_data.as_json(whole), nl=False)


def _print(whole: Table, folder: Path, split: str | None) -> None:
    """Print the table for people, then bring README.md up to date."""
    from benchmarks.table_markdown import write_readme  # noqa: PLC0415
    from benchmarks.table_terminal import print_table  # noqa: PLC0415

    print_table(whole, Console(), split)
    if write_readme(whole, folder):
        typer.echo(f"Wrote {folder / 'README.md'}.")


def _check(whole: Table, folder: Path) -> None:
    """Fail where README.md is not what the records say."""
    from benchmarks.table_markdown import is_current, summary  # noqa: PLC0415

    path = folder / "README.md"
    if not is_current(whole, folder):
        raise BenchError(
            f"{path} is not what the records say. Run `bench table` and commit what it writes.",
            exit_code=FAILURE,
        )
    typer.echo(f"{path} is up to date: {summary(whole)}.")
