"""From embeddings to scores: distances to the clips that a network was trained on, or to another gallery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import metrics
from utils.errors import BenchError
from utils.imports import optional

Vectors = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Wide = npt.NDArray[np.float64]

NEAREST = 5
"""How many of the nearest clips have a vote."""


@dataclass(frozen=True)
class Gallery:
    """The embeddings of clips whose signs are known.

    Attributes:
        vectors: float32 [G, d].
        labels: int64 [G].
        classes: how many signs there are; some may have no clip here.
    """

    vectors: Vectors
    labels: Labels
    classes: int


def squared_distances(queries: Vectors, vectors: npt.NDArray[Any]) -> Wide:
    """Return float64 [Q, G]: squared Euclidean distances."""
    one, other = queries.astype(np.float64), vectors.astype(np.float64)
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    return np.asarray(np.maximum(squares, 0))


def centroids(gallery: Gallery) -> Wide:
    """Return float64 [classes, d]: the mean of each sign's embeddings; NaN where it has none."""
    sums = np.zeros((gallery.classes, gallery.vectors.shape[1]))
    np.add.at(sums, gallery.labels, gallery.vectors)
    counts = np.bincount(gallery.labels, minlength=gallery.classes)[:, None]
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def _to_centroids(gallery: Gallery, queries: Vectors) -> Wide:
    """Return [Q, classes]: squared distances to each sign's mean; infinite where it has no clip."""
    means = centroids(gallery)
    return np.where(np.isnan(means[:, 0]), np.inf, squared_distances(queries, np.nan_to_num(means)))


def _to_nearest(gallery: Gallery, queries: Vectors) -> Wide:
    """Return [Q, classes]: squared distances to each sign's nearest clip; infinite where it has none."""
    found = np.full((gallery.classes, len(queries)), np.inf)
    np.minimum.at(found, gallery.labels, squared_distances(queries, gallery.vectors).T)
    return found.T


def _by_centroid(gallery: Gallery, queries: Vectors) -> Wide:
    """Return log-probabilities from the distances to each sign's mean."""
    return _log_softmax(-_to_centroids(gallery, queries))


def _by_nearest(gallery: Gallery, queries: Vectors) -> Wide:
    """Return log-probabilities from the distances to each sign's nearest clip."""
    return _log_softmax(-_to_nearest(gallery, queries))


def _by_vote(gallery: Gallery, queries: Vectors) -> Wide:
    """Return the log of each sign's share of the 5 nearest clips; of equal ones the nearer is larger."""
    votes = np.zeros((len(queries), gallery.classes))
    for near in nearest(gallery, queries).T:
        votes[np.arange(len(queries)), gallery.labels[near]] += 1
    votes += 0.5 / (1 + _to_nearest(gallery, queries))  # never as much as a vote; 0 where there is no clip
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(votes / votes.sum(1, keepdims=True)))


def nearest(gallery: Gallery, queries: Vectors, count: int = NEAREST) -> Labels:
    """Return int64 [Q, count]: the rows of the nearest embeddings of the gallery, nearest first."""
    return np.argsort(squared_distances(queries, gallery.vectors), axis=1, kind="stable")[:, :count]


def _log_softmax(values: Wide) -> Wide:
    """Return the logarithm of the softmax of each row; -inf stays."""
    shifted = values - values.max(1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(1, keepdims=True)))


RULES: dict[str, Callable[[Gallery, Vectors], Wide]] = {
    "centroid": _by_centroid,
    "nearest": _by_nearest,
    "vote": _by_vote,
}
"""Each takes a gallery and queries [Q, d] and returns log-probabilities [Q, classes]."""


def scores(rule: str, gallery: Gallery, queries: Vectors) -> npt.NDArray[np.float32]:
    """Return float32 [Q, classes]: log-probabilities by one of RULES; -inf for a sign without a clip.

    Raises:
        BenchError: embeddings that are no numbers.
    """
    for name, vectors in (("trained clips", gallery.vectors), ("clips to score", queries)):
        if not np.isfinite(vectors).all():
            advice = "training has probably diverged; try a lower lr, or a clip_norm"
            raise BenchError(f"Embeddings of the {name} are not finite: {advice}.")
    return RULES[rule](gallery, queries).astype(np.float32)


def measured(gallery: Gallery, queries: Vectors, labels: Labels) -> dict[str, float | int | None]:
    """Return how well queries [Q, d] are found, flat: per rule top-1 and top-5 with their intervals.

    `within5` is the share of queries with a clip of their own sign among the 5 nearest ones. Top-5 of
    `nearest` is the share whose own sign is among the 5 nearest signs.
    """
    found: dict[str, float | int | None] = {"clips": len(labels), "classes": gallery.classes}
    for rule in RULES:
        whole = metrics.evaluate(scores(rule, gallery, queries), labels)
        names = [name for k in (1, 5) for name in (f"top{k}", f"top{k}_low", f"top{k}_high")]
        found |= {
            f"{rule}_{name}": whole[name] for name in names if name.startswith("top1") or rule != "vote"
        }
    own = gallery.labels[nearest(gallery, queries)] == labels[:, None]
    found[f"within{NEAREST}"] = float(own.any(1).mean())
    return found


def meaningful(labels: Labels) -> bool:
    """Say whether labels int64 [N] have a silhouette: of two signs at least, one with two clips."""
    return 1 < len(np.unique(labels)) < len(labels)


def silhouette(vectors: Vectors, labels: Labels) -> float | None:
    """Return the mean silhouette of embeddings, -1..1 (Rousseeuw 1987); None where it has no meaning.

    It says how much nearer clips are to their own sign than to the next one. It is no accuracy.

    Raises:
        BenchError: scikit-learn is not installed.
    """
    if not meaningful(labels):
        return None
    return float(optional("sklearn.metrics", "torch").silhouette_score(vectors, labels))
