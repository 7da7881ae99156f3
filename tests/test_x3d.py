"""X3D: pytorchvideo's names and numbers without pytorchvideo, and shapes that its own head cannot take."""

from __future__ import annotations

import hashlib
import importlib.util
import math

import pytest

torch = pytest.importorskip("torch")
from torch.nn import functional  # noqa: E402

from models import x3d  # noqa: E402
from models.torchvision_guard import import_torchvision  # noqa: E402
from utils.errors import BenchError  # noqa: E402

# Of pytorchvideo 0.1.5 with 5 classes: sorted names and shapes; logits before its softmax at 13 x 160.
NAMES = {"xs": "f20442021806344b", "s": "f20442021806344b", "m": "f20442021806344b", "l": "77afc246fb6cfad2"}
LOGITS_S = [399.9970703, -720.9963379, 1511.2689209, 533.8898926, -3554.1328125]
NATIVE = {"xs": (4, 160), "s": (13, 160), "m": (16, 224), "l": (16, 312)}


def filled(network):
    """Fill a network with noise that depends on the order of its names alone."""
    for number, (name, tensor) in enumerate(sorted(network.state_dict().items())):
        noise = torch.randn(tensor.shape, generator=torch.Generator().manual_seed(number))
        if tensor.dim() > 1:
            tensor.copy_(noise * (2 / tensor[0].numel()) ** 0.5)
        elif tensor.dim() == 1:
            tensor.copy_(noise * 0.1 if name.endswith(("bias", "mean")) else 1 + 0.1 * noise.tanh())
    return network.eval()


def clip(*shape):
    values = torch.arange(math.prod(shape), dtype=torch.float64)
    return torch.sin(values * 0.013).reshape(shape).float()


@pytest.mark.parametrize(("variant", "expected"), NAMES.items())
def test_names_and_shapes_are_pytorchvideos(variant, expected):
    with torch.device("meta"):
        tensors = sorted(x3d.build(5, variant=variant).state_dict().items())
    lines = "".join(f"{n} {list(t.shape)}\n" for n, t in tensors if not n.endswith("num_batches_tracked"))
    assert hashlib.sha256(lines.encode()).hexdigest()[:16] == expected


def test_logits_are_pytorchvideos():
    with torch.no_grad():
        logits = filled(x3d.build(5, variant="s"))(clip(1, 3, 13, 160, 160))
    torch.testing.assert_close(logits[0], torch.tensor(LOGITS_S), rtol=1e-4, atol=1e-2)


@pytest.mark.skipif(not importlib.util.find_spec("pytorchvideo"), reason="pytorchvideo is not installed")
@pytest.mark.parametrize("variant", NATIVE)
def test_its_state_dict_gives_the_same_logits_at_the_native_shape(variant):
    import_torchvision()
    hub = pytest.importorskip("pytorchvideo.models.hub.x3d")
    theirs = filled(getattr(hub, f"x3d_{variant}")(pretrained=False, model_num_class=5))
    theirs.blocks[5].activation = None  # a softmax in evaluation
    ours = x3d.build(5, variant=variant).eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    frames, size = NATIVE[variant]
    x = clip(1, 3, frames, size, size)
    with torch.no_grad():
        expected = theirs(x)
        torch.testing.assert_close(ours(x), expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())


@pytest.mark.parametrize(("frames", "size"), [(1, 32), (5, 50), (20, 182), (13, 97)])
def test_other_shapes_than_the_native_one_work(frames, size):
    with torch.no_grad():
        assert x3d.build(7, variant="xs").eval()(torch.zeros(2, 3, frames, size, size)).shape == (2, 7)


def test_it_returns_logits_in_training_and_in_evaluation():
    network, x = filled(x3d.build(5, variant="xs")), clip(2, 3, 4, 64, 64)
    for mode in (True, False):
        with torch.no_grad():
            logits = network.train(mode)(x)
        assert (logits.sum(1) - 1).abs().min() > 1e-3
        assert logits.min() < 0


def test_every_block_begins_as_its_shortcut():
    network = x3d.build(5, variant="xs")
    norms = [module.norm_c for module in network.modules() if isinstance(module, x3d.Bottleneck)]
    assert len(norms) == 26
    assert all(torch.count_nonzero(norm.weight) == 0 for norm in norms)


def test_stochastic_depth_grows_to_the_asked_rate_and_works_in_training_alone():
    network = x3d.build(5, variant="xs", drop_path=0.2)
    rates = [module.drop_path for module in network.modules() if isinstance(module, x3d.ResBlock)]
    assert rates[0] == 0
    assert rates == sorted(rates)
    assert rates[-1] == pytest.approx(0.2)
    block = x3d.residual(1, 1, 24, 0.5).train()
    torch.nn.init.ones_(block.branch2.norm_c.weight)
    clips = torch.rand(64, 48, 2, 2, 2, generator=torch.Generator().manual_seed(0))
    x = x3d.fold(clips)
    torch.manual_seed(0)
    same = (block(x, 2) == x).flatten(1).all(1).view(64, 2)
    assert torch.equal(same[:, 0], same[:, 1])
    assert 16 < same[:, 0].sum() < 48
    assert not (block.eval()(x, 2) == x).flatten(1).all(1).any()


def test_gradients_reach_every_parameter():
    network = x3d.build(2, variant="xs").train()
    functional.cross_entropy(network(torch.rand(2, 3, 2, 32, 32)), torch.tensor([0, 1])).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "frames"),
    [
        ((3, 3, 3), (1, 1, 1), (1, 1, 1), 5),
        ((3, 3, 3), (1, 2, 2), (1, 1, 1), 4),
        ((3, 3, 3), (1, 2, 2), (1, 1, 1), 1),
        ((5, 1, 1), (1, 1, 1), (2, 0, 0), 7),
        ((5, 1, 1), (1, 1, 1), (2, 0, 0), 2),
    ],
)
def test_a_channelwise_convolution_is_torchs_with_and_without_gradients(kernel, stride, padding, frames):
    layer = x3d.Channelwise(6, 6, kernel, stride, padding, groups=6, bias=False).double()
    clips = (
        torch.randn(2, 6, frames, 9, 8, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    )
    expected = functional.conv3d(clips, layer.weight, None, stride, padding, groups=6)
    probe = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1)).double()
    wanted = torch.autograd.grad((expected * probe).sum(), (clips, layer.weight))
    folded = layer(x3d.fold(clips), frames)
    got = torch.autograd.grad((folded * x3d.fold(probe)).sum(), (clips, layer.weight))
    with torch.no_grad():
        at_once = layer(x3d.fold(clips), frames)
    for tensor in (folded, at_once):
        torch.testing.assert_close(tensor, x3d.fold(expected))
        assert tensor.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(got, wanted)


def test_the_whole_networks_gradient_is_the_slope_of_its_loss():
    torch.manual_seed(0)
    network = x3d.build(3, variant="xs", dropout=0.0).double().train()
    x, y = torch.rand(2, 3, 3, 32, 32).double(), torch.tensor([0, 2])
    weight = network.blocks[2].res_blocks[1].branch2.conv_b.weight
    torch.nn.init.ones_(network.blocks[2].res_blocks[1].branch2.norm_c.weight)
    functional.cross_entropy(network(x), y).backward()
    direction = torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)).double()
    slope = (weight.grad * direction).sum()
    sides = []
    with torch.no_grad():
        for sign in (1, -2):
            weight += sign * 1e-8 * direction
            sides.append(functional.cross_entropy(network(x), y))
    torch.testing.assert_close((sides[0] - sides[1]) / 2e-8, slope, rtol=1e-3, atol=1e-9)


REFUSED = {
    "needs at least 1 frames": {"frames": 0},
    "needs at least 32 pixels": {"size": 31},
    "Known: l, m, s, xs": {"variant": "huge"},
}


@pytest.mark.parametrize(("sentence", "options"), REFUSED.items())
def test_what_it_cannot_take_is_refused_in_words(sentence, options):
    with pytest.raises(BenchError, match=sentence):
        x3d.build(5, **{"variant": "s", **options})
