"""The parts of a Transformer's training step that a CPU does needlessly slowly, written for one.

Torch draws the numbers of a dropout one at a time, 6 ns each, and keeps four tensors of a feed-forward part
where one is enough: together half of the step of a small Transformer. Here a dropout takes 16 random bits per
number from NumPy's fastest generator, seeded by torch's own, so that the same seed gives the same masks.
Everything falls back to torch's own functions on other devices, in evaluation and under torch.compile.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor
from torch.autograd.function import once_differentiable

_STEPS = 2**16
"""A probability is rounded to so many steps: at 0.1 that is 0.100006, and the scale fits what is drawn."""


def serves(x: Tensor) -> bool:
    """Say whether these functions are for x: it is on a CPU and nothing is traced."""
    return x.device.type == "cpu" and not torch.compiler.is_compiling()


def dropout(x: Tensor, rate: float) -> Tensor:
    """Zero a share `rate` of x and scale the rest, as torch's dropout does in training."""
    if not rate or not serves(x):
        return F.dropout(x, rate)
    mask = torch.from_numpy(kept(x.numel(), rate)).view(x.shape).to(x.dtype)
    return x * mask.mul_(scale(rate))


def scale(rate: float) -> float:
    """Return what makes up for the numbers that a dropout zeroes."""
    return _STEPS / (_STEPS - dropped(rate))


def dropped(rate: float) -> int:
    """Return how many of 2^16 values stand for a zero."""
    return round(rate * _STEPS)


def kept(count: int, rate: float) -> npt.NDArray[np.bool_]:
    """Draw which of `count` numbers stay."""
    seed = int(torch.randint(2**62, (), dtype=torch.int64))
    bits = np.random.SFC64(seed).random_raw(-(-count // 4)).view(np.uint16)[:count]
    return bits >= np.uint16(dropped(rate))


def drop_(x: Tensor, rate: float) -> None:
    """Zero a share `rate` of x, in place, without scaling the rest; no gradient is recorded."""
    flat = x.view(-1)
    # NumPy multiplies by bools three times as fast as torch; a half's bits times 0 or 1 are 0 or the same.
    numbers = flat.view(torch.int16).numpy() if flat.element_size() == 2 else flat.numpy()  # noqa: PLR2004
    np.multiply(numbers, kept(x.numel(), rate), out=numbers)


class _FeedForward(torch.autograd.Function):
    """linear2(dropout(relu(linear1(x)))), with one tensor kept for the gradient: what dropout leaves.

    Where that is zero, either ReLU or dropout stopped the gradient; elsewhere neither did.
    """

    @staticmethod
    def forward(ctx: Any, rate: float, x: Tensor, *linear: Tensor) -> Tensor:  # noqa: ANN401 - as torch wants it
        """Map x [N, d] to [N, d] by both layers' weights and biases."""
        w1, b1, w2, b2 = linear
        hidden = torch.addmm(b1, x, w1.t()).relu_()
        drop_(hidden, rate)
        ctx.save_for_backward(x, w1, w2, hidden)
        ctx.scale = scale(rate)
        return torch.addmm(b2, hidden, w2.t(), alpha=ctx.scale)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 - as torch wants it
        """Return the gradients of x, both weights and both biases."""
        x, w1, w2, hidden = ctx.saved_tensors
        scaled = grad * ctx.scale
        inner = scaled @ w2
        torch.ops.aten.threshold_backward.grad_input(inner, hidden, 0, grad_input=inner)
        return None, inner @ w1, inner.t() @ x, inner.sum(0), scaled.t() @ hidden, grad.sum(0)


def feed_forward(x: Tensor, first: torch.nn.Linear, second: torch.nn.Linear, rate: float) -> Tensor:
    """Map x [..., d] by a linear layer, ReLU, dropout and a second linear layer, as in training."""
    if not rate or not serves(x):
        plain: Tensor = second(F.dropout(F.relu(first(x)), rate))
        return plain
    tensors = [x.flatten(0, -2), first.weight, first.bias, second.weight, second.bias]
    if torch.is_autocast_enabled("cpu"):
        tensors = [tensor.to(torch.get_autocast_dtype("cpu")) for tensor in tensors]
    with torch.autocast("cpu", enabled=False):
        out: Tensor = _FeedForward.apply(rate, *tensors)  # type: ignore[no-untyped-call]
    return out.view(x.shape)


def attention(q: Tensor, k: Tensor, v: Tensor, seen: Tensor | None, rate: float) -> Tensor:
    """Return what queries [B, H, N, c] find among keys and values [B, H, T, c], as in training.

    Args:
        q: queries.
        k: keys.
        v: values.
        seen: bool [B, 1, 1, T], which keys count; None for all.
        rate: of a dropout of the weights.
    """
    if not rate or not serves(q):
        return F.scaled_dot_product_attention(q, k, v, seen, rate)
    scores = (q * (1 / math.sqrt(q.shape[-1]))) @ k.transpose(-1, -2)
    if seen is not None:
        scores = scores.masked_fill(~seen, -math.inf)
    return dropout(scores.softmax(-1), rate) @ v
