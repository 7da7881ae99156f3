"""`bench prepare`, as one types it."""

import io
import json

import pytest
import typer
import videos
from rich.console import Console
from typer.testing import CliRunner

from benchmarks import progress
from benchmarks.commands.prepare import prepare
from benchmarks.progress import Bars
from utils.errors import BenchError


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """Run the command on a tiny data set; return a function from words to its result."""
    dataset = videos.dataset(tmp_path / "data", 3)
    dataset.files.found["00001"].write_bytes(b"<html>")
    monkeypatch.setattr("wlasl.subsets.load", lambda *_, **__: dataset)
    app = typer.Typer()
    app.command()(prepare)
    return lambda *words: CliRunner().invoke(app, [*words, "--store", str(tmp_path / "stores")])


def test_it_says_what_is_ready_and_which_file_cannot_be_read(bench):
    found = bench("--size", "16")
    assert found.exit_code == 0
    assert "2 clips are ready (2 new" in found.stdout
    assert "  00001: html." in found.stdout


def test_the_answer_is_there_as_json_too(bench):
    found = json.loads(bench("--size", "16", "--codec", "raw", "--json").stdout)
    assert (found["clips"], found["new"], found["skipped"]) == (2, 2, {"00001": "html"})


def test_a_wrong_view_is_a_sentence(bench):
    found = bench("--size", "17")
    assert isinstance(found.exception, BenchError)
    assert "multiple of 16" in str(found.exception)


def test_a_log_gets_a_line_now_and_then(monkeypatch):
    monkeypatch.setattr(progress, "_LOG_SECONDS", 0.0)
    text = io.StringIO()
    with Bars("clips", console=Console(file=text)) as bar:
        bar.begin("preparing 100", 10, 4)
        bar.advance("1 unreadable")
        bar.end("6 clips")
    assert "preparing 100: 5/10, " in text.getvalue()
    assert "s left  1 unreadable" in text.getvalue()


def test_a_terminal_gets_a_bar_with_clips_a_second():
    text = io.StringIO()
    with Bars("clips", console=Console(file=text, force_terminal=True, width=160)) as bar:
        bar.begin("waiting", 1)
        bar.begin("preparing 100", 10)
        for _ in range(10):
            bar.advance()
        bar._bar.refresh()
        bar.end()
        bar.end()
    assert "10/10" in text.getvalue()
    assert "clips/s" in text.getvalue()
