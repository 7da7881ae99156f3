"""Plans: the lines that are to be carried out, as a file that runs on every cluster."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path

import pytest

from slurm.plan import Plan, Task, read_plan, write_plan
from slurm.profiles import Profile
from utils.errors import BenchError

NASTY = ("run", "--runs", '/a b/it\'s "q" $HOME;%j', "--set", "x=ü\n", "")


def plan(folder: Path, count: int = 2) -> Plan:
    tasks = tuple(Task(f"{n:016x}", (*NASTY, str(n)), f"gru sample seed {n}") for n in range(count))
    return Plan(
        tasks,
        folder / "runs",
        folder / "results",
        profile=Profile(gpus="2", environment={"A": "profile"}),
        cwd=folder,
        environment={"A": "plan", "B": "b"},
        files={"/f": "text"},
    )


def test_a_plan_is_read_as_it_was_written(tmp_path: Path):
    write_plan(tmp_path / "p.json", plan(tmp_path))
    assert read_plan(tmp_path / "p.json") == plan(tmp_path)


def test_a_line_can_be_typed_into_a_shell(tmp_path: Path):
    one = plan(tmp_path)
    assert shlex.split(one.line(one.tasks[0])) == ["bench", *NASTY, "0"]


def test_a_plan_starts_this_project_unless_it_names_another_program(tmp_path: Path):
    one = plan(tmp_path)
    assert one.command(one.tasks[0])[1].endswith("wlasl_bench.py")
    other = Plan(one.tasks, one.runs, one.results, program=("true",))
    assert other.command(one.tasks[1]) == ["true", *NASTY, "1"]


def test_the_profile_has_the_last_word_on_variables(tmp_path: Path):
    assert plan(tmp_path).variables() == {"A": "profile", "B": "b"}


def test_some_tasks_of_a_plan_keep_their_order(tmp_path: Path):
    one = plan(tmp_path, 4)
    keys = [task.key for task in one.tasks]
    assert [task.key for task in one.of([keys[3], keys[1]]).tasks] == [keys[1], keys[3]]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format": 99}, "written by a newer version"),
        ({"tasks": [{"key": "../../etc", "argv": []}]}, "cannot be a task's key"),
        ({"tasks": [{"key": "a", "argv": "run"}]}, "is no list of words"),
        ({"tasks": [{"key": "a", "argv": []}] * 2}, "two of its tasks have the same key"),
        ({"profile": {"gpu": 1}}, "a profile has no 'gpu'"),
        ({"environment": ["A"]}, "is no table of texts"),
        ({"runs": None}, "is no plan"),
    ],
)
def test_a_wrong_plan_is_answered_with_a_sentence(tmp_path: Path, change: dict[str, object], sentence: str):
    path = tmp_path / "p.json"
    write_plan(path, plan(tmp_path))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(BenchError) as refused:
        read_plan(path)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("text", ["[]", "{}", "1", "null"])
def test_a_file_that_is_no_plan_is_answered_with_a_sentence(tmp_path: Path, text: str):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(BenchError, match="is no plan"):
        read_plan(tmp_path / "p.json")


def test_ten_thousand_tasks_are_written_and_read_in_a_second_or_two(tmp_path: Path):
    began = time.perf_counter()
    write_plan(tmp_path / "p.json", plan(tmp_path, 10_000))
    assert len(read_plan(tmp_path / "p.json").tasks) == 10_000
    assert time.perf_counter() - began < 5
