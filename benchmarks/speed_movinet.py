"""CPU time of one training step: our MoViNet-a0 in torch against tf-models-official's, in one run.

python -m benchmarks.speed movinet              # two to three minutes; the official base network takes most
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from models import movinet_tf
from models.movinet_tf import Convolution
from utils.errors import FAILURE, BenchError
from utils.seeds import generator
from utils.threads import be_polite

AT_LEAST = 20
"""How many times as fast as the official base network ours must train."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The clips of one training step."""

    clips: int = 2
    frames: int = 8
    size: int = 172
    classes: int = 100

    def options(self) -> dict[str, Any]:
        """Return what both builders are told."""
        return {"variant": "a0", "frames": self.frames, "size": self.size}

    def arrays(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Return random clips float32 [B, T, H, W, 3] and labels int64 [B]."""
        random = generator(0)
        clips = random.random((self.clips, self.frames, self.size, self.size, 3), np.float32)
        return clips, random.integers(self.classes, size=self.clips)


def cpu_seconds(step: Callable[[], object], times: int) -> float:
    """Return the median CPU time of a step on all threads, after one step that does not count."""
    step()
    taken = []
    for _ in range(times):
        start = time.process_time()
        step()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def torch_step(batch: Batch, *, split: bool) -> Callable[[], object]:
    """Return one training step of our a0 base network: forward, backward, update.

    Args:
        batch: its clips.
        split: with (2+1)D convolutions instead of 3-D ones.

    Raises:
        BenchError: torch is not installed.
    """
    be_polite()
    import torch  # noqa: PLC0415 - heavy

    from models import movinet  # noqa: PLC0415 - imports torch

    network = movinet.build(batch.classes, split=split, **batch.options()).train()
    optimiser = torch.optim.SGD(network.parameters(), 1e-3)
    images, labels = (torch.from_numpy(array) for array in batch.arrays())

    def step() -> None:
        optimiser.zero_grad()
        loss: Any = torch.nn.functional.cross_entropy(network(images.permute(0, 4, 1, 2, 3)), labels)
        loss.backward()
        optimiser.step()

    return step


def official_step(batch: Batch, conv_type: Convolution, *, eager: bool = False) -> Callable[[], object]:
    """Return one training step of the official a0 base network, compiled by Keras as usual.

    Args:
        batch: its clips.
        conv_type: as `models.movinet_tf.build`.
        eager: without tracing, which takes half a minute (for tests).

    Raises:
        BenchError: TensorFlow is not installed.
    """
    modules = movinet_tf.official()
    with contextlib.suppress(RuntimeError):  # too late where TensorFlow has computed before
        modules.tf.config.threading.set_intra_op_parallelism_threads(1)
    model = movinet_tf.build(batch.classes, conv_type=conv_type, **batch.options())
    loss = modules.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(modules.keras.optimizers.SGD(1e-3), loss, run_eagerly=eager)
    images, labels = (modules.tf.constant(array) for array in batch.arrays())
    return lambda: model.train_on_batch(images, labels)


def measure(batch: Batch, *, eager: bool = False) -> dict[str, float]:
    """Return the CPU seconds of one step by the name of the network, ours first, on one thread each.

    Raises:
        BenchError: a framework is not installed.
    """
    import torch  # noqa: PLC0415 - heavy

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ours = {
            "ours, 3-D (movinet-a0)": cpu_seconds(torch_step(batch, split=False), 5),
            "ours, (2+1)D": cpu_seconds(torch_step(batch, split=True), 5),
        }
    finally:
        torch.set_num_threads(threads)
    return {
        **ours,
        "official, (2+1)D": cpu_seconds(official_step(batch, "2plus1d", eager=eager), 3),
        "official, 3-D (a0 base)": cpu_seconds(official_step(batch, "3d", eager=eager), 1),
    }


def main() -> None:
    """Print the CPU time of each network's training step and how many times the official base takes.

    Raises:
        BenchError: ours is not fast enough, or a framework is not installed.
    """
    batch = Batch()
    seconds = measure(batch)
    base = seconds["official, 3-D (a0 base)"]
    shape = f"{batch.clips} clips of {batch.frames} x {batch.size} x {batch.size}"
    table = Table("MoViNet-a0", f"CPU s a step ({shape})", "as fast as the official base")
    for name, taken in seconds.items():
        table.add_row(name, f"{taken:.3f}", f"{base / taken:.1f} x")
    Console().print(table)
    ratio = base / seconds["ours, 3-D (movinet-a0)"]
    if ratio < AT_LEAST:
        raise BenchError(f"Ours is {ratio:.1f} x as fast, and should be {AT_LEAST} x.", exit_code=FAILURE)
