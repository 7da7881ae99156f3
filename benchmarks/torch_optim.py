"""Optimisers and averaged weights, by the recipe's names."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, cast

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks.recipe_base import Recipe
from benchmarks.recipe_clips import ClipRecipe

SCALE = "lr_scale"
"""Key of a parameter group's own factor of the learning rate; without it the factor is 1."""


def optimizer(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    """Return the recipe's optimiser over what is trained; weight decay spares biases and norm scales."""
    groups = _groups(recipe, network) or [{"params": list(network.parameters())}]
    betas, eps = (recipe.momentum, 0.999), recipe.eps
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum)
    if recipe.optimizer == "rmsprop":
        rho = recipe.rho if isinstance(recipe, ClipRecipe) else 0.9
        return torch.optim.RMSprop(groups, lr=recipe.lr, momentum=recipe.momentum, alpha=rho, eps=recipe.eps)
    if recipe.optimizer == "adam":
        return torch.optim.Adam(groups, lr=recipe.lr, betas=betas, eps=eps)
    if recipe.optimizer == "radam":
        return torch.optim.RAdam(groups, lr=recipe.lr, betas=betas, eps=eps)
    return torch.optim.AdamW(groups, lr=recipe.lr, betas=betas, eps=eps)


def set_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of every parameter group, times the group's own factor."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group.get(SCALE, 1.0)


def _groups(recipe: Recipe, network: nn.Module) -> list[dict[str, Any]]:
    """Return what is trained as parameter groups: with weight decay and without, and by rate."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    decay = recipe.layer_decay if isinstance(recipe, ClipRecipe) else 1.0
    if decay == 1.0:
        return list(_by_decay(trained, recipe.weight_decay))
    scales = layer_scales(network, decay)
    by_scale = groupby(sorted(trained, key=lambda p: scales[id(p)]), key=lambda p: scales[id(p)])
    return [
        {**group, SCALE: scale}
        for scale, parameters in by_scale
        for group in _by_decay(list(parameters), recipe.weight_decay)
    ]


def _by_decay(parameters: list[nn.Parameter], decay: float) -> Iterator[dict[str, Any]]:
    """Yield the groups that are not empty: weights, which decay, and biases and scales, which do not."""
    weights = [p for p in parameters if p.ndim > 1]
    others = [p for p in parameters if p.ndim <= 1]
    for group, its_decay in ((weights, decay), (others, 0.0)):
        if group:
            yield {"params": group, "weight_decay": its_decay}


def layer_scales(network: nn.Module, decay: float) -> dict[int, float]:
    """Return, per parameter's id, its factor of the learning rate: `decay` once for every later block.

    The head learns at the full rate, and so does the last of the network's blocks, which in transformers is
    the norm before the head (Clark et al. 2020, arXiv:2003.10555, as in BEiT and VideoMAE).
    """
    blocks = cast("Any", network).blocks()
    scales = {id(parameter): 1.0 for parameter in network.parameters()}
    for number, block in enumerate(blocks):
        scales |= {id(parameter): decay ** (len(blocks) - 1 - number) for parameter in block.parameters()}
    return scales


def clips_each(recipe: Recipe) -> bool:
    """Say whether gradients are held below `clip_norm` weight by weight."""
    return isinstance(recipe, ClipRecipe) and recipe.clip_each and recipe.clip_norm is not None


def clip_each(recipe: Recipe, network: nn.Module) -> None:
    """Shrink every weight's gradient whose own norm is above `clip_norm`, as Keras's clipnorm does."""
    for parameter in network.parameters():
        if parameter.grad is not None and recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(parameter, recipe.clip_norm)


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """Return the exponential moving average of a network's weights and batch statistics."""
    mean = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(network, multi_avg_fn=mean, use_buffers=True)
