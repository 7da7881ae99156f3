"""Folds over train and val: every clip of both is judged once, by a network that was not trained on it.

WLASL100's val has 338 clips, or 165 where the rest is lost: by those alone recipes that differ by five points
cannot be told apart. The clips of test are in no fold.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from utils.errors import BenchError
from utils.files import short_hash
from utils.imports import optional
from wlasl.clips import Clip, Subset

By = Literal["clip", "signer"]
"""What stays together in one fold: the copies of one recording, or all clips of one signer."""


@dataclass(frozen=True)
class Folds:
    """Which fold each clip of train and val is in.

    Attributes:
        count: how many folds there are.
        by: what stays together.
        of: per clip's id, its fold, 0 to count - 1.
    """

    count: int
    by: By
    of: Mapping[str, int]

    @property
    def id(self) -> str:
        """Return 12 hexadecimal digits that name these folds: which clips, and where each is."""
        return short_hash([self.count, self.by, sorted(self.of.items())])

    def clips(self, subset: Subset, fold: int) -> tuple[Clip, ...]:
        """Return a subset's clips of train and val, those of one fold as val and the others as train."""
        return tuple(
            replace(clip, part="val" if self.of[clip.id] == fold else "train")
            for clip in subset.clips
            if clip.id in self.of
        )


def dealt(clips: Sequence[Clip], count: int, by: By = "clip") -> Folds:
    """Deal clips to folds that hold of each gloss as many as can be; the same clips are dealt the same way.

    Args:
        clips: those at hand, of any part; the clips of test are left out.
        count: how many folds, 2 or more.
        by: what stays together in one fold. By signer, a fold's signers are in no other fold, and what is
            measured is how well a stranger's signs are named, which WLASL's own parts do not measure.

    Raises:
        BenchError: the metadata does not know who signs, or there is less to deal than there are folds.
    """
    pool = sorted((clip for clip in clips if clip.part != "test"), key=lambda clip: clip.id)
    groups = [_group(clip, by) for clip in pool]
    kinds = len(set(groups))
    if kinds < count:
        what = "signers" if by == "signer" else "recordings"
        raise BenchError(f"The {kinds} {what} of train and val are too few for {count} folds.")
    fold_of = _signers(pool, groups, count) if by == "signer" else _recordings(pool, groups, count)
    return Folds(count, by, {clip.id: fold_of[group] for clip, group in zip(pool, groups, strict=True)})


def _group(clip: Clip, by: By) -> str:
    """Return a name that those clips share that stay together."""
    if by == "clip":
        return " ".join(map(str, clip.recording)) if clip.url else clip.id
    if clip.signer is None:
        raise BenchError(f"Who signs clip {clip.id} is not known: deal the clips --by clip.")
    return str(clip.signer)


def _recordings(pool: Sequence[Clip], groups: Sequence[str], count: int) -> Mapping[str, int]:
    """Deal recordings in turn, gloss by gloss, within a gloss in the order of their hashes."""
    labels = {group: clip.label for clip, group in zip(pool, groups, strict=True)}
    order = sorted(labels, key=lambda group: (labels[group], short_hash(group)))
    return {group: number % count for number, group in enumerate(order)}


def _signers(pool: Sequence[Clip], groups: Sequence[str], count: int) -> Mapping[str, int]:
    """Deal signers so that folds hold alike many clips of each gloss, as far as that goes."""
    split = optional("sklearn.model_selection", "torch").StratifiedGroupKFold(count)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a gloss has fewer clips than there are folds
        parts = list(split.split(groups, [str(clip.label) for clip in pool], groups))
    return {groups[row]: fold for fold, (_, rows) in enumerate(parts) for row in rows}
