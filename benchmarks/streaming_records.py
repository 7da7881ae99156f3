"""What `bench stream` found of a run: one file beside the run's record, written whole.

The record `<results>/<subset>/<model>/<id>.json` has its streams at `.../<model>/streams/<id>.json`.
"""

from __future__ import annotations

from benchmarks.beside import Beside, Files, Stored
from benchmarks.schema import Frozen, Where

FORMAT = 1
"""The version of this file's schema; readers refuse newer ones in words."""


class Seen(Frozen):
    """What a network says once it has seen some of each clip.

    Attributes:
        share: of the frames that it sees of a clip in all, above 0 to 1.
        frames: how many these are, on average over the clips.
        metrics: clips, hits1, top1 and its interval, hits5, top5, loss.
    """

    share: float
    frames: float
    metrics: dict[str, float | int | None]


class Parity(Frozen):
    """How far frame by frame is from the whole clip at once, by the same weights.

    Attributes:
        whole: the largest difference of any logit after a clip's last frame, as a share of that clip's
            largest logit (or of 1, where that is smaller).
        prefix: the same after each tenth of a clip, against the network on the frames so far alone.
        bound: what both must stay below.
        clips: how many views were compared as a whole.
        prefixes: how many beginnings of clips.
        double: `whole` of one view in double precision, where single precision is above the bound: what is
            left then is no rounding. None where that was not needed.
    """

    whole: float
    prefix: float
    bound: float
    clips: int
    prefixes: int
    double: float | None = None

    @property
    def holds(self) -> bool:
        """Whether streaming computes what the whole clip does."""
        return max(self.whole, self.prefix) <= self.bound


class StreamCost(Frozen):
    """What one frame takes, one clip at a time.

    Attributes:
        frame_ms: CPU milliseconds of a frame, the median; on a GPU those of the clock.
        clip_ms: the same of a whole clip at once.
        frames: frames of that clip.
        gmacs: multiply-adds in 10^9 of a frame, where the run's record has those of a view.
        states: how many states are carried from frame to frame.
        numbers: how many numbers they hold.
    """

    frame_ms: float
    clip_ms: float
    frames: int
    gmacs: float | None
    states: int
    numbers: int


class Streamed(Frozen):
    """One part of a subset, frame by frame.

    Attributes:
        clips: the fingerprint of the clips.
        seen: one for each tenth of the clips' frames.
        settled: the share of its frames, on average, after which a clip's answer is the one it ends with.
        parity: with the whole clip at once.
        cost: of a frame.
        where: what it was carried out on.
        started: UTC, ISO 8601.
        finished: likewise.
    """

    clips: str
    seen: tuple[Seen, ...]
    settled: float
    parity: Parity
    cost: StreamCost
    where: Where = Where()
    started: str = ""
    finished: str = ""


class StreamRecord(Beside):
    """The streams of one run.

    Attributes:
        parts: by part, val or test.
        format: version of this schema.
    """

    parts: dict[str, Streamed]
    format: int = FORMAT


StoredStreams = Stored[StreamRecord]
"""Streams as found on the disk."""
_FILES = Files("streams", StreamRecord, FORMAT)
streams_path, write_streams, read_streams = _FILES.path, _FILES.write, _FILES.read
