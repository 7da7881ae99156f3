"""MoViNet (Kondratyuk et al. 2021, arXiv:2103.11511), written for this project from the paper; Apache-2.0.

Twelve variants: a0 to a5, each as the base network (3-D convolutions that see both ways in time) and as the
streaming one ((2+1)D convolutions that see only the past, so that a clip can come frame by frame). Details
that the paper leaves open (padding, epsilons, where a bias stands) agree with the official TensorFlow
network, whose weights `models.movinet_weights` copies across.

Inside the network a clip [B, 3, T, H, W] is folded into its frames [B * T, C, H, W], channels last: a 1x1x1
or 1xkxk convolution is then a 2-D one, and a deep one (kt x k x k, one filter per channel) is a sum of kt 2-D
ones over shifted frames. On a CPU this is several times as fast as torch's own 3-D convolution.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own customary name

from models.shapes import Clip, at_least
from utils.errors import BenchError
from utils.names import lookup

States = dict[str, Tensor]
"""What streaming carries from one piece of a clip to the next, by name; all zero before the first frame."""

Kernel = tuple[int, int, int]

HIDDEN = 2048
"""Width of the dense layer before the classifier, in every variant."""
MIN_SIZE = 32
"""The network halves the frame five times: below this side nothing is left to look at."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """One column of the paper's architecture tables.

    Attributes:
        stem: channels after the first convolution.
        stages: per stage its width and its blocks, each as "kernel in time x in space : expanded channels".
        project: channels of the last convolution, before pooling.
    """

    stem: int
    stages: tuple[tuple[int, str], ...]
    project: int


ARCHITECTURES = {
    "a0": Architecture(
        8,
        (
            (8, "1x5:24"),
            (32, "3x3:80 3x3:80 3x3:80"),
            (56, "5x3:184 3x3:112 3x3:184"),
            (56, "5x3:184 3x3:184 3x3:184 3x3:184"),
            (104, "5x3:384 1x5:280 1x5:280 1x5:344"),
        ),
        480,
    ),
    "a1": Architecture(
        16,
        (
            (16, "1x5:40 3x3:40"),
            (40, "3x3:96 3x3:120 3x3:96 3x3:96"),
            (64, "5x3:216 3x3:128 3x3:216 3x3:168 3x3:216"),
            (64, "5x3:216 3x3:216 3x3:216 3x3:128 1x5:128 3x3:216"),
            (136, "5x3:456 1x5:360 1x5:360 1x5:360 1x5:456 3x3:456 1x3:544"),
        ),
        600,
    ),
    "a2": Architecture(
        16,
        (
            (16, "1x5:40 3x3:40 3x3:64"),
            (40, "3x3:96 3x3:120 3x3:96 3x3:96 3x3:120"),
            (72, "5x3:240 3x3:160 3x3:240 3x3:192 3x3:240"),
            (72, "5x3:240 3x3:240 3x3:240 3x3:240 1x5:144 3x3:240"),
            (144, "5x3:480 1x5:384 1x5:384 1x5:480 1x5:480 3x3:480 1x3:576"),
        ),
        640,
    ),
    "a3": Architecture(
        16,
        (
            (16, "1x5:40 3x3:40 3x3:64 3x3:40"),
            (48, "3x3:112 3x3:144 3x3:112 1x5:112 3x3:144 3x3:144"),
            (80, "5x3:240 3x3:152 3x3:240 3x3:192 3x3:240"),
            (88, "5x3:264 3x3:264 3x3:264 3x3:264 1x5:160 3x3:264 3x3:264 3x3:264"),
            (168, "5x3:560 1x5:448 1x5:448 1x5:560 1x5:560 3x3:560 1x5:448 1x5:448 3x3:560 1x3:672"),
        ),
        744,
    ),
    "a4": Architecture(
        24,
        (
            (24, "1x5:64 3x3:64 3x3:96 3x3:64 3x3:96 3x3:64"),
            (56, "3x3:168 3x3:168 3x3:136 3x3:136 3x3:168 3x3:168 3x3:168 1x5:136 3x3:136"),
            (96, "5x3:320 3x3:160 3x3:320 3x3:192 3x3:320 3x3:160 3x3:320 3x3:256 3x3:320"),
            (96, "5x3:320 3x3:320 3x3:320 3x3:320 1x5:192 3x3:320 3x3:320 3x3:192 3x3:320 3x3:320"),
            (
                192,
                (
                    "5x3:640 1x5:512 1x5:512 1x5:640 1x5:640 3x3:640 1x5:512 1x5:512 1x5:640 1x5:768 1x5:640 "
                    "3x3:640 3x3:768"
                ),
            ),
        ),
        856,
    ),
    "a5": Architecture(
        24,
        (
            (24, "1x5:64 1x5:64 3x3:96 3x3:64 3x3:96 3x3:64"),
            (64, "5x3:192 3x3:152 3x3:152 3x3:152 3x3:192 3x3:192 3x3:192 3x3:152 3x3:152 3x3:192 3x3:192"),
            (
                112,
                (
                    "5x3:376 3x3:224 3x3:376 3x3:376 3x3:296 3x3:376 3x3:224 3x3:376 3x3:376 3x3:296 3x3:376 "
                    "3x3:376 3x3:376"
                ),
            ),
            (120, "5x3:376 3x3:376 3x3:376 3x3:376 1x5:224 3x3:376 3x3:376 3x3:224 3x3:376 3x3:376 3x3:376"),
            (
                224,
                (
                    "5x3:744 3x3:744 1x5:600 1x5:600 1x5:744 1x5:744 3x3:744 1x5:896 1x5:600 1x5:600 1x5:896 "
                    "1x5:744 3x3:744 1x5:896 1x5:600 1x5:600 1x5:744 3x3:744"
                ),
            ),
        ),
        992,
    ),
}
POSITIONAL = ("a3", "a4", "a5")
"""Streaming variants whose squeeze-and-excitation is told which frame it sees."""
UNSTRIDED_STAGE = 3
"""Every stage halves the frame at its first block, except this one (counted from 0)."""


@dataclass(frozen=True, slots=True)
class Style:
    """What distinguishes base from streaming networks, alike in every block.

    Attributes:
        causal: convolutions and pools see no later frame.
        split: (2+1)D: a kt x k x k convolution is a 1 x k x k and then a kt x 1 x 1 one.
        positional: frame numbers are added inside squeeze-and-excitation.
        activation: after each batch normalisation.
        gate: of squeeze-and-excitation.
    """

    causal: bool
    split: bool
    positional: bool
    activation: Callable[[Tensor], Tensor]
    gate: Callable[[Tensor], Tensor]


def _hard_sigmoid(x: Tensor) -> Tensor:
    """Return clip(x + 3, 0, 6) times 0.16667, the official network's five digits for a sixth."""
    return F.relu6(x + 3) * 0.16667


def _style(variant: str, *, stream: bool, split: bool) -> Style:
    """Return the official style of a base or a streaming variant."""
    if stream:
        return Style(
            causal=True,
            split=split,
            positional=variant in POSITIONAL,
            activation=F.hardswish,
            gate=_hard_sigmoid,
        )
    return Style(causal=False, split=split, positional=False, activation=F.silu, gate=torch.sigmoid)


def _divisible(value: float) -> int:
    """Round a width to a multiple of 8, but not more than a tenth down."""
    rounded = max(8, int(value + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * value else rounded


def same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return how many zeros go before and after an axis for ceil(size / stride) steps, as TensorFlow does."""
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _frames(x: Tensor, T: int) -> Tensor:
    """Unfold [B * T, C, H, W] into [B, T, C, H, W] without a copy."""
    return x.view(-1, T, *x.shape[1:])


class Conv(nn.Conv3d):
    """A convolution of folded frames with TensorFlow's "same" padding; stride only in space.

    Its weight has the shape of a 3-D convolution, [out, in / groups, kt, k, k].
    """

    def __init__(
        self,
        channels: int,
        out: int,
        kernel: Kernel = (1, 1, 1),
        stride: int = 1,
        *,
        depthwise: bool = False,
        bias: bool = False,
    ) -> None:
        """Initialise the weight by He's normal law, and the bias with 0."""
        groups = channels if depthwise else 1
        super().__init__(channels, out, kernel, (1, stride, stride), groups=groups, bias=bias)
        deviation = math.sqrt(2 / self.weight[0].numel()) / 0.87962566
        nn.init.trunc_normal_(self.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def _padded(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Return frames [N, C, H, W] and the zeros that the convolution itself must add around them."""
        kernel, stride = self.kernel_size[1], self.stride[1]
        (top, bottom), (left, right) = (same(side, kernel, stride) for side in x.shape[2:])
        if (top, left) == (bottom, right):
            return x, (top, left)
        return F.pad(x, (left, right, top, bottom)), (0, 0)

    def _tap(self, x: Tensor, tap: int, padding: tuple[int, int]) -> Tensor:
        """Apply one time step of the kernel to frames [N, C, H, W]."""
        return F.conv2d(x, self.weight[:, :, tap], self.bias, self.stride[1], padding, groups=self.groups)

    def in_time(self, x: Tensor, before: int, after: int) -> Tensor:
        """Apply a one-filter-per-channel kernel to [B, T, C, H, W] padded in time: [B * T', C, H', W']."""
        T, taps = x.shape[1], self.kernel_size[0]
        if self.kernel_size[1] == 1:
            return self._along_time(x, before, after)
        steps = T + before + after - taps + 1
        x, padding = self._padded(x.flatten(0, 1))
        total: Tensor | None = None
        for tap in range(taps):
            first = tap - before  # the frame under this tap when the kernel gives its first step
            low, high = max(first, 0), min(first + steps, T)
            if low >= high:
                continue
            # Channels stay last through the slices, or torch would reorder everything twice.
            y = _frames(self._tap(x, tap, padding).permute(0, 2, 3, 1), T)
            if (low, high) != (0, T) or steps != T:
                y = F.pad(y[:, low:high], (0, 0, 0, 0, 0, 0, low - first, first + steps - high))
            total = y if total is None else total + y
        assert total is not None  # noqa: S101 - a kernel at least as long as its padding always meets a frame
        return total.flatten(0, 1).permute(0, 3, 1, 2)

    def _along_time(self, x: Tensor, before: int, after: int) -> Tensor:
        """Do the same with a kt x 1 x 1 kernel: one 2-D convolution over images whose rows are frames."""
        B, T, C, H, W = x.shape
        rows = x.permute(0, 2, 1, 3, 4).reshape(B, C, T, H * W)
        if before != after:
            rows, before = F.pad(rows, (0, 0, before, after)), 0
        y = F.conv2d(rows, self.weight[..., 0], padding=(before, 0), groups=C)
        return y.transpose(1, 2).reshape(-1, C, H, W)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve each frame for itself: [N, C, H, W] to [N, out, H / stride, W / stride]."""
        x, padding = self._padded(x)
        return self._tap(x, 0, padding)


def _norm(channels: int) -> nn.BatchNorm2d:
    """Return batch normalisation with the official constants (Keras's momentum 0.99 is torch's 0.01)."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class ConvNorm(nn.Module):
    """Convolution, batch normalisation, activation; (2+1)D networks do it twice, in space and in time."""

    def __init__(
        self,
        channels: int,
        out: int,
        style: Style,
        kernel: Kernel = (1, 1, 1),
        stride: int = 1,
        *,
        depthwise: bool = False,
        active: bool = True,
    ) -> None:
        """Make one unit, or the two that stand for it where the kernel is split."""
        super().__init__()
        self.style, self.active, self.out = style, active, out
        self.split = style.split and kernel[0] > 1
        self.memory = kernel[0] - 1 if style.causal else 0
        spatial = (1, *kernel[1:]) if self.split else kernel
        self.conv = Conv(channels, out, spatial, stride, depthwise=depthwise)
        self.norm = _norm(out)
        if self.split:
            self.conv_temporal = Conv(out, out, (kernel[0], 1, 1), depthwise=True)
            self.norm_temporal = _norm(out)

    def _finish(self, x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
        """Normalise, and activate if this unit does."""
        x = norm(x)
        return self.style.activation(x) if self.active else x

    def _through_time(self, conv: Conv, x: Tensor, T: int, states: States | None, name: str) -> Tensor:
        """Apply a convolution in time: centred, or after the frames kept in `states` (zeros without)."""
        if conv.kernel_size[0] == 1:
            frames: Tensor = conv(x)
            return frames
        clip = _frames(x, T)
        if not self.memory:
            half = conv.kernel_size[0] // 2
            return conv.in_time(clip, half, half)
        if states is None:
            return conv.in_time(clip, self.memory, 0)
        clip = torch.cat([states[f"{name}_stream_buffer"].to(x.dtype), clip], 1)
        states[f"{name}_stream_buffer"] = clip[:, -self.memory :]
        return conv.in_time(clip, 0, 0)

    def forward(self, x: Tensor, T: int = 1, states: States | None = None, name: str = "") -> Tensor:
        """Map folded frames [B * T, C, H, W] to [B * T, out, H / stride, W / stride]."""
        if not self.split:
            return self._finish(self._through_time(self.conv, x, T, states, name), self.norm)
        x = self._finish(self.conv(x), self.norm)
        return self._finish(self._through_time(self.conv_temporal, x, T, states, name), self.norm_temporal)


class PositionalEncoding(nn.Module):
    """Adds sines and cosines of the frame number (Vaswani et al. 2017), times a scalar that starts at 0."""

    def __init__(self) -> None:
        """Make the weight."""
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, start: Tensor) -> Tensor:
        """Add to x [B, T, C, 1, 1] the encoding of frames start, start + 1, ..."""
        T, C = x.shape[1:3]
        position = start + torch.arange(T, device=x.device)
        power = torch.arange(C, device=x.device) // 2 * 2 / C
        radians = position[:, None] / 10_000.0**power
        encoding = torch.cat([radians[:, 0::2].sin(), radians[:, 1::2].cos()], 1)
        return x + self.scale * encoding[:, :, None, None].to(x.dtype)


class SqueezeExcite(nn.Module):
    """Weights channels by what the clip shows (Hu et al. 2018).

    Base networks pool the whole clip, streaming ones each frame and its past.
    """

    def __init__(self, channels: int, style: Style) -> None:
        """Make the two dense layers, as 1x1x1 convolutions with biases."""
        super().__init__()
        views = 2 if style.causal else 1
        hidden = _divisible(0.25 * channels * views)
        self.style = style
        self.reduce = Conv(channels * views, hidden, bias=True)
        self.expand = Conv(hidden, channels, bias=True)
        if style.positional:
            self.position = PositionalEncoding()

    def _pool(self, x: Tensor, T: int, states: States, name: str) -> Tensor:
        """Pool x to [B * T, 2C, 1, 1]: the mean over each frame's past, then its own mean."""
        # Half precision would lose the later frames of a long sum.
        space = _frames(x.mean((2, 3), keepdim=True), T).to(torch.promote_types(x.dtype, torch.float32))
        seen = states[f"{name}_pool_frame_count"]
        past = space.cumsum(1) + states[f"{name}_pool_buffer"]
        states[f"{name}_pool_buffer"] = past[:, -1:]
        states[f"{name}_pool_frame_count"] = seen + T
        count = (seen + torch.arange(1, T + 1, device=x.device)).to(past.dtype)
        pooled = torch.cat([past / count[:, None, None, None], space], 2)
        if self.style.positional:
            pooled = self.position(pooled, states[f"{name}_pos_enc_frame_count"])
            states[f"{name}_pos_enc_frame_count"] = states[f"{name}_pos_enc_frame_count"] + T
        return pooled.flatten(0, 1).to(x.dtype)

    def forward(self, x: Tensor, T: int, states: States | None, name: str) -> Tensor:
        """Weight the channels of folded frames [B * T, C, H, W]."""
        if self.style.causal:
            pooled = self._pool(x, T, _fresh(x, T, name) if states is None else states, name)
        else:
            pooled = _frames(x, T).mean((1, 3, 4))[:, :, None, None]
        gate = self.style.gate(self.expand(self.style.activation(self.reduce(pooled))))
        return x * (gate if self.style.causal else gate.repeat_interleave(T, 0))


def _fresh(x: Tensor, T: int, name: str) -> States:
    """Return a pool's states before the first frame of folded frames x."""
    count = torch.zeros(1, dtype=torch.int32, device=x.device)
    pool = x.new_zeros(x.shape[0] // T, 1, x.shape[1], 1, 1)
    return {
        f"{name}_pool_buffer": pool,
        f"{name}_pool_frame_count": count,
        f"{name}_pos_enc_frame_count": count,
    }


class Skip(nn.Module):
    """The shortcut of a block that changes width or size: a 3x3 mean of true pixels, then a projection."""

    def __init__(self, channels: int, out: int, stride: int, style: Style) -> None:
        """Make the projection."""
        super().__init__()
        self.stride = stride
        self.projection = ConvNorm(channels, out, style, active=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B * T, C, H, W] to [B * T, out, H / stride, W / stride]."""
        if self.stride > 1:
            padding = (x.shape[2] % 2, x.shape[3] % 2)  # an even side is padded after, by ceil_mode
            x = F.avg_pool2d(x, 3, self.stride, padding, ceil_mode=True, count_include_pad=False)
        out: Tensor = self.projection(x)
        return out


class Bottleneck(nn.Module):
    """MoViNet's block: expand, convolve per channel, squeeze and excite, project, add to the shortcut.

    The sum weighs its new part by a scalar that starts at 0 (ReZero, Bachlechner et al. 2020), and in
    training leaves it out for some clips (stochastic depth, Huang et al. 2016).
    """

    def __init__(
        self,
        channels: int,
        out: int,
        expand: int,
        kernel: Kernel,
        stride: int,
        style: Style,
        *,
        drop: float,
        name: str,
    ) -> None:
        """Make one block; `name` marks its states, `drop` is the share of clips that skip it in training."""
        super().__init__()
        self.name, self.drop, self.kernel, self.stride, self.expand_width = name, drop, kernel, stride, expand
        self.expansion = ConvNorm(channels, expand, style)
        self.feature = ConvNorm(expand, expand, style, kernel, stride, depthwise=True)
        self.attention = SqueezeExcite(expand, style)
        self.projection = ConvNorm(expand, out, style, active=False)
        self.scale = nn.Parameter(torch.zeros(()))
        self.skip = Skip(channels, out, stride, style) if stride > 1 or channels != out else nn.Identity()

    def _weight(self, y: Tensor, T: int) -> Tensor:
        """Return y's factor: the scalar; in training it is 0 for some clips, and more for the others."""
        weight = self.scale.to(y.dtype)
        if not self.training or self.drop == 0:
            return weight
        keep = 1 - self.drop
        kept = torch.rand(y.shape[0] // T, device=y.device) < keep
        return weight * (kept.to(y.dtype) / keep).repeat_interleave(T)[:, None, None, None]

    def forward(self, x: Tensor, T: int, states: States | None = None) -> Tensor:
        """Map folded frames [B * T, C, H, W] to [B * T, out, H / stride, W / stride]."""
        y = self.feature(self.expansion(x), T, states, self.name)
        y = self.projection(self.attention(y, T, states, self.name))
        return torch.addcmul(self.skip(x), y, self._weight(y, T))


class MoViNet(nn.Module):
    """A MoViNet with its classifier: float [B, 3, T, H, W], RGB in 0..1, to logits [B, classes]."""

    head = ("classifier.",)
    """State-dict prefixes of the layer that is replaced when the number of classes changes."""

    def __init__(
        self, architecture: Architecture, style: Style, classes: int, *, dropout: float, drop_path: float
    ) -> None:
        """Build all layers with random weights.

        Args:
            architecture: one of `ARCHITECTURES`.
            style: base or streaming.
            classes: width of the logits.
            dropout: share of the dense layer's outputs set to 0 in training.
            drop_path: stochastic depth's rate at the last block; it grows linearly from the first.
        """
        super().__init__()
        self.style, self.dropout = style, dropout
        self.stem = ConvNorm(3, architecture.stem, style, (1, 3, 3), 2)
        self.layers = nn.ModuleList(_bottlenecks(architecture, style, drop_path))
        self.project = ConvNorm(architecture.stages[-1][0], architecture.project, style)
        self.dense = nn.Linear(architecture.project, HIDDEN)
        self.classifier = nn.Linear(HIDDEN, classes)
        nn.init.kaiming_normal_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)

    def blocks(self) -> list[nn.Module]:
        """Return the parts from input to output: stem, bottlenecks, projection, dense layer (18 in a0)."""
        return [self.stem, *self.layers, self.project, self.dense]

    def forward(self, clips: Tensor) -> Tensor:
        """Return the logits [B, classes] of whole clips [B, 3, T, H, W]."""
        x, T = self._features(clips, None)
        return self._logits(_frames(x, T).mean((1, 3, 4)))

    def forward_stream(self, clips: Tensor, states: States) -> tuple[Tensor, States]:
        """Take the next frames [B, 3, T, H, W] of clips that come piece by piece.

        Args:
            clips: one frame or more; the pieces of one clip may differ in length.
            states: of `init_states` before the first piece, then those returned by the last call.

        Returns:
            The logits [B, classes] of all frames so far, and the states for the next call.

        Raises:
            BenchError: the network is a base one, which needs later frames too.
        """
        self._refuse_base()
        states = dict(states)
        x, T = self._features(clips, states)
        pooled = _frames(x.mean((2, 3)), T).sum(1) + states["state_head_pool_buffer"][:, 0, :, 0, 0]
        count = states["state_head_pool_frame_count"] + T
        states["state_head_pool_buffer"] = pooled[:, None, :, None, None]
        states["state_head_pool_frame_count"] = count
        return self._logits(pooled / count), states

    def init_states(self, batch: int, size: int) -> States:
        """Return the states before the first frame of `batch` clips of size x size pixels.

        Buffers are float [batch, frames, channels, height, width], counts int32 [1].

        Raises:
            BenchError: the network is a base one.
        """
        self._refuse_base()
        like = self.classifier.weight
        states: States = {}
        for layer in self._bottleneck_list():
            size = math.ceil(size / layer.stride)
            shape = (layer.kernel[0] - 1, layer.expand_width, math.ceil(size / 2), math.ceil(size / 2))
            if layer.kernel[0] > 1:
                states[f"{layer.name}_stream_buffer"] = like.new_zeros(batch, *shape)
            states |= self._counted(layer.name, like.new_zeros(batch, 1, layer.expand_width, 1, 1))
            if self.style.positional:
                states[f"{layer.name}_pos_enc_frame_count"] = states[f"{layer.name}_pool_frame_count"].clone()
        return states | self._counted("state_head", like.new_zeros(batch, 1, self.project.out, 1, 1))

    @staticmethod
    def _counted(name: str, buffer: Tensor) -> States:
        """Return the two states of a pool: its sum and how many frames are in it."""
        count = torch.zeros(1, dtype=torch.int32, device=buffer.device)
        return {f"{name}_pool_buffer": buffer, f"{name}_pool_frame_count": count}

    def _bottleneck_list(self) -> list[Bottleneck]:
        """Return the blocks between stem and projection, with their type."""
        return [layer for layer in self.layers if isinstance(layer, Bottleneck)]

    def _refuse_base(self) -> None:
        """Say that base networks cannot stream."""
        if not self.style.causal:
            raise BenchError(
                "A base MoViNet sees later frames too and cannot stream: choose a row named ...-stream."
            )

    def _features(self, clips: Tensor, states: States | None) -> tuple[Tensor, int]:
        """Return the last feature map of clips [B, 3, T, H, W], folded [B * T, C, h, w], and T."""
        T = clips.shape[2]
        x = clips.transpose(1, 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)
        x = self.stem(x)
        for layer in self.layers:
            x = layer(x, T, states)
        return self.project(x), T

    def _logits(self, pooled: Tensor) -> Tensor:
        """Return the logits of pooled features [B, C]."""
        hidden = F.silu(self.dense(pooled))
        out: Tensor = self.classifier(F.dropout(hidden, self.dropout, self.training))
        return out


def _bottlenecks(architecture: Architecture, style: Style, drop_path: float) -> list[Bottleneck]:
    """Return the blocks of all stages."""
    rows = [
        (
            f"state_block{stage}_layer{index}",
            width,
            2 if index == 0 and stage != UNSTRIDED_STAGE else 1,
            block,
        )
        for stage, (width, blocks) in enumerate(architecture.stages)
        for index, block in enumerate(blocks.split())
    ]
    layers: list[Bottleneck] = []
    channels = architecture.stem
    for number, (name, width, stride, block) in enumerate(rows, 1):
        time, space, expand = (int(part) for part in block.replace(":", "x").split("x"))
        drop = drop_path * number / len(rows)
        layers.append(
            Bottleneck(channels, width, expand, (time, space, space), stride, style, drop=drop, name=name)
        )
        channels = width
    return layers


def build(
    classes: int,
    *,
    variant: str,
    stream: bool = False,
    split: bool | None = None,
    dropout: float | None = None,
    drop_path: float | None = None,
    frames: int,
    size: int,
) -> MoViNet:
    """Build a MoViNet with random weights.

    Args:
        classes: how many glosses the classifier tells apart.
        variant: a0 to a5.
        stream: the causal network that can take a clip frame by frame.
        split: (2+1)D convolutions instead of 3-D ones; by default in streaming networks, as officially.
        dropout: before the classifier; none by default.
        drop_path: stochastic depth; none by default.
        frames: T of the clips to come; any number.
        size: H = W of the clips to come, at least 32.

    Raises:
        BenchError: no such variant, or clips that it cannot take.
    """
    architecture = lookup("MoViNet variant", variant, ARCHITECTURES)
    at_least("MoViNet", Clip(frames, size), Clip(1, MIN_SIZE), "it halves the frame five times")
    style = _style(variant, stream=stream, split=stream if split is None else split)
    return MoViNet(architecture, style, classes, dropout=dropout or 0.0, drop_path=drop_path or 0.0)
