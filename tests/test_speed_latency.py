"""Latencies of runtimes: turns, files, what fails, and which runtime keeps its accuracy."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")

from benchmarks import export_landmarks, finished, latency_network, latency_turns, speed, speed_latency  # noqa: E402
from benchmarks.export_landmarks import Setting  # noqa: E402
from benchmarks.latency_network import Judged  # noqa: E402
from benchmarks.latency_runtimes import RUNTIMES, Runtime, Session, eager  # noqa: E402
from benchmarks.made_landmarks import made  # noqa: E402
from benchmarks.recipe import revised  # noqa: E402
from models import zoo  # noqa: E402
from utils.errors import BenchError  # noqa: E402
from utils.progress import Silent  # noqa: E402

SETTING = Setting("none", 4, (1, 3, 2, 2), Path("weights.pt"), fixed=True)
ERRORS = {"right": 0.0, "rounds": 5e-5, "is off": 0.4, "misses": 3.0}


def work(milliseconds):
    """Use the processor for a while."""
    end = time.process_time() + milliseconds / 1000
    while time.process_time() < end:
        pass


def answers(name, milliseconds):
    """Return what predicts clips whose first number is their sign; the first clip wrongly if so told."""

    def predict(clip):
        work(milliseconds)
        logits = np.zeros((1, 4), np.float32)
        logits[0, int(clip[0, 0, 0, 0])] = 2.0
        logits[0, 3] = ERRORS[name] if clip[0, 0, 0, 1] else 0.0
        return logits

    return predict


def slow(_setting, _path):
    return answers("right", 4)


def quick(_setting, _path):
    return answers("rounds", 2)


def off(_setting, _path):
    return answers("is off", 1)


def wrong(_setting, _path):
    return answers("misses", 1)


def falls(_setting, _path):
    return lambda _: os.kill(os.getpid(), signal.SIGKILL)


def missing(_setting, _path):
    raise BenchError("it is not installed. Install it with: pip install -e '.[export]'")


def write(_source, path):
    path.write_bytes(b"12345" * 100_000)


def fails(_source, _path):
    raise ValueError("no such operation")


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """Ten clips, the first of which some runtimes get wrong; files are made by fakes."""
    monkeypatch.setattr(speed_latency, "_CALLS", 3)
    for name in ("to_onnx", "to_onnx_int8", "to_litert"):
        monkeypatch.setattr(export_landmarks, name, write)
    monkeypatch.setattr(export_landmarks, "to_litert_int8", fails)
    (tmp_path / "weights.pt").write_bytes(b"0" * 2_000_000)
    labels = np.arange(10) % 3
    clips = np.zeros((10, 1, 3, 2, 2), np.float32)
    clips[:, 0, 0, 0, 0] = labels
    clips[0, 0, 0, 0, 1] = 1
    return Judged(SETTING, "made", tuple(clips), labels, 0.25)


def test_runtimes_take_turns_and_the_fastest_that_keeps_its_accuracy_is_named(judged, tmp_path, monkeypatch):
    runtimes = (
        Runtime("first", "weights.pt", slow, exact=True),
        Runtime("quick", "network.onnx", quick, exact=True),
        Runtime("off", "network.onnx", off),
        Runtime("off though exact", "network.onnx", off, exact=True),
        Runtime("wrong", "network.tflite", wrong),
        Runtime("no file", "network-int8.tflite", quick),
        Runtime("falls", "network.onnx", falls),
        Runtime("missing", "network.onnx", missing),
    )
    monkeypatch.setattr(speed_latency, "RUNTIMES", runtimes)
    report = speed_latency.measured(judged, tmp_path, 3)
    rows = {row.name: row for row in report.rows}
    assert list(rows) == ["first", "quick", "off", "off though exact", "wrong"]
    assert [row.keeps for row in report.rows] == [True, True, True, False, False]
    assert [row.agreement for row in report.rows] == [1.0, 1.0, 1.0, 1.0, 0.9]
    assert [row.top1 for row in report.rows] == [1.0, 1.0, 1.0, 1.0, 0.9]
    assert rows["quick"].difference == pytest.approx(5e-5)
    assert rows["wrong"].difference == pytest.approx(3.0)
    assert (rows["first"].megabytes, rows["quick"].megabytes) == (2.0, 0.5)
    assert rows["first"].ratio == 1.0
    assert rows["first"].milliseconds >= 4
    assert 0.3 < rows["quick"].ratio < 0.8
    assert report.fastest.name == "off"
    assert report.met
    assert "made; one clip of 1 x 3 x 2 x 2, one core, CPU time, 3 turns of 3 calls" in report.what
    assert report.notes == (
        "no file: not measured. ValueError: no such operation",
        "falls: not measured. Its process ended by signal SIGKILL.",
        "missing: not measured. it is not installed. Install it with: pip install -e '.[export]'",
        "Not counted: 0.25 ms to make landmarks the network's input.",
    )


def row(name, milliseconds, keeps):
    return speed_latency.Latency(name, milliseconds, 0.5, 1.25, 1e-6, 1.0, 0.875, keeps)


def test_the_table_says_who_loses_accuracy_and_whether_the_goal_is_met():
    report = speed_latency.LatencyReport(
        "made", (row("a", 7.0, True), row("bb", 2.0, False), row("c", 6.0, True)), ("a note",)
    )
    assert not report.met
    text = report.as_text().splitlines()
    assert text[0] == "made"
    assert text[3] == "bb    2.00   0.50    1.2        1.0e-06     100.0%   87.5%  loses accuracy"
    assert text[4].endswith("87.5%")
    assert text[-2] == "a note"
    assert (
        text[-1]
        == "the fastest runtime that keeps its accuracy takes at most 5 ms a clip: c, 6.00 ms: missed"
    )
    found = report.as_dict()
    assert (found["fastest"], found["met"], len(found["rows"])) == ("c", False, 3)
    assert found["rows"][1]["name"] == "bb"
    assert replace(report, rows=(row("d", 4.0, True),)).met


def test_a_yardstick_that_cannot_be_loaded_ends_it(judged, tmp_path, monkeypatch):
    monkeypatch.setattr(speed_latency, "RUNTIMES", (Runtime("first", "weights.pt", missing),))
    with pytest.raises(BenchError, match="not installed"):
        speed_latency.measured(judged, tmp_path, 1)


def test_an_int8_file_fails_with_the_file_that_it_is_made_from(judged, tmp_path, monkeypatch):
    monkeypatch.setattr(export_landmarks, "to_onnx", fails)
    wanted = ("network.onnx", "network-int8.onnx", "network.tflite", "network-int8.tflite")
    failed = latency_turns.files(judged.setting, tmp_path, wanted, 60, Silent())
    reason = "ValueError: no such operation"
    assert failed == dict.fromkeys(("network.onnx", "network-int8.onnx", "network-int8.tflite"), reason)


def test_a_session_tells_the_cpu_time_of_each_call():
    session = Session(slow, SETTING, Path())
    times = session.times(np.zeros(SETTING.shape, np.float32), 3)
    assert len(times) == 3
    assert all(4 <= milliseconds < 40 for milliseconds in times)


@pytest.mark.parametrize(
    ("model", "words"),
    [("x3d-xs", "sees pixels"), ("spobet", "no torch network"), ("spoter-embeddings", "no torch network")],
)
def test_models_without_scores_from_landmarks_in_torch_are_refused(model, words, tmp_path):
    with pytest.raises(BenchError, match=words):
        latency_network.setting_of(latency_network.landmark_recipe(model), 3, tmp_path)


def test_a_clip_is_4_seconds_or_what_the_recipe_takes(tmp_path):
    spoter, conformer = (
        latency_network.setting_of(latency_network.landmark_recipe(model), 100, tmp_path)
        for model in ("spoter", "sign-conformer")
    )
    assert (spoter.shape[:3], spoter.fixed) == ((1, 100, 54), False)
    assert (conformer.shape[:3], conformer.fixed) == ((1, 32, 54), True)


def test_the_command_measures_a_briefly_trained_network(monkeypatch):
    monkeypatch.setattr(latency_network, "STEPS", 2)
    monkeypatch.setattr(latency_network, "TESTED", 5)
    monkeypatch.setattr(speed_latency, "RUNTIMES", RUNTIMES[:2])
    found = CliRunner().invoke(speed.app, ["latency", "-m", "sign-conformer", "--rounds", "1", "--json"])
    report = json.loads(found.stdout)
    assert "sign-conformer, briefly trained on made clips of 20 signs, judged on 5 others" in report["what"]
    assert [row["name"] for row in report["rows"]] == ["PyTorch fp32", "PyTorch bf16"]
    assert report["rows"][0]["agreement"] == 1.0
    assert all(row["milliseconds"] > 0 for row in report["rows"])


def test_a_run_is_judged_with_its_weights_on_its_test_part(tmp_path, monkeypatch):
    open_ended = {"frames": None, "sampling": "all"}
    recipe = revised(latency_network.landmark_recipe("gru"), hidden=8, batch_size=16, **open_ended)
    clips = made(6, 3, frames=(100, 400))
    inputs = SimpleNamespace(
        store=clips,
        clips=lambda part: clips.clips if part == "test" else (),
        dataset=SimpleNamespace(subset=SimpleNamespace(glosses=("a", "b", "c"))),
    )
    monkeypatch.setattr(finished, "check_run", lambda *_: None)
    monkeypatch.setattr(finished, "inputs_of_run", lambda *_: inputs)
    network = zoo.build("gru", "torch", 3, **recipe.architecture())
    (tmp_path / "runs" / "abc").mkdir(parents=True)
    torch.save({"state_dict": network.state_dict()}, tmp_path / "runs" / "abc" / "best.pt")
    record = SimpleNamespace(id="abc", recipe=recipe.model_dump(mode="json"), metrics={"test": {"top1": 0.5}})
    request = SimpleNamespace(places=SimpleNamespace(runs=tmp_path / "runs"))
    judged = latency_network.of_run(SimpleNamespace(record=record), request, tmp_path)
    cut = sum(clip.frames >= 256 for clip in clips.clips)
    assert cut >= 1
    assert judged.what == (
        f"run abc (gru), 6 test clips of 100; its record says 50.0% ({cut} of them cut to 256 frames)"
    )
    found = zip((clip.shape[1] for clip in judged.clips), judged.labels.tolist(), strict=True)
    assert sorted(found) == sorted((min(clip.frames, 256), clip.label) for clip in clips.clips)
    predict = eager(judged.setting, judged.setting.weights)
    with torch.no_grad():
        expected = network.eval()(torch.from_numpy(judged.clips[0])).numpy()
    np.testing.assert_allclose(predict(judged.clips[0]), expected, atol=1e-6)
    assert judged.reading > 0
