"""WLASL with other labels: lists of clips and classes, found by `--labels` and by the subset's name."""

from __future__ import annotations

import json

import pytest

from benchmarks.records import write_record
from benchmarks.table import load_table, title
from benchmarks.table_markdown import readme
from utils.errors import BenchError
from wlasl.clips import PARTS
from wlasl.datasets import revised
from wlasl.datasets.revised import labelled
from wlasl.metadata import INSTANCES
from wlasl.subsets import load

_ENDS = {"train": "train", "val": "dev", "test": "test"}


@pytest.fixture(autouse=True)
def no_folder_told(monkeypatch):
    monkeypatch.delenv(revised.VARIABLE, raising=False)
    # `labelled` sets it for the processes that come after; the test's own end takes it away again.
    monkeypatch.setattr(revised.os, "environ", dict(revised.os.environ))


@pytest.fixture
def root(tmp_path):
    """WLASL of 2,000 glosses, of which three have clips, and lists that join two of them."""
    parts = {"1": "train", "2": "val", "3": "test"}
    instance = {"frame_start": 1, "frame_end": -1, "signer_id": 7, "bbox": [1, 2, 30, 40]}
    glosses = []
    for label in range(2000):
        ids = {f"{label:04}{digit}": part for digit, part in parts.items()} if label < 3 else {}
        rows = [{**instance, "video_id": id_, "split": part} for id_, part in ids.items()]
        glosses.append({"gloss": f"g{label}", "instances": rows})
    (tmp_path / INSTANCES).write_text(json.dumps(glosses))
    for count in (100, 2000):
        rows = [
            (row["video_id"], row["split"], label)
            for label in range(3)
            for row in glosses[label]["instances"]
        ]
        nslt = {id_: {"subset": part, "action": [label, 1, 9]} for id_, part, label in rows}
        (tmp_path / f"nslt_{count}.json").write_text(json.dumps(nslt))
    lists = {
        "train": "WLASL2000/00001.mp4 1\nWLASL2000/00011.mp4 1\n\nWLASL2000/00021.mp4 0\n",
        "dev": "WLASL2000/00002.mp4 1\n",
        "test": "WLASL2000/00003.mp4 1\nWLASL2000/00023.mp4 0\n",
    }
    (tmp_path / "revised").mkdir()
    for part, text in lists.items():
        (tmp_path / "revised" / f"w2_{part}.csv").write_text(text)
    return tmp_path


def test_clips_keep_what_is_known_of_them_and_get_the_lists_labels(root):
    subset = load("2000-w2", root).subset
    assert subset.name == "2000-w2"
    assert subset.glosses == ("g2 #0", "g0 #1")
    assert [(c.id, c.label, c.part) for c in subset.clips] == [
        *(("00001", 1, "train"), ("00011", 1, "train"), ("00021", 0, "train")),
        *(("00002", 1, "val"), ("00003", 1, "test"), ("00023", 0, "test")),
    ]
    assert {(c.signer, c.box, c.frames) for c in subset.clips} == {(7, (1, 2, 30, 40), 9)}
    assert subset.notes["clips of WLASL2000 that the lists leave out"] == ("00012", "00013", "00022")
    assert subset.revision != load("2000", root).subset.revision
    assert load("2000-w2", root).family == load("100", root).family == "wlasl"
    (root / "revised" / "map2.txt").write_text("zwei\neins\n")
    assert load("2000-w2", root).subset.glosses == ("zwei", "eins")
    (root / "revised" / "map2.txt").write_text("zwei\nzwei\n")
    with pytest.raises(BenchError, match="should name 2 classes, each once"):
        load("2000-w2", root)


@pytest.mark.parametrize(
    ("part", "text", "said"),
    [
        ("dev", "WLASL2000/00002.mp4\n", "w2_dev.csv, line 1: 'WLASL2000/00002.mp4' is no file and class"),
        ("dev", "00002.mp4 0\nWLASL2000/99999.mp4 0\n", "line 2: '99999' is no clip of WLASL2000"),
        ("test", "WLASL2000/00001.mp4 1\n", "line 1: clip 00001 is one of train in WLASL2000"),
        ("train", "00001.mp4 1\n00001.mp4 0\n", "line 2: clip 00001 has class 1 already"),
        ("train", "WLASL2000/00001.mp4 9\n", "no clip of class 2"),
    ],
)
def test_bad_lists_are_answered_with_their_lines(root, part, text, said):
    (root / "revised" / f"w2_{part}.csv").write_text(text)
    with pytest.raises(BenchError) as caught:
        load("2000-w2", root)
    assert said in str(caught.value)


def test_labels_are_named_by_any_of_the_lists_or_what_they_begin_with(root, tmp_path):
    assert labelled("2000", None) == "2000"
    assert labelled("2000", "w2") == "2000-w2"
    elsewhere = tmp_path / "lists"
    (root / "revised").rename(elsewhere)
    with pytest.raises(BenchError, match=r"no list w2_train\.csv in .*revised"):
        load("2000-w2", root)
    for file in ("w2_train.csv", "w2_dev.csv", "w2_test.csv", "w2"):
        assert labelled("2000", str(elsewhere / file)) == "2000-w2"
    assert len(load("2000-w2", root).subset.clips) == 6
    for file in (str(elsewhere / "w3_train.csv"), "a b_train.csv"):
        with pytest.raises(BenchError, match="--labels"):
            labelled("2000", file)
    with pytest.raises(BenchError, match="--labels takes a list"):
        labelled("asl-citizen", "w2")


def test_the_real_lists_have_the_counts_that_their_authors_give(wlasl_root):
    whole = {clip.id for clip in load("100", wlasl_root).subset.clips}
    counts = {"w1573": (1573, [12_656, 3_497, 2_660]), "w1518": (1518, [12_477, 3_497, 2_602])}
    for name, (classes, clips) in counts.items():
        subset = load(f"2000-{name}", wlasl_root).subset
        assert [len(subset.part(part)) for part in PARTS] == clips
        assert len(subset.glosses) == len({clip.label for clip in subset.clips}) == classes
    few = load("100-w1573", wlasl_root).subset
    assert len(few.glosses) == len({clip.label for clip in few.clips}) > 100
    assert {clip.id for clip in few.clips} < whole
    assert next(clip.gloss for clip in few.clips if clip.id == "69241") == "book"


def test_relabelled_subsets_are_tabled_apart(tmp_path, make_record):
    for split in ("2000", "2000-w1573", "lsa64"):
        write_record(tmp_path, make_record(split=split))
    page = readme(load_table(tmp_path)).partition("## Published")[0]
    sections = {part.partition("\n")[0]: part for part in page.split("\n## ")[1:]}
    assert list(sections) == ["WLASL2000", "WLASL2000 labelled w1573", "lsa64"]
    said = "Other labels (w1573): not comparable with WLASL2000."
    assert [said in section for section in sections.values()] == [False, True, False]
    assert "258 of 258 official test clips" in sections["WLASL2000"]
    assert "258 of 258 test clips" in sections["lsa64"]
    assert title("2000-w1573") == "WLASL2000 labelled w1573"
    assert [title(name) for name in ("100", "sample", "asl-citizen")] == ["WLASL100", "sample", "asl-citizen"]


def test_commands_take_labels_and_jobs_are_told_where_they_lie(root, tmp_path, bench):
    code, out, err = bench("data", "glosses", "--split", "2000", "--labels", "w2", "--data", root)
    assert (code, err) == (0, "")
    assert "WLASL2000 labelled w2" in out
    assert "g0 #1" in out
    (root / "revised").rename(tmp_path / "lists")
    code, out, _ = bench(
        *("submit", "--model", "gru", "--split", "100,2000", "--labels", tmp_path / "lists" / "w2_dev.csv"),
        *("--cluster", "local", "--write-plan", tmp_path / "plan.json", "--runs", tmp_path / "runs"),
    )
    assert code == 0
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert plan["environment"][revised.VARIABLE] == str(tmp_path / "lists")
    assert [task["argv"][4] for task in plan["tasks"]] == ["100-w2", "2000-w2"]
