"""SPOTER's speed is measured against what its authors do, and that yardstick computes what ours computes."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")

from benchmarks import speed, speed_equality, speed_landmarks, speed_origin, speed_start  # noqa: E402
from benchmarks.made_landmarks import made  # noqa: E402
from benchmarks.speed_report import Comparisons, Row, Section  # noqa: E402
from models import counting, spoter  # noqa: E402
from utils.errors import BenchError  # noqa: E402
from wlasl.landmarks.joints import SPOTER  # noqa: E402
from wlasl.landmarks.normalise import normalise  # noqa: E402


@pytest.fixture(scope="module")
def clips():
    """Nine made clips of three signs."""
    return made(9, 3, frames=(6, 12))


def test_made_clips_are_the_same_each_time_and_look_like_landmarks(clips):
    again = made(9, 3, frames=(6, 12))
    assert [clip.label for clip in clips.clips] == [0, 1, 2] * 3
    lengths = {len(clips.points(clip.id)) for clip in clips.clips}
    assert lengths <= set(range(6, 13))
    assert len(lengths) > 1
    for clip in clips.clips:
        points = clips.points(clip.id)
        assert points.shape == (clip.frames, len(SPOTER), 2)
        np.testing.assert_array_equal(points, again.points(clip.id))
        assert np.isnan(points).any(axis=2).mean() < 0.3
        assert -0.2 < np.nanmin(points) < np.nanmax(points) < 1.2


def test_another_key_makes_other_clips_of_the_same_signs():
    one, other = (made(3, 3, frames=(10, 10), key=key) for key in (0, 1))
    apart = [[np.nanmean(np.abs(one.found[a] - other.found[b])) for b in other.found] for a in one.found]
    assert [int(np.argmin(row)) for row in apart] == [0, 1, 2]
    assert all(row[at] > 0.005 for at, row in enumerate(apart))


def test_the_yardstick_is_spoter():
    theirs = speed_origin.Network(100).eval()
    assert counting.parameters(theirs) == 5_922_772
    ours = spoter.build(100, single_pos=True).eval()
    ours.load_state_dict(theirs.state_dict())
    points = torch.rand(11, 54, 2)
    with torch.no_grad():
        torch.testing.assert_close(theirs(points), ours(points[None])[0], atol=1e-5, rtol=1e-5)


def test_the_yardstick_learns():
    torch.manual_seed(0)
    trainer = speed_origin.Trainer(3, lr=1e-2)
    points = torch.rand(5, 54, 2)
    losses = [trainer.step(points, 1) for _ in range(8)]
    assert losses[-1] < losses[0] / 2


def test_items_prepared_in_loops_are_those_of_the_loader(clips):
    for clip in clips.clips:
        points = clips.points(clip.id)
        wanted = np.nan_to_num(normalise("spoter", points[None], SPOTER, verbatim=True)[0], nan=-0.5)
        np.testing.assert_allclose(speed_origin.item(points).numpy(), wanted, atol=1e-5)


def test_the_csv_holds_what_was_written(clips, tmp_path):
    path = tmp_path / "train.csv"
    speed_origin.write_csv(path, ((clip.id, clip.label, clips.points(clip.id)) for clip in clips.clips))
    found = speed_origin.read_csv(path)
    assert len(found) == 9
    for clip, points in zip(clips.clips, found, strict=True):
        up = clips.points(clip.id) * [1, -1] + [0, 1]
        np.testing.assert_allclose(points, np.nan_to_num(up), atol=1e-6)


@pytest.mark.parametrize(
    ("joint", "column"),
    [
        ("nose", "nose"),
        ("left_ear", "leftEar"),
        ("left_hand_wrist", "wrist_left"),
        ("right_hand_index_dip", "indexDIP_right"),
        ("left_hand_thumb_mcp", "thumbMP_left"),
        ("left_hand_little_mcp", "littleMCP_left"),
        ("right_hand_thumb_cmc", "thumbCMC_right"),
    ],
)
def test_columns_are_named_as_spoter_names_them(joint, column):
    assert speed_origin.column(joint) == column


def test_the_store_that_is_opened_holds_the_clips_of_the_csv(tmp_path, monkeypatch):
    opened = []
    real = speed_start.LandmarkLoader
    monkeypatch.setattr(
        speed_start, "LandmarkLoader", lambda *words: opened.append(real(*words)) or opened[-1]
    )
    what, rows = speed_start.starting(3, 1, tmp_path)
    assert "3 clips" in what
    assert rows[0].ratio == 1.0
    assert len(rows) == 3
    assert len(opened) == 4
    expected = made(3, speed_start.CLASSES)
    for loader in opened:
        assert loader.lengths.tolist() == [len(points) for points in expected.found.values()]
        assert loader.labels.tolist() == [0, 1, 2]


def test_a_batch_equals_its_clips_alone_and_one_without_masks_does_not(clips, monkeypatch):
    mark = speed_equality.equality(clips, 4)
    assert mark.met
    assert "a batch of 4" in mark.what
    monkeypatch.setattr(spoter, "within", lambda *_: None)
    assert not speed_equality.equality(clips, 4).met


def row(name, ratio):
    return Row(name, 10.0 * ratio, ratio)


def test_marks_are_met_by_the_best_batch_size_of_a_precision():
    rows = (
        row("first", 1.0),
        row("batch 8, fp32", 0.8),
        row("batch 16, fp32", 0.5),
        row("batch 8, bf16", 0.45),
    )
    section = Section("steps", rows)
    fast = speed_landmarks._fast_enough(section, "fp32", 1.6)
    slow = speed_landmarks._fast_enough(section, "bf16", 2.5)
    assert (fast.met, fast.found) == (True, "2.00 x")
    assert (slow.met, slow.found) == (False, "2.22 x")
    report = Comparisons("made", (section,), (fast, slow))
    assert not report.met
    assert report.mark == "a step in bf16 at least 2.5 x as fast (2.22 x)"
    text = report.as_text()
    assert "batch 16, fp32        5.000       200.0            2.00" in text
    assert text.endswith("a step in bf16 at least 2.5 x as fast: 2.22 x, missed")


@pytest.fixture
def small(monkeypatch):
    """Fewer and shorter batches."""
    monkeypatch.setattr(speed_landmarks, "BATCHES", (16, 32))
    monkeypatch.setattr(speed_landmarks, "made", partial(made, frames=(4, 8)))


@pytest.mark.usefixtures("small")
def test_a_processor_that_imitates_bf16_is_not_asked_for_it(monkeypatch, tmp_path):
    monkeypatch.setattr(speed_landmarks, "cpu_has_bf16", lambda: False)
    found = speed_landmarks.measured(speed_landmarks.Plan(clips=8, rounds=1, rows=3), tmp_path)
    names = [row.name for section in found.sections for row in section.rows]
    assert any("fp32" in name for name in names)
    assert not any("bf16" in name for name in (*names, *(mark.what for mark in found.marks)))
    assert found.what.endswith("bf16 is left out, for which this processor has no instructions")


@pytest.mark.usefixtures("small")
def test_the_command_measures_steps_epochs_and_starts_and_fails_where_asked_to(monkeypatch):
    monkeypatch.setattr(speed_landmarks, "cpu_has_bf16", lambda: True)
    monkeypatch.setattr(speed_landmarks, "AT_LEAST", {"fp32": 0.0, "bf16": 1e9})
    threads = torch.get_num_threads()
    words = ["landmarks", "--clips", "8", "--rows", "3", "--rounds", "1"]
    found = CliRunner().invoke(speed.app, [*words, "--json", "--check"])
    report = json.loads(found.stdout)
    assert isinstance(found.exception, BenchError)
    assert "a step in bf16 at least 1000000000.0 x as fast" in str(found.exception)
    assert [len(section["rows"]) for section in report["sections"]] == [5, 3, 3]
    assert all(row["ms"] > 0 for section in report["sections"] for row in section["rows"])
    assert [mark["met"] for mark in report["marks"]][:3] == [True, True, False]
    assert torch.get_num_threads() == threads
