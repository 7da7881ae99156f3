"""Speed of networks of pixels: what is compared and judged, what is kept, and the page made of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")

from benchmarks import (  # noqa: E402
    latency_clips,
    speed,
    speed_growth,
    speed_infer,
    speed_page,
    speed_records,
    speed_train,
    speed_variants,
)
from benchmarks.latency_turns import Latency  # noqa: E402
from benchmarks.made_clips import made_clip, made_clips, seen  # noqa: E402
from benchmarks.recipe import revised  # noqa: E402
from benchmarks.speed_growth import Growth, Size  # noqa: E402
from benchmarks.speed_infer import Inference  # noqa: E402
from benchmarks.speed_movinet import Batch  # noqa: E402
from benchmarks.speed_train import Setting, Training  # noqa: E402
from models import zoo  # noqa: E402
from utils.errors import BenchError  # noqa: E402
from utils.progress import Silent  # noqa: E402


def latency(name, ratio, *, keeps=True):
    return Latency(name, 100 * ratio, ratio, 1.0, 1e-5, 1.0, 0.9, keeps)


ROWS = (
    latency("PyTorch fp32", 1.0),
    latency("ONNX Runtime fp32", 0.8),
    latency("OpenVINO fp32", 0.25),
    latency("OpenVINO bf16", 0.1, keeps=False),
)
INFERENCE = Inference("x3d-s", "x3d-s, a clip", ROWS, ("LiteRT fp32: not measured. Why.",), 5.0)
TRAINING = Training(
    "i3d",
    "i3d, a step",
    (
        Setting("fp32", 900.0, 1.0, 0.0, 1.0, keeps=True),
        Setting("bf16", 700.0, 0.5, 0.4, 0.2, keeps=False),
        Setting("bf16, channels last", 400.0, 0.4, 0.01, 0.99, keeps=True),
    ),
    0.013,
    4.2,
    "fp32",
)


def growth(*seconds, memory=(500.0, 510.0, 520.0)):
    counts, small = (100, 1000, 10_000), {"read": 1.0, "prepare": 2.0}
    sizes = zip(counts, seconds, memory, strict=True)
    return Growth(
        tuple(
            Size(count, dict.fromkeys(speed_growth.STAGES, whole / 4), {**small, "evaluate": peak})
            for count, whole, peak in sizes
        )
    )


def test_the_fastest_runtime_that_keeps_its_accuracy_decides():
    assert (INFERENCE.fastest.name, INFERENCE.times, INFERENCE.met) == ("OpenVINO fp32", 4.0, False)
    text = INFERENCE.as_text().splitlines()
    assert text[-1] == "x3d-s, at least 5 x eager PyTorch: OpenVINO fp32, 4.00 x: missed"
    assert text[-3].endswith("loses accuracy")
    found = INFERENCE.as_dict()
    assert (found["fastest"], found["times"], found["met"], len(found["rows"])) == (
        "OpenVINO fp32",
        4.0,
        False,
        4,
    )


def test_every_convolutional_network_has_a_mark():
    marks = {row.name: speed_infer.least_of(row.name) for row in zoo.ROWS}
    assert {marks[name] for name in ("x3d-s", "x3d-m", "s3d")} == {5.0}
    assert {marks[name] for name in ("x3d-xs", "i3d", "movinet-a0", "movinet-a5-stream")} == {3.0}
    assert marks["spoter"] is None
    assert speed_commands_rows()[:2] == ["x3d-xs", "x3d-s"]


def speed_commands_rows():
    from benchmarks.speed_commands import convolutional  # noqa: PLC0415

    return convolutional()


def test_a_made_network_knows_made_clips(tmp_path, monkeypatch):
    monkeypatch.setattr(latency_clips, "_FEWEST", 10)
    recipe = revised(latency_clips.clip_recipe("movinet-a0", native=False), frames=3, size=48)
    judged = latency_clips.judged_clips(recipe, tmp_path, 100.0, Silent())
    assert len(judged.clips) == 10
    assert judged.labels.tolist() == [0, 1, 2, 3, 4] * 2
    network = judged.setting.network()
    with torch.inference_mode():
        logits = np.concatenate([network(torch.from_numpy(clip)).numpy() for clip in judged.clips])
    assert logits.shape == (10, 100)
    assert (logits.argmax(1) == judged.labels).mean() >= 0.8
    with pytest.raises(BenchError, match="sees landmarks"):
        latency_clips.clip_recipe("spoter", native=True)


def test_made_clips_are_the_same_again_and_normalised_as_the_row_says():
    one, again, other = (made_clip(2, 5, (4, 20), key) for key in (1, 1, 2))
    assert (one == again).all()
    assert (one != other).any()
    expected = zoo.Input(4, 20, mean=(0.5, 0.0, 0.0), std=(0.5, 1.0, 1.0), channels="bgr")
    given = seen(one, expected)
    assert given.shape == (1, 3, 4, 20, 20)
    np.testing.assert_allclose(given[0, 2], (one[..., 0] / 255 - 0.5) / 0.5, atol=1e-6)
    assert len(made_clips(5, 7, (2, 16), expected, 0)) == 7


def test_the_setting_that_trains_fastest_is_said_as_a_command_takes_it():
    assert TRAINING.line == "--set precision=bf16 --set channels_last=true --set compile=false"
    assert TRAINING.met
    assert "fastest: --set precision=bf16" in TRAINING.as_text()
    assert "does not count" in TRAINING.as_text()


def test_a_training_step_is_measured_in_every_setting(tmp_path, monkeypatch):
    recipe = revised(latency_clips.clip_recipe("x3d-xs", native=False), frames=2, size=32, store_size=32)
    monkeypatch.setattr(speed_train, "clip_recipe", lambda *_, **__: recipe)
    monkeypatch.setattr(speed_train, "SETTINGS", dict(list(speed_train.SETTINGS.items())[:2]))
    root = speed_growth.linked(speed_growth.drawn(tmp_path / "videos"), tmp_path / "data", 8)

    def choose(*_):
        from types import SimpleNamespace  # noqa: PLC0415

        from wlasl.subsets import load  # noqa: PLC0415

        return SimpleNamespace(dataset=load("folder", root))

    monkeypatch.setattr(speed_train, "choose", choose)
    found = speed_train.measured("x3d-xs", tmp_path, 1)
    assert [row.name for row in found.rows] == ["fp32", "fp32, channels last"]
    assert all(row.keeps and row.milliseconds > 0 for row in found.rows)
    assert found.rows[1].cosine == pytest.approx(1, abs=1e-3)
    assert 0 <= found.waited < 1
    assert found.feeding > 0


def test_growth_is_judged_by_what_a_further_clip_costs():
    linear = growth(3.0, 12.0, 102.0)
    assert linear.slowing == pytest.approx(1.0)
    assert linear.met
    assert not growth(3.0, 12.0, 192.0).met
    assert not growth(3.0, 12.0, 102.0, memory=(500.0, 600.0, 900.0)).met
    assert growth(3.0, 12.0, 192.0).slowing == pytest.approx(2.0)
    assert linear.cells()[2] == ["10,000", *["25.5 (2.55)"] * 4, "520"]


def test_stages_of_growth_are_measured_and_drawn(tmp_path):
    videos = speed_growth.drawn(tmp_path / "videos")
    root = speed_growth.linked(videos, tmp_path / "data", 16)
    assert len(list((root / "train").rglob("*.mp4"))) == 16
    grown = speed_growth.Grown(root, tmp_path / "work")
    found = {stage: getattr(grown, stage)() for stage in speed_growth.STAGES}
    assert all(seconds > 0 and memory > 10 for seconds, memory in found.values())
    speed_growth.plot(growth(3.0, 12.0, 102.0), tmp_path / "growth.png")
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")


def test_every_movinet_is_compared(monkeypatch):
    def step(_name, _batch, *, training):
        return lambda: sum(range(200_000 if training else 100_000))

    monkeypatch.setattr(speed_variants, "official", step)
    small = Batch(clips=1, frames=2, size=32, classes=3)
    found = speed_variants.measured(["movinet-a0", "movinet-a0-stream"], 1, batch=small)
    assert [(row.model, row.doing) for row in found.rows] == [
        ("movinet-a0", "scoring"),
        ("movinet-a0-stream", "scoring"),
        ("movinet-a0-stream", "training"),
    ]
    assert all(row.ours > 0 for row in found.rows)
    assert found.met == all(row.times >= 1 for row in found.rows)
    assert "movinet-a0-stream" in found.as_text()


@pytest.fixture
def kept(tmp_path):
    """Measurements of three kinds in a folder."""
    speed_records.keep("train", "i3d", TRAINING.as_dict(), tmp_path)
    speed_records.keep("growth", "tiny", growth(3.0, 12.0, 102.0).as_dict(), tmp_path)
    speed_records.keep("infer", "x3d-s", INFERENCE.as_dict(), tmp_path)
    return tmp_path


def test_the_page_is_made_of_what_was_kept(kept):
    found = speed_records.kept(kept)
    assert [one.kind for one in found] == ["infer", "train", "growth"]
    page = speed_page.page(found)
    assert "| x3d-s | 100 | 1.2 | 4.0 | *10.0* | **4.0 x** OpenVINO fp32 | 5 x: missed |" in page
    assert "| i3d | 900 | *2.0* | 2.5 | **2.5 x** bf16, channels last | fp32 | 1.3%: met | 4.2 |" in page
    assert "![" in page
    assert "- x3d-s: LiteRT fp32: not measured. Why." in page
    (kept / "train-i3d.json").write_text("{}")
    with pytest.raises(BenchError, match="is no measurement"):
        speed_records.kept(kept)


def test_a_page_that_is_not_up_to_date_is_refused(kept, tmp_path, monkeypatch):
    monkeypatch.setattr(speed_records, "folder", lambda: kept)
    monkeypatch.setattr(speed_page, "page_path", lambda: tmp_path / "SPEED.md")
    run = CliRunner()
    assert run.invoke(speed.app, ["page"]).exit_code == 0
    assert run.invoke(speed.app, ["page", "--check"]).exit_code == 0
    (tmp_path / "SPEED.md").write_text("other")
    found = run.invoke(speed.app, ["page", "--check"])
    assert isinstance(found.exception, BenchError)


def test_the_page_in_the_project_is_what_the_measurements_say():
    found = speed_records.kept()
    if not found:
        pytest.skip("nothing is kept")
    assert speed_page.page_path().read_text(encoding="utf-8") == speed_page.page(found)


def test_commands_measure_keep_and_judge(monkeypatch, tmp_path):
    monkeypatch.setattr(speed_infer, "measured", lambda *_, **__: INFERENCE)
    monkeypatch.setattr(speed_train, "measured", lambda *_, **__: TRAINING)
    monkeypatch.setattr(speed_records, "folder", lambda: tmp_path)
    monkeypatch.setattr(speed_page, "page_path", lambda: tmp_path / "SPEED.md")
    run = CliRunner()
    found = run.invoke(speed.app, ["infer", "-m", "x3d-s", "--write", "--json", "--check"])
    assert isinstance(found.exception, BenchError)
    assert json.loads(found.stdout)["model"] == "x3d-s"
    assert run.invoke(speed.app, ["train", "-m", "i3d", "--write", "--check"]).exit_code == 0
    assert sorted(path.name for path in Path(tmp_path).iterdir()) == [
        "SPEED.md",
        "infer-x3d-s.json",
        "train-i3d.json",
    ]
