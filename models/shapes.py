"""What a network cannot take, said in words when it is built."""

from __future__ import annotations

from typing import Any, NamedTuple

from utils.errors import BenchError


class Clip(NamedTuple):
    """The shape of a clip as a network sees it: T frames of size x size pixels."""

    frames: int
    size: int


def at_least(name: str, clip: Clip, least: Clip, why: str) -> None:
    """Refuse a clip that is shorter or smaller than `least`; `why` ends the sentence.

    Raises:
        BenchError: the clip is too short or too small; the sentence names the setting to change.
    """
    if clip.frames < least.frames:
        raise BenchError(
            f"{name} needs at least {least.frames} frames and was asked for {clip.frames}: {why}. "
            f"Set frames={least.frames} or more."
        )
    if clip.size < least.size:
        raise BenchError(
            f"{name} needs at least {least.size} pixels a side and was asked for {clip.size}: {why}. "
            f"Set size={least.size} or more."
        )


def no_drop_path(name: str, drop_path: float | None) -> None:
    """Refuse a drop_path above zero for a network that has no residual connections.

    Raises:
        BenchError: drop_path was set.
    """
    if drop_path:
        raise BenchError(
            f"{name} has no residual connections, so drop_path={drop_path} means nothing. Set it to 0."
        )


def over_time(logits: Any, pool: str) -> Any:  # noqa: ANN401 - torch tensors, which this module does without
    """Return logits [B, classes] of logits over time [B, classes, T]: their `mean`, or their `max`."""
    return logits.amax(dim=2) if pool == "max" else logits.mean(dim=2)
