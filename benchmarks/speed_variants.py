"""CPU time of every MoViNet, ours in torch against tf-models-official's: a forward pass, and a training step.

python -m benchmarks.speed movinet --every      # minutes: the official base networks take most of them
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.speed_movinet import Batch, cpu_seconds
from models import movinet_tf, zoo
from utils.progress import Progress, Silent
from utils.threads import be_polite

BATCH = Batch(clips=1, frames=8, size=172)
"""One clip, as small as the field sees them; native sizes take the official base networks minutes each."""
TRAINED = ("movinet-a0-stream", "movinet-a1-stream", "movinet-a2-stream")
"""Whose training step is measured too: the official base networks' takes half a minute and more."""


@dataclass(frozen=True)
class Variant:
    """What one network costs, in CPU seconds.

    Attributes:
        model: row of the zoo.
        doing: scoring or training.
        ours: in torch.
        official: in TensorFlow.
    """

    model: str
    doing: str
    ours: float
    official: float

    @property
    def times(self) -> float:
        """How many times as fast ours is."""
        return self.official / self.ours


@dataclass(frozen=True)
class Variants:
    """What all of them cost.

    Attributes:
        batch: the clips.
        rows: one per network and thing done.
        rounds: the median of so many calls.
    """

    batch: Batch
    rows: tuple[Variant, ...]
    rounds: int

    @property
    def what(self) -> str:
        """Return what was measured, in words."""
        shape = f"{self.batch.frames} x {self.batch.size} x {self.batch.size}"
        return (
            f"MoViNet, {self.batch.clips} clip of {shape}, CPU time, median of {self.rounds} calls after one"
        )

    @property
    def met(self) -> bool:
        """Whether ours is nowhere slower."""
        return all(row.times >= 1 for row in self.rows)

    @property
    def mark(self) -> str:
        """Return what should be reached."""
        slower = [f"{row.model} ({row.doing})" for row in self.rows if row.times < 1]
        return f"ours is nowhere slower{': ' + ', '.join(slower) if slower else ''}"

    def cells(self) -> list[list[str]]:
        """Return the table's rows."""
        return [
            [row.model, row.doing, f"{row.ours:.2f}", f"{row.official:.2f}", f"{row.times:.1f}"]
            for row in self.rows
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON, with the table for the page."""
        return {
            "command": "python -m benchmarks.speed movinet --every --write",
            "what": self.what,
            "head": ["network", "", "ours, s", "official, s", "times as fast"],
            "cells": self.cells(),
            "variants": [asdict(row) for row in self.rows],
            "met": self.met,
        }

    def as_text(self) -> str:
        """Return it as a table in plain text."""
        lines = [
            f"{model:20} {doing:9} {ours:>8} {theirs:>9} {times:>6} x"
            for model, doing, ours, theirs, times in self.cells()
        ]
        return "\n".join([self.what, *lines, f"{self.mark}: {'met' if self.met else 'missed'}"])


def every() -> list[str]:
    """Return every MoViNet of the zoo, the cheapest first."""
    rows = [row for row in zoo.ROWS if row.name.startswith("movinet")]
    return [row.name for row in sorted(rows, key=lambda row: row.gmacs)]


def measured(
    models: Sequence[str], rounds: int, progress: Progress | None = None, *, batch: Batch = BATCH
) -> Variants:
    """Measure networks, each on one thread.

    Args:
        models: rows of the zoo.
        rounds: calls that count.
        progress: hears how it goes.
        batch: the clips.

    Raises:
        BenchError: a framework is not installed.
    """
    import torch  # noqa: PLC0415 - heavy

    be_polite()
    progress = progress or Silent()
    work = [(name, doing) for name in models for doing in ("scoring", "training")]
    work = [(name, doing) for name, doing in work if doing == "scoring" or name in TRAINED]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rows: list[Variant] = []
    progress.begin("MoViNets", len(work))
    try:
        for name, doing in work:
            training = doing == "training"
            pair = (cpu_seconds(make(name, batch, training=training), rounds) for make in (ours, official))
            rows.append(Variant(name, doing, *pair))
            progress.advance(f"{name}, {doing}: {rows[-1].times:.1f} x")
    finally:
        torch.set_num_threads(threads)
    progress.end(f"{len(rows)} comparisons")
    return Variants(batch, tuple(rows), rounds)


def ours(name: str, batch: Batch, *, training: bool) -> Callable[[], object]:
    """Return a forward pass, or a training step, of ours."""
    import torch  # noqa: PLC0415 - heavy

    network = zoo.build(name, "torch", batch.classes, frames=batch.frames, size=batch.size)
    images, labels = (torch.from_numpy(array) for array in batch.arrays())
    clips = images.permute(0, 4, 1, 2, 3)
    if not training:
        network.eval()
        return torch.inference_mode()(lambda: network(clips))
    network.train()
    optimiser = torch.optim.SGD(network.parameters(), 1e-3)

    def step() -> None:
        """Learn from the batch."""
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(network(clips), labels).backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step


def official(name: str, batch: Batch, *, training: bool) -> Callable[[], object]:
    """Return a forward pass, or a training step, of the official network, compiled by Keras as usual."""
    modules = movinet_tf.official()
    with contextlib.suppress(RuntimeError):  # too late where TensorFlow has computed before
        modules.tf.config.threading.set_intra_op_parallelism_threads(1)
    options = zoo.system(name).options
    model = movinet_tf.build(batch.classes, **options, frames=batch.frames, size=batch.size)
    images, labels = (modules.tf.constant(array) for array in batch.arrays())
    if not training:
        return lambda: model.predict_on_batch(images)
    loss = modules.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(modules.keras.optimizers.SGD(1e-3), loss)
    return lambda: model.train_on_batch(images, labels)
