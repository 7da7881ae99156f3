"""The Keras engine: carries out a recipe with a tf_keras network; the loop is `benchmarks.fitting`'s."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks import keras_runtime
from benchmarks.engine import Batches, Fitted, Job, Scores
from benchmarks.fitting import Fit, classified
from benchmarks.keras_learner import Arrays, Mover
from benchmarks.keras_network import arguments, build, freeze, normalised
from benchmarks.keras_pretrain import pretrain
from benchmarks.keras_runtime import tf
from benchmarks.published_pixels import seen
from benchmarks.recipe_base import Recipe
from utils.errors import BenchError
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
        if job.runtime != "torch":
            job.progress.say("scored by TensorFlow: other runtimes are given networks of torch")
        self.recipe, self.job = recipe, job
        self.device = keras_runtime.start(job.device)
        with tf.device(self.device):
            self.learner = KerasLearner(recipe, job)

    def fit(self, train: Batches, val: Batches) -> Fitted:
        """Train on train, choose on val, and leave the network with the chosen weights."""
        with tf.device(self.device):
            before = pretrain(self.recipe, self.job, self.learner.network, (train, val))
            fitted = Fit(self.learner, self.recipe, self.job).run(train, val)
            return replace(fitted, steps=fitted.steps + before.steps, seconds_before=before.seconds)

    def restore(self, train: Batches) -> None:
        """Leave the network with the weights that a finished run kept.

        Raises:
            BenchError: they are gone, damaged, or of another network.
        """
        del train  # a classifier needs no clips to compare with
        with tf.device(self.device):
            self.learner.choose()

    def predict(self, part: Batches) -> Scores:
        """Return float32 [clips, classes]: log of the mean over views of the softmax probabilities."""
        with tf.device(self.device):
            return self.learner.scores(part)

    def in_double(self) -> bool:
        """Say that this engine does not: the precision of a Keras layer is settled when it is built."""
        return False

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


class KerasLearner(Mover):
    """A network that gives scores, trained by cross-entropy."""

    file = BEST

    def __init__(self, recipe: Recipe, job: Job) -> None:
        """Build everything from the recipe's seed."""
        network = build(recipe, job)
        # Taken before anything is frozen: Keras orders the weights by whether they are trained.
        weights = list(network.weights)
        self.parameters = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
        freeze(recipe, network)
        if not network.trainable_weights:
            raise BenchError(
                "Nothing is left to train: set unfreeze to 1 or more, or to none for all blocks."
            )
        super().__init__(recipe, job, network, (weights, network.trainable_weights))

    def _arguments(self, batch: Batch) -> Arrays:
        """Return the labels and what the network takes."""
        return batch.labels, *arguments(batch, self.job.input)

    def _loss(self, labels: Any, *inputs: Any) -> Any:  # noqa: ANN401 - tensors
        """Return the mean cross-entropy with smoothed labels, nats."""
        smoothing = self.recipe.label_smoothing
        targets = tf.one_hot(labels, self.job.classes) * (1 - smoothing) + smoothing / self.job.classes
        logits = self._logits(*inputs, training=True)
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))

    def _logits(self, clips: Any, *lengths: Any, training: bool) -> Any:  # noqa: ANN401 - tensors
        """Return float32 logits [B, classes], whatever the network computes in."""
        clips = normalised(clips, seen(self.recipe, self.job.input))
        return tf.cast(self.network(clips, *lengths, training=training), tf.float32)

    def _logs(self, *inputs: Any) -> Any:  # noqa: ANN401 - tensors
        """Return the log-probabilities of one batch, float32 [B, classes]."""
        return tf.nn.log_softmax(self._logits(*inputs, training=False))

    def measures(self, val: Batches) -> dict[str, float]:
        """Return what an epoch is judged by: val_loss and val_top1."""
        return classified(self.scores(val), val.labels)

    def scores(self, batches: Batches) -> Scores:
        """Return float32 [clips, classes], by the averaged weights where there are any."""
        total = np.full((len(batches.clips), self.job.classes), -np.inf, np.float64)
        views = np.zeros(len(batches.clips), np.int64)
        with self._averaged():
            for batch in batches.epoch(0):
                logs = self._run(self._logs, *arguments(batch, self.job.input)).numpy()
                np.logaddexp.at(total, batch.indices, logs)
                np.add.at(views, batch.indices, 1)
                self.job.progress.advance()
        if not views.all():
            raise AssertionError("the loader left clips out")
        return (total - np.log(views)[:, None]).astype(np.float32)
