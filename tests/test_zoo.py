"""The zoo: every row is built, counted and run, so that a new row is tested by being there."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.recipe import resolve
from benchmarks.where import view_shapes
from models import zoo
from utils.errors import BenchError
from wlasl.landmarks.joints import SKELETONS

torch = pytest.importorskip("torch")

from models import counting  # noqa: E402

ALL_PIXELS = [row.name for row in zoo.ROWS if isinstance(row.input, zoo.Input)]
# What needs an extra of its own is left out where that is not installed.
ABSENT = [] if importlib.util.find_spec("transformers") else ["videomae-s", "videomae-b", "signnet"]
PIXELS = [name for name in ALL_PIXELS if name not in ABSENT]
LANDMARKS = [row.name for row in zoo.ROWS if row.name not in ALL_PIXELS and "torch" in row.builders]
NAMES = [*PIXELS, *LANDMARKS]
OTHERS = [row.name for row in zoo.ROWS if row.name not in [*ALL_PIXELS, *LANDMARKS]]
# Millions of parameters by classes, from the papers' implementations; published multiply-adds in 10^9.
PUBLISHED_PARAMETERS = {
    ("i3d", 100): 12.39,
    ("i3d", 400): 12.70,
    ("i3d", 2000): 14.34,
    ("s3d", 100): 8.01,
    ("s3d", 400): 8.32,
    ("x3d-xs", 400): 3.794,
    ("x3d-s", 400): 3.794,
    ("x3d-m", 400): 3.794,
    ("x3d-m", 100): 3.18,
    ("x3d-l", 400): 6.153,
    ("x3d-l", 100): 5.54,
    ("movinet-a0", 600): 3.11,
    ("movinet-a1", 600): 4.69,
    ("movinet-a2", 600): 5.25,
    ("movinet-a3", 600): 7.40,
    ("movinet-a4", 600): 11.35,
    ("movinet-a5", 600): 18.65,
    ("movinet-a0-stream", 100): 2.72,
    ("movinet-a1-stream", 100): 5.42,
    ("movinet-a2-stream", 100): 6.30,
    ("movinet-a3-stream", 100): 9.96,
    ("movinet-a4-stream", 100): 17.11,
    ("movinet-a5-stream", 100): 30.47,
    ("videomae-s", 100): 21.9,
    ("videomae-b", 100): 86.3,
    ("signnet", 100): 86.3,
    ("mvit-v2-s", 400): 34.537744,
}
PUBLISHED_GMACS = {
    ("i3d", 64, 224): 111.2,
    ("i3d", 20, 224): 34.9,
    ("s3d", 16, 224): 17.98,
    ("s3d", 64, 224): 71.9,
    ("x3d-xs", 4, 160): 0.61,
    ("x3d-s", 13, 160): 1.96,
    ("x3d-m", 16, 224): 4.73,
    ("x3d-l", 16, 312): 18.37,
    ("videomae-s", 16, 224): 56.9,
    ("videomae-s", 32, 224): 159,
    ("videomae-b", 16, 224): 180.3,
    ("signnet", 32, 224): 451,
    ("mvit-v2-s", 16, 224): 64.224,
}
# The README of MoViNet rounds, and counts otherwise than by convolutions alone.
README_GMACS = {"a0": 2.7, "a1": 6.0, "a2": 10, "a3": 57, "a4": 110, "a5": 280}


def on_meta(name, classes=100, **options):
    """Build a row's torch network without storage."""
    built = resolve(name, "100", native(zoo.system(name))).architecture()
    with torch.device("meta"):
        return zoo.build(name, "torch", classes, **{**built, **options})


def native(row):
    """Return the recipe fields of a row's own input."""
    if isinstance(row.input, zoo.LandmarkInput):
        return {}
    return {"frames": row.input.frames, "size": row.input.size}


def shapes(row):
    """Return the shapes of what a row's network sees of one view."""
    return view_shapes(resolve(row.name, "100", native(row)))


@pytest.fixture(scope="module")
def networks():
    return {name: on_meta(name) for name in NAMES}


def test_the_table_has_the_rows_that_it_promises():
    sizes = [f"a{number}" for number in range(6)]
    movinets = {f"movinet-{size}{kind}" for size in sizes for kind in ("", "-stream")}
    assert {*movinets, "i3d", "s3d", "x3d-xs", "x3d-s", "x3d-m", "x3d-l"} <= set(ALL_PIXELS)
    assert {"videomae-s", "videomae-b", "signnet", "mvit-v2-s"} <= set(ALL_PIXELS)
    assert len(ALL_PIXELS) == len(set(ALL_PIXELS)) == 22
    assert {"spoter", "gru"} <= set(LANDMARKS)
    assert set(OTHERS) == {"spobet"}
    assert len(zoo.ZOO) == len(zoo.ROWS)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_states_what_its_network_measures(networks, name):
    row, network = zoo.system(name), networks[name]
    assert counting.parameters(network) == row.parameters
    measured = counting.gmacs(network, *shapes(row))
    assert measured == pytest.approx(row.gmacs, rel=0.005)


def test_published_parameters_are_met():
    for (name, classes), millions in PUBLISHED_PARAMETERS.items():
        if name in ABSENT:
            continue
        digits = len(str(millions).partition(".")[2])
        measured = counting.parameters(on_meta(name, classes)) / 1e6
        assert measured == pytest.approx(millions, abs=0.51 * 10**-digits), name


def test_published_multiply_adds_are_met():
    for (name, frames, size), published in PUBLISHED_GMACS.items():
        if name in ABSENT:
            continue
        measured = counting.gmacs(on_meta(name, 400, frames=frames, size=size), (1, 3, frames, size, size))
        assert measured == pytest.approx(published, rel=0.01), name


@pytest.mark.parametrize(("variant", "published"), README_GMACS.items())
def test_movinets_multiply_adds_are_near_the_rounded_ones_of_its_readme(variant, published):
    assert zoo.system(f"movinet-{variant}").gmacs == pytest.approx(published, rel=0.16)
    assert zoo.system(f"movinet-{variant}-stream").gmacs == pytest.approx(published, rel=0.16)


@pytest.mark.parametrize("name", NAMES)
def test_blocks_and_head_together_are_the_whole_network(networks, name):
    network = networks[name]
    blocks = [parameter for block in network.blocks() for parameter in block.parameters()]
    head = [p for key, p in network.named_parameters() if key.startswith(tuple(network.head))]
    assert all(any(True for _ in block.parameters()) for block in network.blocks())
    assert len({id(p) for p in blocks}) == len(blocks)
    assert {id(p) for p in blocks}.isdisjoint({id(p) for p in head})
    assert {id(p) for p in (*blocks, *head)} == {id(p) for p in network.parameters()}
    # Embeddings serve any number of classes.
    assert {len(p) for p in head} == (set() if zoo.system(name).kind == "embedding" else {100})


@pytest.mark.parametrize("name", PIXELS)
def test_a_row_returns_a_logit_per_class_in_training_and_in_evaluation(networks, name):
    network, least = networks[name], zoo.system(name).input
    frames, size = max(least.min_frames, 4), max(least.min_size, 64)
    for mode in (True, False):
        with torch.no_grad():
            logits = network.train(mode)(torch.empty(2, 3, frames, size, size, device="meta"))
        assert logits.shape == (2, 100)
        assert logits.dtype == torch.float32


@pytest.mark.parametrize("name", LANDMARKS)
def test_a_landmark_row_returns_a_logit_per_class_or_an_embedding_in_training_and_in_evaluation(name):
    row, recipe = zoo.system(name), resolve(name, "100")
    network = zoo.build(name, "torch", 100, **recipe.architecture())
    for mode in (True, False):
        with torch.no_grad():
            points = torch.rand(2, 4, row.input.joints, recipe.channels)
            logits = network.train(mode)(points, torch.tensor([4, 3]))
        assert logits.shape == (2, getattr(recipe, "vector_length", 100))
        assert logits.dtype == torch.float32


@pytest.mark.parametrize("name", LANDMARKS)
def test_a_landmark_row_states_its_skeleton_and_its_papers(name):
    row, recipe = zoo.system(name), resolve(name, "100")
    assert row.input.joints == len(SKELETONS[row.input.skeleton])
    assert (recipe.skeleton, recipe.dims) == (row.input.skeleton, row.input.dims)
    assert "torch" in row.builders
    assert "arXiv:" in row.paper or "doi:" in row.paper or row.paper == "this project"
    assert row.licence


@pytest.mark.parametrize("name", OTHERS)
def test_a_row_without_a_torch_network_states_its_input_and_is_measured_by_tests_of_its_own(name):
    row, recipe = zoo.system(name), resolve(name, "100")
    assert (recipe.engine, recipe.skeleton) == ("tensorflow", row.input.skeleton)
    assert row.input.joints == len(SKELETONS[row.input.skeleton])
    assert importlib.util.find_spec(row.builders["tensorflow"].partition(":")[0]) is not None
    tests = (Path(__file__).parent / f"test_{name}.py").read_text(encoding="utf-8")
    assert "row.parameters" in tests
    assert "row.gmacs" in tests


@pytest.mark.parametrize("name", PIXELS)
def test_a_row_takes_its_smallest_clip_and_refuses_a_smaller_one_in_words(name):
    least = zoo.system(name).input
    on_meta(name, frames=least.min_frames, size=least.min_size)
    for shape in ({"size": least.min_size - 1}, {"frames": least.min_frames - 1}):
        with pytest.raises(BenchError, match="at least"):
            on_meta(name, **shape)


@pytest.mark.parametrize("name", PIXELS)
def test_a_row_resolves_to_a_recipe_that_its_network_takes(name):
    row = zoo.system(name)
    recipe = resolve(name, "100")
    assert {field: getattr(recipe, field) for field in row.recipe} == dict(row.recipe)
    assert recipe.size <= recipe.store_size
    on_meta(name, frames=recipe.frames, size=recipe.size, dropout=0.3, drop_path=None)


@pytest.mark.parametrize("name", PIXELS)
def test_a_row_names_its_modules_paper_licence_and_weights(name):
    row = zoo.system(name)
    assert "torch" in row.builders
    for builder in row.builders.values():
        assert importlib.util.find_spec(builder.partition(":")[0]) is not None
    assert "arXiv:" in row.paper or "doi:" in row.paper
    assert row.licence
    assert row.weights[zoo.KINETICS].url.startswith("https://")
    assert "top-1" in row.weights[zoo.KINETICS].note
    assert len(row.weights[zoo.KINETICS].sha256 or "0" * 64) == 64


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("movinet-a9", "movinet-a"),
        ("I3D", "Did you mean i3d"),
        ("x3d_s", "x3d-s"),
        ("zzzzzz", "Known: .*i3d"),
    ],
)
def test_a_wrong_name_is_answered_with_right_ones(name, answer):
    with pytest.raises(BenchError, match=answer):
        zoo.system(name)


def test_an_engine_that_a_row_lacks_is_refused():
    with pytest.raises(BenchError, match=r"no engine of this model named 'tensorflow'.*torch"):
        zoo.build("i3d", "tensorflow", 5, frames=64, size=224)


def test_the_table_imports_no_framework():
    code = "import sys, models.zoo; print([m for m in ('torch', 'tensorflow', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
