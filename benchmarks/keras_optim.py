"""Optimisers, weight decay, loss scale and averaged weights for tf_keras networks, by the recipe's names.

Where tf_keras's arithmetic differs from torch's it is kept: its momentum buffers hold the learning rate, and
rmsprop's eps stands under the root.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.keras_radam import RectifiedAdam
from benchmarks.keras_runtime import keras, tf
from benchmarks.recipe_base import Recipe
from benchmarks.recipe_clips import ClipRecipe

Variables = Sequence[Any]
"""tf.Variables, in an order that depends on the recipe alone."""

_START_SCALE, _CALM_STEPS = 2.0**15, 2000


def decayed(variable: Any) -> bool:  # noqa: ANN401 - a tf.Variable
    """Say whether weight decay applies: weights of two or more dimensions, never biases and norm scales."""
    return len(variable.shape) > 1


def optimizer(recipe: Recipe, variables: Variables) -> Any:  # noqa: ANN401 - a tf_keras optimiser
    """Return the recipe's optimiser with its slots made; only adamw decays weights by itself."""
    # XLA is the whole step's choice (`recipe.compile`), not the optimiser's own.
    common: dict[str, Any] = {"learning_rate": recipe.lr, "jit_compile": False}
    adam = {"beta_1": recipe.momentum, "beta_2": 0.999, "epsilon": recipe.eps}
    if recipe.optimizer == "sgd":
        made = keras.optimizers.SGD(momentum=recipe.momentum, **common)
    elif recipe.optimizer == "rmsprop":
        rho = recipe.rho if isinstance(recipe, ClipRecipe) else 0.9
        made = keras.optimizers.RMSprop(rho=rho, momentum=recipe.momentum, epsilon=recipe.eps, **common)
    elif recipe.optimizer == "adam":
        made = keras.optimizers.Adam(**adam, **common)
    elif recipe.optimizer == "radam":
        made = RectifiedAdam(**adam, **common)
    else:
        made = keras.optimizers.AdamW(weight_decay=recipe.weight_decay, **adam, **common)
        made.exclude_from_weight_decay([variable for variable in variables if not decayed(variable)])
    made.build(variables)
    return made


def clipped(recipe: Recipe, gradients: Variables, norm: Any) -> Variables:  # noqa: ANN401 - a tensor
    """Return gradients held below the recipe's norm: all of them together (`norm`), or each by itself."""
    if recipe.clip_norm is None:
        return gradients
    if isinstance(recipe, ClipRecipe) and recipe.clip_each:
        return [tf.clip_by_norm(gradient, recipe.clip_norm) for gradient in gradients]
    held: Variables = tf.clip_by_global_norm(gradients, recipe.clip_norm, use_norm=norm)[0]
    return held


def penalised(recipe: Recipe, gradients: Variables, variables: Variables) -> list[Any]:
    """Add the L2 penalty of sgd, adam, radam and rmsprop to gradients, after clipping, as torch does."""
    if recipe.optimizer == "adamw" or recipe.weight_decay == 0:
        return list(gradients)
    return [
        gradient + recipe.weight_decay * variable if decayed(variable) else gradient
        for gradient, variable in zip(gradients, variables, strict=True)
    ]


class LossScale:
    """Multiplies an fp16 network's loss so that small gradients do not vanish; 1 for other types.

    Halved when gradients overflow, whose step is skipped; doubled after 2,000 steps without (Micikevicius et
    al. 2018, arXiv:1710.03740).
    """

    def __init__(self, recipe: Recipe) -> None:
        """Begin at 32768 in fp16."""
        self.used = recipe.precision == "fp16"
        self.scale = tf.Variable(_START_SCALE if self.used else 1.0, trainable=False)
        self.calm = tf.Variable(0, trainable=False, dtype=tf.int64)
        self.variables = [self.scale, self.calm]

    def note(self, finite: Any) -> None:  # noqa: ANN401 - a bool tensor
        """Learn whether a step's gradients were finite."""
        self.calm.assign(tf.where(finite, self.calm + 1, tf.zeros_like(self.calm)))
        grow = self.calm >= _CALM_STEPS
        factor = tf.where(finite, tf.where(grow, 2.0, 1.0), 0.5)
        self.scale.assign(tf.clip_by_value(self.scale * factor, 1.0, 2.0**24))
        self.calm.assign(tf.where(grow, tf.zeros_like(self.calm), self.calm))


class Average:
    """The exponential moving average of a network's weights and batch statistics."""

    def __init__(self, decay: float, weights: Variables) -> None:
        """Begin at the present weights."""
        self.decay, self.weights = decay, weights
        self.variables = [tf.Variable(weight, trainable=False) for weight in weights]

    def update(self, moves: Any) -> None:  # noqa: ANN401 - an integer tensor
        """Follow the weights after the optimiser's `moves`-th move; after the first, the average is them."""
        decay = tf.where(moves <= 1, 0.0, self.decay)
        for kept, weight in zip(self.variables, self.weights, strict=True):
            if kept.dtype.is_floating:
                share = tf.cast(decay, kept.dtype)
                kept.assign(share * kept + (1 - share) * weight)
            else:
                kept.assign(weight)

    def swap(self) -> None:
        """Exchange the average and the weights."""
        for kept, weight in zip(self.variables, self.weights, strict=True):
            held = tf.identity(weight)
            weight.assign(kept)
            kept.assign(held)
