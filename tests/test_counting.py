"""Parameters and multiply-adds, on networks small enough to count by hand."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from models import counting  # noqa: E402


class Tiny(nn.Module):
    """A convolution, a buffer that no checkpoint holds, a linear layer."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, 4, (1, 3, 3), padding=(0, 1, 1), bias=False)
        self.register_buffer("scale", torch.ones(4, 1, 1, 1), persistent=False)
        self.head = nn.Linear(4, 5)

    def forward(self, x):
        return self.head((self.conv(x) * self.scale).mean(dim=(2, 3, 4)))


# Per output value: 3 x 3 x 3 multiply-adds; 4 channels; then 4 x 5 once.
BY_HAND = {(1, 8): 4 * 8 * 8 * 27 + 20, (6, 8): 6 * 4 * 8 * 8 * 27 + 20, (2, 5): 2 * 4 * 5 * 5 * 27 + 20}


@pytest.mark.parametrize(("shape", "expected"), BY_HAND.items())
def test_multiply_adds_are_those_counted_by_hand(shape, expected):
    assert counting.gmacs(Tiny(), (1, 3, shape[0], shape[1], shape[1])) * 1e9 == pytest.approx(expected)


def test_parameters_count_frozen_ones_and_no_buffers():
    network = Tiny()
    network.conv.requires_grad_(requires_grad=False)
    assert counting.parameters(network) == 4 * 27 + 4 * 5 + 5


@pytest.mark.parametrize("training", [True, False])
def test_counting_leaves_the_network_as_it_was(training):
    network = Tiny().train(training)
    before = network.conv.weight.clone()
    counting.gmacs(network, (1, 3, 2, 8, 8))
    assert network.training is training
    assert torch.equal(network.conv.weight, before)
    assert network.conv.weight.device.type == "cpu"


def test_a_network_without_storage_is_counted_too():
    with torch.device("meta"):
        network = Tiny()
    assert counting.gmacs(network, (1, 3, 2, 8, 8)) == counting.gmacs(Tiny(), (1, 3, 2, 8, 8))
