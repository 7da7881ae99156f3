"""MoViNet by tf-models-official (Kondratyuk et al. 2021, arXiv:2103.11511; Apache-2.0): the reference.

An adaptor: the official network is built with the options of its published checkpoints. On a CPU its base
variants are slow to train (grouped 3-D convolutions run through XLA); `models.movinet` is the same network in
torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NamedTuple

from models import movinet_weights
from models.shapes import Clip, at_least
from models.tf_import import load
from utils.errors import BenchError
from utils.imports import optional
from utils.names import lookup
from utils.quiet import held_back

Convolution = Literal["3d", "2plus1d", "3d_2plus1d"]

VARIANTS = {name: name in {"a3", "a4", "a5"} for name in ("a0", "a1", "a2", "a3", "a4", "a5")}
"""Which variants number their frames in streaming networks."""
MIN_SIZE = 32
_STREAM = {
    "causal": True,
    "conv_type": "2plus1d",
    "se_type": "2plus3d",
    "activation": "hard_swish",
    "gating_activation": "hard_sigmoid",
}


class Official(NamedTuple):
    """The modules of the reference, imported when first needed."""

    tf: ModuleType
    keras: ModuleType
    movinet: ModuleType
    movinet_model: ModuleType


def official() -> Official:
    """Import TensorFlow and the official network without their chatter.

    Raises:
        BenchError: one of the packages is not installed.
    """
    tf, keras = load()
    package = "official.projects.movinet.modeling"
    with held_back():
        network = optional(f"{package}.movinet", "tensorflow")
        model = optional(f"{package}.movinet_model", "tensorflow")
    return Official(tf, keras, network, model)


def build(
    classes: int,
    *,
    variant: str,
    stream: bool = False,
    conv_type: Convolution | None = None,
    dropout: float | None = None,
    drop_path: float | None = None,
    frames: int,
    size: int,
    external_states: bool = False,
) -> Any:  # noqa: ANN401 - a tf_keras model
    """Build the official network with random weights.

    Args:
        classes: how many glosses the classifier tells apart.
        variant: a0 to a5.
        stream: the causal network, built as its published checkpoint needs it.
        conv_type: 3-D or (2+1)D convolutions; by default those of the published checkpoint.
        dropout: before the classifier; none by default.
        drop_path: stochastic depth; none by default.
        frames: T of the clips to come.
        size: H = W of the clips to come, at least 32.
        external_states: take and return the states of a stream (for export); the batch is then 1.

    Returns:
        A tf_keras model: float32 [B, T, H, W, 3], RGB in 0..1, to logits [B, classes]; with external states,
        {"image": clip, **states} to (logits, states).

    Raises:
        BenchError: no such variant, clips that it cannot take, or TensorFlow is not installed.
    """
    positional = lookup("MoViNet variant", variant, VARIANTS)
    at_least("MoViNet", Clip(frames, size), Clip(1, MIN_SIZE), "it halves the frame five times")
    if external_states and not stream:
        raise BenchError("A base MoViNet has no states to take: choose a row named ...-stream.")
    modules = official()
    style = dict(_STREAM, use_positional_encoding=positional) if stream else {}
    if conv_type is not None:
        style["conv_type"] = conv_type
    shape = (1, frames, size, size, 3) if external_states else (None, None, None, None, 3)
    specification = modules.keras.layers.InputSpec(shape=shape, dtype="float32")
    backbone = modules.movinet.Movinet(
        model_id=variant,
        input_specs=specification,
        stochastic_depth_drop_rate=drop_path or 0.0,
        use_sync_bn=False,  # it means averaging over devices, and costs the fused kernel
        use_external_states=external_states,
        **style,
    )
    model = modules.movinet_model.MovinetClassifier(
        backbone,
        num_classes=classes,
        dropout_rate=dropout or 0.0,
        input_specs={"image": specification},
        output_states=external_states,
    )
    _drop_by_layers(model, modules.keras)
    return model


def _drop_by_layers(model: Any, keras: ModuleType) -> None:  # noqa: ANN401
    """Replace the official stochastic depth by what it is, dropout of whole clips.

    The official layer's random state hides in a kernel; that of a dropout layer can be set, so that an engine
    can repeat a step.
    """
    for layer in model.submodules:
        depth = getattr(layer, "_stochastic_depth", None)
        if depth is not None:
            whole_clip = (None, 1, 1, 1, 1)
            layer._stochastic_depth = keras.layers.Dropout(depth._drop_rate, noise_shape=whole_clip)  # noqa: SLF001


def blocks(model: Any) -> list[Any]:  # noqa: ANN401 - Keras layers
    """Return the layers from input to output without the classifier, as `blocks()` of the torch network."""
    head = next(layer for layer in model.layers if hasattr(layer, "_classifier"))
    return [layer for layer in model.backbone.layers if layer.weights] + [head._head]  # noqa: SLF001 - no public name


def classifier(model: Any) -> list[Any]:  # noqa: ANN401 - Keras variables
    """Return the weights that belong to the classes."""
    head = next(layer for layer in model.layers if hasattr(layer, "_classifier"))
    return list(head._classifier.weights)  # noqa: SLF001 - no public name


def load_checkpoint(model: Any, path: Path) -> str:  # noqa: ANN401
    """Load an official checkpoint, all but a classifier of another width.

    Returns:
        The SHA-256 of what was read.

    Raises:
        BenchError: it is no checkpoint of this variant.
    """
    return movinet_weights.load_tensorflow(model, path)


def init_states(model: Any, batch: int, frames: int, size: int) -> dict[str, Any]:  # noqa: ANN401
    """Return the states before the first frame, for a model built with `external_states`."""
    tf = official().tf
    states: Mapping[str, Any] = model.init_states(tf.constant([batch, frames, size, size, 3]))
    return dict(states)
