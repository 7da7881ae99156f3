"""Runtimes that take a network and one clip at a time, on one core, and the files that they read."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.export_landmarks import Setting
from utils.imports import optional

Numbers = npt.NDArray[np.float32]
Predict = Callable[[Numbers], Numbers]
"""From a clip, [1, T, J, D] or [1, 3, T, H, W], to logits [1, classes]."""

_LENGTHS = 8
"""OpenVINO and LiteRT have a model in memory per number of frames; so many are kept."""


class Session:
    """A runtime in its process: it predicts, and says how long that took."""

    def __init__(self, load: Callable[[Setting, Path], Predict], setting: Setting, path: Path) -> None:
        """Load the network."""
        self._predict = load(setting, path)

    def times(self, clip: Numbers, count: int) -> list[float]:
        """Return the CPU milliseconds, of all threads of this process, of each of `count` predictions."""
        found = []
        for _ in range(count):
            begin = time.process_time()
            self._predict(clip)
            found.append(1000 * (time.process_time() - begin))
        return found

    def logits(self, clips: Sequence[Numbers]) -> Numbers:
        """Return float32 [clips, classes], each clip alone."""
        return np.concatenate([np.array(self._predict(clip), np.float32) for clip in clips])


def eager(
    setting: Setting,
    _path: Path,
    *,
    half: bool = False,
    compiled: bool = False,
    last: bool = False,
    formed: bool = False,
) -> Predict:
    """Load a network in PyTorch.

    Args:
        setting: the network.
        half: weights and clips in bf16.
        compiled: by torch.compile.
        last: channels last in memory; for clips of pixels.
        formed: in the form that other runtimes are given.
    """
    import torch  # noqa: PLC0415 - heavy

    kind = torch.bfloat16 if half else torch.float32
    layout: Any = torch.channels_last_3d if last else torch.contiguous_format
    network: Any = (setting.form() if formed else setting.network()).to(kind)
    network = network.to(memory_format=layout) if last else network
    called = torch.compile(network, dynamic=not setting.fixed) if compiled else network

    def predict(clip: Numbers) -> Numbers:
        """Predict a clip."""
        with torch.inference_mode():
            logits: Numbers = (
                called(torch.from_numpy(clip).to(kind).contiguous(memory_format=layout)).float().numpy()
            )
        return logits

    return predict


def onnx_runtime(_setting: Setting | None, path: Path, *, threads: int = 1) -> Predict:
    """Load an ONNX file in ONNX Runtime."""
    runtime = optional("onnxruntime", "export")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda clip: np.asarray(session.run(None, {name: clip})[0])


def openvino(_setting: Setting | None, path: Path, *, precision: str, threads: int = 1) -> Predict:
    """Load an ONNX file in OpenVINO.

    The model is compiled for each number of frames: with an open one, bf16 gave logits of 4e11 (2026.4).
    """
    package = optional("openvino", "export")
    core = package.Core()
    model = core.read_model(path)
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
    }

    @lru_cache(_LENGTHS)
    def request(*shape: int) -> Any:  # noqa: ANN401 - OpenVINO's
        """Compile the model for clips of a shape."""
        copy = model.clone()
        copy.reshape(list(shape))
        return core.compile_model(copy, "CPU", settings).create_infer_request()

    return lambda clip: np.asarray(request(*clip.shape).infer([clip])[0])


def litert(_setting: Setting, path: Path) -> Predict:
    """Load a LiteRT file in its interpreter, one for each number of frames: a used one takes no other."""
    optional("ai_edge_litert", "export")
    package = importlib.import_module("ai_edge_litert.interpreter")

    @lru_cache(_LENGTHS)
    def interpreter(*shape: int) -> tuple[Any, int, int]:
        """Return the interpreter for clips of a shape, and where its clip and its logits are."""
        made = package.Interpreter(str(path), num_threads=1)
        points = made.get_input_details()[0]["index"]
        made.resize_tensor_input(points, shape)
        made.allocate_tensors()
        return made, points, made.get_output_details()[0]["index"]

    def predict(clip: Numbers) -> Numbers:
        """Predict a clip."""
        made, points, logits = interpreter(*clip.shape)
        made.set_tensor(points, clip)
        made.invoke()
        return np.asarray(made.get_tensor(logits))

    return predict


@dataclass(frozen=True)
class Runtime:
    """A way to carry out a network.

    Attributes:
        name: for people.
        file: what it reads, of the folder of files.
        load: from the setting and the file's path to what predicts.
        exact: its numbers should be those of PyTorch in fp32.
    """

    name: str
    file: str
    load: Callable[[Setting, Path], Predict]
    exact: bool = False


WEIGHTS, ONNX, ONNX_INT8, LITERT, LITERT_INT8 = (
    "weights.pt",
    "network.onnx",
    "network-int8.onnx",
    "network.tflite",
    "network-int8.tflite",
)
RUNTIMES: tuple[Runtime, ...] = (
    Runtime("PyTorch fp32", WEIGHTS, eager, exact=True),
    Runtime("PyTorch bf16", WEIGHTS, partial(eager, half=True)),
    Runtime("PyTorch fp32, torch.compile", WEIGHTS, partial(eager, compiled=True), exact=True),
    Runtime("ONNX Runtime fp32", ONNX, onnx_runtime, exact=True),
    Runtime("ONNX Runtime int8", ONNX_INT8, onnx_runtime),
    Runtime("OpenVINO fp32", ONNX, partial(openvino, precision="f32"), exact=True),
    Runtime("OpenVINO bf16", ONNX, partial(openvino, precision="bf16")),
    Runtime("LiteRT fp32", LITERT, litert, exact=True),
    Runtime("LiteRT int8", LITERT_INT8, litert),
)
"""The first is the yardstick."""
COMPILED = "PyTorch fp32, torch.compile"
"""It takes a minute to start, so that it is left out unless asked for."""
