"""The sign conformer: its convolution over time is the same in training, where it takes another way."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from models.sign_conformer import Convolution, over_time  # noqa: E402


@pytest.mark.parametrize(("frames", "kernel"), [(1, 7), (3, 7), (32, 7), (5, 3)])
def test_both_ways_to_convolve_over_time_give_the_same_numbers_and_gradients(frames, kernel):
    torch.manual_seed(0)
    layer = torch.nn.Conv1d(6, 6, kernel, padding=kernel // 2, groups=6, bias=False)
    found = {}
    for training in (False, True):
        clips = torch.linspace(-1, 1, 4 * frames * 6).view(4, frames, 6).sin().requires_grad_()
        out = over_time(layer, clips, training=training)
        assert out.shape == clips.shape
        grads = torch.autograd.grad(out.square().sum(), (clips, layer.weight))
        found[training] = (out.detach(), *grads)
    for one, other in zip(found[False], found[True], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_what_is_behind_a_clips_end_changes_nothing_before_it():
    torch.manual_seed(0)
    block = Convolution(8, 7, 0.0)
    block.dropout.p = 0.0
    seen = torch.arange(9)[None] < torch.tensor([[9], [4]])
    clips = torch.randn(2, 9, 8) * seen[..., None]
    longer = torch.cat([clips, torch.zeros(2, 5, 8)], dim=1)
    beyond = torch.cat([seen, torch.zeros(2, 5, dtype=torch.bool)], dim=1)
    torch.testing.assert_close(block(longer, beyond)[:, :9], block(clips, seen))
