"""A network as a file that other runtimes read: ONNX and LiteRT, in fp32 and in int8.

The files take one clip, of landmarks float32 [1, T, J, D] (of pixels: `benchmarks.export_clips`), and give
logits [1, classes]. T is open, up to LONGEST, unless the recipe gives every clip as many frames. int8 is of
the weights; activations are quantised as they come (dynamic quantisation), which needs no clips to calibrate
on. Each function may take the process with it when a converter crashes: call it in one of its own
(`benchmarks.children`).
"""

from __future__ import annotations

import importlib
import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from models import zoo
from utils.errors import BenchError
from utils.imports import optional

LONGEST = 256
"""The most frames that a file takes: SPOTER has so many positions."""


@dataclass(frozen=True)
class Setting:
    """A network and what it sees of a clip.

    Attributes:
        model: row of the zoo.
        classes: how many glosses the head tells apart.
        shape: of the clip that is timed, (1, T, J, D).
        weights: file of its state dict.
        fixed: every clip has T frames.
        architecture: what its recipe tells the builder.
        given: name of the input.
    """

    model: str
    classes: int
    shape: tuple[int, ...]
    weights: Path
    fixed: bool
    architecture: Mapping[str, Any] = field(default_factory=dict)
    given: str = "points"

    def network(self) -> nn.Module:
        """Build the network with its weights, for evaluation."""
        torch.set_num_threads(1)
        network = cast("nn.Module", zoo.build(self.model, "torch", self.classes, **self.architecture))
        network.load_state_dict(torch.load(self.weights, weights_only=True))
        return network.eval()

    def form(self) -> nn.Module:
        """Build it in the form that other runtimes carry out fastest: here, as it is."""
        return self.network()

    def example(self) -> torch.Tensor:
        """Return a clip of this shape."""
        return torch.rand(self.shape, generator=torch.Generator().manual_seed(0)) - 0.5

    def open(self) -> tuple[dict[int, Any]] | None:
        """Return which axes are open, as torch's exporters want it."""
        return None if self.fixed else ({1: Dim("frames", min=2, max=LONGEST)},)


def to_onnx(setting: Setting, path: Path) -> None:
    """Write a network as ONNX, fp32.

    Raises:
        BenchError: a package is missing.
    """
    for package in ("onnx", "onnxscript"):
        optional(package, "export")
    network = setting.form()
    if not _is_recurrent(network):
        _export(network, setting.example(), path, setting.given, setting.open())
        return
    # The present exporter unrolls a recurrent layer at one length; the former knows ONNX's own.
    axes = {} if setting.fixed else {"dynamic_axes": {setting.given: {1: "frames"}}}
    export: Any = torch.onnx.export
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        names = {"input_names": [setting.given], "output_names": ["logits"]}
        export(network, (setting.example(),), path, dynamo=False, **names, **axes)


def write_onnx(network: nn.Module, example: torch.Tensor, path: Path) -> None:
    """Write a network of pixels as ONNX, fp32, for clips of the example's shape, [1, 3, T, H, W].

    Raises:
        BenchError: a package is missing.
    """
    for package in ("onnx", "onnxscript"):
        optional(package, "export")
    _export(network, example, path, "clip", None)


def _export(
    network: nn.Module, example: torch.Tensor, path: Path, name: str, axes: tuple[dict[int, Any]] | None
) -> None:
    """Write a network by torch's present exporter; `axes`: which of the example's are open."""
    export: Any = torch.onnx.export
    names = {"input_names": [name], "output_names": ["logits"], "verbose": False}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        export(network, (example,), dynamo=True, dynamic_shapes=axes, **names).save(path)


def _is_recurrent(network: nn.Module) -> bool:
    """Say whether a network has recurrent layers."""
    return any(isinstance(module, nn.RNNBase) for module in network.modules())


def to_onnx_int8(source: Path, path: Path) -> None:
    """Write an ONNX file's network with weights in 8 bits, each output channel with a scale of its own.

    Raises:
        BenchError: a package is missing.
    """
    onnx = optional("onnx", "export")
    optional("onnxruntime", "export")
    tool = importlib.import_module("onnxruntime.quantization")
    model = onnx.load(source)
    # The exporter notes shapes of constants before it transposed them, and the quantiser stumbles over that.
    del model.graph.value_info[:]
    tool.quantize_dynamic(model, path, per_channel=True, weight_type=tool.QuantType.QUInt8)


def to_litert_int8(setting: Setting, path: Path) -> None:
    """Write a network as LiteRT with weights in int8."""
    to_litert(setting, path, int8=True)


def to_litert(setting: Setting, path: Path, *, int8: bool = False) -> None:
    """Write a network as LiteRT, translated operation by operation into TensorFlow.

    Raises:
        BenchError: TensorFlow is missing, or an operation is not translated.
    """
    tf = optional("tensorflow", "tensorflow")
    network = setting.form()
    if _is_recurrent(network):
        raise BenchError("LiteRT has no recurrent layer of this kind, and a loop over frames would be slow.")
    with torch.no_grad():
        program = torch.export.export(network, (setting.example(),), dynamic_shapes=setting.open())
    shape = [size if at != 1 or setting.fixed else None for at, size in enumerate(setting.shape)]
    called = tf.function(
        translated(program), [tf.TensorSpec(shape, tf.float32, setting.given)], autograph=False
    )
    holder = tf.Module()
    holder.called = called
    converter = tf.lite.TFLiteConverter.from_concrete_functions([called.get_concrete_function()], holder)
    converter.optimizations = [tf.lite.Optimize.DEFAULT] if int8 else []
    path.write_bytes(converter.convert())


def translated(program: ExportedProgram) -> Callable[[Any], Any]:
    """Return an exported program as a function of TensorFlow: points to logits.

    Raises:
        BenchError: when it is called, an operation is not translated.
    """
    tf = optional("tensorflow", "tensorflow")
    tensors: dict[str, Any] = {**program.state_dict, **program.constants}
    specs = program.graph_signature.input_specs
    known = {
        spec.arg.name: tf.constant(tensors[spec.target].detach().numpy()) for spec in specs if spec.target
    }
    (points,) = (spec.arg.name for spec in specs if not spec.target)

    def run(clip: Any) -> Any:  # noqa: ANN401 - tensors of TensorFlow
        """Carry out the graph."""
        values: dict[str, Any] = {**known, points: clip}
        for node in program.graph.nodes:
            if node.op == "call_function" and node.users:
                values[node.name] = _carried_out(node, values)
        output = next(node for node in program.graph.nodes if node.op == "output")
        return values[output.args[0][0].name]

    return run


def _carried_out(node: torch.fx.Node, values: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Return the value of one node of a graph, given those before it.

    Raises:
        BenchError: its operation is not translated.
    """
    from benchmarks.export_ops import OPERATIONS, RESHAPED  # noqa: PLC0415 - imports TensorFlow

    args: Any
    options: Any
    args, options = (
        torch.fx.node.map_arg(each, lambda of: values[of.name]) for each in (node.args, node.kwargs)
    )
    if node.target is operator.getitem:
        return args[0][args[1]]
    name = str(node.target).split(".")[1]
    if name in RESHAPED:
        return _reshaped(RESHAPED[name](*args, **options), node.meta["val"])
    if name == "expand":
        return optional("tensorflow", "tensorflow").broadcast_to(args[0], list(node.meta["val"].shape))
    if name not in OPERATIONS:
        raise BenchError(f"torch's operation {name} is not translated (benchmarks/export_ops.py).")
    return OPERATIONS[name](*args, **options)


def _reshaped(found: Any, wanted: Any) -> Any:  # noqa: ANN401
    """Return one or several tensors in the shapes that the graph says, of which one axis may be open."""
    if isinstance(wanted, list | tuple):
        return [_reshaped(one, like) for one, like in zip(found, wanted, strict=True)]
    tf = optional("tensorflow", "tensorflow")
    return tf.reshape(found, [length if isinstance(length, int) else -1 for length in wanted.shape])
