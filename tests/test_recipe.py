"""A recipe is a typed value; its id is the hash of all of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.recipe import parse_settings, read_recipe, resolve, to_toml
from benchmarks.recipe_clips import ClipRecipe
from benchmarks.recipe_table import TABLE, names
from models import zoo
from utils.errors import BenchError


@pytest.mark.parametrize(
    ("model", "split", "pinned"),
    [
        ("movinet-a3", "100", "34a15eb80773"),
        ("i3d", "2000", "7a209bf56ea3"),
        ("x3d-s", "sample", "c37e3cbe78dd"),
    ],
)
def test_defaults_are_pinned_so_that_a_changed_default_makes_a_new_id(model, split, pinned):
    assert resolve(model, split).id == pinned


def test_every_field_but_the_path_of_hashed_weights_changes_the_id():
    recipe = resolve("x3d-s", "100")
    changes = {
        "model": "x3d-m",
        "engine": "tensorflow",
        "split": "300",
        "crop": "frame",
        "codec": "raw",
        "sampling": "consecutive",
        "test_sampling": "centre",
        "pad": "loop",
        "optimizer": "sgd",
        "schedule": "constant",
        "select": "val_loss",
        "precision": "bf16",
        "weights": "kinetics",
        "weights_sha256": "ab",
        "clips": "cd",
        "clip_norm": None,
        "store_size": 128,
    }
    assert len(ClipRecipe.model_fields) > 40
    for name in ClipRecipe.model_fields:
        value = getattr(recipe, name)
        other = changes[name] if name in changes else _other(value)
        changed = recipe.model_copy(update={name: other})
        assert changed.id != recipe.id, name


def _other(value):
    if isinstance(value, bool):
        return not value
    if value is None:
        return 1
    if isinstance(value, str):
        return f"{value}-not"
    return value * 2 + 1 if isinstance(value, int) else value / 2 + 0.01


def test_the_same_weights_in_another_folder_are_the_same_run():
    one = resolve("x3d-s", "100", {"weights": "a.pth", "weights_sha256": "12"})
    assert one.id == resolve("x3d-s", "100", {"weights": "b.pth", "weights_sha256": "12"}).id


def test_later_layers_win_over_the_row_and_the_defaults():
    recipe = resolve("movinet-a3", "100", {"lr": 0.5, "epochs": 3}, {"epochs": 4})
    assert (recipe.lr, recipe.epochs) == (0.5, 4)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["lr=1e-3"], {"lr": 0.001}),
        (["epochs=7", "hflip=0.5"], {"epochs": 7, "hflip": 0.5}),
        (["clip_norm=none"], {"clip_norm": None}),
        (["channels_last=true"], {"channels_last": True}),
        (["pad = loop"], {"pad": "loop"}),
        (["dropout=None"], {"dropout": None}),
    ],
)
def test_settings_take_the_type_of_their_field(settings, expected):
    recipe = resolve("x3d-s", "100", parse_settings(settings))
    assert {name: getattr(recipe, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["lr"], "field=value"),
        (["learning_rate=1"], "no field 'learning_rate'"),
        (["epoch=1"], "Did you mean epochs"),
        (["lr=fast"], "lr='fast'"),
        (["lr=-1"], "greater than 0"),
        (["epochs=2.5"], "epochs='2.5'"),
        (["pad=mirror"], "'last', 'zero', 'loop' or 'first-or-last'"),
        (["lr=nan"], "finite"),
        (["crop_scale_min=0.9", "crop_scale_max=0.5"], "crop_scale_min is above"),
        (["store_size=100"], "multiple of 16"),
    ],
)
def test_a_wrong_setting_is_answered_in_words(settings, sentence):
    with pytest.raises(BenchError, match=sentence):
        resolve("x3d-s", "100", parse_settings(settings))


def test_only_embeddings_are_chosen_by_their_silhouette():
    with pytest.raises(BenchError, match="val_silhouette is for embeddings; gru takes val_top1"):
        resolve("gru", "100", {"select": "val_silhouette"})
    assert resolve("spoter-embeddings", "100", {"select": "val_silhouette"}).embeds


# Rows of pixels have fields of their own below both.
PUBLISHED = [name for name in TABLE if "as-published" in names(name) and zoo.system(name).kind != "clips"]


@pytest.mark.parametrize("model", PUBLISHED)
def test_what_is_published_owes_nothing_to_what_is_fixed(model):
    assert set(TABLE[model]["fixed"]) <= set(TABLE[model]["as-published"])


def test_a_wrong_model_or_engine_is_answered_with_the_right_ones():
    with pytest.raises(BenchError, match="movinet-a3"):
        resolve("movinet_a3", "100")
    with pytest.raises(BenchError, match="Its engines: torch"):
        resolve("s3d", "100", {"engine": "tensorflow"})


def test_a_recipe_file_gives_back_the_recipe_that_it_was_written_from(tmp_path):
    recipe = resolve("x3d-s", "100", {"lr": 0.5, "clip_norm": None, "patience": 3})
    path = tmp_path / "recipe.toml"
    path.write_text(to_toml(recipe), encoding="utf-8")
    again = resolve("x3d-s", "100", {"clip_norm": None}, read_recipe(path))
    assert again == recipe
    (tmp_path / "recipe.json").write_text(recipe.model_dump_json(), encoding="utf-8")
    assert resolve("x3d-s", "100", read_recipe(tmp_path / "recipe.json")) == recipe


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("r.toml", "lr = = 1", "not a TOML file"),
        ("r.toml", "lrr = 1", "Did you mean lr"),
        ("r.json", "[1]", "holds no recipe"),
        ("r.json", "{", "not a JSON file"),
    ],
)
def test_a_bad_recipe_file_is_answered_in_words(tmp_path, name, content, sentence):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(BenchError, match=sentence):
        read_recipe(tmp_path / name)
    with pytest.raises(BenchError, match="no recipe file"):
        read_recipe(tmp_path / "absent.toml")


@given(st.floats(1e-6, 10), st.integers(1, 1000), st.sampled_from(["last", "zero", "loop"]))
def test_the_id_depends_on_values_alone(lr, epochs, pad):
    layer = {"lr": lr, "epochs": epochs, "pad": pad}
    assert resolve("x3d-s", "100", layer).id == resolve("x3d-s", "100", dict(reversed(layer.items()))).id
