"""`bench list` shows the whole zoo, on a wide page, a narrow one and as JSON."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from benchmarks.commands import list as list_command
from models import zoo


@pytest.fixture
def bench():
    app = typer.Typer()
    app.command()(list_command.list_models)
    return lambda *words: CliRunner().invoke(app, list(words), catch_exceptions=False)


def test_every_row_is_printed_whole_within_a_hundred_columns(bench):
    lines = bench().stdout.splitlines()
    rows = {line.split()[0]: line for line in lines if line.startswith(tuple(zoo.ZOO))}
    assert set(rows) == set(zoo.ZOO)
    assert max(map(len, lines)) <= 100
    assert not any("…" in line for line in lines)
    a3 = rows["movinet-a3-stream"]
    for cell in ("120x256²", "9.96M", "52.1", "torch, tensorflow", "2103.11511", "Apache-2.0", "kinetics"):
        assert cell in a3
    for cell in ("100x54", "Bohacek 2022"):
        assert cell in rows["spoter"]


def test_a_narrow_page_leaves_columns_out_instead_of_cutting_words():
    whole = list_command._table(wide=True)
    narrow = list_command._table(wide=False)
    assert len(whole.columns) == 8
    assert [column.header for column in narrow.columns] == [
        "model",
        "input",
        "params",
        "GMACs",
        "engines",
        "paper",
    ]


def test_papers_are_named_under_the_table(bench):
    output = bench().stdout
    for line in (
        "1705.07750: Carreira and Zisserman 2017",
        "2004.04730: Feichtenhofer 2020",
        "Bohacek 2022: Bohacek and Hruz 2022, doi:10.1109/",
    ):
        assert line in output


def test_json_has_every_field_of_every_row(bench):
    rows = {row["name"]: row for row in json.loads(bench("--json").stdout)}
    assert set(rows) == set(zoo.ZOO)
    s3d = rows["s3d"]
    assert s3d["engines"] == ["torch"]
    assert s3d["parameters"] == 8_012_548
    assert s3d["input"]["mean"] == [0.43216, 0.394666, 0.37645]
    assert s3d["weights"]["kinetics"]["url"].endswith("s3d-d76dad2f.pth")
    assert rows["movinet-a0-stream"]["options"] == {"variant": "a0", "stream": True}
    assert rows["movinet-a0"]["engines"] == ["torch", "tensorflow"]


def test_nothing_heavy_is_imported():
    heavy = ("torch", "tensorflow", "pandas", "numpy", "cv2", "av", "matplotlib")
    code = (
        "import sys; from benchmarks.commands.list import list_models; list_models(as_json=False);"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "movinet-a3" in done.stdout
