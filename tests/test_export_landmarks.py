"""Landmark networks as files of other runtimes give the logits that they give in PyTorch, for any length."""

from __future__ import annotations

import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from benchmarks import export_landmarks as export  # noqa: E402
from benchmarks.latency_network import landmark_recipe, setting_of  # noqa: E402
from benchmarks.latency_runtimes import eager, litert, onnx_runtime, openvino  # noqa: E402
from benchmarks.recipe import revised  # noqa: E402
from models import spoter, zoo  # noqa: E402
from utils.errors import BenchError  # noqa: E402

CLASSES = 7


class SmallSpoter(spoter.Classifier):
    """SPOTER with a layer and few hidden units."""

    def __init__(self, classes, d=108, dropout=0.1, **_options):
        spoter.Spoter.__init__(self, d, layers=1, hidden=16, dropout=dropout, single_pos=False)
        self.linear_class = nn.Linear(d, classes)


@pytest.fixture
def setting(tmp_path, monkeypatch):
    """Return what makes a small network's setting, its weights written, all of them random."""

    def made(model):
        small = {"hidden": 8} if model == "gru" else {"width": 16} if model == "sign-conformer" else {}
        recipe = revised(landmark_recipe(model), **small)
        found = setting_of(recipe, CLASSES, tmp_path / "weights.pt")
        if model == "spoter":
            monkeypatch.setattr(zoo, "build", lambda *_, **__: SmallSpoter(CLASSES))
        torch.manual_seed(0)
        state = zoo.build(model, "torch", CLASSES, **found.architecture).state_dict()
        spread = {name: value + 0.1 * torch.rand_like(value) for name, value in state.items() if value.ndim}
        torch.save({**state, **spread}, found.weights)
        return found

    return made


def clips(setting):
    """Return random clips of several lengths, or of the one that a network takes."""
    lengths = (setting.shape[1],) if setting.fixed else (100, 37, 2)
    rng = np.random.default_rng(0)
    shapes = [(1, length, *setting.shape[2:]) for length in lengths]
    return [rng.random(shape, np.float32) - np.float32(0.5) for shape in shapes]


def check(setting, predict, most):
    """Compare a runtime with PyTorch."""
    expected = eager(setting, setting.weights)
    found = [(predict(clip), expected(clip)) for clip in clips(setting)]
    assert len(found) >= 1
    for mine, theirs in found:
        assert mine.shape == (1, CLASSES)
        assert np.abs(mine - theirs).max() <= most * max(1.0, np.abs(theirs).max())


@pytest.mark.parametrize("model", ["spoter", "sign-conformer", "gru"])
def test_onnx_files_give_the_same_logits(setting, tmp_path, model):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    found, path = setting(model), tmp_path / "network.onnx"
    export.to_onnx(found, path)
    check(found, onnx_runtime(found, path), 1e-5)
    export.to_onnx_int8(path, tmp_path / "int8.onnx")
    check(found, onnx_runtime(found, tmp_path / "int8.onnx"), 0.1)
    # Of recurrent layers ONNX Runtime quantises nothing, and so small a head gains nothing.
    assert model == "gru" or (tmp_path / "int8.onnx").stat().st_size < path.stat().st_size
    pytest.importorskip("openvino")
    check(found, openvino(found, path, precision="f32"), 1e-5)
    check(found, openvino(found, path, precision="bf16"), 0.1)


@pytest.mark.tensorflow
@pytest.mark.parametrize("model", ["spoter", "sign-conformer"])
def test_litert_files_give_the_same_logits(setting, tmp_path, model):
    pytest.importorskip("tensorflow")
    pytest.importorskip("ai_edge_litert")
    found, path = setting(model), tmp_path / "network.tflite"
    export.to_litert(found, path)
    check(found, litert(found, path), 1e-5)
    export.to_litert_int8(found, tmp_path / "int8.tflite")
    check(found, litert(found, tmp_path / "int8.tflite"), 0.1)


@pytest.mark.tensorflow
def test_a_recurrent_network_is_no_litert_file(setting, tmp_path):
    pytest.importorskip("tensorflow")
    with pytest.raises(BenchError, match="LiteRT has no recurrent layer"):
        export.to_litert(setting("gru"), tmp_path / "network.tflite")


class Odd(nn.Module):
    """Does what nobody translated."""

    def forward(self, points):
        return points.erfc().flatten(1)[:, :3]


class Shapes(nn.Module):
    """Does one of each operation that changes places or shapes, and of arithmetic."""

    def forward(self, points):
        x = points.flatten(2)
        first, second = x.unflatten(2, (2, -1)).unbind(2)
        x = torch.cat([first.transpose(1, 2)[:, :, :2], second[:, :2].permute(0, 2, 1)], 1).unsqueeze(0)
        x = torch.softmax((x - 0.5) / 2, -1) * torch.sigmoid(x) + torch.tanh(x)
        x = nn.functional.gelu(x) + nn.functional.silu(x).contiguous()
        return x[0].mean([1], True).reshape(1, -1).expand(1, -1)[:, 1:-1:2]


@pytest.mark.tensorflow
def test_what_is_translated_computes_the_same_and_what_is_not_is_named():
    tf = pytest.importorskip("tensorflow")
    points = torch.rand(1, 5, 3, 2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        program = torch.export.export(Shapes(), (points,))
        expected = Shapes()(points).numpy()
    found = export.translated(program)(tf.constant(points.numpy())).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    odd = torch.export.export(Odd(), (points,))
    with pytest.raises(BenchError, match=r"operation special_erfc is not translated|erfc is not translated"):
        export.translated(odd)(tf.constant(points.numpy()))


@pytest.mark.tensorflow
def test_operations_in_ways_that_are_not_translated_are_refused():
    pytest.importorskip("tensorflow")
    from benchmarks import export_ops  # noqa: PLC0415

    x = np.zeros((1, 4, 6), np.float32)
    with pytest.raises(NotImplementedError, match="stride"):
        export_ops.conv1d(x, np.zeros((2, 4, 3), np.float32), None, (2,))
    with pytest.raises(NotImplementedError, match="mask"):
        export_ops.attention(x[None], x[None], x[None], x)


def test_a_missing_package_is_named_with_what_installs_it(setting, tmp_path, monkeypatch):
    found = setting("gru")
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    pytest.importorskip("onnx")
    with pytest.raises(BenchError, match=r"onnxscript is not installed.*\[export\]"):
        export.to_onnx(found, tmp_path / "network.onnx")
