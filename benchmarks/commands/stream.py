"""`bench stream`: a finished streaming MoViNet, frame by frame."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from benchmarks.commands.options import Data, Device, Results, Runs, Store
from benchmarks.commands.run import known_device
from utils.errors import BenchError


def stream(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    run: Annotated[str, typer.Argument(help="Id of a run of movinet-*-stream, or its first digits.")],
    part: Annotated[str, typer.Option(help="test or val.")] = "test",
    results: Results = None,
    runs: Runs = None,
    store: Store = None,
    data: Data = None,
    device: Device = "auto",
    again: Annotated[bool, typer.Option("--again", help="Stream anew where that was done.")] = False,  # noqa: FBT002
) -> None:
    """Score a run frame by frame: how much of a sign it needs, whether that is exact, what a frame costs.

    The weights are those that were chosen before; nothing is trained or tuned on test.
    """
    from benchmarks.finished import Request  # noqa: PLC0415 - `bench --help` needs none of it
    from benchmarks.progress import Bars  # noqa: PLC0415
    from benchmarks.report import find  # noqa: PLC0415
    from benchmarks.run import Machine, Places  # noqa: PLC0415
    from benchmarks.streaming import PARTS  # noqa: PLC0415
    from benchmarks.streaming import stream as carried_out  # noqa: PLC0415
    from benchmarks.streaming_report import draw_streams, print_streams  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415

    chosen = next((name for name in PARTS if name == part), None)
    if chosen is None:
        raise BenchError(f"--part takes {' or '.join(PARTS)}, not {part!r}.")
    home = project_folder()
    places = Places(results or home / "results", runs or home / "runs")
    stored = find(places.results, run)
    with Bars() as bars:
        machine = Machine(known_device(device), progress=bars)
        request = Request(places, data, store or home / "data" / "stores", machine, again=again)
        found = carried_out(stored, request, chosen)
    print_streams(found, Console(), part=chosen)
    plot = places.runs / stored.record.id / f"stream-{chosen}.png"
    draw_streams(found, chosen, plot)
    typer.echo(f"{plot}")
