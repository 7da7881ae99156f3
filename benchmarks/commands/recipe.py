"""`bench recipe`: every field of a run's recipe, its value and its meaning, as a file to edit."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmarks.commands.options import Labels, Model, Set, Split


def recipe(
    model: Model,
    split: Split = "100",
    labels: Labels = None,
    name: Annotated[
        str | None, typer.Option("--recipe", help="A recipe of the model by name, or a file, TOML or JSON.")
    ] = None,
    settings: Set = None,
    as_id: Annotated[bool, typer.Option("--id", help="Print the id alone.")] = False,  # noqa: FBT002
) -> None:
    """Print the whole recipe that `bench run` would carry out, as TOML for `--recipe FILE`."""
    from benchmarks.recipe import of_line, to_toml  # noqa: PLC0415
    from wlasl.datasets.revised import labelled  # noqa: PLC0415

    resolved = of_line(model, labelled(split, labels), name, settings=settings or [])
    typer.echo(resolved.id if as_id else to_toml(resolved), nl=as_id)
