"""Published numbers: what is shipped holds together, and its denominators are checked."""

from __future__ import annotations

import pytest

from benchmarks.published import COLUMNS, OFFICIAL_TEST, SHIPPED, fit, fitting, of_system, read_published
from models import zoo
from utils.errors import BenchError

ROWS = read_published()
HEADER = ",".join(COLUMNS)


def line(**told):
    """Return a line of published.csv with some cells filled."""
    return ",".join({**dict.fromkeys(COLUMNS, ""), "subset": "100", "verified": "true", **told}.values())


@pytest.mark.parametrize(
    ("value", "clips", "kind"),
    [
        ("63.95", 258, "rounded"),  # 165
        ("87.98", 258, "rounded"),  # 227
        ("91.86", 258, "rounded"),  # 237
        ("93.70", 258, None),
        ("86.50", 258, None),
        ("32.48", 2879, "rounded"),
        ("57.31", 2878, None),
        ("61.26", 2878, "rounded"),
        ("61.26", 2879, None),
        ("58.73", 2879, "cut"),
        ("79.14", 2660, "rounded"),
        ("82.41", 2660, "rounded"),
        ("100", 258, "rounded"),
        ("0.00", 258, "rounded"),
        ("12.5", 8, "rounded"),
    ],
)
def test_a_printed_value_fits_a_number_of_clips_or_not(value, clips, kind):
    assert fit(value, clips) == kind


@pytest.mark.parametrize(
    ("clips", "share"), [(209, 0.021), (258, 0.026), (668, 0.067), (1876, 0.188), (2878, 0.288)]
)
def test_few_values_fit_by_chance_at_small_numbers_of_clips(clips, share):
    fitted = [fit(f"{value / 100:.2f}", clips) == "rounded" for value in range(10000)]
    assert sum(fitted) / len(fitted) == pytest.approx(share, abs=0.0006)


def test_the_shipped_denominators_are_those_that_the_decimals_fit():
    assert len(ROWS) > 30
    for row in ROWS:
        assert row.n == fitting(row), row


def test_the_thesis_is_shipped_whole_and_its_numbers_are_of_the_official_test_clips():
    thesis = {row.system: (row.top1, row.top5, row.n) for row in ROWS if "(thesis)" in row.name}
    assert thesis == {
        "i3d": ("48.45", "76.35", "258 cut"),
        "movinet-a0-stream": ("53.49", "82.17", "258"),
        "movinet-a1-stream": ("59.30", "85.66", "258"),
        "movinet-a2-stream": ("61.63", "87.21", "258"),
        "movinet-a3-stream": ("63.18", "86.43", "258"),
        "movinet-a4-stream": ("60.47", "87.60", "258"),
        "movinet-a5-stream": ("60.85", "86.43", "258"),
    }


def test_every_row_says_where_it_is_from_and_names_a_row_of_the_zoo_or_none():
    for row in ROWS:
        assert row.subset in OFFICIAL_TEST, row
        assert row.source, row
        assert row.tag in {"S", "P", "3p", "R"}, row
        assert row.url.startswith("https://") or not row.verified, row
        assert not row.verified or row.tag in {"S", "P"}, row
        assert row.quoted or row.tag != "S", row
        assert row.chosen_on in {"", "val", "test", "last"}, row
        assert not row.system or not zoo.ZOO or row.system in zoo.ZOO, row


def test_the_quoted_text_holds_the_numbers():
    quoted = [row for row in ROWS if row.quoted and row.top1]
    assert len(quoted) > 15
    for row in quoted:
        assert all(value in row.quoted for value in (row.top1, row.top5, row.top10) if value), row


@pytest.mark.parametrize(
    ("subset", "system", "top1"),
    [
        *(("100", "spoter", "63.18"), ("300", "spoter", "43.78"), ("100", "spobet", "63.95")),
        ("100", "signnet", "90.31"),
    ],
)
def test_what_a_paper_printed_stands_beside_the_same_network_of_ours(subset: str, system: str, top1: str):
    assert [row.top1 for row in of_system(ROWS, subset, system)] == [top1]


def test_only_verified_per_instance_numbers_stand_beside_our_own():
    assert [row.top1 for row in of_system(ROWS, "100", "i3d")] == ["65.89", "48.45"]
    assert of_system(ROWS, "300", "i3d") == ()
    assert of_system(ROWS, "100", "") != of_system(ROWS, "100", "i3d")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("subset,system\n", "should have the columns subset, system, name"),
        (f"{HEADER}\n{line(top1='6395%')}\n", "line 2: top1='6395%'"),
        (f"{HEADER}\n{line(top5='101')}\n", "top5='101'"),
        (f"{HEADER}\n{line(verified='yes')}\n", "`verified`"),
        (f"{HEADER}\n{line()},more\n", "its columns"),
        (f'{HEADER}\n"open\n', "cannot be read as CSV"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_refused_with_its_line(tmp_path, text, words):
    path = tmp_path / "published.csv"
    path.write_text(text)
    with pytest.raises(BenchError, match=words.replace("(", r"\(")):
        read_published(path)


def test_a_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(BenchError, match="is missing"):
        read_published(tmp_path / "published.csv")


def test_the_file_ends_its_lines_as_git_does():
    assert b"\r" not in SHIPPED.read_bytes()
