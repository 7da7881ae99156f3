"""Rectified Adam (Liu et al. 2020, arXiv:1908.03265) for tf_keras.

Neither tf_keras, Keras 3 nor tf-models-official has it, and the add-on package that had is no longer kept.
"""

from __future__ import annotations

from typing import Any

from benchmarks.keras_runtime import keras, tf

_TRACTABLE = 5.0
"""With fewer averaged squares than this their variance is not tractable: the step is plain momentum."""


class RectifiedAdam(keras.optimizers.Adam):  # type: ignore[misc]
    """Adam that steps as far as its second moments can be trusted; the same steps as torch's RAdam."""

    def update_step(self, gradient: Any, variable: Any) -> None:  # noqa: ANN401 - tensors
        """Move one variable; Adam's own slots hold its moments."""
        place = self._index_dict[self._var_key(variable)]
        first, second = self._momentums[place], self._velocities[place]
        first.assign_add((gradient - first) * (1 - self.beta_1))
        second.assign_add((tf.square(gradient) - second) * (1 - self.beta_2))
        trusted, plain, adaptive = (tf.cast(value, variable.dtype) for value in self._factors())
        root = tf.sqrt(second) + self.epsilon
        step = tf.where(trusted > 0, adaptive / root, plain)
        variable.assign_sub(tf.cast(self.learning_rate, variable.dtype) * step * first)

    def _factors(self) -> tuple[Any, Any, Any]:
        """Return whether the next step adapts (1 or 0), and the momentum's factor if not, and if so.

        In double precision: the length of the average is a small difference of large numbers.
        """
        step = tf.cast(self.iterations + 1, tf.float64)
        power = tf.pow(tf.constant(self.beta_2, tf.float64), step)
        plain = 1 / (1 - tf.pow(tf.constant(self.beta_1, tf.float64), step))
        longest = 2 / (1 - self.beta_2) - 1
        length = longest - 2 * step * power / (1 - power)
        share = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        trusted = tf.cast(length > _TRACTABLE, tf.float64)
        # The square root of a share that is not used may be of a negative number.
        return trusted, plain, plain * tf.sqrt(tf.maximum(share * (1 - power), 0))
