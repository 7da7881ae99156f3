"""What people do wrong, or break off, ends in a sentence, an exit code, and nothing half-written."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")

from benchmarks.recipe import Recipe, resolve
from benchmarks.scores import read_scores
from utils import files
from wlasl.sample import SampleOptions, ensure

HOME = Path(__file__).resolve().parent.parent
SMALL = {"epochs": 3, "size": 32, "frames": 4, "store_size": 64, "batch_size": 4, "dropout": 0.2}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return ensure(tmp_path_factory.mktemp("cli") / "sample", SampleOptions(glosses=3, clips=6))


def words_of_run(sample, folder, model="movinet-a0-stream", **fields):
    words = ["run", "--model", model, "--split", "sample", "--data", sample, "--device", "cpu"]
    words += ["--store", sample.parent / "store", "--results", folder / "results", "--runs", folder / "runs"]
    for name, value in {**SMALL, **fields}.items():
        words += ["--set", f"{name}={value}"]
    return [str(word) for word in words]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "--model", "movinet-a9"], "There is no model named 'movinet-a9'. Did you mean"),
        (["run", "--model", "x3d-s", "--split", "99"], "There is no split named '99'"),
        (["run", "--model", "x3d-s", "--seeds", "4..1"], "--seeds takes 0..4 or 0,3,7"),
        (["run", "--model", "x3d-s", "--seeds", "a"], "--seeds takes 0..4 or 0,3,7"),
        (["run", "--model", "x3d-s", "--seeds", "1", "--seed", "1"], "--seed or --seeds, not both"),
        (["run", "--model", "x3d-s", "--device", "tpu"], "--device takes auto, cpu or cuda"),
        (["run", "--model", "x3d-s", "--set", "lr"], "--set takes field=value"),
        (["run", "--model", "x3d-s", "--recipe", "/absent.toml"], "There is no recipe file"),
        (["run", "--model", "s3d", "--engine", "tensorflow"], "s3d has no tensorflow engine"),
        (["run", "--model", "x3d-s", "--data", "/absent"], "There is no folder /absent"),
        (["recipe", "--model", "x3d"], "There is no model named 'x3d'. Did you mean"),
        (["show", "000000000000", "--results", "/absent"], ""),
        (["table", "--results", "/absent"], "There is no results folder"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(bench, words, sentence):
    code, _, err = bench(*words)
    assert code == 2
    assert sentence in " ".join(err.split())
    assert "Traceback" not in err


def test_recipe_prints_every_field_and_the_id(bench):
    code, out, _ = bench("recipe", "--model", "x3d-s", "--set", "lr=0.5")
    assert code == 0
    assert "lr = 0.5" in out
    assert all(name in out for name in Recipe.model_fields)
    _, out, _ = bench("recipe", "--model", "x3d-s", "--id")
    assert out.strip() == resolve("x3d-s", "100").id


def test_a_run_prints_a_table_and_is_not_repeated(bench, sample, tmp_path):
    words = words_of_run(sample, tmp_path, epochs=1)
    code, out, err = bench(*words)
    assert code == 0, err
    assert "movinet-a0-stream" in out
    assert "clips at hand: train 12 of 12, val 3 of 3, test 3 of 3" in err
    code, out, err = bench(*words)
    assert code == 0
    assert "is done already; --again trains it anew" in err


def test_a_full_disk_is_said_and_leaves_nothing_half_written(bench, sample, tmp_path, monkeypatch):
    real = files.write_whole

    def full(path, write):
        if path.suffix == ".ckpt":
            with files.spoken(path):
                raise OSError(errno.ENOSPC, "No space left on device")
        real(path, write)

    monkeypatch.setattr("benchmarks.checkpoints.write_whole", full)
    code, _, err = bench(*words_of_run(sample, tmp_path))
    assert code == 1
    assert "the disk is full" in err
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert not [name for name in left if name.endswith((".tmp", ".ckpt"))]
    assert len(list((tmp_path / "results").glob("*/*/*.json"))) == 1  # the failed record, with the reason


def test_an_unexpected_fault_is_one_line_unless_asked_for(bench, monkeypatch):
    monkeypatch.setattr("benchmarks.commands.list._legend", lambda: 1 / 0)
    code, _, err = bench("list")
    assert code == 1
    assert "ZeroDivisionError" in err
    assert "BENCH_TRACEBACK=1" in err
    monkeypatch.setenv("BENCH_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        bench("list")


def _started(words, log):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    with log.open("w") as file:
        return subprocess.Popen(
            [sys.executable, HOME / "wlasl_bench.py", *words], stderr=file, stdout=file, env=environment
        )


def _wait_for(log, text, seconds=240):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if text in log.read_text():
            return
        time.sleep(0.05)
    raise AssertionError(f"{text!r} did not appear in: {log.read_text()}")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_run_that_is_stopped_or_killed_goes_on_to_the_same_scores(sample, tmp_path, number, code):
    scores = []
    for name in ("whole", "cut"):
        log = tmp_path / f"{name}.log"
        words = words_of_run(sample, tmp_path / name, epochs=4)
        process = _started(words, log)
        if name == "cut":
            _wait_for(log, "epoch 2/4")
            process.send_signal(number)
            assert process.wait(120) == code, log.read_text()
            assert "Traceback" not in log.read_text()
            assert ("Stopped. What is finished is kept" in log.read_text()) == (number == signal.SIGINT)
            assert not list((tmp_path / name / "results").glob("*/*/*.json"))
            process = _started(words, log)
        assert process.wait(240) == 0, log.read_text()
        (path,) = (tmp_path / name / "runs").glob("*/scores.npz")
        scores.append(read_scores(path).parts["test"].scores)
    assert "epoch 1/4" not in (tmp_path / "cut.log").read_text()  # it went on, it did not begin anew
    assert scores[0].tobytes() == scores[1].tobytes()
