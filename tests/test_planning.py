"""From what is asked for to lines: every combination once, recipes frozen, ten thousand in a moment."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.asked import asked
from benchmarks.planning import Wanted, planned
from benchmarks.recipe import parse_settings, recipe_fields, resolve
from slurm.profiles import Profile
from utils.errors import BenchError


@pytest.fixture
def wanted(tmp_path: Path) -> Wanted:
    return Wanted(["gru"], ["sample"], tmp_path / "runs", tmp_path / "results")


def test_every_combination_has_a_line_of_its_own(wanted: Wanted):
    more = replace(
        wanted, models=["gru", "spoter"], splits=["100", "sample"], recipes=["fixed", None], seeds=[0, 1]
    )
    plan = planned(more, Profile())
    assert len(plan.tasks) == 8, "fixed is what a landmark system does by default: the same key"
    assert len({task.key for task in plan.tasks}) == 8
    assert plan.tasks[0].label == "gru 100 fixed seed 0"


def test_a_line_is_what_bench_run_takes_and_its_key_is_the_runs(wanted: Wanted):
    more = replace(
        wanted,
        seeds=[3],
        recipes=["fixed"],
        fields={"landmarks": "true"},
        settings=["lr=3e-4", "epochs=2"],
        rest=["--device", "cpu"],
    )
    (task,) = planned(more, Profile()).tasks
    assert task.argv == (
        *("run", "--model", "gru", "--split", "sample", "--recipe", "fixed", "--landmarks", "true"),
        *("--set", "lr=3e-4", "--set", "epochs=2", "--seed", "3", "--device", "cpu"),
        *("--if-running", "leave"),
    )
    layers = recipe_fields("gru", "fixed"), {"landmarks": "true"}, parse_settings(more.settings)
    assert task.key == asked(resolve("gru", "sample", *layers, {"seed": 3}))


def test_without_seeds_the_recipes_own_counts(wanted: Wanted):
    (task,) = planned(replace(wanted, settings=["seed=7"]), Profile()).tasks
    assert task.argv[-4:-2] == ("--seed", "7")


def test_a_recipes_file_that_is_edited_later_changes_nothing(wanted: Wanted, tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text("lr = 0.5\nepochs = 3\n")
    plan = planned(replace(wanted, recipes=[str(file)]), Profile())
    file.write_text("lr = 0.1\n")
    ((copy, text),) = plan.files.items()
    assert copy in plan.tasks[0].argv
    assert json.loads(text) == {"lr": 0.5, "epochs": 3}
    assert Path(copy).parent == tmp_path / "runs" / "jobs" / "recipes"
    assert not Path(copy).exists(), "a plan writes nothing"
    Path(copy).parent.mkdir(parents=True)
    Path(copy).write_text(text)
    assert plan.tasks[0].key == asked(resolve("gru", "sample", recipe_fields("gru", copy)))


@pytest.mark.parametrize(
    ("change", "profile", "sentence"),
    [
        ({"models": ["gruu"]}, {}, "There is no model named 'gruu'"),
        ({"settings": ["lrr=1"]}, {}, "A recipe has no field 'lrr'"),
        ({"recipes": ["absent"]}, {}, "There is no recipe of gru named 'absent'"),
        ({"models": ["spobet"]}, {"nodes": 2}, "spobet runs on tensorflow, in one process"),
        (
            {"models": ["gru", "movinet-a0-stream"], "fields": {"engine": "tensorflow"}},
            {},
            "no tensorflow engine",
        ),
    ],
)
def test_a_mistake_is_answered_before_anything_is_submitted(wanted, change, profile, sentence):
    with pytest.raises(BenchError) as refused:
        planned(replace(wanted, **change), Profile(**profile))
    assert sentence in str(refused.value)


def test_what_matters_of_the_environment_goes_with_the_plan(wanted: Wanted, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WLASL_ROOT", "/a b")
    assert planned(wanted, Profile()).environment["WLASL_ROOT"] == "/a b"


def test_ten_thousand_runs_are_planned_within_seconds(wanted: Wanted):
    began = time.process_time()
    plan = planned(
        replace(wanted, models=["gru", "spoter"], splits=["100", "sample"], seeds=range(2500)), Profile()
    )
    assert len(plan.tasks) == 10_000
    assert time.process_time() - began < 5
