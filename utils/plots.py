"""Line plots as PNG files: small, and free of the field. Matplotlib is imported when a plot is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.files import write_whole

_INCHES = (4.2, 3.4)
_DPI = 110


@dataclass(frozen=True)
class Panel:
    """One plot of a figure.

    Attributes:
        name: what the y axis shows, with its unit.
        lines: per label, y over `x`; NaN leaves a gap.
        log: the y axis is logarithmic, where there is anything above zero.
        from_zero: the y axis begins at zero, so that flat looks flat.
    """

    name: str
    lines: Mapping[str, Sequence[float]]
    log: bool = False
    from_zero: bool = False


@dataclass(frozen=True)
class Figure:
    """Panels side by side over one x axis.

    Attributes:
        title: stands above them.
        x_name: what the x axis shows.
        x: its values.
        panels: from left to right.
        mark: an x that a vertical line marks in every panel; None for none.
        mark_name: what that line is.
    """

    title: str
    x_name: str
    x: Sequence[float]
    panels: Sequence[Panel]
    mark: float | None = None
    mark_name: str = ""


def draw(path: Path, figure: Figure) -> None:
    """Write a figure as PNG, whole; the same figure gives the same bytes.

    Raises:
        BenchError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - takes half a second
    from matplotlib.figure import Figure as Canvas  # noqa: PLC0415 - likewise

    width, height = _INCHES
    canvas = Canvas(figsize=(width * len(figure.panels), height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(canvas)
    canvas.suptitle(figure.title)
    for axes, panel in zip(
        canvas.subplots(1, len(figure.panels), squeeze=False)[0], figure.panels, strict=True
    ):
        _draw_panel(axes, figure, panel)
    write_whole(path, lambda file: canvas.savefig(file, format="png", metadata={"Software": None}))


def _draw_panel(axes, figure: Figure, panel: Panel) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Draw one panel: a label has one colour in all of them, and a single point is a dot."""
    labels = list(dict.fromkeys(label for every in figure.panels for label in every.lines))
    dot = "o" if len(figure.x) == 1 else None
    for label, values in panel.lines.items():
        axes.plot(figure.x, values, label=label, marker=dot, linewidth=1.6, color=f"C{labels.index(label)}")
    if figure.mark is not None:
        axes.axvline(figure.mark, color="0.5", linestyle="--", linewidth=1, label=figure.mark_name)
    axes.set_xlabel(figure.x_name)
    axes.set_ylabel(panel.name)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(visible=True, color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    if panel.log and any(value > 0 for values in panel.lines.values() for value in values):
        axes.set_yscale("log", nonpositive="mask")
    if panel.from_zero:
        axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
