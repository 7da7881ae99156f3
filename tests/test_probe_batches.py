"""What probes do to frames: each view by itself, whatever batch it is in, and nothing else of a batch."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.probe_batches import HOW, Changed, Thinned
from benchmarks.probe_names import PROBES
from wlasl.clips import Clip
from wlasl.loader import Batch

FRAMES, VIEWS, COUNT = 12, 2, 7


class Clips:
    """Clips of 12 frames, each frame its number in every pixel, the left half 100 more."""

    def __init__(self, batch_size):
        self.clips = tuple(Clip(f"c{number}", "gloss", 0, "test") for number in range(COUNT))
        self.labels = np.arange(COUNT, dtype=np.int64)
        self.batch_size = batch_size

    def steps(self):
        """Return the number of batches."""
        return -(-COUNT // self.batch_size)

    def epoch(self, _epoch, *, start=0, rank=0, world=1):
        """Yield the batches."""
        for step in range(start, self.steps()):
            chosen = np.arange(COUNT)[step * self.batch_size : (step + 1) * self.batch_size][rank::world]
            chosen = np.repeat(chosen, VIEWS)
            inputs = np.zeros((len(chosen), FRAMES, 4, 4, 3), np.uint8)
            inputs += np.arange(FRAMES, dtype=np.uint8)[:, None, None, None]
            inputs[:, :, :, :2] += 100
            yield Batch(inputs, self.labels[chosen], chosen)


def seen(name, draw=0, batch_size=3):
    """Return the numbers of the frames that each view shows, [clips x views, T], under a probe."""
    changed = Changed(Clips(batch_size), HOW[name].pixels, draw)
    assert changed.steps() == Clips(batch_size).steps()
    batches = list(changed.epoch(0))
    assert np.concatenate([batch.indices for batch in batches]).tolist() == sorted([*range(COUNT)] * VIEWS)
    assert np.concatenate([batch.labels for batch in batches]).tolist() == sorted([*range(COUNT)] * VIEWS)
    assert all(batch.inputs.dtype == np.uint8 for batch in batches)
    return np.concatenate([batch.inputs[:, :, 0, -1, 0] for batch in batches])


def test_every_probe_has_a_way_to_be_done():
    assert list(HOW) == list(PROBES)
    assert [name for name, how in HOW.items() if how.pixels is None] == ["no-hands", "no-left", "no-right"]


def test_the_plain_probe_changes_nothing():
    assert (seen("plain") == np.arange(FRAMES)).all()


def test_shuffled_views_have_every_frame_and_an_order_each():
    views = seen("shuffled")
    assert (np.sort(views) == np.arange(FRAMES)).all()
    assert len({tuple(view) for view in views.tolist()}) == COUNT * VIEWS
    assert not np.array_equal(views, seen("shuffled", draw=1))


@pytest.mark.parametrize("name", ["shuffled", "half-frames"])
@pytest.mark.parametrize("batch_size", [1, 5, 7])
def test_the_change_of_a_view_does_not_depend_on_its_batch(name, batch_size):
    np.testing.assert_array_equal(seen(name), seen(name, batch_size=batch_size))


def test_reversed_views_run_backwards_and_one_frame_stands_still():
    assert (seen("reversed") == np.arange(FRAMES)[::-1]).all()
    assert (seen("one-frame") == FRAMES // 2).all()


def test_of_lost_frames_the_last_one_that_came_is_seen():
    for view in seen("half-frames"):
        kept = np.unique(view)
        assert len(kept) == FRAMES // 2
        assert (np.diff(view.astype(int)) >= 0).all()
        for place, frame in enumerate(view):
            assert frame == max([one for one in kept if one <= place], default=kept[0])


def test_mirrored_views_have_left_and_right_exchanged():
    plain, changed = (
        next(Changed(Clips(3), HOW[name].pixels, 0).epoch(0)).inputs for name in ("plain", "mirrored")
    )
    np.testing.assert_array_equal(changed, plain[:, :, :, ::-1])
    assert not np.array_equal(changed, plain)


def test_a_thinned_store_has_half_of_each_clip_s_frames_in_their_order():
    class Store:
        """Landmarks of clips whose frames are their numbers."""

        joints = ("nose",)

        def points(self, clip_id):
            """Return as many frames as the clip's name says."""
            return np.arange(int(clip_id), dtype=np.float32).reshape(-1, 1, 1)

    one, again, other = Thinned(Store(), 0), Thinned(Store(), 0), Thinned(Store(), 1)
    assert one.joints == ("nose",)
    for frames in (1, 2, 9, 40):
        points = one.points(str(frames))
        assert points.shape == (max(1, frames // 2), 1, 1)
        assert (np.diff(points[:, 0, 0]) > 0).all()
        np.testing.assert_array_equal(points, again.points(str(frames)))
    assert not np.array_equal(one.points("40"), other.points("40"))
