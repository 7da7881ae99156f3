"""The GPU's measurement, rehearsed on a CPU."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")

from benchmarks import speed, speed_gpu  # noqa: E402
from benchmarks.speed_gpu import Devices, OnDevice, Plan  # noqa: E402
from utils.errors import BenchError  # noqa: E402


def test_without_a_gpu_it_is_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = CliRunner().invoke(speed.app, ["gpu", "-m", "x3d-xs"])
    assert isinstance(found.exception, BenchError)
    assert "There is no GPU here" in str(found.exception)


def test_a_rehearsal_on_a_cpu_measures_everything(tmp_path):
    plan = Plan("cpu", clips=2, steps=1, drawn=8, shape=(2, 32), pixels=48, matrix=64)
    found = speed_gpu.measured(["x3d-xs"], tmp_path, plan)
    (row,) = found.rows
    assert (row.model, row.reason, row.memory) == ("x3d-xs", "", 0.0)
    assert min(row.trained, row.scored, row.fed) > 0
    assert 0 <= row.waited < 1
    assert row.share > 0
    assert "CPU, bf16 matrices at" in found.what
    assert found.as_dict()["cells"][0][0] == "x3d-xs"
    assert "x3d-xs" in found.as_text()


def test_a_network_that_does_not_fit_is_told(tmp_path, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")

    monkeypatch.setattr(speed_gpu, "_measured", full)
    row = speed_gpu._network("i3d", tmp_path, tmp_path, Plan("cpu"), 1.0)
    assert row.reason == "CUDA out of memory"
    report = Devices("a GPU", (row, OnDevice("s3d", 10.0, 30.0, 9.0, 0.05, 0.2, 900.0)))
    assert not report.met
    assert "s3d (5%)" in report.mark
    assert "i3d: not measured. CUDA out of memory" in report.as_text()
