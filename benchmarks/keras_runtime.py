"""TensorFlow brought up once: quiet, on the job's cores, on the device that was asked for."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import resource
from typing import Any

from models.tf_import import load
from utils.errors import BenchError
from utils.quiet import held_back
from utils.threads import allotted_cores

CPU, GPU = "/CPU:0", "/GPU:0"


tf, keras = load()


def start(wish: str) -> str:
    """Set the threads and choose the device; returns its name for `tf.device`.

    Args:
        wish: auto, cpu or cuda.

    Raises:
        BenchError: cuda was asked for and TensorFlow sees none.
    """
    with held_back():
        gpus = tf.config.list_physical_devices("GPU")
        if wish == "cuda" and not gpus:
            raise BenchError(
                "No CUDA device is visible to TensorFlow. Use --device cpu, or run `bench doctor` to see why."
            )
        chosen = gpus if wish != "cpu" else []
        # A process that has run an operation already keeps the threads and devices it began with.
        with contextlib.suppress(RuntimeError):
            _configure(chosen)
        # The first operation, and the first by XLA, each have something to say.
        tf.function(lambda: tf.zeros(()), jit_compile=True)()
    return GPU if chosen else CPU


def _configure(gpus: list[Any]) -> None:
    """Tell TensorFlow its threads and devices, before its first operation."""
    tf.config.threading.set_intra_op_parallelism_threads(allotted_cores())
    tf.config.threading.set_inter_op_parallelism_threads(allotted_cores())
    tf.config.set_visible_devices(gpus[:1], "GPU")
    for gpu in gpus[:1]:
        tf.config.experimental.set_memory_growth(gpu, enable=True)


def facts(device: str) -> dict[str, Any]:
    """Return the device's name, the packages' versions and the peak memory in MiB."""
    found: dict[str, Any] = {
        "device": "cpu",
        "devices": 1,
        "versions": {name: importlib.metadata.version(name) for name in ("tensorflow", "tf_keras", "numpy")},
        "peak_memory_mb": peak_memory_mb(),
    }
    if device == GPU:
        details = tf.config.experimental.get_device_details(tf.config.get_visible_devices("GPU")[0])
        found["device"] = details.get("device_name", "cuda")
        found["peak_device_memory_mb"] = tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20
    return found


def peak_memory_mb() -> float:
    """Return this process's largest resident memory so far, in MiB."""
    unit = 1 if platform.system() == "Darwin" else 2**10  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
