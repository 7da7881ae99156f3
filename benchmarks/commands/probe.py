"""`bench probe`: what a finished run owes to order, sides and hands."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from benchmarks.commands.options import Data, Device, Landmarks, Results, Runs, RuntimeName, Store
from benchmarks.commands.run import known_device, known_runtime


def probe(  # noqa: PLR0913, PLR0917 - one parameter per option of the command
    run: Annotated[list[str], typer.Argument(help="Ids of runs, or their first digits.")],
    results: Results = None,
    runs: Runs = None,
    store: Store = None,
    data: Data = None,
    landmarks: Landmarks = None,
    device: Device = "auto",
    runtime: RuntimeName = "torch",
    again: Annotated[bool, typer.Option("--again", help="Probe anew where that was done.")] = False,  # noqa: FBT002
) -> None:
    """Score a run's test part again, shuffled, reversed, one frame long, mirrored, without hands.

    The weights are those that were chosen before; nothing is trained or tuned on test.
    """
    from benchmarks.finished import Request  # noqa: PLC0415 - `bench --help` needs none of it
    from benchmarks.probe import probe as carried_out  # noqa: PLC0415
    from benchmarks.probe_report import print_probes  # noqa: PLC0415
    from benchmarks.progress import Bars  # noqa: PLC0415
    from benchmarks.report import find  # noqa: PLC0415
    from benchmarks.run import Machine, Places  # noqa: PLC0415
    from benchmarks.table import load_table  # noqa: PLC0415
    from benchmarks.table_markdown import write_readme  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415

    home = project_folder()
    places = Places(results or home / "results", runs or home / "runs")
    stored = [find(places.results, name) for name in run]
    with Bars() as bars:
        machine = Machine(known_device(device), runtime=known_runtime(runtime), progress=bars)
        request = Request(places, data, store or home / "data" / "stores", machine, landmarks, again)
        found = [carried_out(one, request) for one in stored]
    for one in found:
        print_probes(one, Console())
    write_readme(load_table(places.results), places.results)
