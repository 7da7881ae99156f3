"""H&HT as one types it: shown, prepared, and named in tables."""

import json

import pytest
from PIL import Image

from benchmarks.table_text import shape
from wlasl.sample import SampleOptions, ensure


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """Return the folder of a small sample, whose landmarks are the true ones."""
    return ensure(tmp_path_factory.mktemp("hht") / "sample", SampleOptions(glosses=2, clips=3))


def test_a_clip_is_shown_as_canvases(bench, sample, tmp_path):
    target = tmp_path / "sheet.png"
    words = ["data", "show", "80001", "--split", "sample", "--data", sample, "--view", "hht", "--frames", "8"]
    code, out, _ = bench(*words, "--landmarks", "true", "--set", "hht_parts=pad", "--out", target)
    assert code == 0
    assert str(target) in out.replace("\n", "")
    with Image.open(target) as sheet:
        assert sheet.width > 8 * 224


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "hht_parts=pad"], "give that too"),
        (["--view", "hht", "--set", "hht_parts=round"], "hht_parts"),
        (["--view", "hht", "--landmarks", "nowhere"], "nowhere"),
        (["--view", "hth"], "signer"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_words(bench, sample, tmp_path, words, said):
    shown = ["data", "show", "80001", "--split", "sample", "--data", sample, "--out", tmp_path / "a.png"]
    code, _, err = bench(*shown, *words)
    assert code != 0
    assert said in err
    assert "Traceback" not in err


def test_what_a_model_sees_is_prepared_for_it(bench, sample, tmp_path):
    words = ["prepare", "--split", "sample", "--data", sample, "--store", tmp_path, "--json", "--size", "32"]
    found = []
    for more in (
        ["--model", "movinet-a0"],
        ["--model", "movinet-a0", "--set", "crop=hht"],
        ["--model", "movinet-a0", "--crop", "hht"],
    ):
        code, out, _ = bench(*words, *more)
        assert code == 0
        found.append(json.loads(out))
    assert [(made["clips"], made["new"]) for made in found] == [(6, 6), (6, 6), (6, 0)]
    code, out, _ = bench(*words[:-3], "--model", "gru")
    assert code == 0
    assert "75 joints" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "hht_margin=30"], "give --model too"),
        (["--model", "gru", "--crop", "hht"], "no field 'crop'"),
        (["--model", "s3d", "--landmarks", "true"], "sees pixels"),
    ],
)
def test_what_means_nothing_of_a_model_is_refused_in_words(bench, sample, tmp_path, words, said):
    code, _, err = bench("prepare", "--split", "sample", "--data", sample, "--store", tmp_path, *words)
    assert code != 0
    assert said in err.replace("\n", " ")


def test_a_table_tells_canvases_from_pictures(make_record):
    assert shape(make_record(crop="hht")) == "20x172² H&HT"
    assert shape(make_record(crop="frame")) == "20x172²"
