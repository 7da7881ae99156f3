"""What a CPU trains faster by: the same functions as torch's, and dropouts of the right share."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models import cpu  # noqa: E402

RATES = (0.05, 0.1, 0.5, 0.9)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("rate", RATES)
def test_a_dropout_zeroes_its_share_and_keeps_the_mean(rate):
    x = torch.ones(300, 1000, requires_grad=True)
    y = cpu.dropout(x, rate)
    assert (y == 0).double().mean().item() == pytest.approx(rate, abs=0.004)
    assert y.detach().double().mean().item() == pytest.approx(1, abs=0.02)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_neighbouring_numbers_are_dropped_independently_of_each_other():
    kept = cpu.kept(400_000, 0.5)
    for apart in (1, 2, 3, 4, 8):
        assert np.mean(kept[apart:] == kept[:-apart]) == pytest.approx(0.5, abs=0.004), apart


def test_the_same_seed_drops_the_same_numbers_and_the_next_dropout_drops_others():
    torch.manual_seed(7)
    first, second = cpu.kept(1000, 0.3), cpu.kept(1000, 0.3)
    torch.manual_seed(7)
    assert np.array_equal(cpu.kept(1000, 0.3), first)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropping_in_place_leaves_the_other_numbers_to_the_bit(dtype):
    x = torch.randn(37, 11).to(dtype)
    y = x.clone()
    cpu.drop_(y, 0.5)
    assert 100 < (y != 0).sum() < 300
    assert torch.equal(y[y != 0], x[y != 0])


def test_the_feed_forward_part_and_its_gradients_are_those_of_torch_under_the_same_mask():
    first, second = torch.nn.Linear(12, 64), torch.nn.Linear(64, 12)
    ours, theirs = (torch.randn(3, 5, 12, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    torch.manual_seed(3)
    mask = torch.from_numpy(cpu.kept(15 * 64, 0.25)).view(3, 5, 64)
    torch.manual_seed(3)
    got = cpu.feed_forward(ours.requires_grad_(), first, second, 0.25)
    expected = second(torch.relu(first(theirs.requires_grad_())) * mask * cpu.scale(0.25))
    torch.testing.assert_close(got, expected)
    parameters = [*first.parameters(), *second.parameters()]
    weights = torch.randn_like(got)
    one = torch.autograd.grad((got * weights).sum(), [ours, *parameters])
    other = torch.autograd.grad((expected * weights).sum(), [theirs, *parameters])
    assert len(one) == 5
    for mine, torchs in zip(one, other, strict=True):
        torch.testing.assert_close(mine, torchs)


def test_the_feed_forward_part_follows_autocast_and_gives_gradients_in_single_precision():
    first, second = torch.nn.Linear(12, 64), torch.nn.Linear(64, 12)
    x = torch.randn(4, 6, 12, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        torch.manual_seed(3)
        half = cpu.feed_forward(x, first, second, 0.25)
    torch.manual_seed(3)
    full = cpu.feed_forward(x, first, second, 0.25)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), full, atol=0.03, rtol=0.03)
    half.float().sum().backward()
    assert x.grad.dtype == first.weight.grad.dtype == torch.float32


def test_attention_without_its_dropout_is_torchs():
    q, k, v = torch.randn(3, 2, 4, 5, 6).unbind(0)
    seen = torch.tensor([[True] * 5, [True] * 2 + [False] * 3])[:, None, None]
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, seen)
    drawn = torch.stack([cpu.attention(q, k, v, seen, 0.01) for _ in range(400)])
    torch.testing.assert_close(cpu.attention(q, k, v, seen, 0.0), expected)
    torch.testing.assert_close(drawn.median(0).values, expected, atol=0.02, rtol=0.05)


def test_masks_with_a_rate_of_zero_or_on_other_devices_are_left_to_torch():
    x = torch.randn(4, 4)
    assert torch.equal(cpu.dropout(x, 0.0), x)
    assert not cpu.serves(x.to("meta"))
    assert cpu.serves(x)
