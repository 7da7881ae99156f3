"""From what is asked for to lines: every combination once, recipes frozen, ten thousand in a moment."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.asked import asked, asked_of
from benchmarks.inputs import complete, initial_weights
from benchmarks.planning import Wanted, planned
from benchmarks.recipe import parse_settings, recipe_fields, resolve, revised
from slurm.profiles import Profile
from utils.errors import BenchError
from utils.files import short_hash


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


@pytest.mark.parametrize("name", ["My_File.npz", "hrnet v1.2.npz", "Folder.of.mine", "asl300_hands.npz"])
@pytest.mark.parametrize("weights", ["best.pt", "none"])
def test_a_key_is_the_same_before_and_after_a_run_wherever_files_are_named(
    wanted: Wanted, tmp_path: Path, name: str, weights: str
):
    file = tmp_path / "a folder" / weights
    file.parent.mkdir()
    file.write_bytes(b"weights of a network")
    told = {"landmarks": str(tmp_path / name), "weights": weights if weights == "none" else str(file)}
    (task,) = planned(replace(wanted, fields=told), Profile()).tasks
    recipe = resolve("gru", "sample", told)
    inputs = SimpleNamespace(content=lambda: "c" * 12)
    filled = complete(recipe, inputs, initial_weights(recipe))
    assert task.key == asked(recipe) == asked(filled)
    assert asked(filled) == asked_of(json.loads(filled.model_dump_json()))


def test_the_key_of_names_is_what_it_was():
    for told in ({"landmarks": "pose-hands"}, {"weights": "run:0123456789ab"}, {"weights": "kinetics"}):
        recipe = resolve("gru", "sample", told)
        fields = recipe.model_dump(mode="json")
        left = {name: fields[name] for name in fields if name not in {"clips", "weights_sha256"}}
        assert asked(recipe) == short_hash(left, 16)
        assert asked(revised(recipe, clips="c", weights_sha256="ab" * 32)) == short_hash(left, 16)


def test_two_files_of_weights_that_have_one_name_are_two_runs(wanted: Wanted, tmp_path: Path):
    keys = set()
    for number in range(2):
        file = tmp_path / str(number) / "best.pt"
        assert len(planned(replace(wanted, fields={"weights": str(file)}), Profile()).tasks) == 1
        file.parent.mkdir()
        file.write_bytes(b"weights %d" % number)
        (task,) = planned(replace(wanted, fields={"weights": str(file)}), Profile()).tasks
        keys.add(task.key)
    assert len(keys) == 2


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
