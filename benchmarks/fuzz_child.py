"""One damaged clip after the other, in a process that may die of it: `python -m benchmarks.fuzz_child`.

Each is examined as the doctor does and prepared as `bench prepare` does, then its entry is packed, read back
and its frames compared with those of the sound clip that it was made of. Speaks JSON, a line for a line.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg

from utils.errors import BenchError
from wlasl.clips import Clip
from wlasl.doctor import check
from wlasl.entries import Source, pack, whole_entry
from wlasl.prepare import encode_clip
from wlasl.video import VideoError
from wlasl.view import View

CPU_SECONDS = 30
"""A clip may take so much of a core: a hundred times what the slowest sound one takes."""
MEMORY = 3 << 30
"""Bytes of address space that this process may have."""
VIEW = View(size=128)

_THUMB = 24
_ALIKE = 20.0
"""Frames are alike from so many decibels on, as pictures of 24 x 24 in grey."""
_MANY = 0.1
"""A clip is damaged when more than this share of its frames is like no frame of the sound clip."""

Thumbs = npt.NDArray[np.float32]


def thumbs(frames: Sequence[bytes]) -> Thumbs:
    """Return stored frames as small grey pictures, float32 [T, 576]."""
    grey = [simplejpeg.decode_jpeg(frame, "GRAY")[..., 0] for frame in frames]
    small = [cv2.resize(one, (_THUMB, _THUMB), interpolation=cv2.INTER_AREA).ravel() for one in grey]
    return np.stack(small).astype(np.float32)


@lru_cache(maxsize=8)
def sound(path: Path) -> Thumbs:
    """Return the pictures of a sound clip.

    Raises:
        BenchError: it is not sound.
    """
    outcome = encode_clip(path, Clip(path.stem, "", 0, "train"), VIEW)
    if isinstance(outcome, VideoError):
        raise BenchError(f"{path} cannot be read before it is damaged: {outcome}.")
    return thumbs(outcome[1])


def likeness(found: Thumbs, known: Thumbs) -> npt.NDArray[np.float32]:
    """Return, per frame, how like it is to the known one most like it, in decibels, float32 [T]."""
    error = (found**2).mean(1)[:, None] + (known**2).mean(1) - 2 * found @ known.T / found.shape[1]
    return np.asarray(10 * np.log10(255**2 / np.maximum(error.min(1), 1e-3)), np.float32)


def judged(path: Path, original: Path, clip: Clip) -> dict[str, Any]:
    """Return what became of a damaged file: `outcome`, and why."""
    findings = check(path, [clip])
    refused = next((finding for finding in findings if not finding.usable), None)
    outcome = encode_clip(path, clip, VIEW)
    if isinstance(outcome, VideoError):
        if refused is None:
            return {"outcome": "the doctor disagrees", "why": str(outcome)}
        return {"outcome": "refused", "why": outcome.reason}
    if refused is not None:
        return {"outcome": "the doctor disagrees", "why": f"{refused.reason} {refused.detail}"}
    return _accepted(clip, outcome[1], sound(original), doubted=bool(findings))


def _accepted(clip: Clip, frames: list[bytes], known: Thumbs, *, doubted: bool) -> dict[str, Any]:
    """Say how much of an accepted clip is as it was."""
    entry, _ = whole_entry(memoryview(b"".join(pack(clip.id, Source(0, 0, ""), "", frames))), 0)
    if entry.frames != len(frames) or not 0 < len(frames) <= max(len(known), clip.frame_end) * 2:
        return {"outcome": "wrong", "why": f"{len(frames)} frames of {len(known)}"}
    alike = likeness(thumbs(frames), known) >= _ALIKE
    kind = "whole" if len(frames) == len(known) else "other length"
    if (~alike).mean() > _MANY:
        kind = "damaged pictures"
    return {"outcome": kind, "why": "", "doubted": doubted, "unlike": float((~alike).mean())}


def _bounded() -> None:
    """Let the system end this process when one clip takes too long."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def peak() -> int:
    """Return the most memory that this process has had, in MiB: `getrusage` counts its parent's too."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) >> 10
    except (OSError, IndexError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def main() -> None:
    """Answer each line `{"path", "original", "clip"}` with what became of the clip."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Whatever a library prints goes elsewhere: the answers are lines on the standard output alone.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        for line in sys.stdin:
            asked = json.loads(line)
            _bounded()
            original = Path(asked["original"])
            sound(original)
            began = time.process_time()
            answer = judged(Path(asked["path"]), original, Clip(**asked["clip"]))
            cost = {"mib": peak(), "cpu": round(time.process_time() - began, 3)}
            answers.write(json.dumps({**answer, **cost}) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
