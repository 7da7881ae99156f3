"""Several processes that give the scores of one: shared batch statistics, rows gathered from all."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm


def sync_batch_norm(network: nn.Module) -> None:
    """Let every batch norm of a network see the clips of all processes, on a CPU as on a GPU.

    torch's own SyncBatchNorm needs a GPU. Here count, sum and sum of squares are added up over the processes
    by a differentiable all-reduce, so that gradients are those of one process with the whole batch.
    """
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.__class__ = type(f"Synced{type(module).__name__}", (_Synced, type(module)), {})


class _Sum(torch.autograd.Function):
    """The sum of a tensor over all processes; so is its gradient, since each process's loss depends on it."""

    @staticmethod
    def forward(_context: Any, tensor: Tensor) -> Tensor:  # noqa: ANN401 - autograd's own
        """Add up."""
        total = tensor.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, *gradients: Tensor) -> Tensor:  # noqa: ANN401 - autograd's own
        """Add up the gradients."""
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total


class _Synced(_BatchNorm):
    """Batch norm over the clips of all processes."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's own name
        """Normalise with the statistics of all processes in training, with the stored ones otherwise."""
        if not self.training:
            return super().forward(input)
        axes = [axis for axis in range(input.ndim) if axis != 1]
        wide = input.float()
        count = wide.new_full((1,), wide.numel() / wide.shape[1])
        sums = torch.cat([count, wide.sum(axes), wide.square().sum(axes)])
        total: Tensor = _Sum.apply(sums)  # type: ignore[no-untyped-call]
        mean, square = total[1:].div(total[0]).chunk(2)
        variance = (square - mean.square()).clamp_min(0)
        self._remember(mean.detach(), variance.detach(), float(total[0].detach()))
        shape = [1, -1] + [1] * (input.ndim - 2)
        scale = torch.rsqrt(variance + self.eps)
        if self.affine:
            scale = scale * self.weight
        shift = -mean * scale + (self.bias if self.affine else 0)
        return (wide * scale.view(shape) + shift.view(shape)).to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: float) -> None:
        """Move the running statistics as torch does: with the unbiased variance."""
        if not self.track_running_stats or self.running_mean is None or self.running_var is None:
            return
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        weight = self.momentum
        if weight is None:
            weight = 1.0 / float(cast("Tensor", self.num_batches_tracked))
        self.running_mean.lerp_(mean, weight)
        self.running_var.lerp_(variance * (count / max(count - 1, 1)), weight)


def gather_rows(fabric: Fabric, rows: NDArray[Any]) -> NDArray[Any]:
    """Add up, over the processes, arrays in which each process filled in its own rows."""
    if fabric.world_size == 1:
        return rows
    total = fabric.all_reduce(torch.from_numpy(rows).to(fabric.device), reduce_op="sum")
    return np.asarray(cast("Tensor", total).cpu().numpy())
