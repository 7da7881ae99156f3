"""Published recipes on pixels: each can be carried out or says why not, and each switch does what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import inputs as inputs_of_run
from benchmarks import table_text
from benchmarks.inputs import Inputs, trained_on
from benchmarks.published_pixels import HEAD_KEPT, check_published, outputs, seen
from benchmarks.recipe import of_line, resolve, restored, to_toml
from benchmarks.recipe_published import PUBLISHED_LR, PublishedFields
from benchmarks.recipe_table import TABLE, named
from benchmarks.recipe_table_pixels import BY_SPLIT, PIXELS
from benchmarks.records import write_record
from benchmarks.schema import run_id
from benchmarks.table import load_table
from benchmarks.table_markdown import readme
from benchmarks.table_recipes import described, differing
from models import zoo
from utils.errors import BenchError
from wlasl.clips import Clip
from wlasl.subsets import DataSet, Subset

NAMED = [(model, name) for model, recipes in PIXELS.items() for name in recipes]
DEFECTS = [name for name, field in PublishedFields.model_fields.items() if field.annotation is bool]


@pytest.mark.parametrize(("model", "name"), NAMED)
def test_every_named_recipe_is_whole_and_its_own(model, name):
    recipe = of_line(model, "100", name)
    told = {field: getattr(recipe, field) for field in named(model, name, "100")}
    expected = dict(named(model, name, "100"))
    if expected.get("unfreeze_zero_all"):
        expected["unfreeze"] = expected["unfreeze"] or None
    assert told == expected
    assert restored(recipe.model_dump(mode="json")) == recipe
    assert f'model = "{model}"' in to_toml(recipe)
    assert recipe.id != resolve(model, "100").id


def test_there_is_a_recipe_for_every_row_of_the_papers():
    rows = {row.name for row in zoo.ROWS if row.kind == "clips"}
    families = ("movinet-", "i3d", "s3d", "x3d-")
    assert {name for name in rows if name.startswith(families)} == set(PIXELS) == {*PIXELS} & set(TABLE)
    assert len(PIXELS) == 18
    assert all({"as-published", "fixed"} <= set(recipes) for recipes in PIXELS.values())
    assert set(PIXELS["i3d"]) == {"as-published", "thesis", "fixed"}


def test_a_fixed_recipe_has_no_defect_and_a_published_one_has_its_own():
    found = {}
    for model, name in NAMED:
        recipe = of_line(model, "100", name)
        found[model, name] = {field for field in DEFECTS if getattr(recipe, field)} - {"clip_each"}
    assert all(found[model, "fixed"] == set() for model in PIXELS)
    drawn = {"start_once", "random_test_start"}
    assert found["movinet-a3", "as-published"] == {*drawn, "lr_ignored", "unfreeze_zero_all"}
    assert found["i3d", "as-published"] == {"bgr", "train_on_val", "test_select"}
    assert found["i3d", "thesis"] == {*drawn, "unfreeze_zero_all", "no_scaling", "double_softmax"}
    assert found["s3d", "as-published"] == {"no_scaling"}
    assert found["x3d-l", "as-published"] == {"head_kept", "fixed_pool", "double_softmax", "no_scaling"}
    assert {field for fields in found.values() for field in fields} == set(DEFECTS) - {"clip_each"}


def test_what_authors_did_otherwise_on_a_subset_is_in_its_recipe():
    by_split = {split: of_line("i3d", split, "as-published") for split in ("100", "300", "1000", "2000")}
    assert [recipe.lr for recipe in by_split.values()] == [1e-3, 1e-3, 1e-3, 1e-4]
    assert [recipe.weight_decay for recipe in by_split.values()] == [1e-7, 1e-8, 1e-8, 1e-8]
    assert [(recipe.batch_size, recipe.accumulate) for recipe in by_split.values()] == [
        (6, 1),
        (32, 8),
        (32, 8),
        (6, 1),
    ]
    assert set(BY_SPLIT) == {("i3d", "as-published"), ("i3d", "fixed")}


def test_a_rate_that_is_ignored_and_blocks_that_are_all_trained_stand_in_the_record_as_they_are():
    recipe = of_line("movinet-a0", "100", "as-published", {}, ["lr=0.5", "unfreeze=0"])
    assert (recipe.lr, recipe.unfreeze) == (0.01, None)
    fixed = of_line("movinet-a0", "100", "fixed", {}, ["lr=0.5", "unfreeze=0"])
    assert (fixed.lr, fixed.unfreeze) == (0.5, 0)
    assert of_line("movinet-a0", "100", "as-published", {}, ["unfreeze=3"]).unfreeze == 3


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["test_sampling=whole", "views=3"], "set views=1"),
        (["test_sampling=start", "views=2"], "set views=1"),
        (["random_test_start=true"], "set test_sampling=consecutive"),
        (["random_test_start=true", "test_sampling=consecutive", "views=3"], "set views=1"),
        (["start_once=true"], "set sampling=consecutive"),
        (["train_on_val=true"], "set select=last, or test_select=true"),
        (["loss=per-frame"], "set label_smoothing=0"),
        (["sampling=whole"], "sampling='whole'"),
        (["clip_each=true", "precision=fp16"], "set precision=bf16 or fp32"),
        (["test_crop=0"], "greater than 0"),
    ],
)
def test_fields_that_contradict_each_other_are_answered_in_words(settings, sentence):
    with pytest.raises(BenchError, match=sentence):
        of_line("i3d", "100", None, {}, settings)


@pytest.mark.parametrize(
    ("model", "name", "settings", "classes", "sentence"),
    [
        ("x3d-l", "as-published", [], 100, "covers 16 frames of 10 x 10, and 20 frames of 182 pixels leave"),
        ("x3d-m", "as-published", [], 100, "covers 16 frames of 7 x 7"),
        ("x3d-s", "as-published", [], 2000, "400 outputs, and 100 has 2000 glosses"),
        ("movinet-a0", None, ["pool=max"], 100, "has no logits over time, as i3d and s3d have"),
        ("movinet-a0", None, ["loss=per-frame", "label_smoothing=0"], 100, "set loss=cross-entropy"),
        ("s3d", None, ["head_kept=true"], 100, "defects of code for X3D"),
        ("movinet-a0", None, ["engine=tensorflow", "double_softmax=true"], 100, "defect of torch code"),
    ],
)
def test_what_cannot_be_is_refused_before_training_with_what_the_published_code_does(
    model, name, settings, classes, sentence
):
    with pytest.raises(BenchError, match=sentence):
        check_published(of_line(model, "100", name, {}, settings), classes)


def test_what_can_be_is_let_through():
    let = [("x3d-xs", "as-published"), ("x3d-s", "as-published"), ("x3d-l", "fixed"), ("i3d", "as-published")]
    for model, name in let:
        check_published(of_line(model, "100", name), 100)
    check_published(of_line("x3d-l", "100", "as-published", {}, ["fixed_pool=false"]), 100)
    check_published(resolve("spoter", "100"), 100)


def test_pixels_are_given_as_the_published_code_gives_them():
    own = zoo.system("i3d").input
    assert seen(resolve("i3d", "100"), own) == own
    bare = seen(of_line("i3d", "100", "thesis"), own)
    assert (bare.mean, bare.std, bare.channels) == ((0.0,) * 3, (1.0,) * 3, "rgb")
    assert seen(of_line("i3d", "100", "as-published"), own) == replace(own, channels="bgr")
    assert outputs(of_line("x3d-s", "100", "as-published"), 100) == HEAD_KEPT
    assert outputs(resolve("x3d-s", "100"), 100) == 100


def test_val_is_trained_on_and_test_chooses_only_where_a_recipe_says_so():
    clips = tuple(Clip(f"{part}{i}", "g", 0, part) for part in ("train", "val", "test") for i in range(2))

    class Store:
        """A store that holds every clip."""

        ids = tuple(clip.id for clip in clips)
        size = 16

        @staticmethod
        def length(_clip_id):
            return 5

    at_hand = Inputs(DataSet(Subset("100", ("g",), clips, "r"), None, None), Store(), {})
    published = of_line("i3d", "100", "as-published")

    def ids(recipe, part, **options):
        return [clip.id for clip in inputs_of_run.loader(recipe, at_hand, part, **options).clips]

    assert ids(published, "train", train=True) == ["train0", "train1", "val0", "val1"]
    assert ids(published, "val") == ["val0", "val1"]
    assert ids(of_line("i3d", "100", "fixed"), "train", train=True) == ["train0", "train1"]
    assert published.chosen_on_test
    assert not of_line("i3d", "100", "fixed").chosen_on_test


@pytest.mark.parametrize("on", ["TRUE", "Yes", "t", "on", True, 1])
def test_a_switch_is_on_however_that_is_said(on):
    switches = {"lr_ignored": on, "lr": 0.5, "unfreeze_zero_all": on, "unfreeze": 0}
    recipe = resolve("movinet-a0", "100", switches)
    assert (recipe.lr_ignored, recipe.lr) == (True, PUBLISHED_LR)
    assert (recipe.unfreeze_zero_all, recipe.unfreeze) == (True, None)


def test_relabelled_clips_are_trained_on_as_those_they_are_of():
    for split in ("2000", "2000-w1573", "2000-w1518"):
        recipe = resolve("i3d", split, named("i3d", "fixed", split))
        assert (recipe.lr, recipe.epochs, recipe.weight_decay) == (1e-4, 22, 1e-8)
        assert named("signnet", "as-published", split)["epochs"] == 50


def test_what_was_trained_on_is_kept_with_val_where_val_was():
    class Clips:
        def clips(self, part):
            return (part,)

    told = resolve("i3d", "100", {"train_on_val": True, "select": "last"})
    assert trained_on(told, Clips()) == ("train", "val")
    assert trained_on(resolve("i3d", "100"), Clips()) == ("train",)
    assert trained_on(resolve("gru", "100"), Clips()) == ("train",)


def test_the_table_says_how_many_views_and_which_recipe(make_record):
    def record(model, *line):
        fields = of_line(model, "100", *line).model_dump(mode="json")
        made = make_record(model)
        return made.model_copy(update={"recipe": fields})

    shapes = {
        "20x172²": record("movinet-a0", "as-published"),
        "64x224², 3 views": record("s3d", "fixed"),
        "64x224², whole at test": record("i3d", "as-published"),
        "32x172²": record("movinet-a0"),
    }
    assert {text: table_text.shape(one) for text, one in shapes.items()} == {text: text for text in shapes}
    own = [record("i3d"), record("i3d", "thesis", {}, ["epochs=3"])]
    others = differing(own)
    assert [described(one, others) for one in own] == [("", ()), ("thesis", ("epochs=3",))]


def test_results_say_what_views_are_where_there_are_any(make_record, tmp_path):
    def page(name):
        fields = of_line("s3d", "100", name).model_dump(mode="json")
        record = make_record("s3d").model_copy(update={"recipe": fields, "id": run_id(fields)})
        folder = tmp_path / (name or "own")
        write_record(folder, record)
        return readme(load_table(folder))

    assert '"3 views": at test' in page("fixed")
    assert "64x224², 3 views" in page("fixed")
    assert '"3 views": at test' not in page(None)


def test_the_loss_of_each_frame_is_as_it_is_written_down():
    torch = pytest.importorskip("torch")
    from benchmarks.torch_losses import loss_of  # noqa: PLC0415 - it brings torch

    rng = np.random.default_rng(0)
    logits, labels, frames = rng.normal(size=(2, 5, 3)), np.array([4, 1]), 12
    recipe = of_line("i3d", "100", "as-published", {}, [f"frames={frames}"])
    found = loss_of(recipe)(torch.from_numpy(logits), torch.from_numpy(labels))

    # Linear interpolation with the ends of the steps, not their middles, aligned.
    places = np.clip((np.arange(frames) + 0.5) * 3 / frames - 0.5, 0, 2)
    stretched = np.stack([[np.interp(places, range(3), row) for row in clip] for clip in logits])
    wanted = np.eye(5)[labels]

    def bce(x, y):
        return np.logaddexp(0, x) - x * y

    per_clip = 0.5 * bce(stretched, wanted[:, :, None]).mean((1, 2)) + 0.5 * bce(
        stretched.max(2), wanted
    ).mean(1)
    assert float(found) == pytest.approx(per_clip.sum(), abs=1e-9)
    plain = loss_of(resolve("i3d", "100", {"label_smoothing": 0.0}))
    assert isinstance(plain, torch.nn.CrossEntropyLoss)


def test_chances_are_taken_for_logits_once_more_and_outputs_beyond_the_glosses_left_out():
    torch = pytest.importorskip("torch")
    from benchmarks.torch_losses import chances  # noqa: PLC0415 - it brings torch

    logits = torch.tensor([[3.0, 1.0, 0.0, 2.0]])
    once = torch.softmax(logits, 1)
    twice = chances(of_line("i3d", "100", "thesis"), logits, 4)
    assert torch.allclose(twice, torch.softmax(once, 1))
    assert twice.argsort().tolist() == once.argsort().tolist()
    assert torch.equal(chances(resolve("i3d", "100"), logits, 3), once[:, :3])


def test_networks_with_logits_over_time_pool_them_as_they_are_told():
    torch = pytest.importorskip("torch")
    from benchmarks.engine import Job  # noqa: PLC0415
    from benchmarks.torch_network import build  # noqa: PLC0415

    settings = ["weights=none", "frames=17", "size=32", "dropout=0"]
    recipe = of_line("i3d", "100", "as-published", {}, settings)
    job = Job(classes=3, input=zoo.system("i3d").input, folder=None)
    clips = torch.rand(1, 3, 17, 32, 32)
    network = build(recipe, job)
    assert network.train()(clips).shape == (1, 3, 2)
    network.eval()
    over_time = network.frame_logits(clips)
    assert torch.allclose(network(clips), over_time.amax(2))
    assert not torch.allclose(over_time[..., 0], over_time[..., 1])
    network.pool = "mean"
    assert torch.allclose(network(clips), over_time.mean(2))


def test_a_kept_head_is_trained_and_scored_among_the_glosses(tmp_path):
    pytest.importorskip("torch")
    from benchmarks.engine import Job  # noqa: PLC0415
    from benchmarks.torch_engine import TorchEngine  # noqa: PLC0415
    from wlasl.loader import Batch  # noqa: PLC0415

    class Clips:
        """Two clips of noise."""

        clips = tuple(Clip(f"c{i}", "g", i, "train") for i in range(2))
        labels = np.arange(2)

        def steps(self):
            return 1

        def epoch(self, _epoch, **_options):
            pixels = np.random.default_rng(0).integers(0, 255, (2, 2, 32, 32, 3), np.uint8)
            yield Batch(pixels, self.labels, np.arange(2))

    settings = ["weights=none", "frames=2", "size=32", "epochs=1", "batch_size=2", "fixed_pool=false"]
    recipe = of_line("x3d-xs", "sample", "as-published", {}, settings)
    engine = TorchEngine(recipe, Job(2, zoo.system("x3d-xs").input, tmp_path, device="cpu"))
    assert engine.learner.network.blocks[-1].proj.out_features == HEAD_KEPT
    engine.fit(Clips(), Clips())
    scores = engine.predict(Clips())
    assert scores.shape == (2, 2)
    assert (np.exp(scores).sum(1) < 1).all()


def test_each_weights_gradient_is_held_by_itself_where_that_is_asked_for():
    torch = pytest.importorskip("torch")
    from benchmarks.torch_optim import clip_each, clips_each  # noqa: PLC0415

    network = torch.nn.Linear(3, 2)
    network.weight.grad, network.bias.grad = torch.full((2, 3), 5.0), torch.full((2,), 0.1)
    published = of_line("movinet-a0", "100", "as-published")
    assert clips_each(published)
    assert not clips_each(resolve("movinet-a0", "100"))
    clip_each(published, network)
    assert float(network.weight.grad.norm()) == pytest.approx(1, abs=1e-4)
    assert torch.equal(network.bias.grad, torch.full((2,), 0.1))
