"""The recurrent baseline: order is seen, padding is not."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from models import gru  # noqa: E402

LENGTHS = (9, 2, 5, 1)


def network(**options):
    """Make a small network whose random weights are the same each time."""
    torch.manual_seed(0)
    return gru.build(7, **{"hidden": 8, "channels": 2, **options}).eval()


def clips():
    """Return random landmarks, padded with what must not matter."""
    points = torch.rand(len(LENGTHS), max(LENGTHS), 54, 2, generator=torch.Generator().manual_seed(1))
    for row, length in enumerate(LENGTHS):
        points[row, length:] = 7.0
    return points, torch.tensor(LENGTHS)


def test_a_batch_computes_what_its_clips_compute_alone():
    net = network()
    points, lengths = clips()
    together = net(points, lengths)
    alone = [net(points[row : row + 1, :length])[0] for row, length in enumerate(LENGTHS)]
    assert len(alone) == 4
    torch.testing.assert_close(together, torch.stack(alone), atol=1e-6, rtol=1e-5)


def test_the_order_of_frames_is_seen():
    net = network()
    points = torch.rand(1, 20, 54, 2)
    assert (net(points) - net(points.flip(1))).abs().max() > 1e-4


def test_a_batch_of_no_clips_gives_no_logits_and_gradients_of_zero():
    net = network()
    logits = net(torch.zeros(0, 0, 54, 2), torch.zeros(0, dtype=torch.int64))
    assert logits.shape == (0, 7)
    logits.sum().backward()
    assert all(p.grad is not None and not p.grad.any() for p in net.parameters())


def test_layers_directions_and_units_are_as_asked():
    net = network(hidden=16, layers=3)
    assert [layer.input_size for layer in net.layers] == [108, 32, 32]
    assert all(layer.hidden_size == 16 and layer.bidirectional for layer in net.layers)
    assert net.linear_class.in_features == 64
    assert len(net.blocks()) == 3
