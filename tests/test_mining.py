"""Hard batches: which pairs are hard, how they are put together, and what an epoch of them holds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.engine import of_epoch, resumable
from benchmarks.mining import FILLED, MinedBatches, Mining, Schedule, grouped, hardness, part, ranked_pairs
from utils.errors import BenchError
from wlasl.clips import Clip
from wlasl.loader import Batch


def schedule(threshold=0.5, same_weight=1.0, least_used=0.0):
    return Schedule(threshold, same_weight, least_used)


class Clips:
    """A training part whose clips are numbers: what a batch was asked for with can be read off it."""

    def __init__(self, count, classes=4, size=4):
        self.labels = np.arange(count) % classes
        self.clips = tuple(
            Clip(f"{number:05}", str(label), int(label), "train") for number, label in enumerate(self.labels)
        )
        self.lengths = np.arange(count) % 5 + 1
        self.size, self.asked = size, []

    def steps(self):
        return -(-len(self.clips) // self.size)

    def batch(self, positions, key, *, train):
        self.asked.append((tuple(positions), key, train))
        positions = np.asarray(positions)
        inputs = np.zeros((len(positions), 5, 1, 2), np.float32) + positions[:, None, None, None]
        return Batch(inputs, self.labels[positions], positions, self.lengths[positions])

    def epoch(self, epoch, *, start=0, rank=0, world=1):
        del epoch, rank, world
        for step in range(start, self.steps()):
            yield self.batch(range(len(self.clips))[step * self.size : (step + 1) * self.size], 0, train=True)


def mining(embed=None, **changes):
    usual = {"size": 4, "seed": 0, "start": 1, "multiplier": 2, "count": 3, "schedule": schedule()}
    return Mining(embed=embed or (lambda batch: batch.inputs[:, 0, 0]), **{**usual, **changes})


def mined_of(train, chosen):
    """Return the mined batches of a part whose plain batches are its own."""
    return MinedBatches(train, train, chosen)


def test_a_pair_is_hard_where_one_sign_is_far_apart_or_two_are_near():
    vectors = np.array([[0.0], [4.0], [1.0], [10.0]], np.float32)
    labels = np.array([0, 0, 1, 1])
    hard = hardness(vectors, labels, 0.5)
    assert hard[0, 1] == pytest.approx(4 / 9 * 0.5)  # the farthest pair of one sign is 9 apart
    assert hard[2, 3] == pytest.approx(0.5)
    assert hard[0, 2] == pytest.approx(1 - 1 / 10)  # the farthest pair of two signs is 10 apart
    assert hard[0, 3] == pytest.approx(0)
    assert hard[1, 2] == pytest.approx(1 - 3 / 10)
    np.testing.assert_array_equal(hard, hard.T)


def test_pairs_are_ranked_hardest_first_each_once_and_none_below_the_threshold():
    hard = np.array([[0, 0.9, 0.2], [0.9, 0, 0.5], [0.2, 0.5, 0]])
    assert ranked_pairs(hard, 0.5).tolist() == [[0, 1], [1, 2]]
    assert ranked_pairs(hard, 0.1).tolist() == [[0, 1], [1, 2], [0, 2]]
    assert ranked_pairs(hard, 0.95).shape == (0, 2)


def test_embeddings_that_are_all_the_same_are_no_division_by_zero():
    order = grouped(np.zeros((8, 3), np.float32), np.arange(8) % 2, 4, schedule())
    assert sorted(order.tolist()) == list(range(8))


def test_near_clips_of_two_signs_come_into_one_batch():
    # Pairs 0-1, 2-3, ... lie together and far from all others; each is of two signs.
    vectors = np.repeat(np.arange(8) * 100.0, 2)[:, None].astype(np.float32)
    vectors[1::2] += 1
    labels = np.arange(16) % 2
    shuffled = np.random.default_rng(0).permutation(16)
    order = shuffled[grouped(vectors[shuffled], labels[shuffled], 4, schedule(0.99, 0.5))]
    batches = [set(rows) for rows in order.reshape(-1, 4).tolist()]
    together = [any({pair, pair + 1} <= batch for batch in batches) for pair in range(0, 16, 2)]
    # The search stops at 80 % of the clips: at 14 of 16, seven pairs.
    assert sum(together) >= FILLED * 8


def hard_by_hand(vectors, labels, plan):
    """Rank pairs as FIELD words it."""
    apart = np.sqrt(((vectors[:, None] - vectors[None]) ** 2).sum(-1))
    same = labels[:, None] == labels
    pairs = []
    for i, j in itertools.combinations(range(len(labels)), 2):
        share = apart[i, j] / apart[same == same[i, j]].max()
        score = share * plan.same_weight if same[i, j] else 1 - share
        if score >= plan.threshold:
            pairs.append((-score, i, j))
    return [pair[1:] for pair in sorted(pairs)]


def joined_by_hand(groups, i, j, size, most):
    """Put one pair into the groups as FIELD words it, and return the groups."""
    one, other = (next((group for group in groups if x in group), None) for x in (i, j))
    if one is None and other is None:
        if len(groups) < most:
            return [*groups, [i, j]]
        free = [group for group in groups if len(group) + 2 <= size]
        if free:
            free[0] += [i, j]
    elif one is None or other is None:
        group, new = (other, i) if one is None else (one, j)
        if len(group) < size:
            group.append(new)
    elif one is not other and len(one) + len(other) < size:
        one += other
        return [group for group in groups if group is not other]
    return groups


def by_hand(vectors, labels, size, plan):
    """Group clips as FIELD words it, without any of the tested code's structure."""
    groups, count = [], len(labels)
    for i, j in hard_by_hand(vectors, labels, plan):
        if sum(map(len, groups)) > FILLED * count:
            break
        groups = joined_by_hand(groups, i, j, size, -(-count // size))
    rest = [x for x in range(count) if not any(x in group for group in groups)]
    order = []
    for group in groups:
        order += group + [rest.pop(0) for _ in range(min(size - len(group), len(rest)))]
    return order + rest


@given(st.integers(0, 10_000), st.sampled_from([12, 16, 24]), st.sampled_from([0.3, 0.5, 0.8]))
def test_groups_are_those_of_the_rule_written_out(seed, count, threshold):
    rng = np.random.default_rng(seed)
    vectors, labels = rng.normal(size=(count, 3)).astype(np.float32), rng.integers(0, 4, count)
    labels[:2] = 0, 1
    plan = schedule(threshold, 0.9)
    assert grouped(vectors, labels, 4, plan).tolist() == by_hand(vectors.astype(float), labels, 4, plan)


@given(st.integers(0, 10_000), st.integers(4, 40), st.integers(2, 9))
def test_every_clip_comes_once(seed, count, size):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, 2)).astype(np.float32)
    order = grouped(vectors, rng.integers(0, 3, count), size, schedule(0.3))
    assert sorted(order.tolist()) == list(range(count))


def test_the_threshold_falls_while_few_triplets_are_used_and_rests_ten_steps_after_each_fall():
    plan = schedule(least_used=10)
    for _ in range(9):
        plan.saw(3)
    assert (plan.threshold, plan.same_weight) == (0.5, 1.0)
    plan.saw(3)
    assert (plan.threshold, plan.same_weight) == (0.4, 0.9)
    for _ in range(200):
        plan.saw(3)
    assert (plan.threshold, plan.same_weight) == (0.2, 0.6)
    enough = schedule(least_used=10)
    for _ in range(100):
        enough.saw(10)
    assert enough.threshold == 0.5
    never = schedule()
    for _ in range(100):
        never.saw(0)
    assert never.threshold == 0.5


def test_a_schedule_goes_on_from_its_state():
    plan, other = schedule(least_used=10), schedule(least_used=10)
    for used in (3, 4, 5, 20, 1, 0, 0, 0, 0, 0, 0, 2):
        plan.saw(used)
    other.restore(plan.state())
    assert other == plan
    assert other.threshold < 0.5


def test_batches_are_the_loaders_own_until_mining_starts():
    train = Clips(10)
    mined = MinedBatches(train, train, mining(start=2))
    assert of_epoch(mined, 1) is train
    assert mined.steps() == 3
    assert len(list(mined.epoch(0))) == 3
    assert of_epoch(mined, 2) is not train
    assert resumable(train, 1)


def test_an_epoch_takes_every_clip_so_many_times_in_full_batches():
    train = Clips(20)
    epoch = of_epoch(MinedBatches(train, train, mining()), 1)
    batches = list(epoch.epoch(1))
    # 20 clips: two rounds' worth of 8 and one of 4, each three times.
    assert len(batches) == epoch.steps() == 15
    assert {len(batch.labels) for batch in batches} == {4}
    seen = np.concatenate([batch.indices for batch in batches])
    assert (np.bincount(seen) == 3).all()
    assert len(epoch.clips) == len(epoch.labels) == 60
    assert all(epoch.clips[index].id == train.clips[index].id for index in seen)
    for batch in batches:
        assert batch.inputs.shape[1] == batch.lengths.max()
        np.testing.assert_array_equal(batch.inputs[:, 0, 0, 0], batch.indices)


def test_clips_that_fill_no_batch_are_left_out_of_that_epoch_and_others_of_the_next():
    mined = mined_of(Clips(11), mining(multiplier=2, count=2))
    left = []
    for number in range(1, 30):
        batches = list(of_epoch(mined, number).epoch(number))
        seen = {int(index) for batch in batches for index in batch.indices}
        assert len(seen) == 8
        left.append(frozenset(range(11)) - seen)
    assert len(set(left)) > 5


def test_the_network_is_asked_when_a_round_begins_and_not_before():
    asked = []

    def embed(batch):
        asked.append(len(batch.labels))
        return batch.inputs[:, 0, 0]

    batches = of_epoch(mined_of(Clips(16), mining(embed)), 1).epoch(1)
    counts = [(next(batches), len(asked))[1] for _ in range(12)]
    assert counts == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]


def test_rounds_of_the_same_clips_are_varied_differently():
    train = Clips(8)
    list(of_epoch(MinedBatches(train, train, mining()), 1).epoch(1))
    keys = [key for _, key, varied in train.asked if varied]
    assert keys == [(1, 1), (1, 2), (1, 3)]


def test_an_epoch_is_taken_up_at_the_start_of_a_round_and_nowhere_else():
    mined = mined_of(Clips(20), mining())
    epoch = of_epoch(mined, 1)
    assert [step for step in range(16) if resumable(epoch, step)] == [0, 2, 4, 6, 8, 10, 12, 13, 14, 15]
    whole = [batch.indices.tolist() for batch in epoch.epoch(1)]
    for start in (0, 2, 6, 10, 13, 15):
        assert [batch.indices.tolist() for batch in epoch.epoch(1, start=start)] == whole[start:]
    with pytest.raises(ValueError, match="within a round"):
        next(epoch.epoch(1, start=3))


def test_fewer_clips_than_a_batch_are_refused():
    with pytest.raises(BenchError, match="batches of 4 cannot be formed of 3 clips"):
        mined_of(Clips(3), mining())


def test_a_part_of_a_batch_without_lengths_keeps_all_frames():
    whole = Batch(np.zeros((3, 5, 1, 2), np.float32), np.arange(3), np.arange(3))
    assert part(whole, np.array([2, 0])).inputs.shape == (2, 5, 1, 2)
