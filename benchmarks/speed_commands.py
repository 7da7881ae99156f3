"""Commands of `python -m benchmarks.speed` that measure networks of pixels, and the page of what was kept."""

from __future__ import annotations

import difflib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from utils.errors import FAILURE, BenchError

Rounds = Annotated[int, typer.Option(min=1, help="Each method has so many turns.")]
Check = Annotated[bool, typer.Option("--check", help="Fail where ours misses its mark.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Write = Annotated[bool, typer.Option("--write", help="Keep it, and make docs/SPEED.md anew.")]
Models = Annotated[
    list[str] | None, typer.Option("--model", "-m", help="Rows of the zoo; else every convolutional one.")
]
Compiled = Annotated[bool, typer.Option("--compile", help="torch.compile too, which takes long.")]


class Reported(Protocol):
    """What a comparison gives back."""

    @property
    def mark(self) -> str:
        """What ours should reach, in words."""

    @property
    def met(self) -> bool:
        """Whether it did."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""

    def as_text(self) -> str:
        """Return it as tables in plain text."""


def show(report: Reported, *, check: bool, as_json: bool) -> None:
    """Print a report, and fail where it misses its mark if that is asked for."""
    typer.echo(json.dumps(report.as_dict(), indent=2) if as_json else report.as_text())
    if check and not report.met:
        raise BenchError(f"Missed: {report.mark}.", exit_code=FAILURE)


def remember(kind: str, name: str, report: Mapping[str, Any], *, write: bool) -> None:
    """Keep a measurement and make the page anew, if that is asked for."""
    if not write:
        return
    from benchmarks import speed_page, speed_records  # noqa: PLC0415 - `--help` needs none of it
    from utils.files import write_text  # noqa: PLC0415

    speed_records.keep(kind, name, report)
    write_text(speed_page.page_path(), speed_page.page(speed_records.kept()))


def infer(
    *,
    models: Models = None,
    rounds: Rounds = 5,
    more: Annotated[bool, typer.Option("--more", help="Other ways of PyTorch too.")] = False,
    slow: Annotated[bool, typer.Option("--slow", help="torch.compile, LiteRT too.")] = False,
    write: Write = False,
    check: Check = False,
    as_json: Json = False,
) -> None:
    """One clip of pixels on one core: PyTorch, ONNX Runtime, OpenVINO, LiteRT, and what each gets wrong."""
    from benchmarks import speed_infer  # noqa: PLC0415

    chosen = (
        *speed_infer.RUNTIMES,
        *(speed_infer.MORE if more else ()),
        *(speed_infer.SLOW_TO_MAKE if slow else ()),
    )
    measure = partial(speed_infer.measured, rounds=rounds, runtimes=chosen)
    _each("infer", models, measure, write=write, check=check, as_json=as_json)


def train(
    *,
    models: Models = None,
    rounds: Rounds = 3,
    compiled: Compiled = False,
    write: Write = False,
    check: Check = False,
    as_json: Json = False,
) -> None:
    """A training step on one core: fp32, bf16, channels last; and how long the fastest waits for clips."""
    from benchmarks import speed_train  # noqa: PLC0415

    measure = partial(speed_train.measured, rounds=rounds, compiled=compiled)
    _each("train", models, measure, write=write, check=check, as_json=as_json)


def growth(
    *,
    clips: Annotated[
        list[int] | None, typer.Option(min=64, help="Sizes of the data sets, ascending.")
    ] = None,
    write: Write = False,
    check: Check = False,
    as_json: Json = False,
) -> None:
    """Prepare, train and score 100, 1,000 and 10,000 tiny clips: linear in time, flat in memory."""
    from benchmarks import speed_growth, speed_page  # noqa: PLC0415
    from benchmarks.progress import Bars  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as name, Bars() as bars:
        found = speed_growth.measured(Path(name), clips or speed_growth.COUNTS, bars)
    if write:
        speed_growth.plot(found, speed_page.page_path().with_name(speed_growth.PLOT))
    remember("growth", "tiny", found.as_dict(), write=write)
    show(found, check=check, as_json=as_json)


def gpu(
    *,
    models: Models = None,
    clips: Annotated[int, typer.Option(min=1, help="Clips in a batch.")] = 16,
    write: Write = False,
    check: Check = False,
    as_json: Json = False,
) -> None:
    """On a GPU: clips per second, share of its peak, memory, and waiting for clips, network by network."""
    from benchmarks import speed_gpu  # noqa: PLC0415
    from benchmarks.progress import Bars  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as name, Bars() as bars:
        plan = speed_gpu.Plan(clips=clips)
        found = speed_gpu.measured(models or convolutional(), Path(name), plan, bars)
    remember("gpu", "networks", found.as_dict(), write=write)
    show(found, check=check, as_json=as_json)


def _each(
    kind: str,
    models: Sequence[str] | None,
    measure: Callable[..., Reported],
    *,
    write: bool,
    check: bool,
    as_json: bool,
) -> None:
    """Measure network by network, each shown as soon as it is measured; all are judged at the end."""
    from benchmarks.progress import Bars  # noqa: PLC0415 - `--help` needs none of it

    missed = []
    for model in models or convolutional():
        with tempfile.TemporaryDirectory() as name, Bars() as bars:
            found = measure(model, Path(name), progress=bars)
        remember(kind, model, found.as_dict(), write=write)
        show(found, check=False, as_json=as_json)
        missed += [] if found.met else [found.mark]
    if check and missed:
        raise BenchError(f"Missed: {'; '.join(missed)}.", exit_code=FAILURE)


def convolutional() -> list[str]:
    """Return the rows of the zoo that have marks, the cheapest first."""
    from benchmarks.speed_infer import least_of  # noqa: PLC0415
    from models import zoo  # noqa: PLC0415

    rows = [row for row in zoo.ROWS if least_of(row.name) is not None]
    return [row.name for row in sorted(rows, key=lambda row: row.gmacs)]


def page(
    *, check: Annotated[bool, typer.Option("--check", help="Fail where it is not up to date.")] = False
) -> None:
    """Make docs/SPEED.md of the measurements that are kept."""
    from benchmarks import speed_page, speed_records  # noqa: PLC0415
    from utils.files import write_text  # noqa: PLC0415

    path, made = speed_page.page_path(), speed_page.page(speed_records.kept())
    if not check:
        write_text(path, made)
        return
    there = path.read_text(encoding="utf-8") if path.is_file() else ""
    if there != made:
        changes = difflib.unified_diff(there.splitlines(), made.splitlines(), lineterm="", n=0)
        first = next((line for line in changes if line.startswith(("+", "-")) and line[1:2] not in "+-"), "")
        raise BenchError(
            f"{path.name} is not what the measurements say, first at: {first[:80]} Make it anew with"
            " `python -m benchmarks.speed page`.",
            exit_code=FAILURE,
        )
