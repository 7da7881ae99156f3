"""A wrong name is answered with the nearest right ones, and only plain names become paths."""

from __future__ import annotations

import pytest

from utils.errors import USAGE, BenchError
from utils.names import is_safe_id, lookup, nearest, whole_numbers

MODELS = {"movinet-a0": 0, "movinet-a3": 3, "s3d": 1, "i3d": 2, "x3d-s": 4}


def test_a_right_name_is_looked_up():
    assert lookup("model", "s3d", MODELS) == 1


@pytest.mark.parametrize(
    ("wrong", "answer"),
    [
        ("movinet_a3", "movinet-a3"),
        ("MoViNet-A3", "movinet-a3"),
        ("s3", "s3d"),
        ("x3ds", "x3d-s"),
        ("resnet", "Known: i3d, movinet-a0, movinet-a3, s3d, x3d-s."),
        ("", "Known: "),
    ],
)
def test_a_wrong_name_is_answered(wrong: str, answer: str):
    with pytest.raises(BenchError) as caught:
        lookup("model", wrong, MODELS)
    assert f"There is no model named {wrong!r}. " in str(caught.value)
    assert answer in str(caught.value)
    assert caught.value.exit_code == USAGE


def test_at_most_three_names_are_offered():
    assert nearest("movinet", [f"movinet-a{i}" for i in range(6)]).count("movinet") == 3


@pytest.mark.parametrize("name", ["12345", "a", "WLASL.00_1-b", "x" * 128])
def test_a_plain_name_is_safe(name: str):
    assert is_safe_id(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "-x", ".x", "a b", "a\n", "ä", "x" * 129, "a\0"]
)
def test_any_other_name_is_not(name: str):
    assert not is_safe_id(name)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("0..2", [0, 1, 2]), ("3,0,3", [3, 0]), ("7", [7]), ("2..1", []), ("a", []), ("1..", []), ("", [])],
)
def test_a_list_of_numbers_is_read_and_what_is_none_is_empty(text, numbers):
    assert whole_numbers(text) == numbers
