"""A finished run is taken up again and scored on changed clips: what sees order, sides and hands is told."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks import campaign, cli, finished, probe, run  # noqa: E402
from benchmarks.probe_batches import HOW  # noqa: E402
from benchmarks.probe_names import PROBES  # noqa: E402
from benchmarks.probe_records import probes_path, read_probes  # noqa: E402
from benchmarks.recipe import resolve  # noqa: E402
from benchmarks.records import read_record, write_record  # noqa: E402
from models import zoo  # noqa: E402
from utils.errors import BenchError  # noqa: E402
from wlasl.sample import SampleOptions, ensure  # noqa: E402


class Pixels(torch.nn.Module):
    """A network whose first layer sees the frames one after the other, or their mean alone."""

    head = ("classifier.",)

    def __init__(self, classes, frames, *, blind):
        super().__init__()
        self.blind = blind
        self.body = torch.nn.Conv3d(3, 4, (1 if blind else frames, 8, 8), (1, 8, 8))
        self.classifier = torch.nn.LazyLinear(classes)

    def blocks(self):
        """Return what can be frozen."""
        return [self.body]

    def forward(self, clips):
        """Return logits of clips [B, 3, T, H, W]."""
        return self.classifier(self.body(clips).relu().mean(2).flatten(1))


class Joints(torch.nn.Module):
    """A network that sees the mean of a clip's frames, and of its second half where it is not blind."""

    head = ("classifier.",)

    def __init__(self, classes, *, blind):
        super().__init__()
        self.blind = blind
        self.classifier = torch.nn.Linear(2 * 54 * 2, classes)

    def blocks(self):
        """Return what can be frozen: nothing."""
        return []

    def forward(self, points, lengths):
        """Return logits of landmarks [B, T, J, D] with their lengths [B]."""
        place = torch.arange(points.shape[1], device=points.device)
        inside = (place < lengths[:, None]).to(points.dtype)
        late = inside * (1 if self.blind else (place >= lengths[:, None] // 2))
        means = [
            torch.einsum("bt,btjd->bjd", mask, points) / lengths[:, None, None] for mask in (inside, late)
        ]
        return self.classifier(torch.cat(means, 1).flatten(1))


def build_pixels(classes, *, blind, frames, size, **_):
    """Build a network of pixels."""
    network = Pixels(classes, frames, blind=blind)
    network(torch.zeros(1, 3, frames, size, size))
    return network


def build_joints(classes, *, blind, **_):
    """Build a network of landmarks."""
    return Joints(classes, blind=blind)


@pytest.fixture(autouse=True)
def tiny_zoo(monkeypatch):
    """Put the networks into the zoo, seeing and blind."""
    for blind in (False, True):
        name = "blind" if blind else "seeing"
        told = {"parameters": 1, "gmacs": 0.5, "options": {"blind": blind}}
        pixels = zoo.System(
            f"pixels-{name}", "-", "-", zoo.Input(6, 32), {"torch": f"{__name__}:build_pixels"}, **told
        )
        joints = zoo.System(
            f"joints-{name}",
            "-",
            "-",
            zoo.LandmarkInput("spoter", 54),
            {"torch": f"{__name__}:build_joints"},
            kind="landmarks",
            **told,
        )
        for row in (pixels, joints):
            monkeypatch.setitem(zoo.ZOO, row.name, row)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a folder with the sample of 4 glosses, 2 of them another one's reversal, 8 clips each."""
    folder = tmp_path_factory.mktemp("probe")
    ensure(folder / "sample", SampleOptions(glosses=4, clips=8))
    return folder


@pytest.fixture
def trained(home, tmp_path):
    """Return a function that trains a network on the sample: the run as it lies there, and what to ask."""

    def train(model, **fields):
        small = {"epochs": 3, "batch_size": 4, "warmup_epochs": 0, "lr": 0.02}
        small |= {"store_size": 64, "size": 32, "frames": 6} if model.startswith("pixels") else {}
        places = run.Places(tmp_path / "results", tmp_path / "runs")
        recipe = resolve(model, "sample", small, fields)
        request = campaign.Request([recipe], home / "sample", home / "store", places, run.Machine("cpu"))
        (outcome,) = campaign.carry_out(request)
        return read_record(outcome.path), finished.Request(
            places, home / "sample", home / "store", run.Machine("cpu")
        )

    return train


@pytest.mark.parametrize("kind", ["pixels", "joints"])
def test_a_network_that_is_blind_to_order_is_found_out(trained, kind):
    changes = {}
    for name in ("blind", "seeing"):
        stored, request = trained(f"{kind}-{name}")
        found = probe.probe(stored, request).record
        assert found.top1("plain") == stored.record.metrics["test"]["top1"]
        changes[name] = [found.probes[each].change for each in ("shuffled", "reversed")]
        if name == "blind":
            assert found.top1("shuffled") == found.top1("reversed") == found.top1("plain")
        assert found.probes["one-frame"].change > 1e-3
        assert found.probes["half-frames"].change > 1e-3
        assert found.probes["mirrored"].change > 1e-3
    assert max(changes["blind"]) < 1e-5
    assert min(changes["seeing"]) > 1e-3


def test_rounding_is_told_from_order_in_double_precision(trained, monkeypatch):
    quiet = Joints.forward
    monkeypatch.setattr(Joints, "forward", lambda *given: 300 * quiet(*given))
    found = probe.probe(*trained("joints-blind", ema=0.5)).record.probes
    assert 1e-5 <= found["shuffled"].change < 1e-3
    assert found["shuffled"].told == found["shuffled"].double < 1e-6
    # Far beyond rounding nothing is looked at twice.
    assert found["mirrored"].double is None
    assert found["mirrored"].told == found["mirrored"].change > 1e-3


def test_probes_of_landmarks_hide_hands_and_those_of_pixels_say_why_not(trained):
    hidden = ("no-hands", "no-left", "no-right")
    joints = probe.probe(*trained("joints-seeing")).record
    assert all(joints.probes[name].change > 1e-3 for name in hidden)
    assert len({joints.probes[name].change for name in hidden}) == 3
    pixels = probe.probe(*trained("pixels-seeing")).record
    for name in hidden:
        assert pixels.probes[name].draws == ()
        assert "no joints to hide" in pixels.probes[name].reason


def test_every_probe_is_carried_out_as_often_as_it_is_random(trained):
    found = probe.probe(*trained("joints-seeing")).record
    assert list(HOW) == list(PROBES)
    assert set(found.probes) == set(PROBES)
    for name, one in PROBES.items():
        draws = found.probes[name].draws
        assert len(draws) == one.draws
        assert {draw["clips"] for draw in draws} == {found.probes["plain"].draws[0]["clips"]}
    losses = [draw["loss"] for draw in found.probes["shuffled"].draws]
    assert len(set(losses)) == len(losses) == 3


def test_pairs_of_reversed_signs_are_counted(trained):
    stored, request = trained("joints-seeing")
    found = probe.probe(stored, request).record
    clips = stored.record.metrics["test"]["clips"]
    assert found.probes["plain"].draws[0]["pairs"] == clips  # rise, fall, open, close
    assert found.pairs() in {0, 0.25, 0.5, 0.75, 1}


def test_a_sign_is_told_from_its_reversal_where_its_score_is_the_higher_of_the_two():
    scores = np.array([[3, 1, 9], [1, 3, 0], [3, 1, 0], [2, 2, 0], [0, 0, 1]], np.float32)
    labels = np.array([0, 1, 1, 0, 2])
    found = probe.measured(scores, labels, {0: 1, 1: 0})
    assert (found["pairs"], found["pair_hits"], found["hits1"]) == (4, 2, 2)
    assert "pairs" not in probe.measured(scores, labels, {})


def test_a_probed_run_is_recognised_and_probed_anew_on_demand_or_when_trained_anew(trained, monkeypatch):
    stored, request = trained("joints-seeing")
    path = probe.probe(stored, request).path
    assert path == probes_path(request.places.results, stored.record)
    first = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(finished, "prepared", lambda *_, **__: pytest.fail("it should be recognised"))
        assert probe.probe(stored, request).record == json_of(first)
    again = probe.probe(stored, replace(request, again=True)).record
    assert again.probes == json_of(first).probes
    later = stored.record.model_copy(update={"finished": "2099-01-01"})
    write_record(request.places.results, later)
    assert read_probes(request.places.results, later).stale == "the run was trained anew since"
    assert probe.probe(read_record(stored.path), request).record.of == "2099-01-01"


def json_of(content):
    """Return probes as their file says."""
    body = json.loads(content)
    del body["body_sha256"]
    return probe.ProbeRecord.model_validate(body)


def test_the_record_of_the_run_stays_as_it_is(trained):
    stored, request = trained("joints-seeing")
    before = stored.path.read_bytes()
    probe.probe(stored, request)
    assert stored.path.read_bytes() == before


def test_a_run_without_its_weights_is_a_sentence(trained):
    stored, request = trained("joints-seeing")
    weights = request.places.runs / stored.record.id / "best.pt"
    weights.write_bytes(b"damaged")
    with pytest.raises(BenchError, match="Cannot take up"):
        probe.probe(stored, request)
    weights.unlink()
    with pytest.raises(BenchError, match=f"The weights of run {stored.record.id} are not on this machine"):
        probe.probe(stored, request)


def test_other_clips_and_other_landmarks_are_refused(trained, home, tmp_path):
    stored, request = trained("pixels-seeing")
    other = ensure(tmp_path / "other", SampleOptions(glosses=4, clips=6))
    with pytest.raises(BenchError, match=r"are not those that run .* scored"):
        probe.probe(stored, replace(request, data=other))
    stored, request = trained("joints-seeing")
    moved = tmp_path / "moved"
    (moved / "landmarks").mkdir(parents=True)
    for path in (home / "sample").iterdir():
        if path.name != "landmarks":
            (moved / path.name).symlink_to(path)
    for path in (home / "sample" / "landmarks").iterdir():
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        np.savez(moved / "landmarks" / path.name, **{**arrays, "pose": arrays["pose"] + np.float32(0.01)})
    with pytest.raises(BenchError, match=r"The landmarks under .* are not those"):
        probe.probe(stored, replace(request, data=moved, store=tmp_path / "store"))


def test_landmarks_of_a_file_of_one_s_own_have_a_name_in_the_record_and_are_asked_for(trained, home):
    folder = home / "sample" / "landmarks"
    stored, request = trained("joints-seeing", landmarks=str(folder))
    assert stored.record.recipe["landmarks"] == "landmarks"
    assert str(home) not in stored.path.read_text()
    with pytest.raises(BenchError, match="Say where they lie now with --landmarks"):
        probe.probe(stored, request)
    found = probe.probe(stored, replace(request, landmarks=str(folder))).record
    assert found.top1("plain") == stored.record.metrics["test"]["top1"]


def test_a_run_without_a_result_is_refused(trained):
    stored, request = trained("joints-seeing", epochs=0)
    with pytest.raises(BenchError, match="kept none"):
        probe.probe(stored, request)
    with pytest.raises(BenchError, match="is not to be trusted"):
        probe.probe(replace(stored, altered="changed after it was written"), request)
    failed = stored.record.model_copy(update={"status": "failed", "reason": "The disk is full."})
    with pytest.raises(BenchError, match="it has no result to go on from"):
        probe.probe(replace(stored, record=failed), request)


def test_plain_scores_that_are_not_the_record_s_are_said(trained):
    stored, request = trained("joints-seeing")
    metrics = {**stored.record.metrics, "test": {**stored.record.metrics["test"], "top1": 0.123}}
    other = replace(stored, record=stored.record.model_copy(update={"metrics": metrics}))
    said = []
    listener = run.Machine("cpu").progress
    listener.say = said.append
    probe.probe(other, replace(request, machine=run.Machine("cpu", progress=listener)))
    assert any("its record says 12.30%" in sentence for sentence in said)


def test_a_change_to_no_chance_at_all_is_finite():
    plain = np.array([[0.0, -np.inf, -np.inf]], np.float32)
    assert probe.largest_change(plain, plain) == 0
    assert 100 < probe.largest_change(plain, np.array([[-np.inf, 0.0, -np.inf]], np.float32)) < 110


def test_only_the_sample_has_reversed_signs():
    assert probe.reversals("100", ["rise", "fall"]) == {}
    assert probe.reversals("sample", ["rise", "fall", "open"]) == {0: 1, 1: 0}


def test_the_command_probes_and_shows_the_table(trained, home, monkeypatch, capsys):
    stored, request = trained("joints-seeing")
    places = request.places
    words = ["bench", "probe", stored.record.id[:6], "--results", places.results, "--runs", places.runs]
    words += ["--data", home / "sample", "--store", home / "store", "--device", "cpu"]
    monkeypatch.setattr("sys.argv", [str(word) for word in words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code in {0, None}
    shown = capsys.readouterr().out
    for name in PROBES:
        assert name in shown
    assert "Shuffled" in (places.results / "README.md").read_text()
