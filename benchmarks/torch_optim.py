"""Optimisers and averaged weights, by the recipe's names."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks.recipe_base import Recipe


def optimizer(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    """Return the recipe's optimiser over what is trained; weight decay spares biases and norm scales."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]] or [{"params": list(network.parameters())}]
    betas, eps = (recipe.momentum, 0.999), recipe.eps
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum)
    if recipe.optimizer == "rmsprop":
        return torch.optim.RMSprop(groups, lr=recipe.lr, momentum=recipe.momentum, alpha=0.9, eps=recipe.eps)
    if recipe.optimizer == "adam":
        return torch.optim.Adam(groups, lr=recipe.lr, betas=betas, eps=eps)
    if recipe.optimizer == "radam":
        return torch.optim.RAdam(groups, lr=recipe.lr, betas=betas, eps=eps)
    return torch.optim.AdamW(groups, lr=recipe.lr, betas=betas, eps=eps)


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """Return the exponential moving average of a network's weights and batch statistics."""
    mean = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(network, multi_avg_fn=mean, use_buffers=True)
