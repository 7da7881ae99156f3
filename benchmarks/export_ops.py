"""Operations of an exported torch graph in TensorFlow's words: as many as landmark networks need.

Each function is called as torch calls the operation of its name (`aten.linear` is `linear`) and gives the
same numbers, for evaluation. Where only a shape changes, the graph says which.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

Tensor = Any
"""A tensor of TensorFlow, which ships without types."""

_ALL = 1 << 40
"""The end of a slice that takes the rest is larger than this."""


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x [..., n] times weight [m, n] transposed, plus bias [m]."""
    rows = tf.linalg.matmul(tf.reshape(x, [-1, weight.shape[1]]), weight, transpose_b=True)
    rows = rows if bias is None else rows + bias
    return tf.reshape(rows, [*_open(x.shape[:-1]), weight.shape[0]])


def layer_norm(x: Tensor, _shape: Sequence[int], weight: Tensor, bias: Tensor, *rest: Any) -> Tensor:  # noqa: ANN401 - eps, cudnn
    """Normalise the last axis of x."""
    centred = x - tf.reduce_mean(x, -1, keepdims=True)
    variance = tf.reduce_mean(centred * centred, -1, keepdims=True)
    return centred * tf.math.rsqrt(variance + (rest[0] if rest else 1e-5)) * weight + bias


def batch_norm(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, *rest: Any) -> Tensor:  # noqa: ANN401 - training, momentum, eps, cudnn
    """Normalise x [B, C, ...] by the statistics that were kept."""
    scale = weight * tf.math.rsqrt(variance + rest[2])
    shape = [1, -1] + [1] * (len(x.shape) - 2)
    return x * tf.reshape(scale, shape) + tf.reshape(bias - mean * scale, shape)


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, *_rest: object) -> Tensor:
    """Return what queries [B, H, N, c] find among keys and values [B, H, T, c].

    Raises:
        NotImplementedError: there is a mask; a clip alone needs none.
    """
    if mask is not None:
        raise NotImplementedError("attention with a mask")
    scores = tf.linalg.matmul(q * (1 / math.sqrt(q.shape[-1])), k, transpose_b=True)
    return tf.linalg.matmul(tf.nn.softmax(scores), v)


def conv1d(x: Tensor, weight: Tensor, bias: Tensor | None = None, *rest: Any) -> Tensor:  # noqa: ANN401
    """Convolve x [B, C, T] with weight [out, C / groups, kernel], plain or depthwise.

    Args:
        x: what is convolved.
        weight: kernels.
        bias: [out].
        rest: stride, padding, dilation, groups.

    Raises:
        NotImplementedError: it strides, is dilated, or has groups of several channels.
    """
    usual: tuple[Any, ...] = ((1,), (0,), (1,), 1)
    stride, padding, dilation, groups = (*rest, *usual[len(rest) :])
    if tuple(stride) != (1,) or tuple(dilation) != (1,) or groups not in {1, x.shape[1]}:
        raise NotImplementedError("conv1d with a stride, a dilation or groups of several channels")
    rows = tf.pad(tf.transpose(x, [0, 2, 1])[:, None], [[0, 0], [0, 0], [padding[0]] * 2, [0, 0]])
    if groups == 1:
        out = tf.nn.conv2d(rows, tf.transpose(weight, [2, 1, 0])[None], 1, "VALID")
    else:
        out = tf.nn.depthwise_conv2d(rows, tf.transpose(weight, [2, 0, 1])[None], [1] * 4, "VALID")
    out = out if bias is None else out + bias
    return tf.transpose(out[:, 0], [0, 2, 1])


def transpose(x: Tensor, one: int, other: int) -> Tensor:
    """Swap two axes."""
    order = list(range(len(x.shape)))
    order[one], order[other] = order[other], order[one]
    return tf.transpose(x, order)


def cut(x: Tensor, axis: int = 0, start: int | None = None, end: Any = None, step: int = 1) -> Tensor:  # noqa: ANN401
    """Take a slice along one axis; `end` may be an open length."""
    if isinstance(end, Open):
        # LiteRT knows the shape of what is gathered before it runs, and that of such a slice only then.
        return tf.gather(x, end.positions()[start:][::step], axis=axis)
    rest = isinstance(end, int) and end > _ALL
    places: list[Any] = [slice(None)] * len(x.shape)
    places[axis] = slice(start, None if rest else end, step)
    return x[tuple(places)]


@dataclass(frozen=True)
class Open:
    """The length of an axis that is not known yet."""

    x: Tensor
    axis: int

    def positions(self) -> Tensor:
        """Return the axis's positions, int32 [length]."""
        others = [axis for axis in range(len(self.x.shape)) if axis != self.axis]
        return tf.cast(tf.cumsum(tf.reduce_max(self.x, others) * 0 + 1), tf.int32) - 1


def size(x: Tensor, axis: int) -> int | Open:
    """Return how long an axis is."""
    return Open(x, axis) if x.shape[axis] is None else int(x.shape[axis])


def parts(x: Tensor, axis: int) -> Sequence[Tensor]:
    """Take x apart along an axis.

    LiteRT's fast kernels split in two to four, and know neither UNPACK nor a split in one; some of them fail
    on what is gathered or sliced from an axis of one.
    """
    return [x] if x.shape[axis] == 1 else tf.split(x, x.shape[axis], axis)


def _open(shape: Any) -> list[int]:  # noqa: ANN401 - a TensorShape
    """Return a shape with -1 for what is open."""
    return [-1 if length is None else length for length in shape]


RESHAPED: Mapping[str, Callable[..., Any]] = {
    **dict.fromkeys(("view", "reshape", "flatten", "unflatten", "view_as", "_unsafe_view"), lambda x, *_: x),
    "select": lambda x, axis, index: parts(x, axis)[index],
    "unbind": lambda x, axis=0: parts(x, axis),
}
"""Operations whose outcome, or outcomes, take the shape that the graph says."""
OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "linear": linear,
    "layer_norm": layer_norm,
    "batch_norm": batch_norm,
    "scaled_dot_product_attention": attention,
    "conv1d": conv1d,
    "transpose": transpose,
    "permute": tf.transpose,
    "slice": cut,
    "sym_size": size,
    "unsqueeze": tf.expand_dims,
    "cat": tf.concat,
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "mean": lambda x, axes, keep=False: tf.reduce_mean(x, axes, keepdims=keep),
    "softmax": tf.nn.softmax,
    "relu": tf.nn.relu,
    "gelu": lambda x, approximate="none": tf.nn.gelu(x, approximate == "tanh"),
    "silu": lambda x: x * tf.sigmoid(x),
    "sigmoid": tf.sigmoid,
    "tanh": tf.tanh,
    "dropout": lambda x, *_: x,
    "contiguous": tf.identity,
    "clone": tf.identity,
}
