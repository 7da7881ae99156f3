"""`--split` by name, to clips and files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from utils.errors import BenchError
from wlasl import sample, subsets
from wlasl.metadata import INSTANCES
from wlasl.subsets import SPLITS, load


def write_set(folder: Path, nslt: str, classes: int = 2) -> Path:
    """Write a data set of one clip per gloss, of which the first has a file."""
    (folder / "videos").mkdir(parents=True, exist_ok=True)
    rows = [(f"{label:05d}", label) for label in range(classes)]
    instance = {"split": "train", "frame_start": 1, "frame_end": -1}
    glosses = [{"gloss": f"g{label}", "instances": [{**instance, "video_id": id_}]} for id_, label in rows]
    (folder / INSTANCES).write_text(json.dumps(glosses))
    (folder / nslt).write_text(json.dumps({i: {"subset": "train", "action": [n, 1, 9]} for i, n in rows}))
    (folder / "videos" / "00000.mp4").touch()
    return folder


def test_an_official_subset_has_its_clips_and_says_which_are_here(tmp_path):
    dataset = load("100", write_set(tmp_path, "nslt_100.json", 100))
    assert (dataset.subset.name, len(dataset.subset.glosses), len(dataset.subset.clips)) == ("100", 100, 100)
    assert [clip.id for clip in dataset.available()] == ["00000"]
    assert dataset.root == tmp_path


def test_without_its_nslt_file_a_subset_is_the_jsons_first_glosses(tmp_path):
    dataset = load("100", write_set(tmp_path, "nslt_300.json", 300))
    assert len(dataset.subset.clips) == 100
    assert "no nslt file" in next(iter(dataset.subset.notes))


@pytest.mark.parametrize(
    ("wrong", "right"), [("10", "100"), ("3000", "300"), ("Sample", "sample"), ("x", "Known")]
)
def test_a_wrong_split_is_answered_with_right_ones(wrong, right):
    with pytest.raises(BenchError, match=right):
        load(wrong)


def test_the_sample_is_drawn_and_read_as_wlasl_is(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "ensure", lambda folder, **_: write_set(folder, "nslt_2.json"))
    dataset = load("sample", tmp_path / "new")
    assert (dataset.subset.name, dataset.subset.glosses) == ("sample", ("g0", "g1"))
    monkeypatch.setattr(subsets, "project_folder", lambda: tmp_path)
    assert load("sample").root == tmp_path / "data" / "sample"


def test_the_sample_is_never_drawn_over_wlasl(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "ensure", lambda _folder: pytest.fail("the sample was drawn"))
    with pytest.raises(BenchError, match="holds WLASL"):
        load("sample", write_set(tmp_path, "nslt_300.json"))


def test_a_sample_with_two_nslt_files_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "ensure", lambda folder, **_: folder)
    write_set(tmp_path, "nslt_2.json")
    write_set(tmp_path, "nslt_3.json")
    with pytest.raises(BenchError, match="holds 2 nslt files"):
        load("sample", tmp_path)


def test_real_clips_are_found(wlasl_root):
    assert SPLITS[:5] == ("100", "300", "1000", "2000", "sample")
    assert len(load("100", wlasl_root).available()) >= 22
    assert len(load("300", wlasl_root).available()) >= 46
