"""SPOBET, a BERT whose words are frames of body and hand key points; origin Kojk-AI/spobet, Apache-2.0.

Written for this project from what is known of the original (tf_keras, no paper).

Shapes: B clips, T frames, R = 1 + T rows (the class token and the frames), J joints, D numbers each.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from models.tf_import import load
from utils.errors import BenchError

tf, keras = load()

WIDTH, HIDDEN, HEADS, BLOCKS = 64, 512, 4, 6
DROPOUT = 0.1
ROWS = 250
"""Rows of the published input, and of the table of positions."""


def build(
    classes: int,
    *,
    joints: int = 54,
    channels: int = 2,
    dropout: float | None = None,
    no_pos: bool = False,
    no_mask: bool = False,
) -> Any:  # noqa: ANN401 - a tf_keras model
    """Build SPOBET with random weights.

    Args:
        classes: how many glosses the head tells apart.
        joints: J; 54 as published.
        channels: D; x and y as published.
        dropout: after the attention and after the hidden layer of each block; 0.1 where none is given.
        no_pos: as published: rows have no position, so that the order of frames is not seen.
        no_mask: as published: clips are filled up with zeros to 250 rows, which are attended to; what is
            longer is cut there.

    Returns:
        A tf_keras model: float32 [B, T, J, D] and int64 [B] (how many frames are the clip's) to logits
        [B, classes].
    """
    network = Spobet(classes, DROPOUT if dropout is None else dropout, no_pos=no_pos, no_mask=no_mask)
    network(tf.zeros((1, 1, joints, channels)), tf.ones(1, tf.int64))  # Keras makes weights at the first call
    return network


class Block(keras.layers.Layer):  # type: ignore[misc, name-defined]
    """One post-norm block: attention among all rows, then a hidden layer for each row."""

    def __init__(self, dropout: float) -> None:
        """Make the layers; Keras finds the shapes."""
        super().__init__()
        self.attention = keras.layers.MultiHeadAttention(HEADS, WIDTH // HEADS)
        self.attention_dropout = keras.layers.Dropout(dropout)
        self.attention_norm = keras.layers.LayerNormalization(epsilon=1e-6)
        self.hidden = keras.layers.Dense(HIDDEN, activation="relu")
        self.output_layer = keras.layers.Dense(WIDTH)
        self.output_dropout = keras.layers.Dropout(dropout)
        self.output_norm = keras.layers.LayerNormalization(epsilon=1e-6)

    def call(self, x: Any, mask: Any, training: bool = False) -> tuple[Any, Any]:  # noqa: ANN401, FBT001, FBT002
        """Return rows [B, R, 64] and attention [B, 4, R, R]; mask bool [B, 1, R], or None, says to which."""
        y, scores = self.attention(x, x, attention_mask=mask, return_attention_scores=True, training=training)
        x = self.attention_norm(x + self.attention_dropout(y, training=training))
        y = self.output_dropout(self.output_layer(self.hidden(x)), training=training)
        return self.output_norm(x + y), scores


class Positions(keras.layers.Layer):  # type: ignore[misc, name-defined]
    """A trainable vector per row that begins as sines and cosines; rows beyond the table share its last."""

    def build(self, _shape: Any) -> None:  # noqa: ANN401
        """Make the table."""
        self.table = self.add_weight(
            "table", (ROWS, WIDTH), initializer=keras.initializers.Constant(sinusoids())
        )

    def call(self, x: Any) -> Any:  # noqa: ANN401
        """Return rows [B, R, 64] with their positions added."""
        rows = tf.minimum(tf.range(tf.shape(x)[1]), ROWS - 1)
        return x + tf.gather(tf.cast(self.table, x.dtype), rows)


class Spobet(keras.Model):  # type: ignore[misc, name-defined]
    """The network: a class token of ones before the frames, six blocks, and a head on the token's row."""

    def __init__(self, classes: int, dropout: float, *, no_pos: bool, no_mask: bool) -> None:
        """Make the layers; Keras finds the shapes."""
        super().__init__()
        self.no_mask = no_mask
        self.embed = keras.layers.Dense(WIDTH, activation="relu")
        self.positions = None if no_pos else Positions()
        self.encoder = [Block(dropout) for _ in range(BLOCKS)]
        self.head = keras.layers.Dense(classes)

    def call(self, points: Any, lengths: Any, training: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002
        """Return logits [B, classes]."""
        return self.head(self.rows(points, lengths, training=training)[0][:, 0])

    def rows(self, points: Any, lengths: Any, *, training: bool = False) -> tuple[Any, list[Any]]:  # noqa: ANN401
        """Return the last block's rows [B, R, 64], and every block's attention [B, 4, R, R]."""
        x, mask = self._input_rows(points, lengths)
        x = self.embed(x)
        if self.positions is not None:
            x = self.positions(x)
        attentions = []
        for block in self.encoder:
            x, attention = block(x, mask, training=training)
            attentions.append(attention)
        return x, attentions

    def _input_rows(self, points: Any, lengths: Any) -> tuple[Any, Any]:  # noqa: ANN401
        """Return token and frames [B, R, J * D], and which rows to attend to: bool [B, 1, R], or None."""
        x = vectors(points)
        inside = tf.sequence_mask(lengths, tf.shape(x)[1])  # [B, T]
        x = tf.where(inside[..., None], x, tf.zeros_like(x))
        if self.no_mask:
            x = x[:, : ROWS - 1]
            x = tf.pad(x, [[0, 0], [0, ROWS - 1 - tf.shape(x)[1]], [0, 0]])
        x = tf.concat([tf.ones((tf.shape(x)[0], 1, x.shape[2]), x.dtype), x], 1)
        # The token's row is always there: a clip may have no frames.
        return x, None if self.no_mask else tf.sequence_mask(lengths + 1, tf.shape(x)[1])[:, None]


def vectors(points: Any) -> Any:  # noqa: ANN401
    """Return points [B, T, J, D] as the network's vectors [B, T, D * J]: all x, then all y."""
    x = tf.transpose(points, [0, 1, 3, 2])
    return tf.reshape(x, [tf.shape(x)[0], tf.shape(x)[1], points.shape[2] * points.shape[3]])


def pretraining_head(network: Any) -> Any:  # noqa: ANN401 - a tf_keras layer
    """Return the layer that guesses frames [..., J * D] from rows [..., 64], for pre-training alone."""
    head = keras.layers.Dense(network.embed.kernel.shape[0])
    head.build((None, WIDTH))
    return head


def sinusoids() -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the positions' first values, float32 [250, 64]: sines and cosines, 0 in the token's row."""
    waves = np.arange(ROWS)[:, None] / 10_000 ** (2 * (np.arange(WIDTH) // 2) / WIDTH)
    waves[:, 0::2], waves[:, 1::2] = np.sin(waves[:, 0::2]), np.cos(waves[:, 1::2])
    waves[0] = 0
    return waves.astype(np.float32)


def blocks(network: Any) -> list[Any]:  # noqa: ANN401 - Keras layers
    """Return the layers from input to output without the head."""
    return [network.embed, *([network.positions] if network.positions else []), *network.encoder]


def classifier(network: Any) -> list[Any]:  # noqa: ANN401 - Keras variables
    """Return the weights that belong to the classes."""
    return list(network.head.weights)


def gmacs(
    classes: int,
    shape: tuple[int, ...],
    *,
    no_mask: bool = False,
    **_others: Any,  # noqa: ANN401 - what else a builder takes: it costs nothing
) -> float:
    """Return the multiply-adds, in 10^9, of clips [B, T, J, D]: matrix products alone, as elsewhere."""
    clips, frames, joints, channels = shape
    rows = ROWS if no_mask else frames + 1
    block = 4 * WIDTH**2 + 2 * WIDTH * HIDDEN + 2 * rows * WIDTH
    return clips * (rows * (joints * channels * WIDTH + BLOCKS * block) + WIDTH * classes) / 1e9


def load_checkpoint(network: Any, path: Path) -> None:  # noqa: ANN401 - a tf_keras model
    """Load the weights that another run kept, all but a head of another width.

    Raises:
        BenchError: the file is no such weights, or of another network.
    """
    try:
        with np.load(path, allow_pickle=False) as kept:
            arrays = [kept[name] for name in sorted(kept.files)]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BenchError(f"{path} is no file of weights. SPOBET takes a run's best.weights.npz.") from error
    own = network.weights
    head = {id(weight) for weight in network.head.weights}
    if len(arrays) != len(own) or any(
        array.shape != tuple(weight.shape) and id(weight) not in head
        for array, weight in zip(arrays, own, strict=True)
    ):
        raise BenchError(f"{path} is of another network than SPOBET as this recipe has it (no_pos?).")
    for array, weight in zip(arrays, own, strict=True):
        if array.shape == tuple(weight.shape):
            weight.assign(array)
