"""MoViNet in torch: the official sizes and logits without TensorFlow, and clips that come frame by frame."""

from __future__ import annotations

import copy
import itertools
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch.nn import functional  # noqa: E402

from benchmarks.movinet_parity import NAMES, Shape, random_clips, stirred  # noqa: E402
from models import movinet, movinet_weights  # noqa: E402
from utils.errors import BenchError  # noqa: E402

# Trainable parameters and statistics of tf-models-official 2.20 with 100 classes.
SIZES = {
    "a0": (2_087_299, 14_272),
    "a1": (3_665_796, 27_616),
    "a2": (4_225_062, 31_360),
    "a3": (6_373_045, 45_744),
    "a4": (10_324_963, 73_264),
    "a5": (17_626_023, 112_832),
    "a0-stream": (2_723_531, 17_952),
    "a1-stream": (5_422_852, 34_208),
    "a2-stream": (6_302_462, 39_088),
    "a3-stream": (9_962_118, 56_528),
    "a4-stream": (17_111_682, 92_144),
    "a5-stream": (30_471_434, 140_800),
}
BLOCKS = {"a0": 18, "a1": 27, "a2": 29, "a3": 36, "a4": 50, "a5": 62}
TINY = Shape(frames=4, size=32, classes=5)


def built(name, shape=TINY, **options):
    variant, stream = NAMES[name]
    size = {"frames": shape.frames, "size": shape.size}
    return movinet.build(shape.classes, variant=variant, stream=stream, **size, **options)


def stirred_network(name, shape=TINY, **options):
    network = built(name, shape, **options).eval()
    movinet_weights.into_torch(stirred(movinet_weights.from_torch(network), 0), network)
    return network


def clips_of(shape):
    return torch.from_numpy(random_clips(shape, 0)).permute(0, 4, 1, 2, 3)


@pytest.mark.parametrize("name", SIZES)
def test_every_variant_has_the_official_number_of_parameters(name):
    with torch.device("meta"):
        network = built(name, Shape(classes=100))
    kept = [buffer for key, buffer in network.named_buffers() if "running" in key]
    counts = [sum(tensor.numel() for tensor in tensors) for tensors in (network.parameters(), kept)]
    assert tuple(counts) == SIZES[name]


@pytest.mark.parametrize("name", NAMES)
def test_blocks_are_all_but_the_classifier_once_from_input_to_output(name):
    with torch.device("meta"):
        network = built(name)
    blocks = network.blocks()
    assert len(blocks) == BLOCKS[NAMES[name][0]]
    inside = [id(parameter) for block in blocks for parameter in block.parameters()]
    outside = {key for key, parameter in network.named_parameters() if id(parameter) not in set(inside)}
    assert len(inside) == len(set(inside))
    assert outside == {"classifier.weight", "classifier.bias"}
    assert all(key.startswith(network.head) for key in outside)


# tf-models-official 2.20, weights `stirred(..., 0)`, the second clip of `random_clips(TINY, 0)`.
OFFICIAL = {
    "a0": [0.05802, 0.44469, 0.57931, -0.95747, 0.07391],
    "a1": [-0.37571, 0.66564, 0.4366, -0.08802, -0.15979],
    "a2": [1.59792, -0.2254, 0.45978, -0.77025, -0.09754],
    "a3": [0.3126, 2.09642, -0.07983, -1.17797, -0.26746],
    "a4": [1.67281, 2.46957, 0.62256, -1.1622, 0.22907],
    "a5": [0.31197, 1.66626, 1.17156, -2.34565, 0.31609],
    "a0-stream": [0.5213, -0.13567, 0.46447, 0.09228, -0.00525],
    "a1-stream": [-0.12444, 0.44199, 0.31964, -0.29952, -0.97103],
    "a2-stream": [1.71109, 1.81147, -0.17244, 1.01707, -0.75271],
    "a3-stream": [0.96182, 2.75865, 0.00784, -0.43311, -1.51926],
    "a4-stream": [2.32522, 4.11598, 1.2839, -1.48713, -0.85011],
    "a5-stream": [0.77492, 1.03182, -0.95315, -1.74986, 1.84498],
}


@pytest.mark.parametrize("name", OFFICIAL)
def test_logits_are_the_official_ones(name):
    with torch.no_grad():
        logits = stirred_network(name)(clips_of(TINY))
    assert logits.shape == (2, 5)
    assert np.abs(logits[1].numpy() - OFFICIAL[name]).max() < 1e-4


@pytest.mark.parametrize("pieces", [(1, 1, 1, 1, 1, 1), (2, 3, 1), (6,), (5, 1)])
@pytest.mark.parametrize("name", ["a0-stream", "a3-stream"])
def test_a_clip_may_come_in_pieces(name, pieces):
    shape = Shape(frames=sum(pieces), size=48, classes=5)
    network, clips = stirred_network(name, shape), clips_of(shape)
    with torch.no_grad():
        whole, states = network(clips), network.init_states(2, 48)
        for piece in torch.split(clips, pieces, dim=2):
            logits, states = network.forward_stream(piece, states)
    torch.testing.assert_close(logits, whole, rtol=0, atol=1e-5)


def test_after_each_frame_a_stream_has_seen_the_clip_up_to_there():
    shape = Shape(frames=3, size=48, classes=5)
    network, clips = stirred_network("a0-stream", shape), clips_of(shape)
    states = network.init_states(2, 48)
    with torch.no_grad():
        for number in range(3):
            logits, states = network.forward_stream(clips[:, :, number : number + 1], states)
            torch.testing.assert_close(logits, network(clips[:, :, : number + 1]), rtol=0, atol=1e-5)


def test_a0_streams_43_states_of_674208_numbers_and_hands_them_on_in_shape():
    network = built("a0-stream").eval()
    states = network.init_states(1, 172)
    assert (len(states), sum(state.numel() for state in states.values())) == (43, 674_208)
    before = {name: state.clone() for name, state in states.items()}
    with torch.no_grad():
        _, after = network.forward_stream(torch.rand(1, 3, 2, 172, 172), states)
    assert {name: state.shape for name, state in after.items()} == {
        name: state.shape for name, state in states.items()
    }
    assert all(torch.equal(states[name], before[name]) for name in states)
    assert all(int(count) == 2 for name, count in after.items() if name.endswith("count"))


def test_streams_of_a3_to_a5_number_their_frames():
    assert [len(built(name, TINY).init_states(1, 64)) for name in ("a2-stream", "a3-stream")] == [73, 124]


def test_a_base_network_cannot_stream():
    network = built("a0")
    for refused in (lambda: network.init_states(1, 64), lambda: network.forward_stream(clips_of(TINY), {})):
        with pytest.raises(BenchError, match="-stream"):
            refused()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"variant": "a9"}, "Did you mean a"),
        ({"variant": "a0", "frames": 0}, "at least 1 frames"),
        ({"variant": "a0", "size": 16}, "at least 32 pixels"),
    ],
)
def test_what_it_cannot_be_or_take_is_refused_in_words(options, sentence):
    with pytest.raises(BenchError, match=sentence):
        movinet.build(5, **{"frames": 4, "size": 64, **options})


KERNELS = [(1, 5), (3, 3), (5, 3), (3, 1), (5, 1)]
PADDINGS = ["centred", "past", "none"]


@pytest.mark.parametrize(("kernel", "padding"), [*itertools.product(KERNELS, PADDINGS)])
@pytest.mark.parametrize("frames", [1, 2, 7])
def test_convolutions_of_folded_frames_are_torchs_3d_ones(kernel, padding, frames):
    taps, side = kernel
    before, after = {"centred": (taps // 2, taps // 2), "past": (taps - 1, 0), "none": (0, 0)}[padding]
    frames = max(frames, taps) if padding == "none" else frames
    conv = movinet.Conv(6, 6, (taps, side, side), depthwise=True)
    clips = torch.randn(2, 6, frames, 7, 9)
    folded = conv.in_time(clips.transpose(1, 2), before, after)
    padded = functional.pad(clips, (side // 2,) * 4 + (before, after))
    expected = functional.conv3d(padded, conv.weight, groups=6)
    torch.testing.assert_close(folded.unflatten(0, (2, -1)).transpose(1, 2), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("size", "kernel"), [(7, 3), (8, 3), (7, 5), (8, 5), (1, 3), (2, 5)])
def test_a_strided_convolution_pads_as_tensorflow_does(size, kernel):
    conv = movinet.Conv(2, 3, (1, kernel, kernel), stride=2)
    out = math.ceil(size / 2)
    before = max((out - 1) * 2 + kernel - size, 0) // 2
    x = torch.randn(1, 2, size, size)
    wide = functional.pad(x, (before, kernel, before, kernel))
    expected = functional.conv2d(wide, conv.weight[:, :, 0], stride=2)[:, :, :out, :out]
    torch.testing.assert_close(conv(x), expected, rtol=0, atol=1e-5)


def test_base_and_stream_tell_a_clip_from_its_reverse():
    for name in ("a0", "a0-stream"):
        network, clips = stirred_network(name), clips_of(TINY)
        with torch.no_grad():
            assert (network(clips) - network(clips.flip(2))).abs().max() > 1e-3


@pytest.mark.parametrize("name", ["a0", "a3-stream"])
def test_every_parameter_learns(name):
    network = stirred_network(name).train()
    functional.cross_entropy(network(clips_of(TINY)), torch.tensor([0, 3])).backward()
    idle = [key for key, value in network.named_parameters() if value.grad is None or not value.grad.any()]
    assert idle == []


@pytest.mark.parametrize("option", ["dropout", "drop_path"])
def test_dropout_and_stochastic_depth_act_in_training_only(option):
    network, clips = stirred_network("a0", **{option: 0.5}), clips_of(TINY)
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 0.0
    with torch.no_grad():
        assert torch.equal(network(clips), network(clips))
        network.train()
        assert not torch.equal(network(clips), network(clips))


def test_stochastic_depth_keeps_the_mean():
    block = stirred_network("a0", drop_path=0.4).layers[-1]
    torch.manual_seed(0)
    weights = block.train()._weight(torch.zeros(4000, 1, 1, 1), 2)
    assert weights.mean().item() == pytest.approx(block.scale.item(), rel=0.05)
    assert (weights == 0).float().mean().item() == pytest.approx(0.4, abs=0.05)
    assert torch.equal(weights[0::2], weights[1::2])  # a clip's frames share their fate


def test_half_precision_channels_last_and_copies_are_possible():
    network = stirred_network("a0-stream").to(memory_format=torch.channels_last_3d)
    clips = clips_of(TINY)
    with torch.no_grad():
        logits = network(clips)
        torch.testing.assert_close(copy.deepcopy(network)(clips), logits)
        with torch.autocast("cpu", torch.bfloat16):
            half = network(clips)
    assert (half - logits).abs().max() < 0.1 * logits.abs().max()


def test_the_base_network_can_be_2plus1d():
    network = built("a0", split=True)
    assert sum(value.numel() for value in network.parameters()) < sum(SIZES["a0"])
    assert any("conv_temporal" in key for key in network.state_dict())
    assert network(clips_of(TINY)).shape == (2, 5)
