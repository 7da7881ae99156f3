"""The Keras engine: carries out a recipe with a tf_keras network; the loop is `benchmarks.fitting`'s.

A training step is two graphs: `_learn` adds one batch's gradients to what the optimiser's next move will use,
`_move` makes that move. What lies between them is zero whenever a checkpoint is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmarks import keras_runtime
from benchmarks.engine import Batches, Fitted, Job, Scores
from benchmarks.fitting import Fit, Step, classified
from benchmarks.keras_network import build, freeze, in_words, normalised
from benchmarks.keras_optim import Average, LossScale, Variables, optimizer, penalised
from benchmarks.keras_random import Randomness, refuse_hidden
from benchmarks.keras_runtime import tf
from benchmarks.keras_state import Groups, pack, unpack
from benchmarks.recipe_base import Recipe
from utils.errors import FAILURE, BenchError
from utils.files import write_whole
from wlasl.loader import Batch

BEST = "best.weights.npz"


class KerasEngine:
    """Carries out a recipe with a tf_keras network of the zoo, in one process."""

    main = True

    def __init__(self, recipe: Recipe, job: Job) -> None:
        """Build the network with the recipe's seed and initial weights, on the device that was asked for.

        Raises:
            BenchError: no such device, a field that this engine cannot honour, weights that do not fit.
        """
        _check(recipe, job)
        self.recipe, self.job = recipe, job
        self.device = keras_runtime.start(job.device)
        with tf.device(self.device):
            self.learner = KerasLearner(recipe, job)

    def fit(self, train: Batches, val: Batches) -> Fitted:
        """Train on train, choose on val, and leave the network with the chosen weights."""
        with tf.device(self.device):
            return Fit(self.learner, self.recipe, self.job).run(train, val)

    def predict(self, part: Batches) -> Scores:
        """Return float32 [clips, classes]: log of the mean over views of the softmax probabilities."""
        with tf.device(self.device):
            return self.learner.scores(part)

    def facts(self) -> dict[str, Any]:
        """Return the device, the versions, the parameters, the precision and the peak memory in MiB."""
        found = keras_runtime.facts(self.device)
        return {**found, "parameters": self.learner.parameters, "precision": self.recipe.precision}


def _check(recipe: Recipe, job: Job) -> None:
    """Refuse what this engine has no answer to."""
    if job.devices > 1:
        raise BenchError("The tensorflow engine trains in one process. Use --devices 1, or --engine torch.")
    if recipe.channels_last:
        raise BenchError(
            "channels_last is a memory layout of torch networks; under tensorflow it means nothing."
            " Set channels_last=false."
        )


class KerasLearner:
    """A tf_keras network with its optimiser, as `benchmarks.fitting` drives it."""

    rank, world = 0, 1

    def __init__(self, recipe: Recipe, job: Job) -> None:
        """Build everything from the recipe's seed."""
        self.recipe, self.job = recipe, job
        self.network = build(recipe, job)
        # Taken before anything is frozen: Keras orders the weights by whether they are trained.
        self.weights = list(self.network.weights)
        self.parameters = sum(int(np.prod(weight.shape)) for weight in self.network.trainable_weights)
        freeze(recipe, self.network)
        self.trained = list(self.network.trainable_weights)
        if not self.trained:
            raise BenchError(
                "Nothing is left to train: set unfreeze to 1 or more, or to none for all blocks."
            )
        self.optimizer = optimizer(recipe, self.trained)
        self.gradients = [tf.Variable(tf.zeros_like(weight), trainable=False) for weight in self.trained]
        self.scale = LossScale(recipe)
        self.average = Average(recipe.ema, self.weights) if recipe.ema else None
        self.random = Randomness(self.network)
        self._graphs: dict[str, Callable[..., Any]] = {}

    def step(self, batch: Batch, step: Step) -> float:
        """Learn from one batch and return its mean loss."""
        keys, share = self.random.keys(step.key), np.float32(step.share)
        loss = self._run(self._learn, batch.inputs, batch.labels, keys, share)
        if step.update:
            self.optimizer.learning_rate = step.lr
            self._run(self._move)
        return float(loss)

    def _run(self, function: Callable[..., Any], *arrays: Any) -> Any:  # noqa: ANN401 - arrays in, tensors out
        """Run one of the methods below as a graph, traced once for any number of clips.

        Raises:
            BenchError: the memory is too small, or the device lacks an operation in this precision.
        """
        name = function.__name__
        with in_words(self.recipe):
            if name not in self._graphs:
                self._graphs[name] = self._traced(function, *arrays)
            return self._graphs[name](*[tf.constant(array) for array in arrays])

    def _traced(self, function: Callable[..., Any], *arrays: Any) -> Callable[..., Any]:  # noqa: ANN401
        """Trace a function for arguments like these; the first axis is free."""
        specs = [
            tf.TensorSpec((None, *np.shape(array)[1:])[: np.ndim(array)], array.dtype) for array in arrays
        ]
        traced: Any = tf.function(function, jit_compile=self.recipe.compile or None)
        graph: Callable[..., Any] = traced.get_concrete_function(*specs)
        refuse_hidden(graph)
        return graph

    def _learn(self, inputs: Any, labels: Any, keys: Any, share: Any) -> Any:  # noqa: ANN401 - tensors
        """Add one batch's share to the gradients; return its mean loss."""
        self.random.begin(keys)
        with tf.GradientTape() as tape:
            loss = self._loss(self._logits(inputs, training=True), labels)
            goal = loss * share * self.scale.scale
        gradients = tape.gradient(goal, self.trained, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        for total, gradient in zip(self.gradients, gradients, strict=True):
            total.assign_add(tf.convert_to_tensor(gradient))
        return loss

    def _move(self) -> None:
        """Move the optimiser once by the gradients so far, and forget them."""
        gradients = [total / self.scale.scale for total in self.gradients]
        norm = tf.linalg.global_norm(gradients)
        if self.recipe.clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, self.recipe.clip_norm, use_norm=norm)
        gradients = penalised(self.recipe, gradients, self.trained)
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

    def _logits(self, inputs: Any, *, training: bool) -> Any:  # noqa: ANN401 - tensors
        """Return float32 logits [B, classes], whatever the network computes in."""
        return tf.cast(self.network(normalised(inputs, self.job.input), training=training), tf.float32)

    def _loss(self, logits: Any, labels: Any) -> Any:  # noqa: ANN401 - tensors
        """Return the mean cross-entropy with smoothed labels, nats."""
        smoothing = self.recipe.label_smoothing
        targets = tf.one_hot(labels, self.job.classes) * (1 - smoothing) + smoothing / self.job.classes
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))

    def _logs(self, inputs: Any) -> Any:  # noqa: ANN401 - tensors
        """Return the log-probabilities of one batch, float32 [B, classes]."""
        return tf.nn.log_softmax(self._logits(inputs, training=False))

    def measures(self, val: Batches) -> dict[str, float]:
        """Return what an epoch is judged by: val_loss and val_top1."""
        return classified(self.scores(val), val.labels)

    def scores(self, batches: Batches) -> Scores:
        """Return float32 [clips, classes], by the averaged weights where there are any."""
        total = np.full((len(batches.clips), self.job.classes), -np.inf, np.float64)
        views = np.zeros(len(batches.clips), np.int64)
        with self._averaged():
            for batch in batches.epoch(0):
                logs = self._run(self._logs, batch.inputs).numpy()
                np.logaddexp.at(total, batch.indices, logs)
                np.add.at(views, batch.indices, 1)
                self.job.progress.advance()
        if not views.all():
            raise AssertionError("the loader left clips out")
        return (total - np.log(views)[:, None]).astype(np.float32)

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

    def keep(self) -> None:
        """Write the present weights (the averaged ones where there are any) to `best.weights.npz`."""
        content = pack({"weight": self.weights if self.average is None else self.average.variables})
        write_whole(self.job.folder / BEST, lambda file: file.write(content))

    def choose(self) -> None:
        """Go back to the chosen weights; the average is then the same.

        Raises:
            BenchError: their file is gone or damaged.
        """
        path = self.job.folder / BEST
        try:
            content = path.read_bytes()
        except OSError as error:
            raise BenchError(f"Cannot read {path}. Run again with --again.", exit_code=FAILURE) from error
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
