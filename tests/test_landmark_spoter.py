"""SPOTER's CSV: lists become points, y is turned where it grows up, and rows find their clips."""

import csv
import io
from dataclasses import replace
from itertools import permutations

import landmark_files as files
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.errors import BenchError
from wlasl.clips import Clip, Subset
from wlasl.landmarks.form import LandmarkError
from wlasl.landmarks.joints import SPOTER
from wlasl.landmarks.readers_spoter import SpoterFiles, _cells
from wlasl.landmarks.rows import Row, assigned, matched


def subset(lengths, part="train"):
    """A subset of two glosses whose clips have these numbers of frames."""
    clips = [
        Clip(f"{at:05d}", "ab"[at % 2], at % 2, part, frames=frames) for at, frames in enumerate(lengths)
    ]
    return Subset("100", ("a", "b"), tuple(clips), "r")


def rows_of(lengths, *, first=0, up=True, sides=("left", "right"), **more):
    clips = [files.points(frames, at) for at, frames in enumerate(lengths)]
    rows = [files.spoter_row(clip, up=up, sides=sides) for clip in clips]
    return [{**row, "labels": str(at % 2 + first), **more} for at, row in enumerate(rows)]


def expected(frames, seed):
    told = files.named(files.points(frames, seed))
    return np.stack([told[joint] for joint in SPOTER], axis=1)


@pytest.mark.parametrize("sides", [("left", "right"), ("0", "1"), ("Left", "Right")])
@pytest.mark.parametrize(("up", "kind"), [(True, "vision"), (False, "mediapipe-holistic")])
def test_lists_become_points_whichever_way_y_grows(tmp_path, sides, up, kind):
    path = files.write_csv(tmp_path / "x_train.csv", rows_of([5, 7], up=up, sides=sides))
    found = SpoterFiles([path], subset([5, 7]))
    assert (found.kind, found.joints, found.ids()) == (kind, SPOTER, ("00000", "00001"))
    for at, frames in enumerate([5, 7]):
        landmarks = found.read(subset([5, 7]).clips[at]).checked().canonical()
        assert landmarks.source == kind
        assert np.allclose(landmarks.points, expected(frames, at), atol=1e-5)


def test_zeros_are_unseen_and_one_zero_is_not(tmp_path):
    row = rows_of([3])[0]
    row["nose_X"], row["nose_Y"] = "[0, 0.5, 0.5]", "[0, 0, 0.5]"
    found = SpoterFiles([files.write_csv(tmp_path / "train.csv", [row])], subset([3]))
    nose = found.read(subset([3]).clips[0]).points[:, SPOTER.index("nose")]
    assert np.isnan(nose[0]).all()
    assert not np.isnan(nose[1:]).any()


def test_size_and_rate_are_told_where_the_columns_are(tmp_path):
    more = {"video_size_width": "256", "video_size_height": "192.0", "video_fps": "25"}
    path = files.write_csv(tmp_path / "train.csv", rows_of([3], **more))
    found = SpoterFiles([path], subset([3])).read(subset([3]).clips[0])
    assert (found.size, found.fps) == ((256, 192), 25.0)
    path = files.write_csv(tmp_path / "train.csv", rows_of([3], **{**more, "video_fps": "?"}))
    assert SpoterFiles([path], subset([3])).read(subset([3]).clips[0]).fps is None


def test_without_a_neck_the_shoulders_say_where_it_is(tmp_path):
    rows = [{k: v for k, v in row.items() if not k.startswith("neck")} for row in rows_of([4])]
    found = SpoterFiles([files.write_csv(tmp_path / "train.csv", rows)], subset([4]))
    landmarks = found.read(subset([4]).clips[0]).canonical()
    assert "neck" not in landmarks.joints
    assert np.allclose(landmarks.select(["neck"])[:, 0], files.named(files.points(4))["neck"], atol=1e-5)


@pytest.mark.parametrize("first", [0, 1])
def test_labels_count_from_0_or_from_1(tmp_path, first):
    path = files.write_csv(tmp_path / "train.csv", rows_of([5, 7], first=first))
    assert SpoterFiles([path], subset([5, 7])).place(subset([5, 7]).clips[1]) == "train.csv:2"


def test_rows_with_an_id_are_its_clips_and_nothing_is_guessed(tmp_path):
    rows = rows_of([5, 7, 6], video_id="")
    for row, name in zip(rows, ("00001", "99999", "00000"), strict=True):
        row["video_id"] = name
    found = SpoterFiles([files.write_csv(tmp_path / "any.csv", rows)], subset([1, 1]))
    assert found.place(subset([1, 1]).clips[0]) == "any.csv:3"
    assert len(found.read(subset([1, 1]).clips[1]).points) == 5
    assert found.notes == ("1 of 3 rows are no clips of this subset.",)


def test_rows_without_ids_find_the_clips_of_their_part_and_class_by_length(tmp_path):
    clips = [*subset([30, 40, 31, 60, 50, 41]).clips]
    clips += [replace(clip, id=f"t{clip.id}", part="test") for clip in clips[:2]]
    whole = Subset("100", ("a", "b"), tuple(clips), "r")
    train = files.write_csv(tmp_path / "WLASL100_train_25fps.csv", rows_of([49, 39, 30, 41, 31, 61]))
    test = files.write_csv(tmp_path / "WLASL100_test_25fps.csv", rows_of([30]))
    found = SpoterFiles([test, train], whole)
    places = {clip.id: found.place(clip) for clip in whole.clips if clip.id in found.ids()}
    name = "WLASL100_train_25fps.csv"
    assert places == {
        "t00000": "WLASL100_test_25fps.csv:1",
        "00000": f"{name}:3",
        "00002": f"{name}:5",
        "00004": f"{name}:1",
        "00001": f"{name}:2",
        "00005": f"{name}:4",
        "00003": f"{name}:6",
    }
    assert "7 of 7 rows" in found.notes[0]
    assert "4 have exactly" in found.notes[0]


@given(
    st.lists(st.integers(0, 9), min_size=0, max_size=4), st.lists(st.integers(0, 9), min_size=0, max_size=5)
)
def test_no_other_pairing_in_order_is_better(some, others):
    some, others = sorted(some), sorted(others)
    pairs = matched(some, others)
    assert len(pairs) == min(len(some), len(others))
    assert pairs == sorted(pairs)
    few, many = (some, others) if len(some) <= len(others) else (others, some)
    ways = permutations(many, len(few))
    best = min(sum(abs(a - b) for a, b in zip(few, way, strict=True)) for way in ways)
    assert sum(abs(some[a] - others[b]) for a, b in pairs) == best


@given(
    st.lists(st.text(st.sampled_from("abc1, []"), max_size=6), min_size=1, max_size=8),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_rows_are_split_as_the_csv_module_writes_them(cells, quoting):
    file = io.StringIO()
    csv.writer(file, quoting=quoting).writerow(cells)
    assert _cells(file.getvalue()) == cells


def spoiled(change):
    row = rows_of([4])[0]
    row.update(change)
    return row


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"nose_X": "[0.1, 0.2]"}, "shape"),
        ({"nose_X": "[0.1, 0.2, x, 0.4]"}, "unreadable"),
        ({"nose_X": "nonsense, of, four, words"}, "unreadable"),
        ({"nose_X": "[0.1, [0.2, 0.3], 0.4]"}, "unreadable"),
        ({"nose_X": "[0.1, 0.2, 0.3, 1e60]"}, "infinite"),
        (dict.fromkeys((f"{files.column(j)}_{a}" for j in SPOTER for a in "XY"), "[]"), "empty"),
    ],
)
def test_a_row_of_no_use_is_refused_and_the_others_are_read(tmp_path, change, reason):
    rows = [spoiled(change), *rows_of([5, 6])]
    for at, row in enumerate(rows):
        row["video_id"] = f"{at:05d}"
    found = SpoterFiles([files.write_csv(tmp_path / "a.csv", rows)], subset([1, 1, 1]))
    with pytest.raises(LandmarkError) as caught:
        found.read(subset([1]).clips[0]).checked()
    assert caught.value.reason == reason
    assert len(found.read(subset([1, 1, 1]).clips[2]).points) == 6


@pytest.mark.parametrize(
    ("name", "rows", "words"),
    [
        ("all.csv", rows_of([3]), "which part it holds is not said"),
        (
            "train.csv",
            [{k: v for k, v in rows_of([3])[0].items() if k != "labels"}],
            "no column named labels",
        ),
        (
            "train.csv",
            [{k: v for k, v in rows_of([3])[0].items() if "index" not in k}],
            "no columns for left_hand_index_dip and 7 more",
        ),
        ("train.csv", [{**rows_of([3])[0], "labels": "book"}], "'book', no number"),
        ("a.csv", [{**row, "video_id": "1"} for row in rows_of([3, 3])], "1 ids appear twice"),
    ],
)
def test_a_file_that_cannot_be_told_says_why(tmp_path, name, rows, words):
    with pytest.raises(BenchError, match=words):
        SpoterFiles([files.write_csv(tmp_path / name, rows)], subset([3, 3]))


def test_a_file_that_is_cut_off_says_so(tmp_path):
    path = files.write_csv(tmp_path / "train.csv", rows_of([3, 3]))
    path.write_text(path.read_text()[:-2500])
    with pytest.raises(BenchError, match=r"Row 2 .* is cut off"):
        SpoterFiles([path], subset([3, 3]))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BenchError, match="cannot be read"):
        SpoterFiles([path], subset([3, 3]))


def test_files_of_different_axes_are_not_mixed(tmp_path):
    paths = [
        files.write_csv(tmp_path / "train.csv", rows_of([3])),
        files.write_csv(tmp_path / "test.csv", rows_of([3], up=False)),
    ]
    with pytest.raises(BenchError, match="in others down"):
        SpoterFiles(paths, subset([3, 3]))


def test_a_row_of_a_part_that_no_subset_has_is_refused(tmp_path):
    with pytest.raises(BenchError, match="train, val or test"):
        assigned([Row(tmp_path / "a.csv", 1, 0, "dev", "", 3)], subset([3]))
