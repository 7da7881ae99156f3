"""`bench retry`: submit failed runs again, as they were submitted or with more resources."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.commands.options import Results, Runs
from utils.errors import FAILURE, BenchError

if TYPE_CHECKING:
    from benchmarks.standing import Row
    from slurm.ledger import Cluster


def retry(
    run: Annotated[
        list[str] | None, typer.Argument(help="Ids, keys, their first digits, or model:split:seed.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Every run that failed.")] = False,  # noqa: FBT002
    resource: Annotated[
        list[str] | None,
        typer.Option(help="key=value over what they were submitted with, such as memory=64G; several times."),
    ] = None,
    results: Results = None,
    runs: Runs = None,
) -> None:
    """Submit runs again that failed, were cancelled or stopped: each goes on from its last checkpoint."""
    from benchmarks.standing import standing  # noqa: PLC0415 - `bench --help` needs none of it
    from wlasl.root import project_folder  # noqa: PLC0415

    if not run and not failed:
        raise BenchError("Name runs, or give --failed for all that failed.")
    home = project_folder()
    rows = standing(runs or home / "runs", results or home / "results").rows
    wanted = _wanted(rows, run or [], failed=failed)
    if not wanted:
        typer.echo("Nothing failed.")
        return
    refused = _again(wanted, resource or [])
    if refused:
        raise BenchError(" ".join(refused), exit_code=FAILURE)


def _wanted(rows: tuple[Row, ...], names: list[str], *, failed: bool) -> list[Row]:
    """Return the runs to submit again.

    Raises:
        BenchError: a name that nothing has, or a run that nobody submitted or that is not over.
    """
    from benchmarks.standing_find import chosen  # noqa: PLC0415

    if not names:
        return [row for row in rows if row.state.kind == "failed" and row.submission is not None]
    found = [row for row in chosen(rows, names) if not failed or row.state.kind == "failed"]
    for row in found:
        if row.submission is None:
            raise BenchError(f"Run {row.name} was not submitted. `bench run` with its own words tries again.")
        if row.state.kind not in {"failed", "cancelled", "stopped"}:
            raise BenchError(f"Run {row.name} is {row.state.kind}. Only what is over can be tried again.")
    return found


def _again(rows: list[Row], resources: list[str]) -> list[str]:
    """Submit runs again, those of one submission together, and return what was refused."""
    from benchmarks.submission import submit  # noqa: PLC0415
    from slurm.profiles import revised  # noqa: PLC0415

    refused: list[str] = []
    plans: dict[str, list[Row]] = {}
    for row in rows:
        if row.submission is not None:
            plans.setdefault(row.submission.id, []).append(row)
    for some in plans.values():
        submission, keys = some[0].submission, [row.key for row in some]
        if submission is None:
            continue
        where, plan = _cluster(submission.cluster), submission.plan.of(keys)
        told = submit(
            replace(plan, profile=revised(plan.profile, resources)),
            where,
            retry=keys,
            waiting=lambda name: typer.echo(f"Waiting for {name}."),
        )
        if told.submission is not None:
            number = len(told.sorted.missing)
            to = f"job {', '.join(told.jobs)}" if told.jobs else f"the {where} cluster"
            typer.echo(f"Submitted {number} run{'s' * (number != 1)} again to {to}: {told.submission.id}.")
        refused += told.refused
    return refused


def _cluster(name: str) -> Cluster:
    """Return where a submission went; the local one where that is not known any more.

    A run that was carried out in the foreground is tried again by a local pool: nobody may be there to watch.
    """
    return "slurm" if name == "slurm" else "local"
