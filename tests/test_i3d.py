"""I3D: the paper's padding, the common state dict, and the logits of the network it is published with."""

from __future__ import annotations

import hashlib
import math

import pytest

torch = pytest.importorskip("torch")
from torch.nn import functional  # noqa: E402

from models import i3d  # noqa: E402
from utils.errors import BenchError  # noqa: E402

# Of piergiaj/pytorch-i3d's InceptionI3d(5): sorted names and shapes, and its logits over time for `clip()`.
NAMES = "6d6fdd30d7b6cd00"
LOGITS = [
    [-0.9790481, -0.4846439],
    [-0.1936389, -0.8838761],
    [-2.6516688, -1.2610389],
    [-2.3840659, -1.0612500],
    [0.9275517, 2.7106333],
]


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


@pytest.fixture(scope="module")
def network():
    return filled(i3d.build(5))


def test_names_and_shapes_are_those_of_the_common_state_dict(network):
    tensors = sorted(network.state_dict().items())
    lines = "".join(f"{n} {list(t.shape)}\n" for n, t in tensors if not n.endswith("num_batches_tracked"))
    assert hashlib.sha256(lines.encode()).hexdigest()[:16] == NAMES


def test_logits_over_time_are_the_published_networks(network):
    with torch.no_grad():
        logits = network.frame_logits(clip(1, 3, 18, 224, 224))
    torch.testing.assert_close(logits[0], torch.tensor(LOGITS), rtol=1e-4, atol=1e-5)


def test_a_clips_logits_are_the_mean_over_time(network):
    x = clip(2, 3, 25, 64, 64)
    with torch.no_grad():
        over_time = network.frame_logits(x)
        assert over_time.shape == (2, 5, 3)
        torch.testing.assert_close(network(x), over_time.mean(2))


def naive_same(x, kernel, stride):
    """Pad as TensorFlow documents "same": enough for ceil(n / stride) outputs, the odd one after."""
    pads = []
    for n, k, s in zip(reversed(x.shape[2:]), reversed(kernel), reversed(stride), strict=True):
        total = max((math.ceil(n / s) - 1) * s + k - n, 0)
        pads += [total // 2, total - total // 2]
    return pads


@pytest.mark.parametrize("shape", [(9, 32, 32), (16, 33, 47), (11, 30, 31), (8, 7, 7)])
def test_padding_is_tensorflows_same(shape):
    x = torch.randn(1, 3, *shape, generator=torch.Generator().manual_seed(0))
    unit = i3d.Unit3D(3, 4, 7, 2, head=True)
    padded = functional.pad(x, naive_same(x, (7, 7, 7), (2, 2, 2)))
    expected = functional.conv3d(padded, unit.conv3d.weight, unit.conv3d.bias, 2)
    torch.testing.assert_close(unit(x), expected)
    for kernel, stride in i3d.POOLS.values():
        padded = functional.pad(x.relu(), naive_same(x, kernel, stride), value=-math.inf)
        pooled = i3d.max_pool(x.relu(), kernel, stride)
        assert torch.equal(pooled, functional.max_pool3d(padded, kernel, stride))
        assert pooled.shape[2:] == tuple(math.ceil(n / s) for n, s in zip(shape, stride, strict=True))


def test_a_few_steps_lower_its_loss():
    training = i3d.build(2, dropout=0.0).train()
    optimiser = torch.optim.SGD(training.parameters(), lr=0.01)
    x, y = torch.randn(2, 3, 9, 32, 32, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1])
    losses = []
    for _ in range(3):
        loss = functional.cross_entropy(training(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert all(p.grad is not None for p in training.parameters())


REFUSED = {
    "needs at least 9 frames": {"frames": 8},
    "needs at least 32 pixels": {"size": 31},
    "no residual connections": {"drop_path": 0.1},
}


@pytest.mark.parametrize(("sentence", "options"), REFUSED.items())
def test_what_it_cannot_take_is_refused_in_words(sentence, options):
    with pytest.raises(BenchError, match=sentence):
        i3d.build(5, **options)


def test_the_smallest_clip_works(network):
    with torch.no_grad():
        assert network(clip(1, 3, 9, 32, 32)).shape == (1, 5)
