"""Records and scores: written whole, read back, and never trusted once they were changed by hand."""

from __future__ import annotations

import json
import shutil
import time

import numpy as np
import pytest

from benchmarks.asked import asked_of
from benchmarks.recipe import resolve, revised
from benchmarks.records import index, read_record, read_records, record_path, write_record
from benchmarks.schema import Record, Where, run_id
from benchmarks.scores import Scored, Scores, read_scores, write_scores
from benchmarks.seals import is_intact, sealed
from utils.errors import BenchError


@pytest.fixture
def results(tmp_path):
    """Return an empty results folder."""
    return tmp_path / "results"


def edited(path, change):
    """Rewrite a record's JSON after `change` had it."""
    body = json.loads(path.read_text())
    change(body)
    path.write_text(json.dumps(body))


def test_a_record_comes_back_as_it_was_written(results, make_record):
    record = make_record(lr=1e-4, weights="kinetics", weights_sha256="ab" * 32)
    path = write_record(results, record)
    assert path == results / "100" / "movinet-a0" / f"{record.id}.json"
    stored = read_record(path)
    assert stored.record == record
    assert stored.altered == ""


def test_the_same_record_is_the_same_bytes(results, make_record):
    first = write_record(results, make_record()).read_bytes()
    assert write_record(results, make_record()).read_bytes() == first


def test_a_record_may_be_laid_out_anew_without_being_altered(results, make_record):
    path = write_record(results, make_record())
    edited(path, dict.items)
    assert read_record(path).altered == ""


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["metrics"]["test"].update(top1=0.99),
        lambda body: body["metrics"]["test"].pop("ties"),
        lambda body: body["recipe"].update(seed=3),
        lambda body: body["recipe"].update(more=1),
        lambda body: body["clips"]["parts"]["test"].update(scored=258, missing=1),
        lambda body: body.update(body_sha256="0" * 64),
        lambda body: body.pop("body_sha256"),
    ],
    ids=["value", "deleted line", "recipe", "extra key", "coverage", "checksum", "no checksum"],
)
def test_a_record_edited_by_hand_is_known_for_it(results, make_record, change):
    path = write_record(results, make_record())
    edited(path, change)
    assert read_record(path).altered == "changed after it was written"


def test_every_flipped_byte_of_a_file_is_found_by_its_own_checksum(results, make_record):
    path = write_record(results, make_record())
    content = path.read_bytes()
    assert is_intact(content)
    for place in range(0, len(content), 7):
        flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        assert not is_intact(flipped)


def test_a_record_of_before_files_had_a_checksum_is_read_alike(results, make_record):
    path = write_record(results, make_record())
    new = read_record(path)
    edited(path, lambda body: body.pop("file_sha256"))
    old = read_record(path)
    assert new == old
    assert new.record == make_record()


def test_a_copied_run_is_known_for_it(results, make_record):
    path = write_record(results, make_record())
    other = shutil.copy(path, path.with_name("0" * 12 + ".json"))
    elsewhere = results / "300" / "movinet-a0" / path.name
    elsewhere.parent.mkdir(parents=True)
    shutil.copy(path, elsewhere)
    assert read_record(path).altered == ""
    assert read_record(other).altered == f"a copy of run {path.stem}"
    assert read_record(elsewhere).altered == f"a copy of run {path.stem}"


def test_a_record_whose_id_is_not_its_recipes_is_known_for_it(results, make_record):
    record = make_record()
    forged = record.model_copy(update={"recipe": {**record.recipe, "seed": 1}})
    with pytest.raises(AssertionError, match="id"):
        write_record(results, forged)
    path = write_record(results, record)
    path.write_text(json.dumps(sealed(forged.model_dump(mode="json"))))
    assert read_record(path).altered == "its id is not that of its recipe"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not a JSON file"),
        ("{", "is not a JSON file"),
        ("[1]", "is not a run's record"),
        ("{}", "is not a run's record: id"),
        ("[" * 100_000, "is not a JSON file"),
        ('{"format": 99}', "newer version of bench"),
        ('{"id": "x", "status": "done", "recipe": {}}', "a run that is done has test metrics"),
        ('{"id": "x", "status": "failed", "recipe": {}}', "a run that is failed says why"),
        ('{"id": "x", "status": "great", "recipe": {}}', "status"),
        ('{"id": "x", "status": "failed", "reason": "y", "recipe": {"lr": NaN}}', "holds NaN"),
        ('{"id": "x", "status": "failed", "reason": "y", "recipe": {}, "host": "z"}', "host"),
        ("\ufffd\x00", "is not a JSON file"),
    ],
)
def test_a_file_that_is_no_record_is_a_sentence_and_reading_goes_on(results, make_record, text, words):
    path = write_record(results, make_record())
    bad = path.with_name("bad.json")
    bad.write_text(text)
    with pytest.raises(BenchError, match=words):
        read_record(bad)
    shelf = read_records(results)
    assert [stored.path for stored in shelf.records] == [path]
    assert len(shelf.unreadable) == 1
    assert str(bad) in shelf.unreadable[0]


def test_leftovers_of_a_killed_writer_are_not_read(results, make_record):
    path = write_record(results, make_record())
    path.with_name(f".{path.name}.x1.tmp.json").write_text("{")
    assert read_records(results).unreadable == ()


def test_a_failure_is_a_record_with_its_reason(results, make_record):
    path = write_record(results, make_record(status="failed", reason="The disk is full."))
    assert read_record(path).record.reason == "The disk is full."


def test_a_failure_never_replaces_a_result_but_anything_replaces_a_failure(results, make_record):
    failed = make_record(status="timeout", reason="Stopped after a day.")
    path = write_record(results, failed)
    write_record(results, make_record(hits=100))
    write_record(results, failed)
    assert read_record(path).record.metrics["test"]["hits1"] == 100
    write_record(results, make_record(hits=101))
    assert read_record(path).record.metrics["test"]["hits1"] == 101


def test_a_failure_does_replace_a_result_that_was_altered_or_is_broken(results, make_record):
    failed = make_record(status="failed", reason="Again.")
    path = write_record(results, make_record())
    edited(path, lambda body: body["metrics"]["test"].update(top1=1.0))
    write_record(results, failed)
    assert read_record(path).record.status == "failed"
    path.write_text("{")
    write_record(results, failed)
    assert read_record(path).record.status == "failed"


@pytest.mark.parametrize("name", ["../100", "a/b", "", "-x", "a\0b"])
def test_names_that_leave_the_folder_are_refused(results, make_record, name):
    record = make_record(status="skipped", reason="-")
    for field in ("split", "model"):
        with pytest.raises(BenchError, match="cannot be part of a file's name"):
            record_path(results, record.model_copy(update={"recipe": {**record.recipe, field: name}}))


def test_a_folder_that_cannot_be_written_to_is_a_sentence(tmp_path, make_record):
    (tmp_path / "results").write_text("a file")
    with pytest.raises(BenchError, match="Cannot write"):
        write_record(tmp_path / "results", make_record())


def test_the_id_of_plain_fields_is_that_of_the_recipe():
    for weights in ({}, {"weights": "x.ckpt", "weights_sha256": "ab" * 32}):
        recipe = revised(resolve("movinet-a3", "100"), **weights)
        assert run_id(recipe.model_dump(mode="json")) == recipe.id


def test_runs_of_one_group_differ_by_the_seed_alone(make_record):
    assert make_record(seed=1).group == make_record(seed=2).group
    assert make_record(seed=1).group != make_record(seed=1, lr=0.5).group


def test_records_are_looked_up_by_what_was_asked_for(results, make_record):
    done, failed = make_record(seed=1), make_record(seed=2, status="failed", reason="The loss is nan.")
    other = make_record(seed=1, status="failed", reason="No clips.")
    recipe = {**other.recipe, "clips": "d" * 16}
    other = other.model_copy(update={"recipe": recipe, "id": run_id(recipe)})
    for record in (done, failed, other):
        write_record(results, record)
    found = index(results)
    assert set(found) == {asked_of(done.recipe), asked_of(failed.recipe)}
    assert asked_of(other.recipe) == asked_of(done.recipe)
    one = found[asked_of(done.recipe)]
    assert (one.id, one.status, one.top1) == (done.id, "done", done.metrics["test"]["top1"])
    assert one.path == record_path(results, done)
    two = found[asked_of(failed.recipe)]
    assert (two.status, two.reason, two.top1) == ("failed", "The loss is nan.", None)


def test_what_was_altered_or_is_no_record_is_not_found(results, make_record):
    path = write_record(results, make_record(seed=1))
    edited(path, lambda body: body.update(reason="edited"))
    path.with_name("other.json").write_text("[]")
    path.with_name("another.json").write_text('{"metrics": {}, "id": "x"}')
    assert index(results) == {}
    assert index(results / "none") == {}


def test_ten_thousand_records_would_be_read_in_seconds(results, make_record):
    base = make_record(**{f"field{i}": i / 7 for i in range(40)})
    for seed in range(1000):
        recipe = {**base.recipe, "seed": seed}
        record = base.model_copy(update={"recipe": recipe, "id": run_id(recipe)})
        path = record_path(results, record)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(record.model_dump_json())
    paths = list(results.glob("*/*/*.json"))

    def seconds(work):
        times = []
        for _ in range(3):
            start = time.process_time()
            work()
            times.append(time.process_time() - start)
        return min(times)

    plain = seconds(lambda: [json.loads(path.read_bytes()) for path in paths])
    assert len(read_records(results).records) == 1000
    assert seconds(lambda: read_records(results)) < 8 * plain  # about 4: 10,000 in 2 s where JSON takes 0.5


@pytest.fixture
def scores():
    """Return the scores of a small run."""
    draws = np.random.default_rng(0)
    labels = np.array([0, 1, 2, 1])
    test = Scored(("07", "08", "a_9", "x-1"), labels, draws.normal(size=(4, 3)).astype(np.float32))
    return Scores(("book", "drink", "été"), {"test": test, "val": test})


def test_scores_come_back_as_they_were_written(tmp_path, scores):
    path = tmp_path / "runs" / "x" / "scores.npz"
    write_scores(path, scores)
    back = read_scores(path)
    assert back.glosses == scores.glosses
    assert list(back.parts) == ["test", "val"]
    for part in ("test", "val"):
        assert back.parts[part].ids == scores.parts[part].ids
        assert back.parts[part].scores.dtype == np.float32
        np.testing.assert_array_equal(back.parts[part].scores, scores.parts[part].scores)
        np.testing.assert_array_equal(back.parts[part].labels, scores.parts[part].labels)


def test_the_same_scores_are_the_same_bytes(tmp_path, scores):
    for name in ("a.npz", "b.npz"):
        write_scores(tmp_path / name, scores)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_scores_that_are_missing_damaged_or_something_else_are_a_sentence(tmp_path, scores):
    path = tmp_path / "scores.npz"
    with pytest.raises(BenchError, match="not on this machine"):
        read_scores(path)
    write_scores(path, scores)
    whole = path.read_bytes()
    for damaged in (b"", b"<html>", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(BenchError, match="holds no scores of a run"):
            read_scores(path)
    np.savez(
        path, glosses=np.array(["a"]), test=np.zeros((2, 1)), test_ids=np.array(["1"]), test_labels=[0, 0]
    )
    with pytest.raises(BenchError, match="1 ids, 2 labels and 2 rows"):
        read_scores(path)


def test_a_flipped_byte_is_refused_or_harmless(tmp_path, scores):
    path = tmp_path / "scores.npz"
    write_scores(path, scores)
    whole = path.read_bytes()
    refused = 0
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            back = read_scores(path)
        except BenchError:
            refused += 1
            continue
        for name, part in back.parts.items():  # a part may be gone, never wrong
            np.testing.assert_array_equal(part.scores, scores.parts[name].scores)
            np.testing.assert_array_equal(part.labels, scores.parts[name].labels)
    assert refused > len(whole) / 9


def test_scores_that_hold_code_are_never_run(tmp_path):
    path = tmp_path / "scores.npz"
    np.savez(path, glosses=np.array([{"code": 1}], dtype=object))
    with pytest.raises(BenchError, match="holds no scores of a run"):
        read_scores(path)


def test_the_schema_holds_no_host_user_or_path():
    names = set(Record.model_fields) | set(Where.model_fields)
    assert not names & {"host", "hostname", "user", "path", "folder", "cwd"}
