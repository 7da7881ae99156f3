"""A run that is killed at any moment whatever ends as one that was not, once it is started again."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from benchmarks import chaos_audit, chaos_kill, chaos_run
from benchmarks.run import Places
from utils.files import read_json, write_json

EPOCHS = 2


def words(folder: Path, seed: int = 0) -> list[str]:
    return [
        f"--seed={seed}",
        f"--epochs={EPOCHS}",
        f"--results={folder / 'results'}",
        f"--runs={folder / 'runs'}",
        "--if-running=leave",
    ]


def started(folder: Path, *, at: int = 0, seed: int = 0) -> int:
    """Carry out a run in a process of its own that is killed at a moment, and return how that ended."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        reaper = chaos_kill.Reaper(at, folder)
        sys.addaudithook(reaper)
        code = chaos_run.main(words(folder, seed))
        (folder.parent / f"{folder.name}.moments").write_text(str(reaper.count))
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def audit(folder: Path, seeds: int = 1) -> chaos_audit.Audit:
    return chaos_audit.audited(range(seeds), EPOCHS, Places(folder / "results", folder / "runs"))


def moments(folder: Path) -> int:
    return int((folder.parent / f"{folder.name}.moments").read_text())


def test_a_run_that_is_killed_at_any_moment_ends_as_one_that_was_not(tmp_path):
    whole = tmp_path / "whole"
    assert started(whole) == 0
    assert audit(whole).clean
    count = moments(whole)
    assert count > 40
    for moment in range(1, count + 1):
        folder = tmp_path / f"{moment}"
        assert started(folder, at=moment) == -signal.SIGKILL
        assert started(folder) == 0, f"killed at moment {moment} of {count}"
        found = audit(folder)
        assert found.clean, f"killed at moment {moment} of {count}: {found}"
        assert found.redone <= chaos_audit.STEPS


def test_a_run_that_is_killed_again_and_again_still_gets_ahead(tmp_path):
    folder, kills = tmp_path / "run", 0
    while started(folder, at=45) == -signal.SIGKILL:
        kills += 1
        assert kills < 20
    assert kills >= 1
    found = audit(folder)
    assert found.clean
    assert found.redone <= kills * chaos_audit.STEPS


def test_of_two_at_a_time_one_leaves_the_run_to_the_other(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    monkeypatch.setenv("CHAOS_PACE", "0.1")
    first = os.fork()
    if first == 0:
        os._exit(chaos_run.main(words(folder)))
    while not list(folder.glob("runs/*/steps.log")):
        pass
    assert started(folder) == 75
    assert os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) == 0
    found = audit(folder)
    assert found.clean
    assert (found.cuts, found.redone) == (0, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT])
def test_a_warning_stops_a_run_between_two_steps_and_not_one_is_taken_again(tmp_path, monkeypatch, number):
    folder = tmp_path / "run"
    monkeypatch.setenv("CHAOS_PACE", "0.05")
    child = os.fork()
    if child == 0:
        os._exit(chaos_run.main(words(folder)))
    while not list(folder.glob("runs/*/steps.log")):
        pass
    os.kill(child, number)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 130
    assert audit(folder).lost == (0,)
    assert started(folder) == 0
    found = audit(folder)
    assert found.clean
    assert (found.cuts, found.redone) == (1, 0)


def steps(tmp_path, *lines: str):
    (tmp_path / "steps.log").write_text("".join(f"{line}\n" for line in lines))
    found = chaos_audit.read_steps(tmp_path / "steps.log")
    return found.redone, found.cuts, found.twice


def test_the_log_of_steps_shows_what_was_taken_twice(tmp_path):
    assert steps(tmp_path, "0 0 a", "0 1 a", "0 2 b", "0 3 b") == (0, 1, False)
    assert steps(tmp_path, "0 0 a", "0 1 a", "0 0 b", "0 1 b") == (2, 1, False)
    # Beyond a checkpoint; a step left out; two that take turns.
    assert steps(tmp_path, "0 3 a", "1 0 a", "0 0 b")[2]
    assert steps(tmp_path, "0 0 a", "0 2 a")[2]
    assert steps(tmp_path, "0 0 a", "0 1 b", "0 2 a")[2]


def test_the_audit_finds_what_it_is_for(tmp_path):
    for seed in range(4):
        assert started(tmp_path, seed=seed) == 0
    assert audit(tmp_path, 4).clean
    assert audit(tmp_path, 5).lost == (4,)
    records = {read_json(path)["recipe"]["seed"]: path for path in (tmp_path / "results").glob("*/*/*.json")}
    body = read_json(records[0])
    write_json(records[0], {**body, "started": "changed"})
    records[1].write_text("{")
    log = next(path for path in tmp_path.glob(f"runs/{records[2].stem}/steps.log"))
    log.write_text("0 0 a\n0 1 b\n0 1 a\n")
    found = audit(tmp_path, 4)
    assert not found.clean
    assert (len(found.corrupt), found.lost, found.twice) == (2, (0, 1), (2,))
