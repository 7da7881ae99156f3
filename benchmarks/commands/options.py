"""Options that several commands share, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[str, typer.Option("--model", "-m", help="A row of `bench list`.")]
Split = Annotated[
    str,
    typer.Option(
        "--split",
        help="Subset: 100, 300, 1000, 2000 or sample; asl-citizen, autsl, lsa64 or folder.",
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels", metavar="FILE", help="Other labels for WLASL's clips: one of the lists, or just w1573."
    ),
]
Engine = Annotated[str | None, typer.Option("--engine", help="torch or tensorflow; else torch.")]
RecipeName = Annotated[
    str | None, typer.Option("--recipe", help="A recipe of the model by name, or a file, TOML or JSON.")
]
Weights = Annotated[
    str | None, typer.Option("--weights", help="none, kinetics, a checkpoint file, or a run to start from.")
]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of the run; else 0.")]
Seeds = Annotated[str | None, typer.Option("--seeds", help="Several seeds: 0..4 or 0,3,7.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="field=value of the recipe (`bench recipe` lists them); several times."),
]
Again = Annotated[bool, typer.Option("--again", help="Train anew where a result is there.")]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data", help="The data set's folder; else WLASL_ROOT (ASL_CITIZEN_ROOT, ...), else data/."
    ),
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
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
RuntimeName = Annotated[
    str, typer.Option("--runtime", help="Scores at the end, on a CPU: torch, openvino, onnx, or auto.")
]
ProfileName = Annotated[
    str | None, typer.Option("--profile", help="What a job asks for, by name, from your profiles.")
]
Profiles = Annotated[
    Path | None,
    typer.Option("--profiles", help="File of profiles; else ~/.config/wlasl-bench/profiles.toml."),
]
Resource = Annotated[
    list[str] | None,
    typer.Option("--resource", help="key=value over the profile, such as time=2:00:00; several times."),
]
