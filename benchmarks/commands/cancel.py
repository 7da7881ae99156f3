"""`bench cancel`: end submitted runs that wait or run; their checkpoints are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from benchmarks.commands.options import Results, Runs
from utils.errors import BenchError

if TYPE_CHECKING:
    from benchmarks.standing import Row


def cancel(
    run: Annotated[
        list[str] | None, typer.Argument(help="Ids, keys, their first digits, or model:split:seed.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything submitted that is not over.")] = False,  # noqa: FBT002
    submission: Annotated[
        str | None, typer.Option(metavar="ID", help="Everything of one submission that is not over.")
    ] = None,
    results: Results = None,
    runs: Runs = None,
) -> None:
    """Cancel runs that wait or run; checkpoints are kept, and submitting them again goes on from there."""
    from benchmarks.cancelling import cancelled  # noqa: PLC0415 - `bench --help` needs none of it
    from benchmarks.standing import standing  # noqa: PLC0415
    from wlasl.root import project_folder  # noqa: PLC0415

    if bool(run) + everything + (submission is not None) != 1:
        raise BenchError("Name runs, or give --all, or --submission ID: one of them.")
    home = project_folder()
    rows = standing(runs or home / "runs", results or home / "results").rows
    wanted = [row for row in _wanted(rows, run or [], submission) if not row.over]
    number = len(cancelled(wanted))
    kept = "its checkpoint is kept" if number == 1 else "their checkpoints are kept"
    typer.echo(
        f"Cancelled {number} run{'s' * (number != 1)}; {kept}." if number else "Nothing was left to cancel."
    )


def _wanted(rows: tuple[Row, ...], names: list[str], submission: str | None) -> list[Row]:
    """Return the runs that were named.

    Raises:
        BenchError: a name that nothing has.
    """
    from benchmarks.standing_find import chosen  # noqa: PLC0415

    if names:
        return chosen(rows, names)
    ours = [row for row in rows if row.submission is not None]
    if submission is None:
        return ours
    found = [row for row in ours if row.submission is not None and row.submission.id == submission]
    if not found:
        raise BenchError(
            f"No run was submitted last by {submission!r}. `bench status --json` names submissions."
        )
    return found
