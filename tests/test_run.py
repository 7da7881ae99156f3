"""A run goes from its recipe to its record, is recognised, resumed, and leaves nothing half-written."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks import campaign, holding, machine, run  # noqa: E402
from benchmarks.chain import chosen_on_test  # noqa: E402
from benchmarks.holding import LOCK  # noqa: E402
from benchmarks.recipe import resolve  # noqa: E402
from benchmarks.records import read_record, read_records  # noqa: E402
from benchmarks.scores import read_scores  # noqa: E402
from models import zoo  # noqa: E402
from utils.errors import BenchError  # noqa: E402
from utils.lease import HeldElsewhereError  # noqa: E402
from wlasl import subsets  # noqa: E402
from wlasl.sample import SampleOptions, ensure  # noqa: E402


class Tiny(torch.nn.Module):
    """A small network that sees the order of frames."""

    head = ("classifier.",)

    def __init__(self, classes):
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv3d(3, 4, (4, 8, 8), (2, 8, 8)), torch.nn.ReLU(), torch.nn.Flatten()
        )
        self.classifier = torch.nn.LazyLinear(classes)

    def blocks(self):
        return [self.body]

    def forward(self, x):
        return self.classifier(self.body(x))


def build(classes, *, dropout=None, drop_path=None, frames, size):  # noqa: ARG001
    network = Tiny(classes)
    network(torch.zeros(1, 3, frames, size, size))
    return network


@pytest.fixture(autouse=True)
def tiny_zoo(monkeypatch):
    row = zoo.System("tiny", "-", "-", zoo.Input(8, 32), {"torch": f"{__name__}:build"}, 1, 0.5)
    monkeypatch.setitem(zoo.ZOO, "tiny", row)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A sample of 4 glosses with 6 clips each."""
    return ensure(tmp_path_factory.mktemp("sample") / "s", SampleOptions(glosses=4, clips=6))


def recipe(**fields):
    small = {"epochs": 3, "batch_size": 4, "store_size": 64, "size": 32, "frames": 8, "warmup_epochs": 0}
    return resolve("tiny", "sample", small, fields)


@pytest.fixture
def request_of(sample, tmp_path, tmp_path_factory):
    """A function that makes a request of some recipes, with folders of its own."""
    store = tmp_path_factory.getbasetemp() / "store"

    def make(*recipes, **fields):
        places = run.Places(tmp_path / "results", tmp_path / "runs")
        return campaign.Request(recipes, sample, store, places, run.Machine("cpu"), **fields)

    return make


def test_a_run_leaves_a_record_scores_history_and_a_table(request_of, capsys):
    request = request_of(recipe())
    (outcome,) = campaign.carry_out(request)
    campaign.show([outcome], request)
    record = read_record(outcome.path).record
    assert (record.status, record.model, record.split) == ("done", "tiny", "sample")
    assert record.id == outcome.path.stem
    assert record.selection.rule == "val_top1"
    assert record.clips.parts["test"].missing == 0
    assert record.metrics["test"]["clips"] == record.clips.parts["test"].scored > 0
    assert record.where.device == "cpu"
    assert record.where.versions["torch"]
    assert record.cost.parameters > 0
    folder = request.places.runs / record.id
    assert len(json.loads((folder / "history.json").read_text())) == 3
    scores = read_scores(folder / "scores.npz")
    assert scores.parts["test"].scores.shape == (record.metrics["test"]["clips"], 4)
    assert "tiny" in capsys.readouterr().out
    assert (request.places.results / "README.md").is_file()


@pytest.mark.parametrize(
    ("precision", "has", "said"),
    [("bf16", False, True), ("bf16", True, False), ("bf16", None, False), ("fp32", False, False)],
)
def test_who_asks_a_plain_processor_for_bf16_is_told_before_it_trains(
    monkeypatch, request_of, capsys, precision, has, said
):
    monkeypatch.setattr(machine, "cpu_has_bf16", lambda: has)
    campaign.carry_out(request_of(recipe(precision=precision, epochs=1)))
    heard = capsys.readouterr().err
    assert ("no bf16 instructions" in heard) is said
    if said:
        assert heard.index("no bf16 instructions") < heard.index("epoch 1/1")


def test_the_same_run_is_recognised_and_repeated_only_on_demand(request_of):
    first = campaign.carry_out(request_of(recipe()))[0]
    second = campaign.carry_out(request_of(recipe()))[0]
    assert (first.repeated, second.repeated) == (False, True)
    assert second.record == first.record
    third = campaign.carry_out(request_of(recipe(), again=True))[0]
    assert not third.repeated
    assert third.record.metrics == first.record.metrics
    assert third.path == first.path


def test_a_run_that_is_trained_anew_and_cut_has_no_result_until_it_goes_on(request_of, monkeypatch):
    first = campaign.carry_out(request_of(recipe()))[0]
    folder = request_of(recipe()).places.runs / first.record.id

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "engine_of", stopped)
        with pytest.raises(KeyboardInterrupt):
            campaign.carry_out(request_of(recipe(), again=True))
    assert not first.path.exists()
    assert json.loads(next(folder.glob("replaced-*.json")).read_text())["id"] == first.record.id
    on = campaign.carry_out(request_of(recipe()))[0]
    assert (on.repeated, on.record.metrics) == (False, first.record.metrics)


def test_whatever_test_has_watched_is_badged(request_of):
    fields = {"test_select": True, "schedule": "plateau"}
    for select, rule in (("last", "test_last"), ("val_loss", "test_loss")):
        outcome = campaign.carry_out(request_of(recipe(select=select, **fields)))[0]
        assert outcome.record.selection.rule == rule
        assert chosen_on_test(outcome.record)


def another_at_work(request, outcome):
    holder = {"token": "other", "host": "elsewhere", "pid": 1, "name": "process 1 on elsewhere"}
    (request.places.runs / outcome.record.id / LOCK).write_text(json.dumps(holder))


def test_a_run_that_another_process_carries_out_is_left_to_it_and_the_rest_is_done(request_of):
    first = campaign.carry_out(request_of(recipe()))[0]
    first.path.unlink()
    request = request_of(recipe(), recipe(seed=1))
    another_at_work(request, first)
    request = replace(request, machine=run.Machine("cpu", wait=False))
    with pytest.raises(HeldElsewhereError, match="Process 1 on elsewhere"):
        campaign.carry_out(request)
    assert [stored.record.recipe["seed"] for stored in read_records(request.places.results).records] == [1]


def test_one_who_waited_finds_the_result_of_the_other(request_of, monkeypatch):
    first = campaign.carry_out(request_of(recipe()))[0]
    hidden = first.path.rename(first.path.with_suffix(".hidden"))
    request = request_of(recipe())
    another_at_work(request, first)

    def finishes(_progress, _name):
        hidden.rename(first.path)
        (request.places.runs / first.record.id / LOCK).unlink()

    monkeypatch.setattr(holding, "_waits", finishes)
    (second,) = campaign.carry_out(request)
    assert second.repeated
    assert second.record == first.record


def test_seeds_are_runs_of_their_own(request_of):
    outcomes = campaign.carry_out(request_of(recipe(seed=0), recipe(seed=1)))
    assert len({outcome.record.id for outcome in outcomes}) == 2
    assert len({outcome.record.group for outcome in outcomes}) == 1


def test_a_failing_run_leaves_a_record_with_its_reason(request_of):
    request = request_of(recipe(lr=1e30, optimizer="sgd", clip_norm=None, epochs=20))
    with pytest.raises(BenchError, match="The loss is"):
        campaign.carry_out(request)
    shelf = read_records(request.places.results)
    assert [stored.record.status for stored in shelf.records] == ["failed"]
    assert "The loss is" in shelf.records[0].record.reason


def test_other_clips_make_another_run(request_of, sample, monkeypatch):
    before = campaign.carry_out(request_of(recipe()))[0]
    whole = subsets.load("sample", sample)
    lost = whole.subset.part("train")[0].id
    found = {name: path for name, path in whole.files.found.items() if name != lost}
    files = subsets.VideoFiles(found, whole.files.aliases)
    monkeypatch.setattr(campaign, "load", lambda *_, **__: subsets.DataSet(whole.subset, whole.root, files))
    after = campaign.carry_out(request_of(recipe()))[0]
    assert after.record.id != before.record.id
    assert after.record.clips.test == before.record.clips.test
    assert after.record.clips.parts["train"].missing == 1
    assert after.record.clips.missing_reasons == {"missing": 1}


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_a_part_without_clips_is_said_before_training(request_of, sample, monkeypatch, part):
    whole = subsets.load("sample", sample)
    lost = {clip.id for clip in whole.subset.part(part)}
    found = {name: path for name, path in whole.files.found.items() if name not in lost}
    files = subsets.VideoFiles(found, {})
    monkeypatch.setattr(campaign, "load", lambda *_, **__: subsets.DataSet(whole.subset, whole.root, files))
    with pytest.raises(BenchError, match=f"None of the {len(lost)} {part} clips"):
        campaign.carry_out(request_of(recipe()))


def test_a_gloss_without_training_clips_is_named(request_of, sample, monkeypatch, capsys):
    whole = subsets.load("sample", sample)
    gloss = whole.subset.glosses[2]
    lost = {clip.id for clip in whole.subset.part("train") if clip.gloss == gloss}
    files = subsets.VideoFiles({name: p for name, p in whole.files.found.items() if name not in lost}, {})
    monkeypatch.setattr(campaign, "load", lambda *_, **__: subsets.DataSet(whole.subset, whole.root, files))
    campaign.carry_out(request_of(recipe(epochs=1)))
    assert f"1 gloss has no training clip and cannot be learnt: {gloss}" in capsys.readouterr().err


def test_a_results_folder_that_cannot_be_written_is_said_before_training(request_of, tmp_path):
    (tmp_path / "results").write_text("a file stands where the folder should be")
    request = request_of(recipe())
    with pytest.raises(BenchError, match="Cannot write"):
        campaign.carry_out(request)
    assert not list((tmp_path / "runs").glob("*/*.pt"))


def test_scores_do_not_depend_on_batch_size_at_test(request_of):
    scores = []
    for batch_size in (3, 4):
        request = request_of(recipe(epochs=0, batch_size=batch_size))
        outcome = campaign.carry_out(request)[0]
        scores.append(
            read_scores(request.places.runs / outcome.record.id / "scores.npz").parts["test"].scores
        )
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-5)


def test_weights_of_an_earlier_run_are_a_start_and_their_digest_is_recorded(request_of):
    request = request_of(recipe())
    first = campaign.carry_out(request)[0]
    best = request.places.runs / first.record.id / "best.pt"
    again = campaign.carry_out(request_of(recipe(weights=str(best), epochs=0)))[0]
    assert again.record.weights.source == "best.pt"
    assert len(again.record.weights.sha256) == 64
    assert again.record.metrics == first.record.metrics
    with pytest.raises(BenchError, match="no weights file"):
        campaign.carry_out(request_of(recipe(weights="absent.pt")))
