"""Speed, measured in one run: `python -m benchmarks.speed --help` lists what.

What is compared takes turns, and CPU time is what counts: on a shared machine seconds come and go, and the
ratio of two methods stays.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.commands.options import Data, Landmarks, Results, Runs, Store
from benchmarks.speed_commands import (
    Check,
    Json,
    Models,
    Rounds,
    Write,
    gpu,
    growth,
    infer,
    page,
    remember,
    show,
    train,
)
from utils.errors import ending_in_words

app = typer.Typer(help="Measure speed, in one run.", no_args_is_help=True, add_completion=False)

Split = Annotated[str | None, typer.Option(help="Whose clips; else 300, or the sample where WLASL is not.")]
Clips = Annotated[int, typer.Option(min=1, help="How many clips, spread evenly over the readable ones.")]


@app.command()
def prepare(
    *,
    split: Split = None,
    data: Data = None,
    clips: Clips = 16,
    rounds: Rounds = 3,
    write: Write = False,
    check: Check = False,
    as_json: Json = False,
) -> None:
    """Preparing clips, against decoding alone and against dumping frames."""
    from benchmarks import speed_clips  # noqa: PLC0415 - `--help` needs none of it

    with tempfile.TemporaryDirectory() as folder:
        chosen = speed_clips.choose(split, data, clips)
        found = speed_clips.preparing(chosen, rounds, Path(folder))
    remember("load", "prepare", found.as_page("python -m benchmarks.speed prepare --write"), write=write)
    show(found, check=check, as_json=as_json)


@app.command()
def load(
    *,
    split: Split = None,
    data: Data = None,
    clips: Clips = 16,
    rounds: Rounds = 3,
    write: Write = False,
    check: Check = False,
    as_json: Json = False,
) -> None:
    """A sample of 20 frames at 172 x 172 with a random crop, from the stores and from the videos."""
    from benchmarks import speed_clips  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        chosen = speed_clips.choose(split, data, clips)
        found = speed_clips.loading(chosen, rounds, Path(folder))
    remember("load", "load", found.as_page("python -m benchmarks.speed load --write"), write=write)
    show(found, check=check, as_json=as_json)


@app.command()
def movinet(
    *,
    every: Annotated[bool, typer.Option("--every", help="Every variant scores; streams train.")] = False,
    models: Models = None,
    rounds: Rounds = 1,
    write: Write = False,
    as_json: Json = False,
) -> None:
    """A training step of our MoViNet-a0 against the official one; or every variant."""
    if not (every or models):
        from benchmarks import speed_movinet  # noqa: PLC0415

        speed_movinet.main()
        return
    from benchmarks import speed_variants  # noqa: PLC0415
    from benchmarks.progress import Bars  # noqa: PLC0415

    for model in models or speed_variants.every():
        with Bars() as bars:
            found = speed_variants.measured([model], rounds, bars)
        remember("movinet", model, found.as_dict(), write=write)
        show(found, check=False, as_json=as_json)


@app.command()
def landmarks(
    *,
    clips: Annotated[int, typer.Option(min=8, help="Made clips that a method trains on in a turn.")] = 64,
    rows: Annotated[int, typer.Option(min=1, help="Clips of the CSV; SPOTER's own has 1,442.")] = 240,
    threads: Annotated[int, typer.Option(min=1, help="Of a network; from 2 on seconds count.")] = 1,
    rounds: Rounds = 3,
    check: Check = False,
    as_json: Json = False,
) -> None:
    """SPOTER's training step, whole epoch and start-up, against one clip at a time and its CSV."""
    from benchmarks import speed_landmarks  # noqa: PLC0415

    plan = speed_landmarks.Plan(clips, rounds, threads, rows)
    with tempfile.TemporaryDirectory() as folder:
        show(speed_landmarks.measured(plan, Path(folder)), check=check, as_json=as_json)


@app.command()
def latency(  # noqa: PLR0913 - one parameter per option of the command
    *,
    model: Annotated[str, typer.Option("--model", "-m", help="spoter, sign-conformer or gru.")] = "spoter",
    run: Annotated[str | None, typer.Option(help="A finished run, judged on its own test part.")] = None,
    landmarks: Landmarks = None,
    data: Data = None,
    store: Store = None,
    results: Results = None,
    runs: Runs = None,
    compiled: Annotated[bool, typer.Option("--compile", help="torch.compile too, which takes long.")] = False,
    rounds: Rounds = 10,
    check: Check = False,
    as_json: Json = False,
) -> None:
    """One clip of 4 s on one core: PyTorch, ONNX Runtime, OpenVINO, LiteRT, and what each gets wrong."""
    from benchmarks import latency_network, speed_latency  # noqa: PLC0415
    from benchmarks.finished import Request  # noqa: PLC0415
    from benchmarks.progress import Bars  # noqa: PLC0415
    from benchmarks.report import find  # noqa: PLC0415
    from benchmarks.run import Machine, Places  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415

    home = project_folder()
    with tempfile.TemporaryDirectory() as name, Bars() as bars:
        folder = Path(name)
        if run is None:
            judged = latency_network.of_made_clips(latency_network.landmark_recipe(model), folder, bars)
        else:
            places = Places(results or home / "results", runs or home / "runs")
            machine = Machine("cpu", progress=bars)
            request = Request(places, data, store or home / "data" / "stores", machine, landmarks)
            judged = latency_network.of_run(find(places.results, run), request, folder)
        report = speed_latency.measured(judged, folder, rounds, compiled=compiled, progress=bars)
    show(report, check=check, as_json=as_json)


@app.command()
def submit(
    *,
    records: Annotated[int, typer.Option(min=1, help="Made records, and runs of the plan.")] = 10_000,
    jobs: Annotated[int, typer.Option(min=1, help="Made jobs.")] = 1_000,
    check: Check = False,
    as_json: Json = False,
) -> None:
    """Planning thousands of runs, the table over them and their status: seconds, and questions to Slurm."""
    from benchmarks import speed_submit  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        report = speed_submit.measured(Path(folder), planned=records, records=records, jobs=jobs)
        show(report, check=check, as_json=as_json)


for _command in (infer, train, growth, gpu, page):
    app.command()(_command)


def main() -> None:
    """Run the command line; a problem is a sentence and an exit code."""
    with ending_in_words():
        app()


if __name__ == "__main__":
    main()
