"""Forms for runtimes compute what the networks compute, exported or not."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks.export_clips import clip_setting  # noqa: E402
from benchmarks.export_forms import Folded, form  # noqa: E402
from benchmarks.export_landmarks import to_onnx  # noqa: E402
from benchmarks.latency_clips import clip_recipe  # noqa: E402
from benchmarks.latency_runtimes import onnx_runtime, openvino  # noqa: E402
from benchmarks.recipe import revised  # noqa: E402
from models import zoo  # noqa: E402


def drawn(name, frames, size, classes=3):
    """Return a network in evaluation whose every layer matters."""
    torch.manual_seed(0)
    network = zoo.build(name, "torch", classes, frames=frames, size=size)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 0:
                parameter.fill_(0.3)
            elif parameter.ndim == 1:
                parameter.uniform_(0.2, 0.6)
        for buffer in network.buffers():
            if buffer.is_floating_point():
                buffer.uniform_(0.5, 1.5)
    return network.eval()


def largest_difference(one, other):
    """Return the largest difference as a share of the largest number."""
    return float((one - other).abs().max() / one.abs().max())


@pytest.mark.parametrize(
    ("name", "frames", "size"),
    [
        ("x3d-xs", 3, 40),
        ("movinet-a0", 3, 33),
        ("movinet-a0-stream", 4, 40),
        ("movinet-a3-stream", 3, 34),
        ("i3d", 9, 32),
    ],
)
def test_a_form_is_the_same_function(name, frames, size):
    network = drawn(name, frames, size)
    clips = torch.rand(2, 3, frames, size, size)
    with torch.inference_mode():
        expected = network(clips)
        assert largest_difference(expected, form(network, size)(clips)) < 1e-4
        assert torch.equal(network(clips), expected), "making the form changed the network"


def test_a_batch_normalisation_and_a_factor_are_folded_into_the_weights():
    conv, norm = torch.nn.Conv3d(2, 3, (1, 3, 3), (1, 2, 2), (0, 1, 1)), torch.nn.BatchNorm3d(3)
    norm.running_mean.uniform_()
    norm.running_var.uniform_(0.5, 2)
    x = torch.rand(1, 2, 4, 7, 7)
    with torch.inference_mode():
        expected = 0.5 * norm.eval()(conv(x))
        found = Folded(conv, norm, factor=torch.tensor(0.5))(x)
    assert torch.allclose(found, expected, atol=1e-6)


def test_zeros_are_padded_where_the_two_sides_differ():
    conv = torch.nn.Conv3d(1, 1, (3, 1, 1), bias=False)
    torch.nn.init.ones_(conv.weight)
    clip = torch.arange(1.0, 5.0).view(1, 1, 4, 1, 1)
    past = Folded(conv, padding=((2, 0), (0, 0), (0, 0)))(clip)
    assert past.flatten().tolist() == [1, 3, 6, 9]


def test_runtimes_give_the_networks_logits(tmp_path):
    for package in ("onnx", "onnxscript", "onnxruntime", "openvino"):
        pytest.importorskip(package)
    name = "movinet-a0-stream"
    recipe = revised(clip_recipe(name, native=False), frames=2, size=48)
    setting = clip_setting(recipe, 3, tmp_path / "weights.pt")
    assert (setting.shape, setting.given, setting.fixed) == ((1, 3, 2, 48, 48), "clip", True)
    network = drawn(name, 2, 48)
    torch.save(network.state_dict(), setting.weights)
    to_onnx(setting, tmp_path / "network.onnx")
    clip = setting.example().numpy()
    with torch.inference_mode():
        expected = network(torch.from_numpy(clip)).numpy()
    loaded = (
        onnx_runtime(setting, tmp_path / "network.onnx"),
        openvino(setting, tmp_path / "network.onnx", precision="f32"),
    )
    for predict in loaded:
        np.testing.assert_allclose(predict(clip), expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
