"""What was submitted, on disk: whole or not at all, and healed where the submitting command was killed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slurm.ledger import NEVER_ARRIVED, Ledger
from slurm.plan import Plan, Task
from slurm.submission import last_line
from utils.errors import BenchError

KEYS = [f"{number:016x}" for number in range(5)]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    tasks = tuple(Task(key, ("run", "--seed", str(n))) for n, key in enumerate(KEYS))
    return Plan(tasks, tmp_path / "runs", tmp_path / "results", files={str(tmp_path / "r.toml"): "lr = 1\n"})


@pytest.fixture
def ledger(plan: Plan) -> Ledger:
    return Ledger(plan.runs)


def test_a_submission_is_found_again_with_all_that_it_was_given(ledger: Ledger, plan: Plan):
    made = ledger.new(plan, "slurm", 2)
    (found,) = ledger.submissions()
    assert (found.id, found.plan, found.cluster) == (made.id, plan, "slurm")
    assert [chunk.keys for chunk in found.chunks()] == [tuple(KEYS[:2]), tuple(KEYS[2:4]), tuple(KEYS[4:])]
    assert {chunk.state for chunk in found.chunks()} == {"intended"}
    assert len({chunk.name for chunk in found.chunks()}) == 3
    assert ledger.submission(made.id).keys() == KEYS
    assert [Path(path).read_text() for path in plan.files] == ["lr = 1\n"]


def test_a_local_submission_has_no_job_arrays(ledger: Ledger, plan: Plan):
    assert ledger.new(plan, "local").chunks() == []


def test_half_a_submission_is_none(ledger: Ledger, plan: Plan, monkeypatch: pytest.MonkeyPatch):
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        ledger.new(plan, "slurm")
    assert ledger.submissions() == []


@pytest.mark.parametrize("name", ["", "..", "../x", "20200101-000000-abcdef"])
def test_an_unknown_submission_is_answered_with_a_sentence(ledger: Ledger, name: str):
    with pytest.raises(BenchError, match="There is no submission"):
        ledger.submission(name)


def test_an_array_that_slurm_has_is_found_by_its_name_and_any_other_was_never_submitted(
    ledger: Ledger, plan: Plan
):
    one = ledger.new(plan, "slurm", 2)
    first, second, _ = one.chunks()
    asked: list[list[str]] = []

    def names(wanted):
        asked.append(list(wanted))
        return {second.name: "42"}

    assert ledger.heal(names)
    states = [(chunk.state, chunk.job, chunk.why) for chunk in one.chunks()]
    assert states == [
        ("refused", None, NEVER_ARRIVED),
        ("submitted", "42", ""),
        ("refused", None, NEVER_ARRIVED),
    ]
    assert first.name in asked[0]
    assert ledger.heal(names)
    assert len(asked) == 1, "nothing is open any more, so nobody is asked"


def test_nothing_is_decided_while_slurm_does_not_answer(ledger: Ledger, plan: Plan):
    one = ledger.new(plan, "slurm")
    assert not ledger.heal(lambda _: None)
    assert [chunk.state for chunk in one.chunks()] == ["intended"]


@pytest.mark.parametrize(
    ("code", "told", "sentence"),
    [
        (0, (0, None), "exit code 0"),
        (3, (3, None), "exit code 3"),
        (-9, (137, 9), "killed by SIGKILL"),
        (-63, (191, 63), "killed by signal 63"),
    ],
)
def test_an_end_says_what_was_seen(ledger: Ledger, plan: Plan, code: int, told: tuple, sentence: str):
    one = ledger.new(plan, "local")
    one.log(KEYS[0]).write_text("Traceback\nValueError: no\n\n")
    one.ended(KEYS[0], code, attempts=2)
    end = one.end(KEYS[0])
    assert end is not None
    assert ((end.code, end.signal), end.sentence, end.attempts) == (told, sentence, 2)
    assert end.last == "ValueError: no"
    assert list(one.ends()) == [KEYS[0]]
    one.forget_end(KEYS[0])
    assert one.end(KEYS[0]) is None


def test_a_cancelled_task_is_known_for_it(ledger: Ledger, plan: Plan):
    one = ledger.new(plan, "local")
    one.cancel(KEYS[1])
    assert one.cancelled() == {KEYS[1]}
    assert [one.is_cancelled(key) for key in KEYS[:2]] == [False, True]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"code": 1}', b"\x00\xff"])
def test_a_damaged_end_is_no_end(ledger: Ledger, plan: Plan, damage: bytes):
    one = ledger.new(plan, "local")
    (one.folder / "ends" / f"{KEYS[0]}.json").write_bytes(damage)
    (one.folder / "chunks.json").write_bytes(damage)
    assert one.end(KEYS[0]) is None
    assert one.ends() == {}
    assert one.chunks() == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a\nb\n", "b"), ("", ""), ("a\r 10%\r 20%\n \n", "20%"), ("x" * 900, "x" * 500), ("\n\n", "")],
)
def test_the_last_line_is_the_last_that_says_something(tmp_path: Path, text: str, expected: str):
    (tmp_path / "log").write_bytes(text.encode())
    assert last_line(tmp_path / "log") == expected
    assert last_line(tmp_path / "absent") == ""
