"""The `bench` command line: every command in one place, nothing heavy imported until one of them works."""

from __future__ import annotations

import os
import sys

import typer
from rich.console import Console

from benchmarks.commands import (
    cancel,
    data,
    data_show,
    doctor,
    folds,
    jobs,
    list,  # noqa: A004
    logs,
    lr_find,
    overfit,
    prepare,
    probe,
    recipe,
    retry,
    run,
    show,
    status,
    stream,
    submit,
    table,
    tune,
)
from utils.errors import FAILURE, BenchError
from utils.threads import be_polite

app = typer.Typer(
    name="bench",
    help="Train and compare systems that name the sign in a short video, all by one protocol.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("submit")(submit.submit)
app.command("status")(status.status)
app.command("logs")(logs.logs)
app.command("cancel")(cancel.cancel)
app.command("retry")(retry.retry)
app.command("table")(table.table)
app.command("show")(show.show)
app.command("probe")(probe.probe)
app.command("stream")(stream.stream)
app.command("tune")(tune.tune)
app.command("folds")(folds.folds)
app.command("lr-find")(lr_find.lr_find)
app.command("overfit")(overfit.overfit)
app.command("list")(list.list_models)
app.command("recipe")(recipe.recipe)
app.command("prepare")(prepare.prepare)
app.command("doctor")(doctor.doctor)
app.command("worker", hidden=True)(jobs.worker)
app.command("pool", hidden=True)(jobs.pool)
app.add_typer(data.app, name="data")
data.app.command("show")(data_show.show)

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def main() -> None:
    """Run the command line; a mistake ends in a sentence and an exit code, never in a traceback.

    `BENCH_TRACEBACK=1` shows the traceback of an error that is not the user's.
    """
    be_polite()
    try:
        app()
    except BenchError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, SystemExit) as ended:
        # Typer turns Ctrl-C into an exit of its own, without a word.
        code = INTERRUPTED if isinstance(ended, KeyboardInterrupt) else ended.code
        if code == INTERRUPTED:
            again = " without --again" if "--again" in sys.argv else ""
            _say(f"Stopped. What is finished is kept; the same command{again} goes on from there.")
        sys.exit(code)
    except BrokenPipeError:
        # The reader of our output has gone (`bench list | head`): nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if os.environ.get("BENCH_TRACEBACK"):
            raise
        _say(f"{type(error).__name__}: {error}. This is a fault of bench; BENCH_TRACEBACK=1 shows where.")
        sys.exit(FAILURE)


def _say(sentence: str) -> None:
    """Print a sentence where errors go, in red where there is colour."""
    # No emoji: `gru:100:3` is a run.
    Console(stderr=True, soft_wrap=True, emoji=False).print(
        sentence, style="red", markup=False, highlight=False
    )
