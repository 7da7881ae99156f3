"""What looking after runs costs is measured on whole commands, and Slurm is asked once each."""

from __future__ import annotations

from pathlib import Path

from benchmarks.records import read_records
from benchmarks.speed_submit import Overhead, Taken, make_records, measured


def test_the_commands_are_measured_and_slurm_is_asked_once_each(tmp_path: Path):
    report = measured(tmp_path, planned=20, records=30, jobs=12)
    assert [row.what for row in report.rows] == [
        "plan of 20 runs, beside 30 records",
        "bench table over 30 records",
        "bench status of 12 jobs",
    ]
    assert all(row.seconds > 0 and row.cpu_seconds > 0 for row in report.rows)
    assert report.rows[2].asked == {"squeue": 1, "sacct": 1}
    assert "asked 1 squeue and 1 sacct" in report.as_text()
    assert [row["limit"] for row in report.as_dict()["rows"]] == [5.0, 2.0, 2.0]


def test_made_records_are_records(tmp_path: Path):
    make_records(tmp_path, 5)
    shelf = read_records(tmp_path)
    assert (len(shelf.records), shelf.unreadable) == (5, ())
    assert not [stored for stored in shelf.records if stored.altered]


def test_too_slow_or_too_many_questions_miss_the_mark():
    assert Taken("a", 9.0, 1.9, 2.0).met
    assert not Taken("a", 9.0, 2.1, 2.0).met
    assert not Taken("a", 1.0, 1.0, 2.0, {"squeue": 2, "sacct": 1}).met
    assert not Overhead((Taken("a", 9.0, 9.0, 2.0),)).met
    assert Overhead((Taken("a", 1.0, 1.0, 2.0),)).mark == "a in 2 s"
