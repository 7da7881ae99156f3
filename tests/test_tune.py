"""`bench tune` from its words to its best recipe, its table and its pictures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from studies import SPACE, made

from benchmarks.recipe import read_recipe, resolve
from benchmarks.records import read_record, read_records, write_record
from benchmarks.schema import Record, Tuning
from benchmarks.study import Settings, Study, Trial, open_study
from benchmarks.table import load_table
from benchmarks.tune_asked import SEED, TRIALS, Base, Search, seeds_of, settings_of
from benchmarks.tune_best import best_of, best_recipe, front, hours, tried, tuning, write_best
from utils.errors import BenchError

HOME = Path(__file__).resolve().parent.parent
GRU = Base("gru", "sample")


def study_of(runs: Path, *rows: dict[str, Any], **fields: Any) -> Study:
    """Make a study with these trials in it."""
    study = made(runs, **fields)
    parameters = {"lr": 1e-3, "dropout": 0.1, "hidden": 32, "layers": 1}
    for number, row in enumerate(rows):
        trial = {"number": number, "root": number, "state": "complete", "parameters": parameters, **row}
        study.write(Trial.model_validate(trial))
    return study


def test_a_model_is_all_that_need_be_said(tmp_path: Path):
    settings = settings_of(Search(), GRU, tmp_path)
    assert (settings.study, settings.library, settings.tuner, settings.pruner) == (
        *("gru-sample-tpe", "optuna", "tpe", "none"),
    )
    assert (settings.trials, settings.seed, settings.objectives) == (TRIALS, SEED, ("val_top1",))
    assert settings.base == resolve("gru", "sample")
    assert set(settings.space) == {"lr", "dropout", "weight_decay", "hidden", "layers"}


@pytest.mark.parametrize(
    ("model", "search", "library", "pruner"),
    [
        ("gru", Search(tuner="hyperband"), "optuna", "hyperband"),
        ("spobet", Search(tuner="hyperband"), "keras-tuner", "none"),
        ("spobet", Search(tuner="bayesian"), "keras-tuner", "none"),
        ("spobet", Search(tuner="tpe"), "optuna", "none"),
        ("spobet", Search(tuner="bayesian", library="optuna"), "optuna", "none"),
        ("spobet", Search(tuner="tpe", pruner="median"), "optuna", "median"),
        ("gru", Search(tuner="bayesian", objective="val_top1,latency"), "optuna", "none"),
    ],
)
def test_the_library_is_the_one_that_fits_the_engine_and_the_tuner(
    tmp_path: Path, model: str, search: Search, library: str, pruner: str
):
    settings = settings_of(search, Base(model, "100"), tmp_path)
    assert (settings.library, settings.pruner) == (library, pruner)


@pytest.mark.parametrize(
    ("search", "why"),
    [
        (Search(tuner="tpee"), "Did you mean tpe"),
        (Search(objective="top1"), "Did you mean val_top1"),
        (Search(objective="val_top1,val_top1"), "named twice"),
        (Search(pruner="medan"), "Did you mean median"),
        (Search(library="optua"), "Did you mean optuna"),
        (Search(tuner="hyperband", objective="val_top1,latency"), "several objectives"),
        (Search(pruner="asha", objective="latency"), "known at its end alone"),
        (Search(library="keras-tuner"), "keras-tuner searches by bayesian"),
        (Search(library="keras-tuner", tuner="bayesian", pruner="asha"), "keras-tuner searches by bayesian"),
        (Search(searches=["lr"]), "--search takes"),
        (Search(study="../x", trials=1), "cannot be called"),
    ],
)
def test_what_cannot_be_searched_is_answered_with_what_can(tmp_path: Path, search: Search, why: str):
    from benchmarks.study import begin_study  # noqa: PLC0415

    with pytest.raises(BenchError, match=why):
        begin_study(tmp_path, settings_of(search, GRU, tmp_path))


def test_neither_a_model_nor_a_study_is_a_sentence(tmp_path: Path):
    with pytest.raises(BenchError, match="Say what to tune with --model"):
        settings_of(Search(), Base(None, "100"), tmp_path)


def test_a_study_that_has_begun_need_only_be_named(tmp_path: Path):
    study = made(tmp_path)
    assert settings_of(Search(study="made"), Base(None, "100"), tmp_path) == study.settings
    assert settings_of(Search(study="made", trials=99), Base(None, "100"), tmp_path).trials == 99


def test_a_field_that_is_set_is_not_searched_unless_it_is_also_named(tmp_path: Path):
    fixed = Base("gru", "sample", settings=["hidden=64", "epochs=3"])
    assert "hidden" not in settings_of(Search(), fixed, tmp_path).space
    both = settings_of(Search(searches=["hidden=16,32"]), fixed, tmp_path)
    assert both.space["hidden"] == "16,32"
    assert both.base.epochs == 3


@pytest.mark.parametrize(
    ("text", "seeds"), [("0..2", [0, 1, 2]), ("3,1,3", [3, 1]), ("none", []), ("7", [7])]
)
def test_seeds_are_a_range_or_a_list(text: str, seeds: list[int]):
    assert seeds_of(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "2..0", "1..", "-1", "0..b"])
def test_seeds_that_are_none_are_a_sentence(text: str):
    with pytest.raises(BenchError, match="--seeds takes"):
        seeds_of(text)


def test_the_best_is_by_the_first_objective_then_the_next_then_the_earliest(tmp_path: Path):
    rows = [
        {"values": {"val_top1": 0.5, "latency": 2.0}},
        {"values": {"val_top1": 0.7, "latency": 3.0}},
        {"values": {"val_top1": 0.7, "latency": 1.0}},
        {"values": {"val_top1": 0.7, "latency": 1.0}},
        {"values": {"val_top1": 0.4, "latency": 0.5}},
        {"state": "pruned", "curve": [0.9]},
        {"state": "failed", "reason": "The loss is nan"},
    ]
    study = study_of(tmp_path, *rows, objectives=("val_top1", "latency"))
    trials = study.all().values()
    assert best_of(study, trials).number == 2
    assert [trial.number for trial in front(study, trials)] == [2, 3, 4]
    assert tried(trials) == 7


def test_a_loss_is_the_better_the_lower(tmp_path: Path):
    study = study_of(
        tmp_path, {"values": {"val_loss": 0.5}}, {"values": {"val_loss": 0.3}}, objectives=("val_loss",)
    )
    assert best_of(study, study.all().values()).number == 1


def test_hours_count_the_time_before_a_checkpoint_once(tmp_path: Path):
    study = study_of(
        tmp_path,
        {"seconds": 1800.0, "state": "lost"},
        {"seconds": 3600.0, "root": 0, "retry_of": 0, "values": {"val_top1": 0.5}},
        {"seconds": 720.0, "state": "pruned"},
    )
    assert hours(study.all().values()) == 1.2
    assert tuning(study) == Tuning(
        study="made", tuner="optuna random", objectives=("val_top1",), trials=2, hours=1.2
    )


def test_the_best_recipe_is_a_file_that_bench_run_takes_and_says_where_it_came_from(tmp_path: Path):
    study = study_of(tmp_path, {"values": {"val_top1": 0.5}, "seconds": 36.0})
    path = write_best(study)
    assert path.read_text().startswith(
        "# Trial 0 of study made (optuna random, 1 trials, 0.01 h): val_top1 0.5"
    )
    fields = {name: value for name, value in read_recipe(path).items() if name not in {"model", "split"}}
    assert resolve("gru", "sample", fields) == best_recipe(study)[0]
    assert best_recipe(study)[0].hidden == 32


def test_several_objectives_leave_a_recipe_per_trial_of_the_front(tmp_path: Path):
    rows = [{"values": {"val_top1": 0.5, "latency": 2.0}}, {"values": {"val_top1": 0.4, "latency": 1.0}}]
    study = study_of(tmp_path, *rows, objectives=("val_top1", "latency"))
    write_best(study)
    assert sorted(path.name for path in study.folder.glob("front-*.toml")) == ["front-0.toml", "front-1.toml"]


def test_a_study_without_a_complete_trial_has_no_best_and_says_why(tmp_path: Path):
    study = study_of(tmp_path, {"state": "failed", "reason": "The loss is nan."})
    with pytest.raises(
        BenchError, match=r"No trial of made is complete\. The last that failed: The loss is nan"
    ):
        best_recipe(study)


def record(**fields: Any) -> Record:
    """Return a finished run's record."""
    recipe = resolve("gru", "sample").model_dump(mode="json")
    base = {"status": "done", "recipe": recipe, "metrics": {"test": {"top1": 0.5, "clips": 4, "classes": 2}}}
    made_of = {**base, **fields}
    from benchmarks.schema import run_id  # noqa: PLC0415

    return Record.model_validate({"id": run_id(made_of["recipe"]), **made_of})


def test_the_table_says_that_a_recipe_was_tuned_and_at_what_cost(tmp_path: Path):
    from benchmarks import table_data, table_text  # noqa: PLC0415

    cost = Tuning(study="made", tuner="optuna tpe", objectives=("val_top1",), trials=50, hours=3.2)
    write_record(tmp_path, record(tuning=cost))
    (section,) = load_table(tmp_path).sections
    row = section.boards[0].rows[0]
    assert table_text.recipe(row) == "fixed (tuned: optuna tpe, 50 trials, 3 h 12 min)"
    (flat,) = json.loads(table_data.as_json(load_table(tmp_path)))["rows"]
    assert (flat["study"], flat["tuner"], flat["tuning_trials"], flat["tuning_hours"]) == (
        *("made", "optuna tpe", 50, 3.2),
    )


def test_a_record_from_before_there_was_tuning_is_read_as_it_was_written():
    body = record().model_dump(mode="json")
    del body["tuning"]
    assert Record.model_validate(body).tuning is None
    assert len(list((HOME / "results").glob("*/*/*.json"))) > 5
    for path in (HOME / "results").glob("*/*/*.json"):
        assert not read_record(path).altered


def bench(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    line = [sys.executable, str(HOME / "wlasl_bench.py"), *words]
    return subprocess.run(line, check=False, capture_output=True, text=True, timeout=600, **more)


def places(folder: Path) -> list[str]:
    """Return the options that keep everything in one folder."""
    return [word for name in ("results", "runs", "store") for word in (f"--{name}", str(folder / name))]


def test_a_wrong_line_ends_in_a_sentence_and_makes_no_folder(tmp_path: Path):
    for words, why in [
        (["--model", "gruu"], "Did you mean gru"),
        (["--show", "nothing"], "There is no study 'nothing'"),
        ([], "Say what to tune with --model"),
        (["--model", "gru", "--profile", "gpu"], "are for --cluster slurm"),
        (["--model", "spoter", "--recipe", "as-published", "--split", "sample"], "chooses on test"),
        (["--model", "s3d", "--set", "train_on_val=true", "--set", "select=last"], "trains on val"),
        (["--worker"], "told its study by --study"),
    ]:
        ran = bench("tune", *words, *places(tmp_path))
        assert ran.returncode == 2, ran.stderr
        assert why in ran.stderr
        assert "Traceback" not in ran.stderr
    assert not (tmp_path / "runs" / "studies").exists()


@pytest.mark.slow
def test_a_study_is_carried_out_and_its_best_recipe_run_tabled_and_drawn(tmp_path: Path):
    pytest.importorskip("torch")
    pytest.importorskip("optuna")
    line = ["tune", "--model", "gru", "--split", "sample", "--trials", "3", "--set", "epochs=1"]
    line += ["--search", "hidden=8,16", "--seeds", "0,1", "--objective", "val_top1,parameters,latency"]
    ran = bench(*line, *places(tmp_path))
    assert ran.returncode == 0, ran.stderr
    study = open_study(tmp_path / "runs", "gru-sample-tpe")
    trials = study.all()
    assert [trial.state for trial in trials.values()] == ["complete"] * 3
    assert all(trial.values["parameters"] > 1000 for trial in trials.values())
    assert all(0.01 < trial.values["latency"] < 10_000 for trial in trials.values())
    shelf = read_records(tmp_path / "results")
    assert [one.record.recipe["seed"] for one in shelf.records] in ([0, 1], [1, 0])
    best = best_of(study, trials.values())
    seeded = next(one.record for one in shelf.records if one.record.recipe["seed"] == 0)
    assert seeded.metrics["val"]["top1"] == best.values["val_top1"]
    assert {one.record.tuning.trials for one in shelf.records} == {3}
    assert "tuned: optuna tpe" in ran.stdout
    assert not list((study.folder / "work").iterdir())
    again = bench(*line, *places(tmp_path))
    assert again.returncode == 0
    assert len(read_records(tmp_path / "results").records) == 2
    assert study.all() == trials
    shown = bench("tune", "--show", "gru-sample-tpe", *places(tmp_path))
    assert shown.returncode == 0, shown.stderr
    drawn = {path.name for path in study.folder.glob("*.png")}
    assert {"history.png", "parallel.png", "pareto.png"} <= drawn


@pytest.mark.slow
def test_ctrl_c_keeps_the_trials_checkpoint_and_a_killed_pool_takes_its_workers_along(tmp_path: Path):
    pytest.importorskip("torch")
    pytest.importorskip("optuna")
    line = [sys.executable, str(HOME / "wlasl_bench.py"), "tune", "--model", "gru", "--split", "sample"]
    line += [
        "--trials",
        "1",
        "--set",
        "epochs=400",
        "--set",
        "hidden=8",
        "--seeds",
        "none",
        *places(tmp_path),
    ]
    for sent, expected in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        process = subprocess.Popen(line, stderr=subprocess.DEVNULL, start_new_session=True)
        wait_for_epochs(tmp_path, 2)
        process.send_signal(sent)
        assert process.wait(120) == expected
        deadline = time.monotonic() + 60
        while worker_lives(tmp_path):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        trials = open_study(tmp_path / "runs", "gru-sample-tpe").all()
        assert list(trials.values())[-1].state == "stopped"
    assert list((tmp_path / "runs" / "studies" / "gru-sample-tpe" / "work" / "0").glob("*.ckpt"))
    assert [trial.root for trial in trials.values()] == [0, 0]
    assert trials[1].epochs > trials[0].epochs


def wait_for_epochs(folder: Path, count: int) -> None:
    """Wait until the last trial has trained so many epochs more than the one before it."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        time.sleep(0.2)
        try:
            trials = list(open_study(folder / "runs", "gru-sample-tpe").all().values())
        except BenchError:
            continue
        if trials and trials[-1].state == "running" and trials[-1].epochs >= trials[-1].began + count:
            return
    raise AssertionError("no epoch was trained")


def worker_lives(folder: Path) -> bool:
    """Say whether a worker of the folder's study is still there."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"--worker" in words and os.fsencode(folder / "runs") in words:
            return True
    return False


def test_the_words_of_a_slurm_worker_name_everything_that_it_needs(tmp_path: Path):
    from benchmarks.run import Places  # noqa: PLC0415
    from benchmarks.tune import Request  # noqa: PLC0415
    from benchmarks.tune_slurm import plan  # noqa: PLC0415
    from slurm.profiles import Profile  # noqa: PLC0415

    study = made(tmp_path / "runs of mine")
    around = Places(tmp_path / "results", tmp_path / "runs of mine")
    request = Request(study.settings, None, tmp_path / "store", around, workers=3, seeds=[0, 4])
    found = plan(study, request, Profile(), 3)
    assert len({task.key for task in found.tasks}) == 3
    assert found.tasks[0].argv == (
        *("tune", "--study", "made", "--worker", "--seeds", "0,4"),
        *("--runs", str(tmp_path / "runs of mine"), "--results", str(tmp_path / "results")),
        *("--store", str(tmp_path / "store"), "--device", "auto"),
    )
    assert found == plan(study, request, Profile(), 3)


def test_slurm_workers_keep_what_matters_of_the_environment_as_runs_do(tmp_path: Path, monkeypatch):
    from benchmarks.run import Places  # noqa: PLC0415
    from benchmarks.tune import Request  # noqa: PLC0415
    from benchmarks.tune_slurm import plan  # noqa: PLC0415
    from slurm.profiles import Profile  # noqa: PLC0415

    told = {name: f"/data/{name}" for name in ("WLASL_ROOT", "ASL_CITIZEN_ROOT", "OMP_NUM_THREADS")}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    study = made(tmp_path)
    request = Request(study.settings, None, tmp_path, Places(tmp_path, tmp_path))
    assert told.items() <= plan(study, request, Profile(), 1).environment.items()


def test_hours_are_refused_where_slurm_starts_the_workers(tmp_path: Path, monkeypatch):
    from benchmarks import tune  # noqa: PLC0415
    from benchmarks.run import Places  # noqa: PLC0415
    from slurm.profiles import Profile  # noqa: PLC0415

    monkeypatch.setattr(tune, "begin", lambda _: pytest.fail("clips are prepared before it is refused"))
    request = tune.Request(
        made(tmp_path).settings, None, tmp_path, Places(tmp_path, tmp_path), hours=2, profile=Profile()
    )
    with pytest.raises(BenchError, match="--hours is for workers on this machine"):
        tune.carry_out(request)


def test_settings_hold_nothing_of_this_machine(tmp_path: Path):
    study = made(tmp_path)
    assert str(tmp_path) not in (study.folder / "study.json").read_text()
    assert Settings.model_validate_json((study.folder / "study.json").read_text()) == study.settings
    assert list(study.settings.space) == sorted(SPACE)


@pytest.mark.parametrize("model", ["mvit-v2-s", "signnet", "movinet-a0"])
def test_the_time_of_one_clip_is_taken_of_networks_that_mix_clips_too(model: str, monkeypatch):
    from benchmarks import tune_trial  # noqa: PLC0415

    asked, given = [], []
    part = SimpleNamespace(clips=("one", "two"))

    def noted(recipe, few, _):
        asked.append(recipe)
        given.append(few)
        return part

    monkeypatch.setattr(tune_trial, "loader", noted)
    engine = SimpleNamespace(predict=lambda _: None)
    inputs = SimpleNamespace(clips=lambda _: tuple(range(50)), only=lambda few: few)
    assert tune_trial.latency(engine, resolve(model, "100"), inputs) >= 0
    assert given[0] == tuple(range(20))
    assert asked[0].batch_size == 1
