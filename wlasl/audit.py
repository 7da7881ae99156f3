"""What the metadata alone shows: duplicates, leaks, contradictory labels, signers shared by train and test.

Two clips are the same recording when they have the same url and the same frame range. WLASL holds such clips
in two parts at once, and under two glosses at once: no classifier that answers the same input in the same way
can be right on both. Nothing is removed here; the benchmark scores the official parts, and says what is in
them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wlasl.clips import PARTS, Clip, Part, Subset


@dataclass(frozen=True)
class Count:
    """How many of how many."""

    count: int
    of: int

    @property
    def share(self) -> float:
        """Return the share, 0 to 1; 0 where there is nothing to count."""
        return self.count / self.of if self.of else 0.0


@dataclass(frozen=True)
class Group:
    """Clips that are one recording: the same url and the same frame range."""

    url: str
    frame_start: int
    frame_end: int
    clips: tuple[Clip, ...]

    @property
    def across_parts(self) -> bool:
        """Say whether the recording is in more than one part."""
        return len({clip.part for clip in self.clips}) > 1

    @property
    def across_glosses(self) -> bool:
        """Say whether the recording has more than one label."""
        return len({clip.label for clip in self.clips}) > 1


@dataclass(frozen=True)
class Signers:
    """Who signs, over the clips whose signer is known.

    Attributes:
        all: how many signers there are.
        test_seen: test clips whose signer is also in train.
        test_pairs_seen: test clips whose signer signs the same gloss in train.
    """

    all: int
    test_seen: Count
    test_pairs_seen: Count


@dataclass(frozen=True)
class Duplicates:
    """Recordings that appear more than once, over the clips whose url is known.

    Attributes:
        groups: every such recording, with its clips.
        test_same_gloss: test clips identical to a train clip of the same gloss (a leak).
        test_other_gloss: test clips identical to a clip of another gloss, in any part.
        contradictory: clips whose recording has two labels or more.
    """

    groups: tuple[Group, ...]
    test_same_gloss: Count
    test_other_gloss: Count
    contradictory: Count

    @property
    def across_parts(self) -> int:
        """Return how many of the recordings are in more than one part."""
        return sum(group.across_parts for group in self.groups)

    @property
    def across_glosses(self) -> int:
        """Return how many of the recordings have more than one label."""
        return sum(group.across_glosses for group in self.groups)


@dataclass(frozen=True)
class Audit:
    """What the metadata says of a subset.

    Attributes:
        parts: official clips of each part.
        described: those of them that WLASL_v0.3.json describes; the rest only nslt lists.
        empty: the glosses that have no clip in a part, so that no per-class figure can be had of them.
        signers: who signs, and who of test signs in train too.
        duplicates: recordings that appear more than once.
    """

    parts: dict[Part, int]
    described: dict[Part, int]
    empty: dict[Part, tuple[str, ...]]
    signers: Signers
    duplicates: Duplicates


def audit(subset: Subset) -> Audit:
    """Look a subset's metadata over."""
    return Audit(
        parts=_per_part(subset.clips),
        described=_per_part(clip for clip in subset.clips if clip.url or clip.signer is not None),
        empty={part: _empty(subset, part) for part in PARTS},
        signers=_signers([clip for clip in subset.clips if clip.signer is not None]),
        duplicates=_duplicates([clip for clip in subset.clips if clip.url]),
    )


def _per_part(clips: Iterable[Clip]) -> dict[Part, int]:
    """Count the clips of each part."""
    counts = Counter(clip.part for clip in clips)
    return {part: counts[part] for part in PARTS}


def _empty(subset: Subset, part: Part) -> tuple[str, ...]:
    """Return the glosses that have no clip in a part."""
    present = {clip.label for clip in subset.part(part)}
    return tuple(gloss for label, gloss in enumerate(subset.glosses) if label not in present)


def _signers(clips: Sequence[Clip]) -> Signers:
    """Count the signers, and the test clips whose signer, or signer and gloss, train knows."""
    train = [clip for clip in clips if clip.part == "train"]
    test = [clip for clip in clips if clip.part == "test"]
    seen = {clip.signer for clip in train}
    pairs = {(clip.signer, clip.label) for clip in train}
    return Signers(
        all=len({clip.signer for clip in clips}),
        test_seen=Count(sum(clip.signer in seen for clip in test), len(test)),
        test_pairs_seen=Count(sum((clip.signer, clip.label) in pairs for clip in test), len(test)),
    )


def _duplicates(clips: Sequence[Clip]) -> Duplicates:
    """Find the recordings that appear more than once."""
    recordings: dict[tuple[str, int, int], list[Clip]] = defaultdict(list)
    for clip in clips:
        recordings[clip.recording].append(clip)
    groups = tuple(Group(*key, tuple(same)) for key, same in recordings.items() if len(same) > 1)
    test = [(clip, group.clips) for group in groups for clip in group.clips if clip.part == "test"]
    tested = sum(clip.part == "test" for clip in clips)
    return Duplicates(
        groups=groups,
        test_same_gloss=Count(sum(_leaks(clip, same) for clip, same in test), tested),
        test_other_gloss=Count(sum(_contradicts(clip, same) for clip, same in test), tested),
        contradictory=Count(sum(len(group.clips) for group in groups if group.across_glosses), len(clips)),
    )


def _leaks(clip: Clip, same: Sequence[Clip]) -> bool:
    """Say whether train holds this recording under the same gloss."""
    return any(other.part == "train" and other.label == clip.label for other in same)


def _contradicts(clip: Clip, same: Sequence[Clip]) -> bool:
    """Say whether this recording appears under another gloss."""
    return any(other.label != clip.label for other in same)
