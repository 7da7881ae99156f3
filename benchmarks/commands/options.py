"""Options that several commands share, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[str, typer.Option("--model", "-m", help="A row of `bench list`.")]
Split = Annotated[str, typer.Option("--split", help="Subset: 100, 300, 1000, 2000 or sample.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="field=value of the recipe (`bench recipe` lists them); several times."),
]
Data = Annotated[
    Path | None, typer.Option("--data", help="The data set's folder; else WLASL_ROOT, else data/wlasl.")
]
Store = Annotated[Path | None, typer.Option("--store", help="Prepared clips; else data/stores.")]
Landmarks = Annotated[
    str | None,
    typer.Option(
        help="Where landmarks come from: mediapipe, holistic, hands, pose-hands, true, or a file or folder."
    ),
]
Results = Annotated[Path | None, typer.Option("--results", help="Records; else results.")]
Runs = Annotated[Path | None, typer.Option("--runs", help="Checkpoints and scores; else runs.")]
