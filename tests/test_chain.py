"""A run that starts from another takes its weights, tells its chain, and says which test clips that knows."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks import campaign, chain, leaks, run  # noqa: E402
from benchmarks import table_text as text  # noqa: E402
from benchmarks.inputs import initial_weights  # noqa: E402
from benchmarks.keras_state import pack, take_over  # noqa: E402
from benchmarks.recipe import resolve  # noqa: E402
from benchmarks.records import read_record, write_record  # noqa: E402
from benchmarks.schema import InitialWeights, Link, Record, Selection  # noqa: E402
from benchmarks.table import load_table  # noqa: E402
from benchmarks.table_data import as_json  # noqa: E402
from benchmarks.table_markdown import readme  # noqa: E402
from models import weights, zoo  # noqa: E402
from utils.errors import BenchError  # noqa: E402
from wlasl.sample import SampleOptions, ensure  # noqa: E402
from wlasl.subsets import load  # noqa: E402


class Tiny(torch.nn.Module):
    """A small network with a head."""

    head = ("classifier.",)

    def __init__(self, classes, width=4):
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv3d(3, width, (4, 8, 8), (2, 8, 8)), torch.nn.ReLU(), torch.nn.Flatten()
        )
        self.classifier = torch.nn.LazyLinear(classes)

    def blocks(self):
        return [self.body]

    def forward(self, x):
        return self.classifier(self.body(x))


def build(classes, *, frames, size, **_):
    network = Tiny(classes)
    network(torch.zeros(1, 3, frames, size, size))
    return network


def build_other(classes, **fields):
    return build(classes, **fields)


@pytest.fixture(scope="module", autouse=True)
def tiny_zoo():
    with pytest.MonkeyPatch.context() as patch:
        for name, builder in (("tiny", "build"), ("twin", "build"), ("other", "build_other")):
            row = zoo.System(name, "-", "-", zoo.Input(8, 32), {"torch": f"{__name__}:{builder}"}, 1, 0.5)
            patch.setitem(zoo.ZOO, name, row)
        yield


def recipe(split, model="tiny", **fields):
    small = {"epochs": 1, "batch_size": 8, "store_size": 64, "size": 32, "frames": 8, "warmup_epochs": 0}
    return resolve(model, split, small, fields)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Three runs: on a folder of three signs, from it on one of two others, from that on the first again."""
    home = tmp_path_factory.mktemp("world")
    dataset = load("sample", ensure(home / "sample", SampleOptions(glosses=4, clips=6)))
    taught, both = [clip for clip in dataset.subset.part("train") if clip.label == 2][:2]
    for clip in dataset.subset.clips:
        for name, labels in (("first", {0, 1, 2}), ("second", {2, 3})):
            if clip.label in labels and not (name == "second" and clip.id == taught.id):
                path = home / name / clip.part / clip.gloss / f"{clip.id}.mp4"
                path.parent.mkdir(parents=True, exist_ok=True)
                os.link(dataset.files.path(clip.id), path)
    # Test clips of the second that the first was trained on, renamed; the second too on one of them.
    for clip, name in ((taught, "renamed"), (both, "both")):
        os.link(dataset.files.path(clip.id), home / "second" / "test" / clip.gloss / f"{name}.mp4")
    places = run.Places(home / "results", home / "runs")

    def carried_out(recipe, folder):
        request = campaign.Request([recipe], home / folder, home / "store", places, run.Machine("cpu"))
        return campaign.carry_out(request)[0].record

    first = carried_out(recipe("folder-first"), "first")
    second = carried_out(recipe("folder-second", "twin", weights=f"run:{first.id}"), "second")
    third = carried_out(recipe("folder-first", weights=f"run:{second.id}", seed=3), "first")
    return home, places, (first, second, third), carried_out


def test_the_chain_goes_from_the_first_run_to_the_last(world):
    _, _, (first, second, third), _ = world
    assert first.weights.chain == ()
    assert [(link.id, link.model, link.split, link.initial) for link in third.weights.chain] == [
        (first.id, "tiny", "folder-first", "none"),
        (second.id, "twin", "folder-second", f"run:{first.id}"),
    ]
    assert [link.clips for link in third.weights.chain] == [first.recipe["clips"], second.recipe["clips"]]
    assert second.recipe["weights"] == second.weights.source == f"run:{first.id}"
    assert len(second.weights.sha256) == 64


def test_test_clips_that_a_run_before_was_trained_on_are_counted(world):
    _, places, (first, second, third), _ = world
    # The renamed one, by its bytes. The other is in the second's own training part: no doing of the chain.
    assert [link.test_seen for link in second.weights.chain] == [1]
    assert [link.test_seen for link in third.weights.chain] == [0, 0]
    kept = json.loads((places.runs / first.id / leaks.FILE).read_text())
    assert kept["family"] == "folder-first"
    assert len(kept["ids"]) == len(kept["files"]) == first.clips.parts["train"].scored


def test_the_table_tells_chained_runs_apart(world):
    _, places, (_, second, third), _ = world
    rows = {
        row.first.id: row
        for section in load_table(places.results).sections
        for board in section.boards
        for row in board.rows
    }
    assert len(rows) == 3
    assert text.extras(rows[second.id]) == "folder-first (1 test clips seen!)"
    assert text.extras(rows[third.id]) == "folder-first > folder-second"
    assert text.weights(third) == f"random > run {second.id}"
    data = {row["runs"][0]: row for row in json.loads(as_json(load_table(places.results)))["rows"]}
    assert data[third.id]["extra_data"] == ["folder-first", "folder-second"]
    assert data[second.id]["test_clips_seen"] == [1]
    page = readme(load_table(places.results))
    assert "| Extra data |" in page
    assert "- Extra data are" in page


def test_starts_that_differ_by_their_seeds_alone_share_a_row(make_record, tmp_path):
    def chained(start, **changes):
        links = (*start.weights.chain, Link(id=start.id, model="tiny", split="100"))
        source = f"run:{start.id}"
        told = InitialWeights(source=source, sha256=start.id * 5, chain=links)
        again = make_record("tiny", weights=source, weights_sha256=start.id * 5, **changes)
        return again.model_copy(update={"weights": told})

    starts = [make_record("tiny", seed=seed) for seed in (0, 1)]
    other = make_record("tiny", lr=0.5)
    second = [chained(starts[0]), chained(starts[1], seed=1), chained(starts[1], seed=2), chained(other)]
    third = [chained(second[0], epochs=7), chained(second[1], epochs=7, seed=5), chained(second[3], epochs=7)]
    for record in (*starts, other, *second, *third):
        write_record(tmp_path, record)
    (board,) = load_table(tmp_path).sections[0].boards
    rows = {tuple(record.id for record in row.records) for row in board.rows}
    together = [starts, [other], second[:3], second[3:], third[:2], third[2:]]
    assert rows == {tuple(record.id for record in runs) for runs in together}
    (row,) = [row for row in board.rows if len(row.records) == 3]
    assert text.starts(row) == f"random > run {starts[0].id}, random > run {starts[1].id}"
    assert text.seeds(row) == "3"
    # One whose start nobody has a record of any more is told by the file that it started from.
    next(tmp_path.glob(f"*/*/{starts[1].id}.json")).unlink()
    (board,) = load_table(tmp_path).sections[0].boards
    assert sorted(len(row.records) for row in board.rows) == [1, 1, 1, 1, 1, 1, 1, 2]


def test_what_starts_from_a_checkpoint_chosen_on_test_is_badged_too(make_record, tmp_path):
    chosen = Selection(rule="test_top1", epoch=1, value=0.5)
    for split, badged in (("300", True), ("2000-w1573", True), ("asl-citizen", False)):
        start = make_record("spoter", split, selection=chosen, single_pos=False)
        write_record(tmp_path / split, start)
        begun = resolve("spoter", "100", {"landmarks": "true", "weights": f"run:{start.id}"})
        (link,) = chain.links(begun, tmp_path / split)
        assert link.on_test
        told = InitialWeights(source=f"run:{start.id}", chain=(link,))
        run_ = make_record("spoter").model_copy(update={"weights": told})
        assert chain.owes_to_test(run_) == badged
        assert not chain.chosen_on_test(run_)
        write_record(tmp_path / split, run_)
        row = next(s for s in load_table(tmp_path / split).sections if s.subset == "100").boards[0].rows[0]
        assert (row.rank, row.on_test) == ((None, True) if badged else (1, False))


def test_the_head_is_kept_for_the_very_same_glosses_alone(world):
    home, places, (first, _, _), _ = world
    mine = load("folder-first", home / "first").subset.glosses
    start = recipe("folder-first", weights=f"run:{first.id}")
    assert chain.keeps_head(start, places.runs, mine)
    assert not chain.keeps_head(start, places.runs, tuple(reversed(mine)))
    assert not chain.keeps_head(start, places.runs, (*mine[:-1], "another"))
    assert not chain.keeps_head(recipe("sample", weights="run:000000000000"), places.runs, mine)
    assert chain.keeps_head(recipe("sample", weights="kinetics"), places.runs, mine)
    kept = torch.load(initial_weights(start, places.runs), weights_only=True)["state_dict"]
    assert {"body.0.weight", "classifier.weight"} <= kept.keys()


def test_epoch_0_of_a_chained_run_is_the_run_before_it(world):
    _, places, (first, _, _), carried_out = world
    again = carried_out(recipe("folder-first", weights=f"run:{first.id}", epochs=0), "first")
    assert again.metrics["test"] == first.metrics["test"]
    assert again.id != first.id
    assert again.weights.chain[0].test_seen == 0
    assert text.extra_data(again) == text.NONE  # the same subset is nothing more to learn from
    rows = json.loads(as_json(load_table(places.results)))["rows"]
    mine = next(row for row in rows if again.id in row["runs"])
    assert (mine["started_from"], mine["extra_data"], mine["test_clips_seen"]) == ([first.id], [], [])


def test_a_head_of_as_many_classes_is_left_out_where_it_is_of_others(world):
    _, places, (first, _, _), _ = world
    said = []
    for head in (True, False):
        network = build(3, frames=8, size=32)
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        path = places.runs / first.id / "best.pt"
        weights.load_weights(network, path, system="tiny", head=head, say=said.append)
        after = network.state_dict()
        assert not torch.equal(after["body.0.weight"], before["body.0.weight"])
        assert torch.equal(after["classifier.weight"], before["classifier.weight"]) is not head
    assert "its head included" in said[0]
    assert "its head of 3 classes is left out" in said[1]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tiny:folder-first:9", "no finished run"),
        ("abc123", "no finished run"),
        ("tiny:folder-first", "stands for 2 runs|stands for 3 runs"),
        ("run:", "names no run"),
        ("tiny:*:0", "names no run"),
        ("https://host/best.pt", "no model named 'https'"),
        ("tini:folder-first", "no model named 'tini'"),
    ],
)
def test_a_name_of_no_run_or_of_several_is_answered(world, name, said):
    with pytest.raises(BenchError, match=said):
        chain.told(name, world[1].results)


def test_runs_are_named_as_everywhere(world):
    _, places, (first, second, _), _ = world
    for name in (second.id, second.id[:7], "twin:folder-second:0", f"run:{second.id}"):
        assert chain.told(name, places.results) == f"run:{second.id}"
    for name in (None, "none", "kinetics", "some.pth", str(places.runs / first.id / "best.pt")):
        assert chain.told(name, places.results) == name


def test_another_kind_of_network_and_lost_weights_are_refused_in_words(world, tmp_path):
    _, places, (first, second, _), carried_out = world
    with pytest.raises(BenchError, match=r"other cannot start from run .* another kind of network"):
        carried_out(recipe("folder-first", "other", weights=f"run:{first.id}"), "first")
    with pytest.raises(
        BenchError, match=r"spoter-embeddings cannot start .* a run of spoter-embeddings or spoter\."
    ):
        chain.links(
            resolve("spoter-embeddings", "sample", {"weights": f"run:{first.id}", "landmarks": "true"}),
            places.results,
        )
    with pytest.raises(BenchError, match=rf"weights of run {second.id} are not on this machine"):
        initial_weights(recipe("sample", weights=f"run:{second.id}"), tmp_path)
    (tmp_path / second.id).mkdir()
    (tmp_path / second.id / "best.weights.npz").touch()
    with pytest.raises(BenchError, match="trained with tensorflow"):
        initial_weights(recipe("sample", weights=f"run:{second.id}"), tmp_path)


def test_a_start_that_was_built_otherwise_is_refused_with_what_to_type(make_record, tmp_path):
    start = make_record("spoter", single_pos=True, dims=2)
    write_record(tmp_path, start)
    wish = {"landmarks": "true", "weights": f"run:{start.id}"}
    for model in ("spoter", "spoter-embeddings"):
        with pytest.raises(BenchError, match=r"built with other settings. Add --set single_pos=True\."):
            chain.links(resolve(model, "100", wish), tmp_path)
        assert chain.links(resolve(model, "100", wish, {"single_pos": True}), tmp_path)[0].id == start.id


def test_older_runs_are_judged_by_their_subsets_training_part(world, tmp_path):
    home, places, _, _ = world
    sample = load("sample", home / "sample")
    request = campaign.Request([], None, home / "store", places, run.Machine("cpu"))
    inputs = campaign.prepared(recipe("sample"), sample, request.store)

    def seen(link):
        return leaks._count(link, inputs, tmp_path)

    assert seen(Link(id="a" * 12, model="tiny", split="sample")) == 0
    moved = replace(inputs, dataset=replace(sample, subset=replace(sample.subset, clips=_moved(sample))))
    assert len(moved.clips("test")) > 0
    assert leaks._count(Link(id="a" * 12, model="tiny", split="sample"), moved, tmp_path) > 0
    assert seen(Link(id="a" * 12, model="tiny", split="asl-citizen")) == 0
    assert seen(Link(id="a" * 12, model="tiny", split="folder-x")) is None


def _moved(dataset):
    """The clips with the first of the training part in test."""
    clips = list(dataset.subset.clips)
    at = next(place for place, clip in enumerate(clips) if clip.part == "train")
    clips[at] = replace(clips[at], part="test")
    return tuple(clips)


def test_records_of_before_have_no_chain(world):
    _, places, (first, _, _), _ = world
    path = next(places.results.glob(f"*/*/{first.id}.json"))
    body = json.loads(path.read_text())
    del body["weights"]["chain"]
    old = Record.model_validate({name: body[name] for name in Record.model_fields if name in body})
    assert old.weights == InitialWeights()
    assert text.extra_data(old) == text.NONE
    assert read_record(path).altered == ""


class Variable:
    """What a Keras variable is to `take_over`."""

    def __init__(self, values):
        self.values = np.asarray(values, np.float32)
        self.shape = self.values.shape

    def numpy(self):
        return self.values

    def assign(self, values):
        self.values = values


def test_keras_weights_are_taken_over_without_a_classifier_of_other_glosses():
    theirs = [Variable([1.0, 2.0]), Variable([[3.0, 4.0]])]
    content = pack({"weight": theirs})

    def start(head, *, same):
        mine = [Variable([0.0, 0.0]), Variable(head)]
        kept = take_over(content, mine, [] if same else mine[1:], optional=mine[1:])
        return kept, [weight.values.tolist() for weight in mine]

    assert start([[0.0, 0.0]], same=True) == (True, [[1.0, 2.0], [[3.0, 4.0]]])
    assert start([[0.0, 0.0]], same=False) == (False, [[1.0, 2.0], [[0.0, 0.0]]])
    assert start([[0.0, 0.0, 0.0]], same=True) == (False, [[1.0, 2.0], [[0.0, 0.0, 0.0]]])
    untouched = [Variable([0.0]), Variable([[0.0, 0.0]])]
    with pytest.raises(BenchError, match="of another network: 2 arrays, not 2, 1 of another shape"):
        take_over(content, untouched, [], optional=untouched[1:])
    assert untouched[1].values.tolist() == [[0.0, 0.0]]
    with pytest.raises(BenchError, match="damaged"):
        take_over(content[:-30], untouched, [], optional=[])
