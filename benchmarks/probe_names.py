"""The probes by name: what each does, for people; how it does it is in `benchmarks.probe_batches`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PLAIN = "plain"
"""The probe that changes nothing."""

_RANDOM = 3
"""How often the test part is scored by a probe that is random."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One way to change the test part.

    Attributes:
        words: what it does.
        heading: the head of its column in a table.
        draws: how often it is carried out.
    """

    words: str
    heading: str
    draws: int = 1


PROBES: Mapping[str, Probe] = {
    PLAIN: Probe("as it was scored", "Top-1"),
    "shuffled": Probe(f"frames in random order, x {_RANDOM}", "Shuffled", _RANDOM),
    "reversed": Probe("frames from last to first", "Reversed"),
    "one-frame": Probe("the middle frame throughout", "One frame"),
    "half-frames": Probe(f"half the frames lost, x {_RANDOM}", "Half lost", _RANDOM),
    "mirrored": Probe("left and right exchanged", "Mirrored"),
    "no-hands": Probe("neither hand seen", "No hands"),
    "no-left": Probe("the left hand not seen", "No left"),
    "no-right": Probe("the right hand not seen", "No right"),
}
"""Every probe by its name, in the order in which they are carried out and shown."""
