"""What `bench data doctor` says of a data set beside WLASL, as tables."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.data_report import table, titled
from wlasl.clips import PARTS
from wlasl.datasets.form import listed
from wlasl.datasets.health import SetHealth


def set_report(health: SetHealth) -> RenderableType:
    """Return the data set's numbers beside its authors', then a sentence for each thing to know of it."""
    heading = f"{health.kind.title}: {health.kind.parts}"
    return Group(*titled(heading, _numbers(health)), *(Text(f"{line}\n") for line in _lines(health)))


def _numbers(health: SetHealth) -> Table:
    """Return clips and signers of each part, and the classes, beside those that the authors give."""
    made = table("part", "clips", "by its authors", "signers", "by its authors")
    for part in PARTS:
        clips, signers = health.listed[part], health.signers.get(part)
        made.add_row(
            part,
            f"{clips:,}",
            _or_dash(health.kind.clips.get(part)),
            _or_dash(signers),
            _or_dash(health.kind.signers.get(part)),
        )
    made.add_section()
    made.add_row("classes", f"{health.classes:,}", _or_dash(health.kind.classes))
    return made


def _or_dash(count: int | None) -> str:
    """Write a count that may not be known."""
    return "-" if count is None else f"{count:,}"


def _lines(health: SetHealth) -> Iterator[str]:
    """Yield a sentence for each thing that a user should know."""
    if differing := health.differing():
        yield f"Not the whole data set as published: {'; '.join(differing)}."
    for (one, other), people in health.shared.items():
        yield f"{one} and {other} share {len(people)} signers: {listed(map(str, people), 5)}."
    if health.signers and not health.shared:
        yield "No signer is in two parts."
    if health.strays:
        names = listed((path.name for path in health.strays), 5)
        yield f"Videos that no list names, or that are there twice: {len(health.strays):,}: {names}."
    if health.twins is None:
        return
    if health.twins:
        across, glosses = health.twins_across("part"), health.twins_across("label")
        yield (
            f"Files with the same bytes: {len(health.twins):,} groups, {across} of them in several parts,"
            f" {glosses} under several glosses: {listed((group[0].id for group in health.twins), 5)}."
        )
    else:
        yield "No two files have the same bytes."
