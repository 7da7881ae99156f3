"""What is random within a training step of a tf_keras network, made to depend on the step alone.

Dropout and its kin draw from generators whose state lies in variables outside the network's weights; set from
the step's key before each step, they repeat themselves whenever the step is repeated. Plain `tf.random` ops
hide a counter in the kernel, which no checkpoint can hold: a network that uses them is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.keras_runtime import keras, tf
from utils.seeds import generator

_HIDDEN = frozenset({
    "Multinomial", "ParameterizedTruncatedNormal", "RandomGamma", "RandomPoisson", "RandomPoissonV2",
    "RandomShuffle", "RandomStandardNormal", "RandomUniform", "RandomUniformInt", "TruncatedNormal",
})  # fmt: skip


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Build a network within: its initial weights follow the seed, its layers get generators of their own."""
    experimental = keras.backend.experimental
    before = experimental.is_tf_random_generator_enabled()
    keras.utils.set_random_seed(seed)
    experimental.enable_tf_random_generator()
    try:
        yield
    finally:
        if not before:
            experimental.disable_tf_random_generator()


class Randomness:
    """The random generators of one network's layers."""

    def __init__(self, network: Any) -> None:  # noqa: ANN401 - a tf_keras model
        """Find the state of every generator, in the layers' order."""
        self._states = [state for layer in network.submodules for state in _states(layer)]

    def keys(self, key: tuple[int, int, int]) -> NDArray[np.int64]:
        """Return the keys of a step's generators, int64 [generators], from (seed, epoch, step)."""
        limits = np.iinfo(np.int64)
        return generator(*key).integers(limits.min, limits.max, len(self._states), np.int64)

    def begin(self, keys: Any) -> None:  # noqa: ANN401 - an int64 tensor [generators]
        """Put every generator at the beginning of its key's sequence."""
        for place, state in enumerate(self._states):
            # Philox and ThreeFry keep their counter first and their key last.
            state.assign(tf.concat([tf.zeros(state.shape[0] - 1, tf.int64), keys[place : place + 1]], 0))


def _states(layer: Any) -> list[Any]:  # noqa: ANN401 - a tf_keras layer
    """Return the state of a layer's random generator; tf_keras has no public way to it."""
    generator = getattr(layer, "_random_generator", None)
    if generator is None:
        return []
    generator._maybe_init()  # noqa: SLF001 - made late otherwise, inside the traced step
    inner = generator._generator  # noqa: SLF001
    return [] if inner is None else [inner.state]


def refuse_hidden(function: Any) -> None:  # noqa: ANN401 - a concrete function
    """Refuse a traced step that draws random numbers from a state that cannot be saved.

    Raises:
        TypeError: the network's builder should use tf_keras layers such as Dropout instead.
    """
    definition = function.graph.as_graph_def()
    functions = [node for function in definition.library.function for node in function.node_def]
    found = sorted({node.op for node in [*definition.node, *functions]} & _HIDDEN)
    if found:
        raise TypeError(
            f"The network's training step uses {', '.join(found)}, whose hidden state would make a resumed"
            " run differ. Draw random numbers by tf_keras layers, or by tf.random.stateless_* from a seed."
        )
