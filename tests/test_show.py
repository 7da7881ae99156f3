"""`bench show`: one run found by its first digits, printed whole, drawn, and compared with another."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from benchmarks.commands import show as command
from benchmarks.mistakes import compare
from benchmarks.probe_records import Probed, ProbeRecord, probes_path, write_probes
from benchmarks.records import write_record
from benchmarks.schema import Clips, Coverage, InitialWeights, Link, Selection
from benchmarks.scores import Scored, Scores, write_scores
from utils.errors import BenchError

APP = typer.Typer()
APP.command("show")(command.show)
APP.command("other")(lambda: None)
HISTORY = [
    {"epoch": 0, "train_loss": 4.6, "val_loss": 4.5, "val_top1": 0.01, "lr": 1e-3, "seconds": 3.0},
    {"epoch": 1, "train_loss": 3.0, "val_loss": None, "val_top1": 0.2, "lr": 0.0, "seconds": 3.0},
]


def predicted(guesses, ids=None):
    """Return scores of a run over 3 glosses that guesses so, where 0, 0, 1, 1, 2 is right."""
    part = Scored(tuple(ids or "abcde"), np.array([0, 0, 1, 1, 2]), np.eye(3, dtype=np.float32)[guesses])
    return Scores(("book", "drink", "[red]go"), {"test": part})


@pytest.fixture
def home(tmp_path, make_record):
    """Return a folder with two finished runs and a failed one: results/ and runs/."""
    for seed, guesses in enumerate(([0, 1, 0, 0, 2], [0, 0, 1, 1, 0])):
        record = make_record(seed=seed)
        write_record(tmp_path / "results", record)
        write_scores(tmp_path / "runs" / record.id / "scores.npz", predicted(guesses))
        (tmp_path / "runs" / record.id / "history.json").write_text(json.dumps(HISTORY))
    write_record(tmp_path / "results", make_record(seed=2, status="failed", reason="The disk [is] full."))
    return tmp_path


def run(home, *words):
    """Run the command and return its output; a BenchError is raised."""
    folders = ["--results", str(home / "results"), "--runs", str(home / "runs")]
    done = CliRunner().invoke(APP, ["show", *words, *folders], env={"COLUMNS": "100"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0
    return done.output


def test_a_record_is_printed_in_words(home, make_record):
    output = run(home, make_record().id)
    for words in (
        f"movinet-a0 on WLASL100, seed 0, run {make_record().id}",
        "63.95 (57.9-69.6), 165 of 258",
        "100 of 100 have clips",
        "val_top1: epoch 7, 0.625 there",
        "test 258 of 258",
        "random",
        "2.09 M parameters, 2.71 GMACs a view",
        "1 h 02 min",
        "10 epochs, 90 steps",
        "cpu, A CPU",
        "0123456",
        "lr 0.001",
    ):
        assert words in output, words
    assert max(map(len, output.splitlines())) <= 120


def test_confusions_are_named_by_their_glosses_and_clips(home, make_record):
    output = run(home, make_record().id)
    assert "3 of 5 clips are wrong" in output
    assert re.search(r"2 +2 +drink +book +c, d", output)
    assert re.search(r"1 +2 +book +drink +b", output)


def test_a_gloss_with_brackets_is_printed_as_it_is(home, make_record):
    assert "[red]go" in run(home, make_record(seed=1).id)


def test_learning_curves_are_drawn_beside_the_checkpoint(home, make_record):
    output = run(home, make_record().id)
    path = home / "runs" / make_record().id / "curves.png"
    assert f"Learning curves: {path}" in output
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_run_is_found_by_its_first_digits(home, make_record):
    ids = [make_record(seed=seed).id for seed in range(3)]
    digits = next(n for n in range(1, 13) if len({name[:n] for name in ids}) == 3)
    for name in ids:
        assert f"run {name}" in run(home, name[:digits])


def test_digits_that_several_runs_share_are_answered_with_all_of_them(home, make_record):
    with pytest.raises(BenchError, match="Several runs begin with ''") as refused:
        run(home, "")
    assert make_record().id in str(refused.value)


def test_a_mistyped_run_is_answered_with_the_nearest(home, make_record):
    name = make_record().id
    with pytest.raises(BenchError, match=f"Did you mean .*{name}"):
        run(home, name[:-1] + "x")
    with pytest.raises(BenchError, match="`bench table` lists the runs"):
        run(home, "zzzzzz")


def test_an_empty_folder_is_a_sentence(tmp_path):
    with pytest.raises(BenchError, match="There are no runs"):
        run(tmp_path, "abc")


def test_a_failed_run_shows_its_reason_and_what_is_not_there(home, make_record):
    output = run(home, make_record(seed=2).id)
    assert "failed: The disk [is] full." in output
    assert "scores are not on this machine" in output
    assert "history is not on this machine" in output


def test_an_altered_record_is_shown_with_a_warning(home, make_record):
    path = home / "results" / "100" / "movinet-a0" / f"{make_record().id}.json"
    path.write_text(path.read_text().replace('"hits1": 165', '"hits1": 258'))
    assert "not to be trusted: changed after it was written" in run(home, make_record().id)


def test_missing_clips_are_counted_by_reason_and_a_checksum_is_cut(tmp_path, make_record):
    parts = {"train": Coverage(scored=3, missing=7, official=10)}
    clips = Clips(parts=parts, test="f" * 16, missing_reasons={"html": 2, "missing": 5})
    record = make_record(clips_seen=None, weights="kinetics", weights_sha256="ab" * 32)
    selection = Selection(rule="last", epoch=-1)
    write_record(tmp_path / "results", record.model_copy(update={"clips": clips, "selection": selection}))
    output = run(tmp_path, record.id)
    assert "train 3 of 10" in output
    assert "5 missing, 2 html" in output
    assert "last: the initial weights" in output
    assert "weights_sha256 abababababab..." in output


@pytest.mark.parametrize("text", ["{}", "[1]", '[{"loss": 1}]', "not json"])
def test_a_history_that_is_none_is_a_sentence(home, make_record, text):
    (home / "runs" / make_record().id / "history.json").write_text(text)
    output = run(home, make_record().id)
    assert "Learning curves:" not in output
    assert "history.json" in output


def test_two_runs_are_compared_clip_by_clip(home, make_record):
    output = " ".join(run(home, make_record().id, "--against", make_record(seed=1).id).split())
    assert "On the 5 test clips of both: 1 right by both" in output
    assert f"1 only by {make_record().id}, 3 only by {make_record(seed=1).id}, 0 by neither" in output
    assert "p = 0.625" in output


def test_runs_over_different_clips_are_compared_on_those_of_both(tmp_path):
    write_scores(tmp_path / "one.npz", predicted([0, 0, 1, 1, 2]))
    write_scores(tmp_path / "two.npz", predicted([1, 0, 1, 1, 2], ids="xbcdy"))
    paired = compare(tmp_path / "one.npz", tmp_path / "two.npz")
    assert (paired.both, paired.first, paired.second, paired.neither) == (3, 0, 0, 0)


@pytest.mark.parametrize(
    ("ids", "words"), [("vwxyz", "no test clip in common"), ("cbade", "different labels")]
)
def test_runs_that_cannot_be_compared_are_told_so(tmp_path, ids, words):
    write_scores(tmp_path / "one.npz", predicted([0, 0, 1, 1, 2]))
    write_scores(tmp_path / "two.npz", predicted([0, 0, 1, 1, 2], ids=ids))
    with pytest.raises(BenchError, match=words):
        compare(tmp_path / "one.npz", tmp_path / "two.npz")


def test_scores_without_a_test_part_are_a_sentence(home, make_record):
    whole = predicted([0, 0, 1, 1, 2])
    write_scores(
        home / "runs" / make_record().id / "scores.npz", Scores(whole.glosses, {"val": whole.parts["test"]})
    )
    assert "hold no test part" in run(home, make_record().id)


def test_a_run_chosen_on_test_says_so(tmp_path, make_record):
    record = make_record(selection=Selection(rule="test_top1", epoch=3, value=0.7))
    write_record(tmp_path / "results", record)
    output = " ".join(run(tmp_path, record.id).split())
    assert "test_top1: epoch 4, 0.7 there (chosen on test: ranked with no other run)" in output


def test_a_run_that_starts_from_one_chosen_on_test_says_so_too(tmp_path, make_record):
    link = Link(id="a" * 12, model="movinet-a0", split="300", on_test=True)
    record = make_record().model_copy(
        update={"weights": InitialWeights(source=f"run:{link.id}", chain=(link,))}
    )
    write_record(tmp_path / "results", record)
    output = " ".join(run(tmp_path, record.id).split())
    assert "val_top1: epoch 7, 0.625 there (chosen on test: ranked with no other run)" in output


def test_landmarks_are_named_with_what_found_them(tmp_path, make_record):
    recipe = {"landmarks": "hands", "skeleton": "hands", "dims": 3, "normalisation": "hands", "frames": None}
    record = make_record(**recipe)
    seen = record.clips.model_copy(update={"landmarks": "mediapipe-hands"})
    write_record(tmp_path / "results", record.model_copy(update={"clips": seen}))
    output = " ".join(run(tmp_path, record.id).split())
    assert (
        "hands, mediapipe-hands; all frames x 42 joints (hands) x 3 coordinates; normalisation hands"
        in output
    )
    write_record(tmp_path / "results", make_record(seed=7))
    assert " joints (" not in run(tmp_path, make_record(seed=7).id)


def test_probes_are_shown_and_those_of_an_earlier_run_do_not_count(home, make_record):
    record = make_record()
    assert "Probes" not in run(home, record.id)
    found = {
        "plain": Probed(draws=({"top1": 0.5, "clips": 258},)),
        "shuffled": Probed(draws=({"top1": 0.25}, {"top1": 0.35}), change=2e-6),
        "no-hands": Probed(reason="pixels have no joints to hide"),
    }
    whole = {
        "id": record.id,
        "model": "m",
        "split": "100",
        "of": record.finished,
        "test": "a",
        "probes": found,
    }
    path = probes_path(home / "results", record)
    write_probes(path, ProbeRecord(**whole))
    output = run(home, record.id)
    assert re.search(r"shuffled +frames in random order, x 3 +30.00 +- +2.0e-06", output)
    assert re.search(r"no-hands +pixels have no joints to hide +- +- +-", output)
    write_probes(path, ProbeRecord(**{**whole, "of": "before"}))
    assert "They do not count: the run was trained anew since" in run(home, record.id)
    path.write_text("{")
    assert "is not a JSON file" in run(home, record.id)
