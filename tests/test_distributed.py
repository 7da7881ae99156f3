"""Two processes give the scores of one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks.scores import read_scores
from wlasl.sample import SampleOptions, ensure

HOME = Path(__file__).resolve().parent.parent
FIELDS = {
    "epochs": 1,
    "size": 32,
    "frames": 4,
    "store_size": 64,
    "dropout": 0,  # what is dropped is drawn by each process for itself
    "drop_path": 0,
    "batch_size": 5,  # the last batch holds one clip: one process has none of it
    "optimizer": "sgd",  # Adam divides by rounding noise where gradients are nearly zero
    "lr": 0.05,
    "ema": 0.5,
}


@pytest.fixture(scope="module")
def scores_of(tmp_path_factory):
    """Return a function: the test scores of a run on so many processes."""
    folder = tmp_path_factory.mktemp("distributed")
    sample = ensure(folder / "sample", SampleOptions(glosses=4, clips=6))

    def run(devices: int):
        words = ["run", "--model", "movinet-a0-stream", "--split", "sample", "--device", "cpu"]
        words += ["--data", str(sample), "--store", str(folder / "store"), "--devices", str(devices)]
        words += ["--results", str(folder / f"results{devices}"), "--runs", str(folder / f"runs{devices}")]
        words += [word for name, value in FIELDS.items() for word in ("--set", f"{name}={value}")]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "120"}
        done = subprocess.run(
            [sys.executable, HOME / "wlasl_bench.py", *words],
            capture_output=True,
            text=True,
            env=environment,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        (path,) = (folder / f"runs{devices}").glob("*/scores.npz")
        return read_scores(path).parts["test"], done

    return run


@pytest.mark.slow
def test_two_processes_give_the_scores_of_one_and_print_once(scores_of):
    one, _ = scores_of(1)
    two, done = scores_of(2)
    assert one.ids == two.ids
    np.testing.assert_allclose(two.scores, one.scores, atol=1e-4)
    assert np.ptp(one.scores) > 0.01
    assert done.stderr.count("epoch 1/1") == 1
    assert done.stdout.count("movinet-a0-stream") >= 1
    assert "Warning" not in done.stderr
