"""Every number of a result, from scores and labels alone: NumPy only, the same for every engine.

Rates are fractions, 0..1. A clip is right at k when its own class is among the k highest scores.
Ties count against the system: a class that shares the score of the clip's own class is taken to stand
before it, so that a network that gives every class the same score is never right. How many clips had such
a tie is reported.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from utils.errors import FAILURE, BenchError

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.integer[Any]]
Ranks = npt.NDArray[np.int64]

KS = (1, 2, 5, 10)
"""The k of every top-k that is reported."""

_Z95 = 1.959963984540054
_LEAST_LOG = math.log(2.0**-149)
"""The log of the smallest positive float32: the floor of a log-probability, so that no loss is infinite."""


def evaluate(scores: Floats, labels: Labels) -> dict[str, float | int | None]:
    """Return every metric of one part, flat, ready for JSON.

    Args:
        scores: [N, C]; log-probabilities, logits, or anything whose softmax means something. -inf is a
            probability of zero.
        labels: int [N], 0 <= label < C.

    Returns:
        `clips`, `classes`, `classes_scored` (those that have clips here), `ties`, `loss` (mean cross-entropy,
        nats, after a softmax), and for each k of 1, 2, 5, 10: `hits{k}`, `top{k}` (per instance),
        `top{k}_low`, `top{k}_high` (Wilson, 95 %), `per_class_top{k}` (mean over classes that have clips).
        Where k is not below C, top-k is right by definition and says nothing: those five are None.

    Raises:
        BenchError: no clips, NaN or +inf in the scores, or shapes and labels that do not fit.
    """
    check(scores, labels)
    clips, classes = scores.shape
    place = ranks(scores, labels)
    result: dict[str, float | int | None] = {
        "clips": clips,
        "classes": classes,
        "classes_scored": int(np.unique(labels).size),
        "ties": ties(scores, labels),
        "loss": cross_entropy(scores, labels),
    }
    for k in KS:
        result.update(_top(place, labels, k, classes))
    return result


def check(scores: Floats, labels: Labels) -> None:
    """Refuse scores and labels that no metric can be computed from.

    Raises:
        BenchError: says which of the two is wrong, and how.
    """
    if scores.ndim != 2 or labels.shape != scores.shape[:1]:  # noqa: PLR2004 - [N, C]
        raise _refused(f"scores {list(scores.shape)} and labels {list(labels.shape)} are not [N, C] and [N]")
    if scores.size == 0:
        raise _refused("there is not one clip to score")
    if not np.issubdtype(labels.dtype, np.integer):
        raise _refused(f"labels are {labels.dtype}, not integers")
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise _refused(f"labels reach from {labels.min()} to {labels.max()}, with {scores.shape[1]} classes")
    _check_values(scores)


def _check_values(scores: Floats) -> None:
    """Refuse NaN, +inf, and rows in which nothing is finite."""
    broken = np.isnan(scores) | np.isposinf(scores)
    bad: npt.NDArray[np.bool_] = np.any(broken, axis=1) | ~np.any(np.isfinite(scores), axis=1)
    if bad.any():
        count, first = int(bad.sum()), int(np.flatnonzero(bad)[0])
        raise _refused(
            f"the network's output is not finite (NaN or infinite) for {count} of {len(bad)} clips,"
            f" the first in row {first}; training has probably diverged"
        )


def _refused(reason: str) -> BenchError:
    """Return the error that says why there are no metrics."""
    return BenchError(f"These scores cannot be evaluated: {reason}.", exit_code=FAILURE)


def ranks(scores: Floats, labels: Labels) -> Ranks:
    """Return int64 [N]: how many other classes score as high as the clip's own, or higher (0 is right)."""
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    return np.asarray((scores >= own).sum(axis=1) - 1, dtype=np.int64)


def ties(scores: Floats, labels: Labels) -> int:
    """Return how many clips have another class at exactly the score of their own."""
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    return int(((scores == own).sum(axis=1) > 1).sum())


def cross_entropy(scores: Floats, labels: Labels) -> float:
    """Return the mean of -log softmax(scores)[label], in nats; log-probabilities stay as they are.

    A probability below float32's smallest counts as that smallest (103.3 nats), so that one clip cannot make
    the loss infinite.
    """
    wide = scores.astype(np.float64)
    top = wide.max(axis=1, keepdims=True)
    total = top[:, 0] + np.log(np.exp(wide - top).sum(axis=1))
    own = np.take_along_axis(wide, labels[:, None], axis=1)[:, 0]
    return float(-np.maximum(own - total, _LEAST_LOG).mean())


def per_class(right: npt.NDArray[np.bool_], labels: Labels) -> float:
    """Return the mean over classes of the share of right clips, over the classes that have clips.

    The naive mean over all classes is NaN as soon as one class has lost its test clips (WLASL's issue 9).
    """
    counts = np.bincount(labels)
    hits = np.bincount(labels, weights=right)
    return float((hits[counts > 0] / counts[counts > 0]).mean())


def _top(place: Ranks, labels: Labels, k: int, classes: int) -> dict[str, float | int | None]:
    """Return the five numbers of one k; all None where k is not below the number of classes."""
    names = (f"hits{k}", f"top{k}", f"top{k}_low", f"top{k}_high", f"per_class_top{k}")
    if k >= classes:
        return dict.fromkeys(names)
    right = place < k
    hits = int(right.sum())
    low, high = wilson(hits, len(right))
    return dict(zip(names, (hits, hits / len(right), low, high, per_class(right, labels)), strict=True))


def wilson(hits: int, clips: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a rate, as fractions (Wilson 1927, without continuity correction).

    Raises:
        ValueError: not 0 <= hits <= clips, or no clips.
    """
    if not 0 <= hits <= clips or clips == 0:
        raise ValueError(f"{hits} of {clips} is not a rate")
    rate, square = hits / clips, _Z95**2
    middle = rate + square / (2 * clips)
    half = _Z95 * math.sqrt(rate * (1 - rate) / clips + square / (4 * clips**2))
    scale = 1 + square / clips
    # The rate lies inside, whatever rounding says at 0 and at 1.
    low, high = min(rate, (middle - half) / scale), max(rate, (middle + half) / scale)
    return max(0.0, low), min(1.0, high)


def spread(values: list[float]) -> tuple[float, float | None]:
    """Return the mean and the sample standard deviation (n - 1); None where there is one value only."""
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return mean, None
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


@dataclass(frozen=True, slots=True)
class Paired:
    """Two systems on the same clips.

    Attributes:
        both: clips that both have right.
        first: clips that only the first has right.
        second: clips that only the second has right.
        neither: clips that both have wrong.
        p: McNemar's exact two-sided p-value: how often a fair coin would split first and second so unevenly.
    """

    both: int
    first: int
    second: int
    neither: int
    p: float


def mcnemar(first: Floats, second: Floats, labels: Labels) -> Paired:
    """Compare two systems' top-1 on the same clips, in the same order (McNemar 1947, exact).

    Raises:
        BenchError: either part of the comparison cannot be evaluated.
    """
    check(first, labels)
    check(second, labels)
    one, two = ranks(first, labels) == 0, ranks(second, labels) == 0
    only_first, only_second = int((one & ~two).sum()), int((~one & two).sum())
    different, least = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(different, i) for i in range(least + 1))
    return Paired(
        both=int((one & two).sum()),
        first=only_first,
        second=only_second,
        neither=int((~one & ~two).sum()),
        p=min(1.0, 2 * tail / 2**different),
    )


@dataclass(frozen=True, slots=True)
class Confusion:
    """One wrong pair: clips of class `true` whose highest score is class `predicted`.

    Attributes:
        true: the clips' class.
        predicted: the class taken for it.
        rows: the clips, as rows of the scores.
    """

    true: int
    predicted: int
    rows: tuple[int, ...]


def confusions(scores: Floats, labels: Labels) -> list[Confusion]:
    """Return the wrong pairs, most frequent first, then by class; of equal scores the first counts."""
    pairs: dict[tuple[int, int], list[int]] = {}
    for row, (true, predicted) in enumerate(
        zip(labels.tolist(), scores.argmax(axis=1).tolist(), strict=True)
    ):
        if true != predicted:
            pairs.setdefault((true, predicted), []).append(row)
    found = [Confusion(true, predicted, tuple(rows)) for (true, predicted), rows in pairs.items()]
    return sorted(found, key=lambda pair: (-len(pair.rows), pair.true, pair.predicted))
