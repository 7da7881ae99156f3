"""The test part of a run, changed as a probe asks: whatever feeds the network, nothing else is touched.

Of pixels, the frames that were sampled change places. Of landmarks, the moments do, before anything is
computed of them: velocities are those of the order that is seen, so that no feature gives the true one away.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from benchmarks.engine import Batches
from benchmarks.inputs import Inputs, loader
from benchmarks.probe_names import PLAIN
from benchmarks.recipe_base import Recipe
from benchmarks.recipe_clips import ClipRecipe
from benchmarks.recipe_landmarks import LandmarkRecipe
from utils.seeds import generator
from wlasl.hht import mirrored
from wlasl.loader import Batch
from wlasl.order import Order, half, held, ordered

if TYPE_CHECKING:
    from wlasl.landmarks.form import Points

Frames = npt.NDArray[np.uint8]
Change = Callable[[Frames, np.random.Generator], Frames]
"""From the frames of one view, [T, H, W, 3], to as many."""


@dataclass(frozen=True)
class How:
    """How a probe changes the test part.

    Attributes:
        pixels: what it does to the frames of a view; None where it means nothing of pixels.
        landmarks: the options of the landmark loader that it changes.
        thinned: whether it takes frames away from landmarks.
    """

    pixels: Change | None = None
    landmarks: Mapping[str, Any] = field(default_factory=dict)
    thinned: bool = False


def _placed(order: Order, frames: Frames, rng: np.random.Generator) -> Frames:
    """Return frames in another order."""
    return frames[ordered(order, len(frames), rng)]


def _held(frames: Frames, rng: np.random.Generator) -> Frames:
    """Return frames of which a random half is gone: the last one that came stays on the screen."""
    return frames[held(len(frames), half(len(frames), rng))]


def _mirrored(frames: Frames, _rng: np.random.Generator) -> Frames:
    """Return frames with left and right exchanged."""
    return frames[:, :, ::-1]


def _mirrored_parts(recipe: Recipe, frames: Frames, rng: np.random.Generator) -> Frames:
    """Return frames with left and right exchanged; where parts lie side by side, each in its place."""
    if isinstance(recipe, ClipRecipe) and recipe.crop == "hht":
        return mirrored(frames, recipe.hht_layout)
    return _mirrored(frames, rng)


def _ordered(order: Order) -> How:
    """Return how frames are put into another order."""
    return How(partial(_placed, order), {"order": order})


HOW: Mapping[str, How] = {
    PLAIN: How(lambda frames, _: frames),
    "shuffled": _ordered("shuffled"),
    "reversed": _ordered("reversed"),
    "one-frame": _ordered("middle"),
    "half-frames": How(_held, thinned=True),
    "mirrored": How(_mirrored, {"mirror_eval": True}),
    "no-hands": How(landmarks={"hide": "hands"}),
    "no-left": How(landmarks={"hide": "left"}),
    "no-right": How(landmarks={"hide": "right"}),
}
"""How each of `benchmarks.probe_names.PROBES` is done."""


def batches(recipe: Recipe, inputs: Inputs, probe: str, draw: int) -> Batches | None:
    """Return the test part as a probe changes it; None where the probe means nothing of what is seen.

    Args:
        recipe: what the run's network sees.
        inputs: the clips at hand.
        probe: its name.
        draw: which of the probe's draws.
    """
    how = HOW[probe]
    if isinstance(recipe, LandmarkRecipe):
        return _landmarks(recipe, inputs, how, draw)
    if how.pixels is None:
        return None
    change = partial(_mirrored_parts, recipe) if how.pixels is _mirrored else how.pixels
    return Changed(loader(recipe, inputs, "test"), change, draw)


def _landmarks(recipe: LandmarkRecipe, inputs: Inputs, how: How, draw: int) -> Batches:
    """Return the landmarks of the test part as a probe changes them."""
    from benchmarks.inputs_landmarks import options  # noqa: PLC0415 - pixels need none of it
    from benchmarks.spobet_published import as_read  # noqa: PLC0415 - likewise
    from wlasl.landmarks.loader import LandmarkLoader  # noqa: PLC0415 - likewise

    clips = inputs.clips("test")
    store = as_read(recipe, inputs.store, clips)
    told = replace(options(recipe), **how.landmarks, order_seed=draw)
    return LandmarkLoader(Thinned(store, draw) if how.thinned else store, clips, told)


class Changed:
    """Batches of pixels whose views are changed, each with random numbers of its own.

    Args:
        batches: the test part as it is.
        change: what is done to the frames of a view.
        draw: which random numbers.

    Attributes:
        clips: the clips, in order.
        labels: int64 [clips].
    """

    def __init__(self, batches: Batches, change: Change, draw: int) -> None:
        """Keep what is to be done."""
        self.clips, self.labels = batches.clips, batches.labels
        self._batches, self._change, self._draw = batches, change, draw

    def steps(self) -> int:
        """Return the number of batches."""
        return self._batches.steps()

    def epoch(self, epoch: int, *, start: int = 0, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        """Yield the batches, changed; the change of a view does not depend on the batch that it is in."""
        for batch in self._batches.epoch(epoch, start=start, rank=rank, world=world):
            yield replace(batch, inputs=self._changed(batch))

    def _changed(self, batch: Batch) -> Frames:
        """Return the inputs of a batch, uint8 [B, T, H, W, 3], changed view by view."""
        inputs = cast("Frames", batch.inputs)
        views: Counter[int] = Counter()
        out = np.empty_like(inputs)
        for row, clip in enumerate(batch.indices.tolist()):
            out[row] = self._change(inputs[row], generator(self._draw, clip, views[clip]))
            views[clip] += 1
        return out


class Thinned:
    """A store of landmarks in which a random half of every clip's frames is gone.

    Args:
        store: of landmarks.
        draw: which half.
    """

    def __init__(self, store: Any, draw: int) -> None:  # noqa: ANN401 - whatever gives landmarks
        """Keep the store."""
        self._store, self._draw = store, draw

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else a store tells
        """Return anything but points from the store."""
        return getattr(self._store, name)

    def points(self, clip_id: str, /) -> Points:
        """Return the frames of one clip that are left, float32 [T, J, D]."""
        points: Points = self._store.points(clip_id)
        return points[half(len(points), generator(self._draw, zlib.crc32(clip_id.encode())))]
