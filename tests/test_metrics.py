"""Metrics from scores and labels: the field's oracles, scikit-learn as second opinion, refusals in words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss, top_k_accuracy_score

from benchmarks.metrics import KS, confusions, evaluate, mcnemar, per_class, ranks, spread, wilson
from utils.errors import BenchError

DRAWS = np.random.default_rng(7)


def drawn(clips=300, classes=30):
    """Return scores without ties, and labels."""
    scores = DRAWS.normal(size=(clips, classes)).astype(np.float32)
    return scores, DRAWS.integers(0, classes, clips)


def guessing(labels, right, classes):
    """Return scores whose highest is the label where `right`, and the next class where not."""
    guesses = np.where(right, labels, (labels + 1) % classes)
    return np.eye(classes, dtype=np.float32)[guesses]


@pytest.mark.parametrize(
    ("hits", "clips", "percent"),
    [(165, 258, 63.95), (227, 258, 87.98), (237, 258, 91.86), (137, 209, 65.55), (0, 5, 0.0), (5, 5, 100.0)],
)
def test_top_1_is_the_share_of_right_clips(hits, clips, percent):
    labels = np.arange(clips) % 100
    result = evaluate(guessing(labels, np.arange(clips) < hits, 100), labels)
    assert result["hits1"] == hits
    assert round(100 * result["top1"], 2) == percent


@pytest.mark.parametrize(
    ("hits", "clips", "low", "high"),
    [(165, 258, 57.9, 69.6), (0, 10, 0.0, 27.8), (10, 10, 72.2, 100.0), (1, 1, 20.7, 100.0)],
)
def test_wilson_gives_the_known_intervals(hits, clips, low, high):
    assert [round(100 * end, 1) for end in wilson(hits, clips)] == [low, high]


@pytest.mark.parametrize(("hits", "clips"), [(-1, 5), (6, 5), (0, 0)])
def test_what_is_not_a_rate_has_no_interval(hits, clips):
    with pytest.raises(ValueError, match="not a rate"):
        wilson(hits, clips)


@pytest.mark.parametrize("k", KS)
def test_top_k_is_scikit_learns_where_nothing_is_tied(k):
    scores, labels = drawn()
    expected = top_k_accuracy_score(labels, scores, k=k, labels=range(30))
    assert evaluate(scores, labels)[f"top{k}"] == pytest.approx(expected, abs=1e-12)


def test_cross_entropy_is_scikit_learns_and_does_not_mind_logits():
    scores, labels = drawn()
    wide = scores.astype(np.float64)
    probabilities = np.exp(wide) / np.exp(wide).sum(axis=1, keepdims=True)
    expected = log_loss(labels, probabilities, labels=range(30))
    assert evaluate(scores, labels)["loss"] == pytest.approx(expected, rel=1e-6)
    assert evaluate(np.log(probabilities), labels)["loss"] == pytest.approx(expected, rel=1e-12)


def test_per_class_is_the_mean_over_the_classes_that_have_clips():
    labels = np.array([0, 0, 0, 1, 3])
    result = evaluate(guessing(labels, np.array([True, False, False, True, False]), 12), labels)
    assert result["per_class_top1"] == pytest.approx((1 / 3 + 1 + 0) / 3)
    assert (result["classes_scored"], result["classes"]) == (3, 12)


def test_wlasl2000_without_clip_09500_is_scored_over_1999_classes():
    labels = np.array([label for label in range(2000) if label != 1658] + list(range(879)))
    result = evaluate(guessing(labels, labels % 2 == 0, 2000), labels)
    assert (result["clips"], result["classes_scored"]) == (2878, 1999)
    assert result["per_class_top1"] == pytest.approx(999 / 1999)
    assert all(value is None or math.isfinite(value) for value in result.values())


def test_per_class_of_any_selection_of_clips_is_a_number():
    assert per_class(np.array([True]), np.array([5])) == 1.0


def test_a_network_that_answers_the_same_for_every_class_is_never_right():
    labels = np.arange(20)
    result = evaluate(np.zeros((20, 20), np.float32), labels)
    assert (result["top1"], result["top10"], result["ties"]) == (0.0, 0.0, 20)


def test_a_tie_counts_against_the_system_at_the_k_where_it_matters():
    scores = np.array([[3, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]], np.float32)
    result = evaluate(scores, np.array([0]))
    assert (result["top1"], result["top2"], result["ties"]) == (0.0, 1.0, 1)


def test_a_k_that_is_not_below_the_classes_says_nothing():
    labels = np.arange(5)
    result = evaluate(np.eye(5, dtype=np.float32), labels)
    assert result["top2"] == 1.0
    for k in (5, 10):
        assert result[f"top{k}"] is result[f"top{k}_low"] is result[f"hits{k}"] is None
        assert result[f"per_class_top{k}"] is None


def test_a_probability_of_zero_costs_no_infinite_loss():
    scores = np.array([[0.0, -np.inf, -np.inf]], np.float32)
    assert evaluate(scores, np.array([1]))["loss"] == pytest.approx(103.28, abs=0.01)
    assert evaluate(scores, np.array([0]))["loss"] == 0.0


@pytest.mark.parametrize(
    ("scores", "labels", "words"),
    [
        ([[np.nan, 0.0]], [0], "not finite"),
        ([[0.0, 1.0], [np.inf, 0.0]], [0, 0], "1 of 2 clips, the first in row 1"),
        ([[-np.inf, -np.inf]], [0], "not finite"),
        ([[0.0, 1.0]], [2], "from 2 to 2, with 2 classes"),
        ([[0.0, 1.0]], [-1], "from -1 to -1"),
        ([[0.0, 1.0]], [0.5], "not integers"),
        ([[0.0, 1.0]], [0, 1], r"not \[N, C\] and \[N\]"),
        ([0.0, 1.0], [0, 1], r"not \[N, C\] and \[N\]"),
        (np.zeros((0, 3)), np.zeros(0, int), "not one clip"),
    ],
)
def test_scores_that_mean_nothing_are_refused_in_words(scores, labels, words):
    with pytest.raises(BenchError, match=words):
        evaluate(np.asarray(scores, np.float32), np.asarray(labels))


@given(st.integers(1, 40), st.integers(2, 15), st.integers(0, 2**32 - 1))
def test_measures_stay_in_their_order_for_any_scores(clips, classes, seed):
    draws = np.random.default_rng(seed)
    scores = draws.integers(-3, 3, (clips, classes)).astype(np.float32)
    labels = draws.integers(0, classes, clips)
    result = evaluate(scores, labels)
    rates = [result[f"top{k}"] for k in KS if result[f"top{k}"] is not None]
    assert rates
    assert rates == sorted(rates)
    assert all(result[f"top{k}_low"] <= result[f"top{k}"] <= result[f"top{k}_high"] for k in KS[: len(rates)])
    assert ((ranks(scores, labels) >= 0) & (ranks(scores, labels) < classes)).all()


@given(st.integers(0, 2**32 - 1))
def test_neither_the_order_of_clips_nor_a_renaming_of_classes_changes_anything(seed):
    draws = np.random.default_rng(seed)
    scores, labels = draws.normal(size=(25, 12)), draws.integers(0, 12, 25)
    clips, classes = draws.permutation(25), draws.permutation(12)
    moved = np.empty_like(scores)
    moved[:, classes] = scores
    assert evaluate(moved[clips], classes[labels][clips]) == pytest.approx(evaluate(scores, labels))


@pytest.mark.parametrize(
    ("values", "mean", "deviation"),
    [([0.5], 0.5, None), ([1.0, 2.0, 3.0], 2.0, 1.0), ([0.25, 0.25], 0.25, 0.0)],
)
def test_the_spread_over_seeds_is_the_sample_standard_deviation(values, mean, deviation):
    assert spread(values) == (mean, deviation)


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [(0, 0, 1.0), (5, 5, 1.0), (1, 9, 0.021484375), (0, 6, 0.03125), (9, 1, 0.021484375)],
)
def test_mcnemars_exact_test_gives_the_binomial_tail(first, second, p):
    labels = np.zeros(first + second + 3, int)
    one = np.arange(len(labels)) < first
    two = (np.arange(len(labels)) >= first) & (np.arange(len(labels)) < first + second)
    paired = mcnemar(guessing(labels, one, 3), guessing(labels, two, 3), labels)
    assert (paired.first, paired.second, paired.both, paired.neither) == (first, second, 0, 3)
    assert paired.p == pytest.approx(p)


def test_confusions_come_most_frequent_first_with_their_rows():
    labels = np.array([0, 1, 1, 2, 1])
    scores = np.eye(3, dtype=np.float32)[[0, 2, 2, 0, 1]]
    found = [(pair.true, pair.predicted, pair.rows) for pair in confusions(scores, labels)]
    assert found == [(1, 2, (1, 2)), (2, 0, (3,))]
