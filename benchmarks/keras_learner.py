"""How tf_keras weights are moved by a recipe, whatever the loss: `benchmarks.fitting` drives it.

A training step is two graphs: `_learn` adds one batch's gradients to what the optimiser's next move will use,
`_move` makes that move. What lies between them is zero whenever a checkpoint is written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.engine import Batches, Job
from benchmarks.fitting import Step
from benchmarks.keras_network import in_words
from benchmarks.keras_optim import Average, LossScale, Variables, clipped, optimizer, penalised
from benchmarks.keras_random import Randomness, refuse_hidden
from benchmarks.keras_runtime import tf
from benchmarks.keras_state import Groups, pack, unpack
from benchmarks.recipe_base import Recipe
from models.zoo import LandmarkInput
from utils.errors import FAILURE, BenchError
from utils.files import write_whole
from wlasl.loader import Batch

Arrays = tuple[npt.NDArray[Any], ...]


class Mover(ABC):
    """A tf_keras network with its optimiser; what it learns is its heirs' matter.

    Attributes:
        file: name of the file in the run's folder that holds the chosen weights.
        weights: all of the network's, in an order that depends on the recipe alone.
        trained: those that the optimiser moves.
    """

    rank, world = 0, 1
    file: str

    def __init__(self, recipe: Recipe, job: Job, network: Any, weights: tuple[Variables, Variables]) -> None:  # noqa: ANN401
        """Make the optimiser of a network; `weights` are all of them, and those that it moves."""
        self.recipe, self.job, self.network = recipe, job, network
        self.weights, self.trained = (list(variables) for variables in weights)
        self.optimizer = optimizer(recipe, self.trained)
        self.gradients = [tf.Variable(tf.zeros_like(weight), trainable=False) for weight in self.trained]
        self.scale = LossScale(recipe)
        self.average = Average(recipe.ema, self.weights) if recipe.ema else None
        self.random = Randomness(network)
        self._graphs: dict[str, Callable[..., Any]] = {}

    @abstractmethod
    def _arguments(self, batch: Batch) -> Arrays:
        """Return what `_loss` takes of a batch."""

    @abstractmethod
    def _loss(self, *arguments: Any) -> Any:  # noqa: ANN401 - tensors
        """Return the mean loss of a batch in training."""

    @abstractmethod
    def measures(self, val: Batches) -> dict[str, float]:
        """Return what an epoch is judged by."""

    def step(self, batch: Batch, step: Step) -> float:
        """Learn from one batch and return its mean loss."""
        keys, share = self.random.keys(step.key), np.float32(step.share)
        loss = self._run(self._learn, keys, share, *self._arguments(batch))
        if step.update:
            self.optimizer.learning_rate = step.lr
            self._run(self._move)
        return float(loss)

    def _run(self, function: Callable[..., Any], *arrays: Any) -> Any:  # noqa: ANN401 - arrays in, tensors out
        """Run one of the methods below as a graph, traced once for any number of clips and their frames.

        Raises:
            BenchError: the memory is too small, or the device lacks an operation in this precision.
        """
        name = function.__name__
        with in_words(self.recipe):
            if name not in self._graphs:
                self._graphs[name] = self._traced(function, *arrays)
            return self._graphs[name](*[tf.constant(array) for array in arrays])

    def _traced(self, function: Callable[..., Any], *arrays: Any) -> Callable[..., Any]:  # noqa: ANN401
        """Trace a function for arguments like these; any number of clips, and of frames of landmarks."""
        ragged = getattr(self.recipe, "test_sampling", "") == "whole"
        free = 2 if ragged or isinstance(self.job.input, LandmarkInput) else 1
        specs = [
            tf.TensorSpec(((None,) * free + np.shape(array)[free:])[: np.ndim(array)], array.dtype)
            for array in arrays
        ]
        traced: Any = tf.function(function, jit_compile=self.recipe.compile or None)
        graph: Callable[..., Any] = traced.get_concrete_function(*specs)
        refuse_hidden(graph)
        return graph

    def _learn(self, keys: Any, share: Any, *arguments: Any) -> Any:  # noqa: ANN401 - tensors
        """Add one batch's share to the gradients; return its mean loss."""
        self.random.begin(keys)
        with tf.GradientTape() as tape:
            loss = self._loss(*arguments)
            goal = loss * share * self.scale.scale
        gradients = tape.gradient(goal, self.trained, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        for total, gradient in zip(self.gradients, gradients, strict=True):
            total.assign_add(tf.convert_to_tensor(gradient))
        return loss

    def _move(self) -> None:
        """Move the optimiser once by the gradients so far, and forget them."""
        gradients = [total / self.scale.scale for total in self.gradients]
        norm = tf.linalg.global_norm(gradients)
        gradients = penalised(self.recipe, clipped(self.recipe, gradients, norm), self.trained)
        if self.scale.used:
            finite = tf.math.is_finite(norm)
            tf.cond(finite, lambda: self._apply(gradients), lambda: None)
            self.scale.note(finite)
        else:
            self._apply(gradients)
        for total in self.gradients:
            total.assign(tf.zeros_like(total))

    def _apply(self, gradients: Variables) -> None:
        """Give the gradients to the optimiser and let the average follow."""
        self.optimizer.apply_gradients(zip(gradients, self.trained, strict=True))
        if self.average is not None:
            self.average.update(self.optimizer.iterations)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Within this block the network has the averaged weights, where there are any."""
        if self.average is None:
            yield
            return
        self.average.swap()
        try:
            yield
        finally:
            self.average.swap()

    @property
    def _path(self) -> Path:
        """Return where the chosen weights lie."""
        return self.job.folder / self.file

    def agreed(self, wish: int) -> int:
        """Return what this one process wishes."""
        return wish

    def keep(self) -> None:
        """Write the present weights (the averaged ones where there are any) as the chosen ones."""
        content = pack({"weight": self.weights if self.average is None else self.average.variables})
        write_whole(self._path, lambda file: file.write(content))

    def choose(self) -> None:
        """Go back to the chosen weights; the average is then the same.

        Raises:
            BenchError: their file is gone or damaged.
        """
        try:
            content = self._path.read_bytes()
        except OSError as error:
            raise BenchError(
                f"Cannot read {self._path}. Run again with --again.", exit_code=FAILURE
            ) from error
        for variables in (self.weights, [] if self.average is None else self.average.variables):
            if variables:
                unpack(content, {"weight": variables})

    def state(self) -> bytes:
        """Return the weights, their averages, the optimiser and the loss scale, as an npz file."""
        return pack(self._groups())

    def restore(self, state: bytes) -> None:
        """Go on from what `state` returned.

        Raises:
            BenchError: it is of another network or optimiser.
        """
        unpack(state, self._groups())

    def _groups(self) -> Groups:
        """Return every variable that training goes on from."""
        return {
            "weight": self.weights,
            "optimizer": self.optimizer.variables,
            "average": [] if self.average is None else self.average.variables,
            "scale": self.scale.variables,
        }
