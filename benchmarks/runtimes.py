"""What scores a finished network on the CPU: the fastest runtime that agrees with PyTorch on the first clips.

`bench run --runtime auto` and `bench probe --runtime auto` ask for it. Training and the choice on val stay
with PyTorch; which runtime scored is in the record. Whatever cannot be used is said with its reason, and
PyTorch scores where nothing else can.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from benchmarks.engine import Batches, Job
from benchmarks.export_forms import form
from benchmarks.export_landmarks import write_onnx
from benchmarks.latency_runtimes import ONNX, Predict, onnx_runtime, openvino
from benchmarks.latency_turns import SAME
from benchmarks.recipe_base import Recipe
from benchmarks.speed_infer import PARITY
from models.zoo import Input
from utils.threads import compute_threads

if TYPE_CHECKING:
    from benchmarks.torch_engine import TorchLearner

AUTO = "auto"
PYTORCH = "PyTorch"
CHECKED = 16
"""A runtime must agree with PyTorch on so many of the first clips."""

Numbers = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Candidate:
    """A runtime that may score.

    Attributes:
        name: for people and the record.
        package: that does it, as pip names it.
        family: what `--runtime` calls it.
        load: from a folder with the file to what predicts.
        exact: its logits are PyTorch's but for rounding in fp32.
    """

    name: str
    package: str
    family: str
    load: Callable[[Path, int], Predict]
    exact: bool


def _openvino(folder: Path, threads: int, *, precision: str) -> Predict:
    """Load a file in OpenVINO."""
    return openvino(None, folder / ONNX, precision=precision, threads=threads)


def _onnx_runtime(folder: Path, threads: int) -> Predict:
    """Load a file in ONNX Runtime."""
    return onnx_runtime(None, folder / ONNX, threads=threads)


CANDIDATES: tuple[Candidate, ...] = (
    Candidate("OpenVINO bf16", "openvino", "openvino", partial(_openvino, precision="bf16"), exact=False),
    Candidate("OpenVINO fp32", "openvino", "openvino", partial(_openvino, precision="f32"), exact=True),
    Candidate("ONNX Runtime fp32", "onnxruntime", "onnx", _onnx_runtime, exact=True),
)


@dataclass(frozen=True)
class Chosen:
    """What scores.

    Attributes:
        name: PyTorch, or one of the candidates.
        package: of it; empty for PyTorch.
        logits: from a network's clips [B, 3, T, H, W] to logits; None for PyTorch.
    """

    name: str = PYTORCH
    package: str = ""
    logits: Callable[..., Tensor] | None = None


@dataclass(frozen=True)
class _First:
    """What PyTorch makes of the first clips.

    Attributes:
        clips: float32 [clips, 3, T, H, W].
        logits: float32 [clips, classes].
        seconds: that it took, all clips together.
    """

    clips: Tensor
    logits: Numbers
    seconds: float


def choose(learner: TorchLearner, part: Batches) -> Chosen:
    """Return what scores a part fastest, and say what was chosen and why the others were not.

    Args:
        learner: with the weights that score.
        part: its first batches decide.
    """
    job, asked = learner.job, learner.job.runtime
    reason = _refused(learner.recipe, job, learner.world)
    if reason:
        job.progress.say(f"scored by {PYTORCH}: {reason}")
        return Chosen()
    network = learner.network if learner.average is None else learner.average.module
    first = _first(learner, part)
    wanted = [one for one in CANDIDATES if asked in {AUTO, one.family}]
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        found, fallen = _tried(network, first, wanted, Path(folder), learner.recipe)
    name, (seconds, predict) = min(found.items(), key=lambda one: one[1][0])
    # Whoever names a runtime wants it where it is right, faster or not.
    if asked != AUTO and len(found) > 1 and name == PYTORCH:
        name, (seconds, predict) = min(list(found.items())[1:], key=lambda one: one[1][0])
    job.progress.say(f"scored by {name}, {first.seconds / seconds:.1f} x as fast as {PYTORCH}{_why(fallen)}")
    if predict is None:
        return Chosen()
    package = next(one.package for one in CANDIDATES if one.name == name)
    return Chosen(name, package, Scorer(predict, first.clips.shape[1:], network))


def _why(fallen: Sequence[str]) -> str:
    """Return why others do not score, as the end of a sentence."""
    return f" (not by {'; '.join(fallen)})" if fallen else ""


def _refused(recipe: Recipe, job: Job, world: int) -> str:
    """Return why no other runtime can score, or nothing."""
    if not isinstance(job.input, Input):
        return f"{recipe.model} sees landmarks, and other runtimes take networks of pixels"
    if job.device == "cuda" or (job.device == "auto" and torch.cuda.is_available()):
        return "the other runtimes are for CPUs"
    return "several processes share the work" if world > 1 else ""


def _first(learner: TorchLearner, part: Batches) -> _First:
    """Let PyTorch score the first clips, the very first twice."""
    clips: list[Tensor] = []
    for batch in islice(part.epoch(0), CHECKED):
        (given,) = learner.inputs(batch)
        if sum(map(len, clips)) >= CHECKED or (clips and given.shape[1:] != clips[0].shape[1:]):
            break
        clips.append(given)
    rows = torch.cat(clips)[:CHECKED]
    network: Any = learner.wrapped if learner.average is None else learner.average.module
    network.eval()
    with torch.inference_mode(), learner.fabric.autocast():
        network(rows[:1])
        begin = _now()
        logits = torch.cat([network(each) for each in torch.split(rows, len(clips[0]))])
    return _First(rows, logits.float().numpy(), max(_now() - begin, 1e-9))


def _now() -> float:
    """Return the time that counts, in seconds: of the processor where there is one thread."""
    return time.process_time() if compute_threads() == 1 else time.perf_counter()


def _tried(
    network: nn.Module, first: _First, wanted: Iterable[Candidate], folder: Path, recipe: Recipe
) -> tuple[dict[str, tuple[float, Predict | None]], list[str]]:
    """Return the seconds and predictions of those that pass, PyTorch first, and why others do not."""
    found: dict[str, tuple[float, Predict | None]] = {PYTORCH: (first.seconds, None)}
    fallen: list[str] = []
    try:
        write_onnx(form(network, first.clips.shape[-1]), first.clips[:1].contiguous(), folder / ONNX)
    except Exception as error:  # noqa: BLE001 - whatever the exporter stumbles over, PyTorch scores
        return found, [f"others: {_short(error)}"]
    for one in wanted:
        try:
            predict = one.load(folder, compute_threads())
            reason, seconds = _judged(predict, first, exact=one.exact and recipe.precision == "fp32")
        except Exception as error:  # noqa: BLE001 - a runtime that fails falls out
            reason, seconds = _short(error), 0.0
        if reason:
            fallen.append(f"{one.name}: {reason}")
        else:
            found[one.name] = (seconds, predict)
    return found, fallen


def _short(error: Exception) -> str:
    """Return an error in one line."""
    return str(error).strip().partition("\n")[0][:120] or type(error).__name__


def _judged(predict: Predict, first: _First, *, exact: bool) -> tuple[str, float]:
    """Return why a runtime's results are not PyTorch's, or nothing, and the seconds that it took."""
    clips = [np.ascontiguousarray(clip[None].numpy()) for clip in first.clips]
    predict(clips[0])
    begin = _now()
    mine = np.concatenate([np.asarray(predict(clip), np.float32) for clip in clips])
    seconds = max(_now() - begin, 1e-9)
    if not np.isfinite(mine).all():
        return "its logits are no numbers", seconds
    off = float(np.abs(mine - first.logits).max() / max(float(np.abs(first.logits).max()), 1e-12))
    if exact:
        return (f"its logits are {off:.1e} off" if off > PARITY else ""), seconds
    same = float((mine.argmax(1) == first.logits.argmax(1)).mean())
    # Agreement alone counts: the clips' labels have no say in what scores them.
    return (f"{1 - same:.0%} of its first choices differ" if same < SAME else ""), seconds


class Scorer:
    """A runtime in the network's place; clips of another shape than it was made for go to the network."""

    def __init__(self, predict: Predict, shape: torch.Size, network: nn.Module) -> None:
        """Note what predicts clips of a shape (3, T, H, W), and the network itself."""
        self.predict, self.shape, self.network = predict, shape, network

    def __call__(self, clips: Tensor) -> Tensor:
        """Return the logits [B, classes] of clips [B, 3, T, H, W]."""
        if clips.shape[1:] != self.shape or not len(clips):
            logits: Tensor = self.network(clips)
            return logits
        rows = [np.array(self.predict(np.ascontiguousarray(clip[None].numpy()))) for clip in clips]
        return torch.from_numpy(np.concatenate(rows))
