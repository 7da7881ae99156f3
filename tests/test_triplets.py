"""Triplets drawn at random, and training parts of which none can be formed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmarks.triplets import Companies, RandomTriplets, Triplets, accompanied, check, drawn
from tests.test_mining import Clips
from utils.errors import BenchError


def test_a_positive_is_another_clip_of_the_sign_and_a_negative_one_of_another():
    labels = np.arange(30) % 5
    anchors = np.arange(30)
    positives, negatives = [], []
    for seed in range(200):
        positive, negative = drawn(labels, anchors, np.random.default_rng(seed))
        assert (labels[positive] == labels).all()
        assert (positive != anchors).all()
        assert (labels[negative] != labels).all()
        positives.append(positive[0])
        negatives.append(negative[0])
    assert set(positives) == {5, 10, 15, 20, 25}
    assert set(negatives) == {clip for clip in range(30) if clip % 5}


def test_a_clip_that_is_alone_in_its_sign_is_its_own_positive():
    positive, negative = drawn(np.array([0, 1, 1]), np.array([0, 2]), np.random.default_rng(0))
    assert positive.tolist() == [0, 1]
    assert negative[0] in {1, 2}
    assert negative[1] == 0


def test_anchors_are_varied_and_the_other_two_are_not():
    train = Clips(8)
    batches = list(RandomTriplets(train, 0).epoch(3))
    assert len(batches) == 2
    for batch in batches:
        assert isinstance(batch, Triplets)
        assert len(batch.positive.labels) == len(batch.negative.labels) == len(batch.labels) == 4
    assert [varied for _, _, varied in train.asked] == [True, False, False] * 2


def test_what_is_drawn_depends_on_seed_epoch_and_step_alone():
    def indices(seed, epoch, start=0):
        found = RandomTriplets(Clips(8), seed).epoch(epoch, start=start)
        return [(batch.positive.indices.tolist(), batch.negative.indices.tolist()) for batch in found]

    assert indices(0, 3) == indices(0, 3)
    assert indices(0, 3)[1:] == indices(0, 3, start=1)
    assert indices(0, 3) != indices(0, 4)
    assert indices(0, 3) != indices(1, 3)


@pytest.mark.parametrize(
    ("labels", "size", "words"),
    [
        ([0, 0, 0], 3, "they show one sign"),
        ([0, 1, 2, 3], 3, "no sign has two of them"),
        ([0, 0, 1], 2, "Set batch_size to 3 or more"),
        ([], 3, "of 0 training clips of sample: they show one sign"),
    ],
)
def test_parts_without_a_triplet_are_refused_in_words(labels, size, words):
    with pytest.raises(BenchError, match=words):
        check(np.array(labels, np.int64), size, "sample")


def test_one_sign_with_two_clips_is_enough():
    check(np.array([0, 0, 1]), 3, "sample")


def test_clips_of_one_sign_come_in_company_and_every_clip_comes_once():
    labels = np.repeat([0, 1, 2, 5, 7], [6, 3, 3, 3, 6])
    orders = [accompanied(labels, 3, np.random.default_rng(seed)) for seed in range(50)]
    for order in orders:
        assert sorted(order.tolist()) == list(range(21))
        companies = labels[order].reshape(-1, 3)
        assert (companies == companies[:, :1]).all()
    assert len({tuple(order) for order in orders}) == 50
    assert len({tuple(labels[order]) for order in orders}) > 30
    # Who keeps whom company is drawn anew, too.
    assert len({frozenset(order[labels[order] == 0][:3].tolist()) for order in orders}) > 10


def test_a_company_may_be_smaller_where_a_sign_has_no_more_clips():
    order = accompanied(np.repeat([0, 1], [5, 1]), 4, np.random.default_rng(1))
    assert sorted(order.tolist()) == list(range(6))
    assert accompanied(np.zeros(0, np.int64), 4, np.random.default_rng(1)).shape == (0,)


def test_batches_in_company_are_varied_and_can_be_taken_up_anywhere():
    train = Clips(11)
    part = Companies(train, 4, 2, 0)
    whole = [batch.indices.tolist() for batch in part.epoch(3)]
    assert part.steps() == len(whole) == 3
    assert [batch.indices.tolist() for batch in part.epoch(3, start=1)] == whole[1:]
    assert sorted(itertools.chain(*whole)) == list(range(11))
    assert all(key == 3 and varied for _, key, varied in train.asked)
    assert [batch.indices.tolist() for batch in part.epoch(4)] != whole
    pairs = sum(np.sum(np.diff(train.labels[rows]) == 0) for rows in whole)
    assert pairs >= 4
