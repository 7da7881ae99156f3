"""A streaming MoViNet given its clips frame by frame: what it says after each, and what a frame costs."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from benchmarks.engine import Batches
from benchmarks.streaming_records import Parity, StreamCost
from utils.progress import Progress

Numbers = npt.NDArray[np.float64]

TENTHS = 10
"""How often on its way through a clip a network is asked."""
BOUND = 1e-5
"""How far streaming may be from the whole clip, as a share of its largest logit."""
_COMPARED = 8
"""Of so many views the beginnings are compared too: each costs the network a pass of its own."""
_TIMED = 3
"""So many clips are timed, after one that warms up."""


@dataclass(frozen=True)
class Streams:
    """What a network says of clips on the way through them.

    Attributes:
        chances: float64 [tenths, clips, classes], the mean over views of the softmax probabilities.
        frames: float64 [tenths, clips], frames seen by then.
        settled: float64 [views], the share of its frames after which a view's answer no longer changes.
        parity: with the whole clip at once.
    """

    chances: Numbers
    frames: Numbers
    settled: Numbers
    parity: Parity


def tenths(frames: int) -> list[int]:
    """Return how many of a clip's frames each tenth of the way has seen, at least one."""
    return [-(-frames * tenth // TENTHS) for tenth in range(1, TENTHS + 1)]


def frame_by_frame(network: Any, clips: Tensor) -> Iterator[Tensor]:  # noqa: ANN401 - a streaming MoViNet
    """Yield the logits [B, classes] after each frame of clips [B, 3, T, H, W]; the past is in the states."""
    states = network.init_states(len(clips), clips.shape[-1])
    for frame in range(clips.shape[2]):
        logits, states = network.forward_stream(clips[:, :, frame : frame + 1], states)
        yield logits


class Streamer:
    """Streams batches of clips and compares with the whole clip at once.

    Args:
        network: a streaming MoViNet, in evaluation, in single precision.
        inputs: from a batch to the network's arguments.
        shape: clips and classes.
    """

    def __init__(
        self,
        network: Any,  # noqa: ANN401
        inputs: Callable[..., tuple[Tensor, ...]],
        shape: tuple[int, int],
    ) -> None:
        """Begin with nothing seen."""
        self._network, self._inputs = network, inputs
        self._chances = np.zeros((TENTHS, *shape))
        self._frames = np.zeros((TENTHS, shape[0]))
        self._views = np.zeros(shape[0])
        self._settled: list[float] = []
        self._whole, self._prefix, self._prefixes = 0.0, 0.0, 0

    @torch.inference_mode()
    def run(self, batches: Batches, progress: Progress) -> Streams:
        """Stream every batch and return what came out."""
        clips: Tensor | None = None
        for batch in batches.epoch(0):
            (clips,) = self._inputs(batch)
            logits = torch.stack(list(frame_by_frame(self._network, clips)))
            self._note(logits, batch.indices)
            self._compare(clips, logits)
            progress.advance()
        views = int(self._views.sum())
        parity = Parity(
            whole=self._whole, prefix=self._prefix, bound=BOUND, clips=views, prefixes=self._prefixes
        )
        if not parity.holds and clips is not None:
            parity = parity.model_copy(update={"double": self._in_double(clips[:1])})
        chances = self._chances / self._views[:, None]
        return Streams(chances, self._frames / self._views, np.array(self._settled), parity)

    def _in_double(self, clip: Tensor) -> float:
        """Return how far one clip [1, 3, T, H, W] is from the whole in double precision."""
        network = copy.deepcopy(self._network).double()
        *_, last = frame_by_frame(network, clip.double())
        return difference(network(clip.double()), last)

    def _note(self, logits: Tensor, indices: npt.NDArray[np.int64]) -> None:
        """Add what was said of some views [T, B, classes] after each tenth of them."""
        frames = len(logits)
        for tenth, seen in enumerate(tenths(frames)):
            chances = torch.softmax(logits[seen - 1].double(), dim=1).cpu().numpy()
            np.add.at(self._chances[tenth], indices, chances)
            np.add.at(self._frames[tenth], indices, seen)
        np.add.at(self._views, indices, 1)
        self._settled.extend(settled(logits.argmax(2).cpu().numpy()))

    def _compare(self, clips: Tensor, logits: Tensor) -> None:
        """Compare with the network on whole clips, and of the first few also on their beginnings."""
        self._whole = max(self._whole, difference(self._network(clips), logits[-1]))
        few = clips[: max(0, _COMPARED - self._prefixes // (TENTHS - 1))]
        if not len(few):
            return
        for seen in tenths(clips.shape[2])[:-1]:
            alone = self._network(few[:, :, :seen])
            self._prefix = max(self._prefix, difference(alone, logits[seen - 1, : len(few)]))
            self._prefixes += len(few)


def settled(answers: npt.NDArray[np.int64]) -> list[float]:
    """Return, per view, the share of its frames after which its answer stays; answers are [T, B]."""
    frames = len(answers)
    other = answers != answers[-1]
    # After the last frame whose answer was another one comes the first that settles it.
    last = np.where(other.any(0), frames - other[::-1].argmax(0), 0)
    return [float(share) for share in np.minimum(last + 1, frames) / frames]


def difference(whole: Tensor, streamed: Tensor) -> float:
    """Return the largest difference of logits [B, classes], as a share of each clip's largest, or of 1."""
    if not len(whole):
        return 0.0
    size = whole.abs().amax(1).clamp_min(1)
    return float(((whole - streamed).abs().amax(1) / size).max())


@torch.inference_mode()
def cost(network: Any, clips: Tensor, gmacs: float | None) -> StreamCost:  # noqa: ANN401 - a streaming MoViNet
    """Time a network on clips [B, 3, T, H, W], one at a time: frame by frame, and as a whole.

    Args:
        network: a streaming MoViNet, in evaluation.
        clips: the first few are timed.
        gmacs: multiply-adds in 10^9 of a whole clip.
    """
    clock = _clock(clips.device)
    each: list[float] = []
    whole: list[float] = []
    for number in range(min(len(clips), _TIMED + 1)):
        clip = clips[number : number + 1]
        began = clock()
        network(clip)
        ended = clock()
        times = [ended, *(clock() for _ in frame_by_frame(network, clip))]
        if number or len(clips) == 1:
            whole.append(ended - began)
            each.extend(np.diff(times).tolist())
    states = network.init_states(1, clips.shape[-1])
    frames = clips.shape[2]
    return StreamCost(
        frame_ms=round(1000 * statistics.median(each), 3),
        clip_ms=round(1000 * statistics.median(whole), 3),
        frames=frames,
        gmacs=None if gmacs is None else gmacs / frames,
        states=len(states),
        numbers=sum(state.numel() for state in states.values()),
    )


def _clock(device: torch.device) -> Callable[[], float]:
    """Return a clock in seconds: of the processor's work, or of time once a GPU has done its own."""
    if device.type != "cuda":
        return time.process_time

    def waited() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return waited
