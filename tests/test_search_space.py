"""What a study may search: dimensions in words, and one declaration for every system of the zoo."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.recipe import KINDS, resolve
from benchmarks.search_space import (
    Choice,
    Range,
    declared,
    parse_searches,
    parsed,
    read_space,
    restored_space,
    space_of,
    written,
)
from benchmarks.search_spaces import BLOCKS, SPACES
from models import zoo
from utils.errors import BenchError

GRU = resolve("gru", "sample")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("1e-4..1e-2:log", Range(1e-4, 1e-2, log=True)),
        ("0..0.5:0.1", Range(0, 0.5, step=0.1)),
        ("1..3", Range(1, 3)),
        ("8..64:8", Range(8, 64, step=8)),
        ("64,128,256", Choice((64, 128, 256))),
        ("adam, sgd", Choice(("adam", "sgd"))),
        ("true,false", Choice((True, False))),
    ],
)
def test_a_dimension_is_what_its_words_say_and_is_written_as_it_is_read(words: str, found: Range | Choice):
    assert parsed("field", words) == found
    assert parsed("field", str(found)) == found


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("3..1", "below the upper"),
        ("1..1", "below the upper"),
        ("0..1:log", "above 0"),
        ("-1..1:log", "above 0"),
        ("0..1:2", "fit between"),
        ("0..1:-0.1", "above 0"),
        ("a..b", "write low..high"),
        ("1..2:often", "write low..high"),
        ("nan..1", "write low..high"),
        ("0..inf", "write low..high"),
        ("0.5", "nothing to search"),
        ("", "nothing to search"),
        ("1,,2", "nothing to search"),
    ],
)
def test_words_that_are_no_dimension_are_answered_with_how_to_write_one(words: str, why: str):
    with pytest.raises(BenchError, match=why):
        parsed("lr", words)


@given(st.floats(1e-9, 1e3), st.floats(1.001, 1e6), st.booleans())
def test_any_range_comes_back_from_its_words(low: float, factor: float, log: bool):
    dimension = Range(low, low * factor, log=log)
    assert restored_space(written({"lr": dimension})) == {"lr": dimension}


@given(st.text(max_size=20))
def test_no_words_end_in_anything_but_a_dimension_or_a_sentence(words: str):
    with contextlib.suppress(BenchError):
        assert len(parsed("field", words).ends()) >= 2


@pytest.mark.parametrize("row", zoo.ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("weights", ["none", "kinetics"])
def test_every_system_has_a_space_whose_ends_its_recipe_takes(row: zoo.System, weights: str):
    recipe = resolve(row.name, "100", {"weights": weights})
    space = space_of(recipe, {})
    assert "lr" in space
    assert ("unfreeze" in space) == (row.kind == "clips" and weights != "none")
    assert math.prod(len(dimension.ends()) for dimension in space.values()) >= 4


def test_the_table_of_spaces_has_no_row_for_nothing():
    families = {row.name.partition("-")[0] for row in zoo.ROWS if row.kind == "clips"}
    assert set(SPACES) == families | (set(KINDS) - {"clips"})
    assert set(BLOCKS) == {row.name for row in zoo.ROWS if row.kind == "clips"}


@pytest.mark.parametrize("name", ["movinet-a0", "x3d-s", "i3d", "s3d"])
def test_unfreeze_ends_at_the_blocks_that_the_network_has(name: str):
    torch = pytest.importorskip("torch")
    with torch.device("meta"):
        network = zoo.build(name, "torch", 10, **resolve(name, "100").architecture())
    assert len(network.blocks()) == BLOCKS[name]


def test_the_thesis_space_of_movinet_is_searched():
    space = declared(resolve("movinet-a3", "100", {"weights": "kinetics"}))
    assert {name: str(dimension) for name, dimension in space.items()} == {
        "lr": "0.0001..0.01:log",
        "dropout": "0..0.5:0.1",
        "drop_path": "0..0.9:0.1",
        "unfreeze": "0..36",
    }


def test_what_the_user_searches_stands_in_for_the_systems_own_and_what_the_user_sets_is_left_out():
    given_here = parse_searches(["hidden=16,32", "label_smoothing=0..0.2"])
    space = space_of(GRU, given_here, fixed=["lr", "layers"])
    assert set(space) == {"hidden", "label_smoothing", "dropout", "weight_decay"}
    assert space["hidden"] == Choice((16, 32))


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("hiden=16,32", "Did you mean hidden"),
        ("seed=0..4", "no field 'seed' to search"),
        ("split=100,300", "no field 'split' to search"),
        ("test_select=true,false", "no field 'test_select' to search"),
        ("frames=0..16", "frames=0"),
        ("dropout=0..1", "dropout=1"),
        ("optimizer=adam,adamx", "optimizer='adamx'"),
        ("hidden", "--search takes field=low..high"),
    ],
)
def test_a_search_that_the_recipe_cannot_take_is_refused_before_any_trial(word: str, why: str):
    with pytest.raises(BenchError, match=why):
        space_of(GRU, parse_searches([word]))


def test_how_clips_are_prepared_is_not_searched_and_the_margin_of_triplets_is():
    with pytest.raises(BenchError, match="no field 'margin' to search"):
        space_of(resolve("i3d", "100"), parse_searches(["margin=0..0.5"]))
    with pytest.raises(BenchError, match="no field 'train_on_val' to search"):
        space_of(resolve("i3d", "100"), parse_searches(["train_on_val=true,false"]))
    assert "margin" in space_of(resolve("spoter-embeddings", "100"), {})


def test_nothing_left_to_search_is_a_sentence():
    with pytest.raises(BenchError, match="Nothing is left to search"):
        space_of(GRU, {}, fixed=list(declared(GRU)))


def test_a_space_is_read_from_a_file(tmp_path: Path):
    (tmp_path / "space.toml").write_text('lr = "1e-4..1e-3:log"\nhidden = "8,16"\n')
    assert set(read_space(tmp_path / "space.toml")) == {"lr", "hidden"}
    with pytest.raises(BenchError, match="There is no recipe file"):
        read_space(tmp_path / "other.toml")
