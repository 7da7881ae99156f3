"""The learning rate at each step, the same for every engine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.recipe_base import Recipe
from benchmarks.schedule import learning_rate, plateaus_met


def recipe(**fields: object) -> Recipe:
    given_fields = {"epochs": 10, "lr": 0.5, "warmup_epochs": 2.0, "min_lr": 0.1, **fields}
    return Recipe.model_validate({"model": "any", "split": "sample", **given_fields})


@pytest.mark.parametrize(
    ("schedule", "epoch", "expected"),
    [
        ("constant", 0.0, 0.005),  # a hundredth: the first step should move
        ("constant", 1.0, 0.25),
        ("constant", 2.0, 0.5),
        ("constant", 9.9, 0.5),
        ("cosine", 1.0, 0.25),
        ("cosine", 2.0, 0.5),
        ("cosine", 6.0, 0.3),  # half-way between lr and min_lr
        ("cosine", 10.0, 0.1),
        ("cosine", 11.0, 0.1),
        ("plateau", 1.0, 0.25),
        ("plateau", 5.0, 0.5),
    ],
)
def test_the_learning_rate_rises_then_follows_its_schedule(schedule: str, epoch: float, expected: float):
    assert learning_rate(recipe(schedule=schedule), epoch) == pytest.approx(expected)


@pytest.mark.parametrize(("plateaus", "expected"), [(0, 0.5), (1, 0.25), (2, 0.125), (3, 0.1), (99, 0.1)])
def test_each_plateau_lowers_the_learning_rate_down_to_its_end(plateaus: int, expected: float):
    falling = recipe(schedule="plateau", plateau_factor=0.5)
    assert learning_rate(falling, 5.0, plateaus) == pytest.approx(expected)


def test_without_warm_up_the_first_step_has_the_whole_learning_rate():
    assert learning_rate(recipe(warmup_epochs=0), 0.0) == 0.5


def test_a_warm_up_longer_than_the_run_is_no_error():
    assert learning_rate(recipe(warmup_epochs=40), 10.0) == pytest.approx(0.125)
    assert learning_rate(recipe(warmup_epochs=10), 10.0) == pytest.approx(0.5)


@given(
    schedule=st.sampled_from(["constant", "cosine", "plateau", "train-plateau"]),
    epoch=st.floats(0, 12),
    warmup=st.floats(0, 12),
    plateaus=st.integers(0, 40),
)
def test_no_learning_rate_is_above_the_highest_or_below_zero(
    schedule: str, epoch: float, warmup: float, plateaus: int
):
    rate = learning_rate(recipe(schedule=schedule, warmup_epochs=warmup), epoch, plateaus)
    assert 0 < rate <= 0.5


@pytest.mark.parametrize(
    ("losses", "patience", "expected"),
    [
        ([], 0, 0),
        ([3, 2, 1], 0, 0),
        ([3, 3], 0, 1),  # equal is no progress
        ([3, 4, 5], 0, 2),
        ([3, 4, 2, 4], 0, 2),
        ([3, 4, 4], 2, 0),
        ([3, 4, 4, 4], 2, 1),
        ([3, 4, 4, 4, 4, 4], 2, 1),  # the waiting begins anew after each plateau
        ([3, 4, 4, 4, 4, 4, 4], 2, 2),
        ([3, 4, 4, 2, 4, 4, 4], 2, 1),
    ],
)
def test_a_plateau_is_patience_and_one_more_epochs_without_a_new_best(
    losses: list[float], patience: int, expected: int
):
    assert plateaus_met(recipe(plateau_patience=patience), losses) == expected
