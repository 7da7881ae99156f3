"""How long one clip of pixels takes on one core, network by network and runtime by runtime.

The yardstick is the network as the engine scores with it: PyTorch, eager, fp32. A runtime counts where it
keeps the accuracy: in fp32 by its logits, in bf16 by its first choices (`benchmarks.latency_turns`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.latency_runtimes import (
    LITERT,
    ONNX,
    WEIGHTS,
    Runtime,
    eager,
    litert,
    onnx_runtime,
    openvino,
)
from benchmarks.latency_turns import Latency, Turns, taken
from utils.progress import Progress, Silent

AT_LEAST = {"x3d-s": 5.0, "x3d-m": 5.0, "s3d": 5.0}
"""Times as fast as eager PyTorch that the fastest runtime must be which keeps its accuracy."""
OTHERS = 3.0
"""The same of every other convolutional network."""
CONVOLUTIONAL = ("x3d", "s3d", "i3d", "movinet")
"""What the names of those begin with; others are measured without a mark."""
PARITY = 1e-3
"""Largest difference of logits in fp32, over the largest logit."""
NATIVE = ("x3d", "s3d", "i3d")
"""Measured at the shape that their papers state; others at the one that their recipe has."""

RUNTIMES: tuple[Runtime, ...] = (
    Runtime("PyTorch fp32", WEIGHTS, eager, exact=True),
    Runtime("PyTorch bf16, channels last", WEIGHTS, partial(eager, half=True, last=True)),
    Runtime("ONNX Runtime fp32", ONNX, onnx_runtime, exact=True),
    Runtime("OpenVINO fp32", ONNX, partial(openvino, precision="f32"), exact=True),
    Runtime("OpenVINO bf16", ONNX, partial(openvino, precision="bf16")),
)
"""The first is the yardstick."""
MORE: tuple[Runtime, ...] = (
    Runtime("PyTorch fp32, channels last", WEIGHTS, partial(eager, last=True), exact=True),
    Runtime("PyTorch fp32, 3-D form", WEIGHTS, partial(eager, formed=True), exact=True),
    Runtime("PyTorch bf16", WEIGHTS, partial(eager, half=True)),
    Runtime(
        "PyTorch bf16, 3-D form, channels last", WEIGHTS, partial(eager, half=True, last=True, formed=True)
    ),
)
"""The other ways of PyTorch."""
SLOW_TO_MAKE: tuple[Runtime, ...] = (
    Runtime("PyTorch fp32, torch.compile", WEIGHTS, partial(eager, compiled=True), exact=True),
    Runtime("LiteRT fp32", LITERT, litert, exact=True),
)
"""They take a minute to start."""
_LIMIT = 3600.0
_MILLISECONDS = 20.0
"""A network takes about so many per 10^9 multiply-adds in the yardstick: it decides the calls in a turn."""


@dataclass(frozen=True)
class Inference:
    """What one network costs.

    Attributes:
        model: row of the zoo.
        what: on what, in words.
        rows: a runtime each, the first the yardstick.
        notes: what was not measured, and why.
        least: how many times as fast as the yardstick it should be; None where nothing is asked.
    """

    model: str
    what: str
    rows: tuple[Latency, ...]
    notes: tuple[str, ...]
    least: float | None

    @property
    def fastest(self) -> Latency:
        """The fastest runtime that keeps its accuracy."""
        return min((row for row in self.rows if row.keeps), key=lambda row: row.ratio)

    @property
    def times(self) -> float:
        """How many times as fast as the yardstick that one is."""
        return 1 / self.fastest.ratio

    @property
    def met(self) -> bool:
        """Whether that is enough."""
        return self.least is None or self.times >= self.least

    @property
    def mark(self) -> str:
        """Return what should be reached."""
        return "nothing is asked" if self.least is None else f"at least {self.least:g} x eager PyTorch"

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        found = {"model": self.model, "what": self.what, "rows": [asdict(row) for row in self.rows]}
        marks = {"least": self.least, "fastest": self.fastest.name, "times": round(self.times, 2)}
        return {**found, "notes": [*self.notes], **marks, "met": self.met}

    def as_text(self) -> str:
        """Return it as a table in plain text."""
        width = max(len(row.name) for row in self.rows)
        lines = [self.what, f"{'':{width}}    CPU ms  times as fast  largest diff.  same sign  top-1"]
        lines += [_line(row, width) for row in self.rows]
        verdict = f"{self.fastest.name}, {self.times:.2f} x: {'met' if self.met else 'missed'}"
        return "\n".join([*lines, *self.notes, f"{self.model}, {self.mark}: {verdict}"])


def _line(row: Latency, width: int) -> str:
    """Return a runtime as a line."""
    cost = f"{row.milliseconds:8.1f}  {1 / row.ratio:13.2f}"
    shares = f"{row.difference:13.1e}  {row.agreement:9.1%}  {row.top1:5.1%}"
    return f"{row.name:{width}}  {cost}  {shares}{'' if row.keeps else '  loses accuracy'}"


def least_of(model: str) -> float | None:
    """Return how many times as fast as eager PyTorch a network should be carried out; None for no mark."""
    return AT_LEAST.get(model, OTHERS if model.startswith(CONVOLUTIONAL) else None)


def measured(
    model: str,
    folder: Path,
    rounds: int,
    *,
    runtimes: Sequence[Runtime] = RUNTIMES,
    progress: Progress | None = None,
) -> Inference:
    """Measure one network in every runtime that is here.

    Args:
        model: row of the zoo.
        folder: where files are made.
        rounds: turns of each runtime.
        runtimes: which, the yardstick first.
        progress: hears what is under way.

    Raises:
        BenchError: the model sees landmarks, or PyTorch cannot carry it out.
    """
    from benchmarks.latency_clips import clip_recipe, judged_clips  # noqa: PLC0415 - torch
    from benchmarks.where import multiply_adds  # noqa: PLC0415

    progress = progress or Silent()
    recipe = clip_recipe(model, native=model.startswith(NATIVE))
    gmacs = multiply_adds(recipe, 100) or 1.0
    judged = judged_clips(recipe, folder, gmacs, progress)
    calls = int(min(5, max(1, 1000 / (_MILLISECONDS * gmacs))))
    turns = Turns(tuple(runtimes), rounds, calls, warm=1, parity=PARITY, relative=True, limit=_LIMIT)
    rows, notes = taken(judged, folder, turns, progress)
    shape = " x ".join(map(str, judged.setting.shape[2:]))
    what = (
        f"{model}, a clip of {shape} ({gmacs:.3g} GMACs), one core, CPU time, {rounds} turns of {calls}"
        f" calls; weights drawn, classifier solved for, judged on {len(judged.clips)} made clips"
    )
    return Inference(model, what, rows, tuple(notes), least_of(model))
