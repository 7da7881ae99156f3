"""From a recipe to a torch network of the zoo: seeded, loaded, partly frozen."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from benchmarks.engine import Job
from benchmarks.published_pixels import OVER_TIME, outputs
from benchmarks.recipe_base import Recipe
from benchmarks.recipe_clips import ClipRecipe
from models import weights, zoo


def build(recipe: Recipe, job: Job) -> nn.Module:
    """Build the network from the recipe's seed, and load its initial weights."""
    torch.manual_seed(recipe.seed)
    network = zoo.build(recipe.model, "torch", outputs(recipe, job.classes), **recipe.architecture())
    if isinstance(recipe, ClipRecipe) and recipe.model in OVER_TIME:
        network.pool, network.per_frame = recipe.pool, recipe.loss == "per-frame"
    if job.weights is not None:
        weights.load_weights(network, job.weights, system=recipe.model, head=job.head, say=job.progress.say)
    return cast("nn.Module", network)


def freeze(network: nn.Module, unfreeze: int | None) -> list[nn.Module]:
    """Freeze all blocks but the last `unfreeze`; the head is always trained. Return the frozen blocks."""
    if unfreeze is None:
        return []
    blocks = cast("Any", network).blocks()
    frozen = blocks[: max(0, len(blocks) - unfreeze)]
    for block in frozen:
        block.requires_grad_(requires_grad=False)
    return cast("list[nn.Module]", frozen)


def set_norm_momentum(network: nn.Module, momentum: float | None) -> None:
    """Let batch norms follow their batches as fast as the recipe says: a short run needs faster than 0.01."""
    if momentum is not None:
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001 - there is no public base
                module.momentum = momentum


def make_double(network: nn.Module) -> None:
    """Make a network compute in double precision, whatever the precision of what it is given."""
    network.double().register_forward_pre_hook(_as_double)


def _as_double(_network: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a network's arguments, double where they are floating-point."""
    return tuple(
        one.double() if isinstance(one, Tensor) and one.is_floating_point() else one for one in arguments
    )
