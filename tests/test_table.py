"""Tables: what is averaged, what is ranked with what, and what each form of the table says."""

from __future__ import annotations

import csv
import io
import json
import random
import shutil

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from benchmarks import table_text as text
from benchmarks.commands import table as command
from benchmarks.probe_records import Probed, ProbeRecord, probes_path, write_probes
from benchmarks.published import SHIPPED, read_published
from benchmarks.recipe import resolve
from benchmarks.recipe_table import named
from benchmarks.records import Shelf, Stored, read_records, write_record
from benchmarks.schema import Cost, InitialWeights, Selection, Where, ZeroShot, run_id
from benchmarks.table import Measure, collect, load_table, title
from benchmarks.table_data import as_csv, as_json
from benchmarks.table_markdown import grid, is_current, readme, write_readme
from benchmarks.table_probes import Probes, summed
from benchmarks.table_terminal import print_table
from utils.errors import BenchError

RUNNER = CliRunner()
APP = typer.Typer()
APP.command("table")(command.table)
APP.command("other")(lambda: None)


@pytest.fixture
def results(tmp_path):
    """Return an empty results folder."""
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


@pytest.fixture
def many(results, make_record):
    """Return a folder with one of everything that can happen."""
    for seed, hits in enumerate((150, 160, 170)):
        write_record(results, make_record(seed=seed, hits=hits))
    write_record(results, make_record(seed=3, status="failed", reason="The disk | is full."))
    write_record(results, make_record("i3d", hits=120))
    write_record(results, make_record("i3d", hits=140, clips=201, test="b" * 16, clips_="d"))
    write_record(results, make_record("movinet-a3", hits=200, lr=0.01, engine="tensorflow"))
    write_record(results, make_record("movinet-a3", hits=190, lr=0.02, engine="tensorflow"))
    write_record(results, make_record("s3d", "sample", hits=40, clips=48, classes=16, test="e" * 16))
    altered = write_record(results, make_record("x3d-s", hits=10))
    altered.write_text(altered.read_text().replace('"hits1": 10', '"hits1": 250'))
    (results / "100" / "i3d" / "broken.json").write_text("{")
    return results


def section(folder, subset="100"):
    """Return one subset's section of a folder's table."""
    return next(one for one in load_table(folder).sections if one.subset == subset)


def printed(table, split=None, width=100):
    """Return what the terminal shows."""
    file = io.StringIO()
    print_table(table, Console(file=file, width=width), split)
    return file.getvalue()


def test_runs_that_differ_by_the_seed_alone_are_one_row(many):
    row = next(row for row in section(many).boards[0].rows if row.first.model == "movinet-a0")
    assert [record.recipe["seed"] for record in row.records] == [0, 1, 2]
    assert row.top[1] == Measure(pytest.approx(160 / 258), spread=pytest.approx(10 / 258))


def test_one_run_has_an_interval_and_no_spread(many):
    row = next(row for row in section(many).boards[0].rows if row.first.model == "i3d")
    assert row.top[1].spread is None
    assert row.top[1].low < row.top[1].mean < row.top[1].high


def test_a_missing_seed_is_said_and_never_dropped(many):
    row = next(row for row in section(many).boards[0].rows if row.first.model == "movinet-a0")
    assert (len(row.records), row.attempted, text.seeds(row)) == (3, 4, "3 of 4")


def test_an_altered_record_is_in_no_mean_and_is_listed(results, make_record):
    paths = [write_record(results, make_record(seed=seed, hits=100)) for seed in range(5)]
    paths[2].write_text(paths[2].read_text().replace('"hits1": 100', '"hits1": 250'))
    found = section(results)
    (row,) = found.boards[0].rows
    assert row.top[1].mean == pytest.approx(100 / 258)
    assert text.seeds(row) == "4 of 5"
    assert [one.path for one in found.altered] == [paths[2]]


def test_a_copied_run_is_no_second_seed(results, make_record):
    path = write_record(results, make_record())
    shutil.copy(path, path.with_name("0" * 12 + ".json"))
    found = section(results)
    assert text.seeds(found.boards[0].rows[0]) == "1"
    assert [one.altered for one in found.altered] == [f"a copy of run {path.stem}"]


def test_runs_over_other_test_clips_are_ranked_apart(many):
    boards = section(many).boards
    assert [(board.test, board.clips, board.official) for board in boards] == [
        ("a" * 16, 258, 258),
        ("b" * 16, 201, 258),
    ]
    assert [[row.rank for row in board.rows] for board in boards] == [[1, 2, 3, 4], [1]]
    assert "57 official test clips were not at hand" in text.warning(boards[1], 1)
    assert "Ranked apart" in text.warning(boards[1], 1)
    assert text.warning(boards[0], 0) == ""


def test_rows_are_ranked_by_mean_top_1_and_equal_ones_share_a_rank(results, make_record):
    for model, hits in (("i3d", 100), ("s3d", 150), ("x3d-s", 100), ("x3d-m", 50)):
        write_record(results, make_record(model, hits=hits))
    rows = section(results).boards[0].rows
    assert [(row.rank, row.first.model) for row in rows] == [
        (1, "s3d"),
        (2, "i3d"),
        (2, "x3d-s"),
        (4, "x3d-m"),
    ]


def test_recipes_of_one_model_say_how_they_differ(many):
    rows = [row for row in section(many).boards[0].rows if row.first.model == "movinet-a3"]
    assert [row.differs for row in rows] == [("lr=0.01",), ("lr=0.02",)]
    assert [row.differs for row in section(many).boards[0].rows if row.first.model == "movinet-a0"] == [()]


def test_subsets_come_in_the_order_of_their_size_and_then_by_name(results, make_record):
    for split in ("sample", "2000", "own", "100", "1000", "300"):
        write_record(results, make_record(split=split))
    names = [one.subset for one in load_table(results).sections]
    assert names == ["100", "300", "1000", "2000", "sample", "own"]
    assert [title(name) for name in names[3:]] == ["WLASL2000", "sample", "own"]


def test_a_metric_that_says_nothing_stays_empty(results, make_record):
    write_record(results, make_record(classes=4, clips=20, hits=10))
    (row,) = section(results).boards[0].rows
    assert row.top[10] is row.top[5] is row.per_class[5] is None
    assert "| - |" in readme(load_table(results))


def test_top_1_that_says_nothing_is_ranked_last(results, make_record):
    write_record(results, make_record(classes=1, clips=20, hits=20))
    (row,) = section(results).boards[0].rows
    assert (row.rank, row.top[1]) == (1, None)


def test_the_order_of_files_changes_nothing(many):
    shelf, published = read_records(many), read_published()
    pages = set()
    for seed in range(5):
        shuffled = list(shelf.records)
        random.Random(seed).shuffle(shuffled)
        pages.add(readme(collect(Shelf(tuple(shuffled), shelf.unreadable), published)))
    assert len(pages) == 1


def test_a_folder_may_have_published_numbers_of_its_own(results, make_record):
    write_record(results, make_record("i3d"))
    lines = SHIPPED.read_text(encoding="utf-8").splitlines(keepends=True)
    (results / "published.csv").write_text(lines[0], encoding="utf-8")
    assert load_table(results).published == ()
    (results / "published.csv").unlink()
    assert len(load_table(results).published) == len(lines) - 1


def test_readme_says_everything_there_is_to_say(many):
    page = readme(load_table(many))
    for words in (
        "checkpoint is chosen on val",
        "no argument for the test part",
        "## WLASL100",
        "258 of 258 official test clips (fingerprint aaaaaaaaaaaaaaaa)",
        "201 of 258 official test clips",
        "57 official test clips were not at hand: these numbers are not comparable with published ones.",
        "| movinet-a3 (tensorflow) | lr=0.01 |",
        "| 62.02 ± 3.88 |",
        "| 3 of 4 |",
        "46.51 (40.5-52.6)",
        "65.89 / 84.11 ([Li et al. 2020](https://arxiv.org/abs/1910.11006), chosen on test)",
        "### Not finished",
        "The disk \\| is full.",
        "### Altered, and so in no number above",
        "changed after it was written",
        "1 file in this folder could not be read as records.",
        "## sample",
        "### WLASL100, published",
        "| MoViNet-a3 (thesis) | movinet-a3-stream | rgb | 2024 | 63.18 | 86.43 |",
    ):
        assert words in page, words
    assert page.endswith("\n")
    assert not page.endswith("\n\n")


@pytest.fixture
def mixed(results, make_record):
    """Return a folder with pixels and landmarks over the same clips, some chosen on test, some probed."""

    def landmarks(name, **changes):
        recipe = resolve("spoter", "100", named("spoter", name), changes).model_dump(mode="json")
        record = make_record(hits=200)
        seen = record.clips.model_copy(update={"landmarks": "mediapipe-hands"})
        return record.model_copy(update={"recipe": recipe, "id": run_id(recipe), "clips": seen})

    on_test = Selection(rule="test_top1", epoch=3, value=0.7)
    published = [
        landmarks("as-published", seed=seed).model_copy(update={"selection": on_test}) for seed in (0, 1)
    ]
    ours = landmarks("fixed", epochs=12, lr=0.01, frames=32)
    for record in (make_record("i3d", hits=120), *published, ours):
        write_record(results, record)
    for record, rates, change in ((published[0], (0.5, 0.25), 1e-6), (ours, (0.1, 0.2), 3.0)):
        probes = {
            "plain": Probed(draws=({"top1": 0.9, "clips": 258, "pairs": 16, "pair_hits": 8},)),
            "shuffled": Probed(draws=tuple({"top1": rate} for rate in rates), change=change),
            "no-hands": Probed(draws=({"top1": 0.03},), change=9.0),
        }
        one = ProbeRecord(
            id=record.id, model="spoter", split="100", of=record.finished, test="a", probes=probes
        )
        write_probes(probes_path(results, record), one)
    return results


def test_pixels_and_landmarks_over_the_same_clips_are_ranked_together(mixed):
    (board,) = section(mixed).boards
    assert [(text.rank(row), row.first.model, text.sources(row)) for row in board.rows] == [
        ("1", "spoter", "mediapipe-hands"),
        ("2", "i3d", "-"),
        ("-", "spoter", "mediapipe-hands"),
    ]
    assert [text.shape(row.first) for row in board.rows] == ["32x54", "20x172²", "all x 54"]


def test_signs_told_apart_untrained_have_a_column_where_a_board_has_any(results, make_record):
    def untrained(rate):
        measured = {"centroid_top1": rate, "classes": 16}
        found = {"split": "sample", "landmarks": "true", "unseen": True, "gallery": 9, "clips": "c" * 16}
        return {"sample": ZeroShot(**found, metrics=measured)}

    assert "Zero-shot" not in readme(load_table(results))
    ids = []
    for seed, rate in enumerate((0.25, 0.75)):
        record = make_record("movinet-a0", seed=seed, hits=150)
        ids.append(record.id)
        write_record(results, record.model_copy(update={"zero_shot": untrained(rate)}))
    write_record(results, make_record("i3d", hits=120))
    table = load_table(results)
    assert "sample: 50.00 ± 35.36 (16 signs)" in readme(table)
    assert "never trained on" in readme(table)
    assert [row["zero_shot"] for row in json.loads(as_json(table))["rows"]] == [
        [f"{ids[0]}:sample:0.25", f"{ids[1]}:sample:0.75"],
        [],
    ]


def test_what_was_chosen_on_test_has_a_badge_and_no_rank_and_moves_no_other(mixed):
    rows = section(mixed).boards[0].rows
    assert [(row.rank, row.on_test) for row in rows] == [(1, False), (2, False), (None, True)]
    assert len(rows[2].records) == 2
    page = readme(load_table(mixed))
    assert "| - | spoter<br>**chosen on test** | as-published |" in page
    assert "stands below the others without a rank" in page
    shown = printed(load_table(mixed))
    assert "chosen on test" in shown
    flat = list(csv.DictReader(io.StringIO(as_csv(load_table(mixed)))))
    assert [(row["rank"], row["chosen_on_test"], row["selection"]) for row in flat] == [
        ("1", "False", "val_top1"),
        ("2", "False", "val_top1"),
        ("", "True", "test_top1"),
    ]


def test_one_recipe_chosen_both_ways_is_two_rows(results, make_record):
    write_record(results, make_record(seed=0))
    on_test = Selection(rule="test_top1", epoch=3, value=0.7)
    write_record(results, make_record(seed=1, selection=on_test, hits=250))
    rows = section(results).boards[0].rows
    assert [(row.rank, len(row.records), row.on_test) for row in rows] == [(1, 1, False), (None, 1, True)]


def test_a_recipe_is_told_by_its_nearest_name_and_what_differs(mixed):
    rows = section(mixed).boards[0].rows
    assert [(row.recipe, row.differs) for row in rows] == [
        ("fixed", ("epochs=12", "lr=0.01")),
        ("", ()),
        ("as-published", ()),
    ]
    assert text.recipe(rows[0]) == "fixed, epochs=12, lr=0.01"
    assert text.recipe(rows[0], most=1) == "fixed, epochs=12 and 1 more"


def test_probes_have_columns_where_a_board_has_any(mixed):
    rows = section(mixed).boards[0].rows
    assert [text.probed(row, "shuffled") for row in rows] == ["15.00", "-", "37.50 (1 of 2 runs)"]
    assert [text.change(row.probes.change) for row in rows] == ["3.00", "-", "1.0e-06"]
    assert [text.pairs(row) for row in rows] == ["8 of 16", "-", "8 of 16"]
    page, shown = readme(load_table(mixed)), printed(load_table(mixed))
    heads = next(line for line in page.splitlines() if line.startswith("| # |"))
    assert "| Shuffled | No hands | Order change | Pairs |" in heads
    assert "Reversed" not in heads
    assert "nothing is tuned on them" in shown
    flat = json.loads(as_json(load_table(mixed)))["rows"]
    assert flat[0]["probe_shuffled_top1"] == pytest.approx(0.15)
    assert flat[1]["probe_shuffled_top1"] is None
    assert flat[2]["probed_runs"] == 1


def test_a_board_without_probes_says_nothing_of_them(many):
    page, shown = readme(load_table(many)), printed(load_table(many))
    assert "Shuffled" not in page + shown
    assert "Landmarks |" not in page


def test_probes_that_are_out_of_date_or_altered_do_not_count_and_are_said(mixed):
    paths = sorted(mixed.glob("*/*/probes/*.json"))
    paths[0].write_text(paths[0].read_text().replace("0.03", "0.9"))
    paths[1].write_text("[]")
    table = load_table(mixed)
    assert not any(row.probes.runs for row in table.sections[0].boards[0].rows)
    assert len(table.unreadable) == 2
    assert any("changed after it was written" in sentence for sentence in table.unreadable)


def test_probes_over_several_seeds_have_a_mean_and_a_spread():
    records = [
        ProbeRecord(
            id=str(rate),
            model="m",
            split="s",
            of="",
            test="",
            probes={"reversed": Probed(draws=({"top1": rate},))},
        )
        for rate in (0.2, 0.4)
    ]
    found = summed(records)
    assert found.runs == 2
    assert found.top1["reversed"] == (pytest.approx(0.3), pytest.approx(0.1 * 2**0.5))
    assert summed([]) == Probes()


def test_probed_boards_fit_into_100_and_into_80_characters(mixed):
    for width in (100, 80):
        assert max(map(len, printed(load_table(mixed), width=width).splitlines())) <= width


def test_unverified_numbers_are_not_printed(results):
    page = readme(load_table(results))
    hidden = [row for row in read_published() if not row.verified]
    assert len(hidden) > 10
    for row in hidden:
        lines = [line for line in page.splitlines() if line.startswith(f"| {row.name} |")]
        assert not [line for line in lines if f"| {row.top1} |" in line], row


def test_every_line_of_a_markdown_table_has_as_many_cells(many):
    lines = [line for line in readme(load_table(many)).splitlines() if line.startswith("|")]
    assert len(lines) > 40
    counts = [line.replace("\\|", "").count("|") for line in lines]
    heads = [number for number, line in enumerate(lines) if set(line) <= set("|-:")]
    for number in heads:
        following = counts[number - 1 : next((h - 1 for h in heads if h > number), len(lines))]
        assert len(set(following)) == 1, lines[number - 1]


def test_a_cell_cannot_end_its_line_or_its_column():
    assert grid(["a"], [["x|y\nz"]], frozenset()) == "| a |\n|--:|\n| x\\|y z |\n"


def test_an_empty_folder_says_how_to_begin(results):
    table = load_table(results)
    assert "No runs yet" in readme(table)
    assert "bench run --model movinet-a3 --split sample" in printed(table)
    assert "No results for WLASL300 yet" in printed(table, "300")
    assert as_csv(table) == ""


def test_readme_is_written_once_and_checked(many):
    table = load_table(many)
    assert not is_current(table, many)
    assert write_readme(table, many)
    assert is_current(table, many)
    assert not write_readme(table, many)
    (many / "README.md").write_bytes(b"\xff")
    assert not is_current(table, many)


def test_a_subset_with_failures_alone_says_so(results, make_record):
    write_record(results, make_record(status="skipped", reason="No readable clip."))
    assert "No finished runs." in readme(load_table(results))
    assert "No readable clip." in printed(load_table(results))


def test_the_terminal_shows_every_row_within_100_characters(many):
    shown = printed(load_table(many))
    assert max(map(len, shown.splitlines()[:-1])) <= 100
    for words in ("WLASL100", "movinet-a3", "tensorflow", "lr=0.01", "62.02", "±3.88", "3 of 4 runs"):
        assert words in shown, words
    for words in ("65.89/84.11", "Not finished", "The disk | is full.", "Altered", "broken.json", "sample"):
        assert words in shown, words
    assert "WLASL100" not in printed(load_table(many), "sample")


def test_a_narrow_terminal_has_fewer_columns_and_whole_numbers(many):
    shown = printed(load_table(many), "100", width=80)
    assert max(map(len, shown.splitlines()[:-1])) <= 80
    assert "Top-2" not in shown
    assert "…" not in shown
    for words in ("62.02", "±3.88", "40.5-52.6", "65.89/84.11", section(many).boards[0].rows[0].first.id):
        assert words in shown, words


def test_the_terminal_shows_the_first_of_many_runs(results, make_record):
    for seed in range(8):
        write_record(results, make_record(seed=seed))
    shown = printed(load_table(results))
    assert "and 5 more" in shown
    assert "[" not in printed(load_table(results)).replace("[/", "")


def test_csv_has_a_line_per_row_with_fractions(many):
    rows = list(csv.DictReader(io.StringIO(as_csv(load_table(many)))))
    assert [(row["subset"], row["model"], row["rank"]) for row in rows] == [
        ("100", "movinet-a3", "1"),
        ("100", "movinet-a3", "2"),
        ("100", "movinet-a0", "3"),
        ("100", "i3d", "4"),
        ("100", "i3d", "1"),
        ("sample", "s3d", "1"),
    ]
    assert float(rows[2]["top1"]) == pytest.approx(160 / 258)
    assert (rows[2]["seeds"], rows[2]["runs_attempted"], rows[2]["top1_low"]) == ("0 1 2", "4", "")
    assert rows[3]["published_top1"] == "65.89 48.45"
    assert rows[5]["top10_low"] != ""


def test_json_holds_everything(many):
    whole = json.loads(as_json(load_table(many)))
    assert len(whole["rows"]) == 6
    assert whole["rows"][2]["seeds"] == [0, 1, 2]
    assert [one["why"] for one in whole["unfinished"]] == ["The disk | is full."]
    assert [one["why"] for one in whole["altered"]] == ["changed after it was written"]
    assert len(whole["unreadable"]) == 1
    assert len(whole["published"]) == len(read_published())


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "-"),
        (0.4, "0 s"),
        (59, "59 s"),
        (61, "1 min"),
        (3540, "59 min"),
        (3725, "1 h 02 min"),
        (86400, "24 h 00 min"),
    ],
)
def test_times_are_written_as_people_say_them(seconds, words):
    assert text.duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "-"),
        (Measure(0.6395, 0.5793, 0.6957), "63.95 (57.9-69.6)"),
        (Measure(0.6395, spread=0.0041), "63.95 ± 0.41"),
        (Measure(0.5), "50.00"),
    ],
)
def test_rates_are_written_with_what_is_known_of_them(value, words):
    assert text.measure(value) == words


@pytest.mark.parametrize(
    ("source", "digest", "words"),
    [
        ("none", None, "random"),
        ("kinetics", "ab" * 32, "kinetics"),
        ("mine.pt", "ab" * 32, "mine.pt abababab"),
        ("/home/me/mine.pt", "ab" * 32, "mine.pt abababab"),
        ("C:\\me\\mine.pt", None, "mine.pt"),
    ],
)
def test_initial_weights_are_named_without_their_folder(make_record, source, digest, words):
    record = make_record().model_copy(update={"weights": InitialWeights(source=source, sha256=digest)})
    assert text.weights(record) == words


@pytest.mark.parametrize(("gmacs", "words"), [(None, "-"), (0.612, "0.612"), (18.37, "18.4"), (111.2, "111")])
def test_multiply_adds_are_written_with_three_digits(make_record, gmacs, words):
    assert text.gmacs(make_record(cost=Cost(gmacs=gmacs))) == words


def test_what_is_not_known_is_a_dash(make_record, results):
    write_record(results, make_record(cost=Cost(), where=Where()))
    (row,) = section(results).boards[0].rows
    assert {text.mean_duration(row), text.devices(row), text.commits(row), text.millions(row.first)} == {"-"}


def test_devices_and_commits_that_differ_are_all_named(results, make_record):
    places = [
        Where(device="cpu", cpu="A CPU", commit="a" * 12),
        Where(device="A GPU", cpu="A CPU", commit="b" * 12, dirty=True),
    ]
    for seed, where in enumerate(places):
        write_record(results, make_record(seed=seed, where=where))
    (row,) = section(results).boards[0].rows
    assert (text.devices(row), text.commits(row)) == ("A CPU, A GPU", "aaaaaaa, bbbbbbb+")


def test_per_class_says_where_classes_have_no_clip(results, make_record):
    write_record(results, make_record(clips=60, hits=30))
    (row,) = section(results).boards[0].rows
    assert text.per_class(row) == "50.00 (60 of 100 classes)"


def test_strange_values_in_an_altered_record_do_not_stop_the_table(make_record, results):
    record = make_record(seed="zero", frames=None, engine=None, status="failed", reason="x")
    stored = Stored(record, results / "100" / "movinet-a0" / "x.json", "changed after it was written")
    table = collect(Shelf((stored,), ()), ())
    assert "zero" in readme(table)
    assert "zero" in printed(table)


def run(*words):
    """Run the command and return its exit code and output; a BenchError is raised."""
    done = RUNNER.invoke(APP, ["table", *map(str, words)])
    if isinstance(done.exception, BenchError):
        raise done.exception
    return done.exit_code, done.output


def test_the_command_prints_the_table_and_writes_the_readme(many):
    code, output = run("--results", many)
    assert code == 0
    assert "movinet-a3" in output
    assert "README.md" in output
    assert "README.md" not in run("--results", many)[1]


def test_the_command_checks_the_readme_for_ci(many):
    with pytest.raises(BenchError, match="Run `bench table`") as refused:
        run("--results", many, "--check")
    assert refused.value.exit_code == 1
    run("--results", many)
    code, output = run("--results", many, "--check")
    assert code == 0
    assert "up to date: 6 rows ranked, 0 chosen on test and so without a rank, 0 probed" in output
    (many / "README.md").write_text("mine")
    with pytest.raises(BenchError, match="is not what the records say"):
        run("--results", many, "--check")


def test_the_command_prints_data_for_one_subset_and_writes_nothing(many):
    rows = list(csv.DictReader(io.StringIO(run("--results", many, "--csv", "--split", "sample")[1])))
    assert [row["model"] for row in rows] == ["s3d"]
    whole = json.loads(run("--results", many, "--json")[1])
    assert len(whole["rows"]) == 6
    assert not (many / "README.md").exists()


def test_the_command_refuses_what_it_cannot_do(tmp_path):
    with pytest.raises(BenchError, match="no results folder"):
        run("--results", tmp_path / "none")
    with pytest.raises(BenchError, match="not both"):
        run("--results", tmp_path, "--csv", "--json")


def test_the_readme_of_this_project_is_what_its_records_say():
    assert run("--check")[0] == 0
