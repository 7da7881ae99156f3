"""What `bench stream` found of a run: one file beside the run's record, written whole.

The record `<results>/<subset>/<model>/<id>.json` has its streams at `.../<model>/streams/<id>.json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmarks.records import record_path
from benchmarks.schema import Record, Where
from benchmarks.seals import read_unsealed, sealed
from utils.errors import BenchError
from utils.files import write_json

FORMAT = 1
"""The version of this file's schema; readers refuse newer ones in words."""


class _Part(BaseModel):
    """What every part of the file is: frozen, and with no fields but the known ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Seen(_Part):
    """What a network says once it has seen some of each clip.

    Attributes:
        share: of the frames that it sees of a clip in all, above 0 to 1.
        frames: how many these are, on average over the clips.
        metrics: clips, hits1, top1 and its interval, hits5, top5, loss.
    """

    share: float
    frames: float
    metrics: dict[str, float | int | None]


class Parity(_Part):
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


class StreamCost(_Part):
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


class Streamed(_Part):
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


class StreamRecord(_Part):
    """The streams of one run.

    Attributes:
        id: the run's.
        model: the run's.
        split: the run's.
        of: when the run finished; streams of an earlier run of the same recipe are out of date.
        parts: by part, val or test.
        format: version of this schema.
    """

    id: str
    model: str
    split: str
    of: str
    parts: dict[str, Streamed]
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class StoredStreams:
    """Streams as found on the disk.

    Attributes:
        record: what the file says.
        path: where it lies.
        stale: why it does not count; empty where it does.
    """

    record: StreamRecord
    path: Path
    stale: str = ""


def streams_path(results: Path, record: Record) -> Path:
    """Return where the streams of a run lie."""
    path = record_path(results, record)
    return path.parent / "streams" / path.name


def write_streams(path: Path, record: StreamRecord) -> None:
    """Write a run's streams whole, with the checksum of their body.

    Raises:
        BenchError: the folder cannot be written to.
    """
    write_json(path, sealed(record.model_dump(mode="json")))


def read_streams(results: Path, run: Record) -> StoredStreams | None:
    """Read a run's streams; None where it was not streamed.

    Raises:
        BenchError: the file is none, or of a newer version.
    """
    path = streams_path(results, run)
    if not path.is_file():
        return None
    body, altered = read_unsealed(path, FORMAT, "holds no streams of a run")
    try:
        record = StreamRecord.model_validate(body)
    except ValidationError as error:
        raise BenchError(f"{path} holds no streams of a run: {error.errors()[0]['msg']}.") from error
    return StoredStreams(record, path, altered or _outdated(record, run))


def _outdated(record: StreamRecord, run: Record) -> str:
    """Say why streams are not of this run; empty where they are."""
    if record.id != run.id:
        return f"these are the streams of run {record.id}"
    return "" if record.of == run.finished else "the run was trained anew since"
