"""The attention of SPOBET's blocks for one clip."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmarks.keras_engine import KerasEngine
from benchmarks.keras_network import arguments
from benchmarks.keras_runtime import tf
from wlasl.loader import Batch

Attentions = list[npt.NDArray[np.float32]]


def attentions(engine: KerasEngine, batch: Batch) -> tuple[Attentions, Attentions] | None:
    """Return per block [heads, R, R], the class token's row first, and nothing of a decoder.

    None for networks that do not tell their attention.
    """
    rows = getattr(engine.learner.network, "rows", None)
    if rows is None:
        return None
    with tf.device(engine.device):
        points, lengths = arguments(batch, engine.job.input)
        _, found = rows(tf.constant(points), tf.constant(lengths))
    return [tf.cast(one[0], tf.float32).numpy() for one in found], []
