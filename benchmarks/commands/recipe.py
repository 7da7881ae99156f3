"""`bench recipe`: every field of a run's recipe, its value and its meaning, as a file to edit."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmarks.commands.options import Model, Set, Split


def recipe(
    model: Model,
    split: Split = "100",
    settings: Set = None,
    as_id: Annotated[bool, typer.Option("--id", help="Print the id alone.")] = False,  # noqa: FBT002
) -> None:
    """Print the whole recipe that `bench run` would carry out, as TOML for `--recipe FILE`."""
    from benchmarks.recipe import parse_settings, resolve, to_toml  # noqa: PLC0415

    resolved = resolve(model, split, parse_settings(settings or []))
    typer.echo(resolved.id if as_id else to_toml(resolved), nl=as_id)
