"""The learning rate at each step, the same numbers for every engine."""

from __future__ import annotations

import math

from benchmarks.recipe_base import Recipe

WATCHED = {"plateau": "val_loss", "train-plateau": "train_loss"}
"""The schedules that wait for a plateau, and the loss in which they look for it."""


def learning_rate(recipe: Recipe, epoch: float, plateaus: int = 0) -> float:
    """Return the learning rate `epoch` epochs (a fraction within one) after the start.

    Args:
        recipe: its lr, schedule, warm-up and ends.
        epoch: for example 2.5 in the middle of the third epoch.
        plateaus: how many plateaus were met so far (`WATCHED` schedules).
    """
    if epoch < recipe.warmup_epochs:
        # From a hundredth, not from zero: the first steps should move.
        return recipe.lr * max(0.01, epoch / recipe.warmup_epochs)
    if recipe.schedule == "cosine":
        return _cosine(recipe, epoch)
    if recipe.schedule == "linear":
        return recipe.min_lr + (recipe.lr - recipe.min_lr) * (1 - _share_done(recipe, epoch))
    if recipe.schedule in WATCHED:
        return max(recipe.min_lr, recipe.lr * recipe.plateau_factor**plateaus)
    return recipe.lr


def _cosine(recipe: Recipe, epoch: float) -> float:
    """Return half a cosine from lr to min_lr between the end of the warm-up and the last epoch."""
    return recipe.min_lr + (recipe.lr - recipe.min_lr) * 0.5 * (
        1 + math.cos(math.pi * _share_done(recipe, epoch))
    )


def _share_done(recipe: Recipe, epoch: float) -> float:
    """Return how much of the way from the end of the warm-up to the last epoch is gone, 0..1."""
    length = max(recipe.epochs - recipe.warmup_epochs, 1e-9)
    return min(1.0, (epoch - recipe.warmup_epochs) / length)


def plateaus_met(recipe: Recipe, losses: list[float]) -> int:
    """Count the plateaus in losses of epochs: each is `plateau_patience` + 1 epochs without a new best."""
    best, waited, met = math.inf, 0, 0
    for loss in losses:
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited > recipe.plateau_patience:
            met, waited = met + 1, 0
    return met
