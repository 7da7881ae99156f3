"""The readers of WLASL's metadata: what they make of it, and the sentences that answer damage."""

from __future__ import annotations

import contextlib
import copy
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from utils.errors import BenchError
from wlasl.clips import Clip, Subset, fingerprint
from wlasl.metadata import INSTANCES, Entry, read_instances, read_nslt, read_subset

BOOK = {
    "bbox": [385, 37, 885, 720],
    "fps": 25,
    "frame_end": -1,
    "frame_start": 1,
    "instance_id": 0,
    "signer_id": 118,
    "source": "aslbrick",
    "split": "train",
    "url": "http://aslbricks.org/New/ASL-Videos/book.mp4",
    "variation_id": 0,
    "video_id": "69241",
}
CUT = {**BOOK, "video_id": "70212", "frame_start": 7686, "frame_end": 7832, "split": "test"}
GLOSSES = [{"gloss": "book", "instances": [BOOK, CUT]}, {"gloss": "drink", "instances": []}]
NSLT = {
    "70212": {"subset": "test", "action": [0, 7686, 7832]},
    "20065": {"subset": "val", "action": [1, 1, 209]},
    "69241": {"subset": "train", "action": [0, 1, 64]},
}


def write(folder: Path, glosses: object = GLOSSES, nslt: object = NSLT) -> Path:
    (folder / INSTANCES).write_text(json.dumps(glosses))
    path = folder / "nslt_2.json"
    path.write_text(json.dumps(nslt))
    return path


def read(folder: Path, glosses: object = GLOSSES, nslt: object = NSLT) -> Subset:
    return read_subset(folder, write(folder, glosses, nslt), "2")


def test_an_instance_becomes_a_clip_with_nslts_length(tmp_path):
    assert read(tmp_path).clips[0] == Clip(
        id="69241",
        gloss="book",
        label=0,
        part="train",
        signer=118,
        frame_start=1,
        frame_end=-1,
        frames=64,
        box=(385, 37, 885, 720),
        fps=25.0,
        url="http://aslbricks.org/New/ASL-Videos/book.mp4",
        source="aslbrick",
    )


def test_the_length_of_a_cut_clip_is_its_range_not_its_last_frame(tmp_path):
    cut = read(tmp_path).clips[1]
    assert (cut.frame_start, cut.frame_end, cut.frames) == (7686, 7832, 147)


def test_a_clip_that_only_nslt_lists_is_kept_last_and_named(tmp_path):
    subset = read(tmp_path)
    assert subset.clips[2] == Clip("20065", "drink", 1, "val", frames=209)
    assert subset.notes == {"only in nslt_2.json (no signer, no box, no url)": ("20065",)}


def test_a_clip_that_only_the_json_lists_is_left_out_and_named(tmp_path):
    subset = read(tmp_path, nslt={"69241": NSLT["69241"]})
    assert [clip.id for clip in subset.clips] == ["69241"]
    assert subset.notes == {f"only in {INSTANCES} (left out)": ("70212",)}


def test_without_nslt_every_instance_counts_and_a_note_says_so(tmp_path):
    write(tmp_path)
    subset = read_subset(tmp_path, None, "2", classes=2)
    assert [(clip.id, clip.frames) for clip in subset.clips] == [("69241", None), ("70212", None)]
    assert len(subset.notes) == 1


def test_the_part_is_nslts(tmp_path):
    moved = {**NSLT, "69241": {"subset": "val", "action": [0, 1, 64]}}
    assert [clip.part for clip in read(tmp_path, nslt=moved).clips] == ["val", "test", "val"]


def test_the_revision_follows_what_shapes_a_clip_and_nothing_else(tmp_path):
    revision = read(tmp_path).revision
    assert len(revision) == 16
    path = write(tmp_path, nslt=dict(reversed(NSLT.items())))
    path.write_text(path.read_text().replace(" ", "\r\n "))
    assert read_subset(tmp_path, path, "2").revision == revision
    changed = copy.deepcopy(GLOSSES)
    changed[0]["instances"][0]["bbox"][0] = 1
    assert read(tmp_path, changed).revision != revision


def test_fields_that_not_every_copy_has_may_be_absent(tmp_path):
    bare = {key: BOOK[key] for key in ("video_id", "split", "frame_start", "frame_end")}
    (tmp_path / INSTANCES).write_text(json.dumps([{"gloss": "book", "instances": [bare]}]))
    clip = read_instances(tmp_path / INSTANCES).clips["69241"]
    assert clip == Clip("69241", "book", 0, "train")


def with_(**fields) -> list[dict]:
    """Return the glosses with a changed first instance; a field of value `...` is taken out."""
    instance = {key: value for key, value in {**BOOK, **fields}.items() if value is not ...}
    return [{"gloss": "book", "instances": [instance]}, {"gloss": "drink", "instances": []}]


DAMAGED_INSTANCES = {
    "no list": ({}, "should be a list of glosses"),
    "a gloss that is no object": (["book"], "gloss 0: there should be named fields here, not 'book'"),
    "no gloss": ([{"instances": []}], "gloss 0: 'gloss' is missing"),
    "no instances": ([{"gloss": "book"}], "gloss 0: 'instances' is missing"),
    "a gloss twice": ([GLOSSES[1], GLOSSES[1]], "the gloss 'drink' appears twice"),
    "a gloss that commands the terminal": ([{"gloss": "\x1b[2J", "instances": []}], "cannot be printed"),
    "an id twice": ([{"gloss": "book", "instances": [BOOK, BOOK]}], "the video_id '69241' appears twice"),
    "no id": (with_(video_id=...), "('book'), instance 0: 'video_id' is missing"),
    "an id that leads elsewhere": (with_(video_id="../../x"), "'../../x' cannot be a video_id"),
    "an empty id": (with_(video_id=""), "'' cannot be a video_id"),
    "a number for an id": (with_(video_id=69241), "'video_id' is 69241, which is of the wrong kind"),
    "no part": (with_(split=...), "'split' is missing"),
    "an unknown part": (with_(split="dev"), "'split' is 'dev', and should be one of train, val, test"),
    "frames from 0": (with_(frame_start=0), "frames 0 to -1 are no range"),
    "frames backwards": (with_(frame_start=9, frame_end=8), "frames 9 to 8 are no range"),
    "a frame of text": (with_(frame_end="8"), "'frame_end' is '8', which is of the wrong kind"),
    "a frame of truth": (with_(frame_start=True), "'frame_start' is True, which is of the wrong kind"),
    "a box of three": (with_(bbox=[1, 2, 3]), "'bbox' should be [xmin, ymin, xmax, ymax], not [1, 2, 3]"),
    "a box of nothing": (with_(bbox=[9, 9, 9, 10]), "'bbox' [9, 9, 9, 10] is empty"),
    "a rate of infinity": (with_(fps=float("inf")), "'fps' is inf, which is no positive number"),
    "a rate beyond floats": (with_(fps=10**400), "which is no positive number"),
    "a signer of text": (with_(signer_id="x"), "'signer_id' is 'x', which is of the wrong kind"),
}


@pytest.mark.parametrize("damage", DAMAGED_INSTANCES)
def test_a_damaged_instance_file_is_answered_with_the_place(tmp_path, damage):
    glosses, sentence = DAMAGED_INSTANCES[damage]
    with pytest.raises(BenchError) as error:
        read(tmp_path, glosses)
    assert sentence in str(error.value)
    assert str(tmp_path / INSTANCES) in str(error.value)


DAMAGED_NSLT = {
    "a list": ([], "is not an nslt file"),
    "nothing": ({}, "is not an nslt file"),
    "an unsafe id": ({"a/b": NSLT["69241"]}, "'a/b' cannot be a video_id"),
    "no part": ({"69241": {"action": [0, 1, 64]}}, "clip 69241: 'subset' is missing"),
    "no action": ({"69241": {"subset": "train"}}, "clip 69241: 'action' is missing"),
    "a short action": ({"69241": {"subset": "train", "action": [0, 1]}}, "[class, first frame, last frame]"),
    "a negative class": ({"69241": {"subset": "train", "action": [-1, 1, 9]}}, "negative class"),
    "an action backwards": ({"69241": {"subset": "train", "action": [0, 9, 8]}}, "ends before it begins"),
    "another class order": ({"69241": {"subset": "train", "action": [1, 1, 64]}}, "do not belong together"),
    "a class without a gloss": ({"1": {"subset": "train", "action": [2, 1, 64]}}, "do not belong together"),
}


@pytest.mark.parametrize("damage", DAMAGED_NSLT)
def test_a_damaged_nslt_file_is_answered_with_the_place(tmp_path, damage):
    nslt, sentence = DAMAGED_NSLT[damage]
    with pytest.raises(BenchError) as error:
        read(tmp_path, nslt=nslt)
    assert sentence in str(error.value)
    assert str(tmp_path / "nslt_2.json") in str(error.value)


TEXTS = {
    "half a file": ('{"69241": {"sub', "is not a JSON file"),
    "no text": ("", "is not a JSON file"),
    "a web page": ("<!DOCTYPE html>", "is not a JSON file"),
    "a very deep file": ("[" * 100_000, "is not a JSON file"),
    "a clip twice": ('{"1": {"subset": "val", "action": [0,1,1]}, "1": {}}', "the key '1' appears twice"),
}


@pytest.mark.parametrize("damage", TEXTS)
def test_a_file_that_is_no_clean_json_is_said_to_be_none(tmp_path, damage):
    text, sentence = TEXTS[damage]
    path = tmp_path / "nslt_2.json"
    path.write_text(text)
    with pytest.raises(BenchError, match=sentence):
        read_nslt(path)


def test_bytes_that_are_no_text_are_no_json(tmp_path):
    (tmp_path / "nslt_2.json").write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(BenchError, match="is not a JSON file"):
        read_nslt(tmp_path / "nslt_2.json")


def test_a_missing_file_and_a_folder_in_its_place_are_sentences(tmp_path):
    with pytest.raises(BenchError, match=r"is missing\. `bench data import PATH`"):
        read_nslt(tmp_path / "nslt_2.json")
    with pytest.raises(BenchError, match="Cannot read"):
        read_nslt(tmp_path)


def test_fewer_glosses_than_the_subset_needs_are_refused(tmp_path):
    with pytest.raises(BenchError, match=r"lists 2 glosses; this subset needs 100"):
        read_subset(tmp_path, write(tmp_path), "100", classes=100)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from([*BOOK, "gloss", "instances", "subset", "action"]), value=JSON)
def test_no_value_in_any_field_is_a_traceback(tmp_path, key, value):
    glosses, nslt = copy.deepcopy(GLOSSES), copy.deepcopy(NSLT)
    holder = (
        glosses[0]
        if key in glosses[0]
        else nslt["69241"]
        if key in nslt["69241"]
        else glosses[0]["instances"][0]
    )
    holder[key] = value
    with contextlib.suppress(BenchError):
        assert read(tmp_path, glosses, nslt).clips


# split, clips, clips that only nslt lists
REAL = [("100", 2038, 0), ("300", 5118, 1), ("1000", 13174, 6), ("2000", 21095, 12)]


@pytest.mark.parametrize(("split", "clips", "extra"), REAL)
def test_wlasl_reads_whole_with_nslts_classes(wlasl_root, split, clips, extra):
    subset = read_subset(wlasl_root, wlasl_root / f"nslt_{split}.json", split, classes=int(split))
    entries = read_nslt(wlasl_root / f"nslt_{split}.json")
    assert len(subset.clips) == len(entries) == clips
    assert {c.id: Entry(c.label, c.part, c.frames) for c in subset.clips} == entries
    assert sum(len(ids) for ids in subset.notes.values()) == extra
    assert {clip.label for clip in subset.clips} == set(range(int(split)))
    assert all(clip.gloss == subset.glosses[clip.label] for clip in subset.clips)


def test_wlasls_class_list_has_the_same_order_and_one_misspelt_gloss(wlasl_root):
    lines = (wlasl_root / "wlasl_class_list.txt").read_text().splitlines()
    listed = [line.split("\t", 1)[1].strip() for line in lines]
    pairs = zip(read_instances(wlasl_root / INSTANCES).glosses, listed, strict=True)
    assert [pair for pair in pairs if pair[0] != pair[1]] == [("lose", "losear")]


def test_the_fingerprint_names_clips_whatever_their_order():
    clips = [Clip("a", "x", 0, "train"), Clip("b", "y", 1, "test")]
    assert fingerprint(clips) == fingerprint(reversed(clips))
    assert fingerprint(clips) != fingerprint(clips[:1])
    assert fingerprint(clips) != fingerprint(clips, "another revision")
