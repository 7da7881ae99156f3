"""Plots: files are whole, the same figure is the same bytes, and strange values do not stop them."""

from __future__ import annotations

import math

import pytest
from PIL import Image

from utils.errors import BenchError
from utils.plots import Figure, Panel, draw


def figure(values=(1.0, 0.5, 0.25), **changes):
    """Return a figure of two panels."""
    x = list(range(1, len(values) + 1))
    panels = [Panel("loss", {"train": values, "val": values}), Panel("rate", {"val": values}, log=True)]
    return Figure(
        **{"title": "A run", "x_name": "epoch", "x": x, "panels": panels, "mark": 2, "mark_name": "chosen"}
        | changes
    )


@pytest.mark.parametrize(
    "values",
    [(1.0, 0.5, 0.25), (1.0,), (), (math.nan, math.nan), (0.0, 0.0), (1e-30, 1e30)],
    ids=["line", "point", "nothing", "nan", "zero", "wide"],
)
def test_a_figure_becomes_a_png(tmp_path, values):
    path = tmp_path / "new" / "curves.png"
    draw(path, figure(values))
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG"
        assert image.width > 2 * image.height
    assert [one.name for one in path.parent.iterdir()] == ["curves.png"]


def test_the_same_figure_is_the_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        draw(tmp_path / name, figure())
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_figure_may_have_no_mark(tmp_path):
    draw(tmp_path / "a.png", figure())
    draw(tmp_path / "b.png", figure(mark=None))
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


def test_a_folder_that_cannot_be_written_to_is_a_sentence(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(BenchError, match="Cannot write"):
        draw(tmp_path / "runs" / "curves.png", figure())
