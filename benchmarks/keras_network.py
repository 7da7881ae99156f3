"""From a recipe to a tf_keras network of the zoo: seeded, in its precision, loaded, partly frozen."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.chain import is_run
from benchmarks.engine import Job
from benchmarks.keras_random import seeded
from benchmarks.keras_runtime import keras, tf
from benchmarks.keras_state import take_over
from benchmarks.recipe_base import Recipe
from models import zoo
from models.zoo import Input, LandmarkInput
from utils.errors import FAILURE, BenchError
from wlasl.loader import Batch

_POLICY = {"fp32": "float32", "bf16": "mixed_bfloat16", "fp16": "mixed_float16"}


def build(recipe: Recipe, job: Job) -> Any:  # noqa: ANN401 - a tf_keras model
    """Build the recipe's network from its seed and load its initial weights; nothing is frozen yet.

    Raises:
        BenchError: a shape that the network cannot take, or weights that do not fit.
    """
    with _policy(recipe), seeded(recipe.seed), in_words(recipe):
        network = zoo.build(recipe.model, "tensorflow", job.classes, **recipe.architecture())
    if job.weights is not None and is_run(recipe.weights):
        _start_from_run(recipe, network, job)
    elif job.weights is not None:
        _module(recipe).load_checkpoint(network, job.weights)
    if recipe.norm_momentum is not None:
        _set_norm_momentum(network, recipe.norm_momentum)
    return network


def _start_from_run(recipe: Recipe, network: Any, job: Job) -> None:  # noqa: ANN401 - a tf_keras model
    """Load the weights that another run chose, its classifier too where it tells the same glosses.

    Raises:
        BenchError: they are damaged, or of another network.
    """
    path = job.weights or Path()
    head = _module(recipe).classifier(network)
    kept = take_over(path.read_bytes(), network.weights, [] if job.head else head, optional=head)
    became = "its head included" if kept else "and its head starts at random"
    job.progress.say(f"{recipe.model} starts from {recipe.weights.replace(':', ' ')}, {became}.")


def _set_norm_momentum(network: Any, momentum: float) -> None:  # noqa: ANN401 - a tf_keras model
    """Let batch norms follow their batches as the recipe says; Keras weighs the old value, torch the new."""
    for layer in network.submodules:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 1 - momentum


def freeze(recipe: Recipe, network: Any) -> None:  # noqa: ANN401 - a tf_keras model
    """Freeze all blocks but the last `unfreeze`; they keep their batch statistics and drop nothing."""
    if recipe.unfreeze is None:
        return
    blocks = _module(recipe).blocks(network)
    for block in blocks[: max(0, len(blocks) - recipe.unfreeze)]:
        block.trainable = False
        for layer in block.submodules:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0


def _module(recipe: Recipe) -> ModuleType:
    """Return the module of the network's builder: it also knows its `blocks` and its `load_checkpoint`."""
    return importlib.import_module(zoo.system(recipe.model).builders["tensorflow"].partition(":")[0])


@contextmanager
def _policy(recipe: Recipe) -> Iterator[None]:
    """Make layers within compute in the recipe's precision; their weights stay float32."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(_POLICY[recipe.precision])
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def normalised(inputs: Any, expected: Input | LandmarkInput) -> Any:  # noqa: ANN401 - tensors
    """Return uint8 clips as float32 [B, T, H, W, 3], normalised; inputs of another type as they are."""
    if inputs.dtype != tf.uint8 or not isinstance(expected, Input):
        return inputs
    clips = tf.cast(inputs, tf.float32)
    if expected.channels == "bgr":
        clips = tf.reverse(clips, [-1])
    mean, std = (np.asarray(values, np.float32) for values in (expected.mean, expected.std))
    return (clips / 255.0 - mean) / std


def arguments(batch: Batch, expected: Input | LandmarkInput) -> tuple[NDArray[Any], ...]:
    """Return a batch as its network's arguments: the clips, and for landmarks how many frames are each's."""
    if isinstance(expected, Input):
        return (batch.inputs,)
    clips, frames = batch.inputs.shape[:2]
    return batch.inputs, np.full(clips, frames) if batch.lengths is None else batch.lengths


@contextmanager
def in_words(recipe: Recipe) -> Iterator[None]:
    """Turn what a user can act on into a sentence: too little memory, a precision that the device lacks."""
    lacking = (tf.errors.UnimplementedError, tf.errors.NotFoundError, tf.errors.InvalidArgumentError)
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise BenchError(
            f"batch_size={recipe.batch_size} needs more memory than there is."
            " Set a smaller one, and accumulate to make up for it.",
            exit_code=FAILURE,
        ) from error
    except (*lacking, TypeError, ValueError) as error:
        if recipe.precision == "fp32":
            raise
        reason = str(error).strip().rpartition("\n")[2].strip()
        raise BenchError(
            f"{recipe.model} does not run in {recipe.precision} here: {reason[:300]} Set precision=fp32.",
            exit_code=FAILURE,
        ) from error
