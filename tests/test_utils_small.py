"""Late imports, seeds, threads and errors."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from utils import threads
from utils.errors import FAILURE, USAGE, BenchError
from utils.imports import optional
from utils.seeds import generator


def test_a_package_that_is_there_is_imported():
    assert optional("os.path", "torch") is os.path


@pytest.mark.parametrize("module", ["no_such_package", "no_such_package.part"])
def test_a_missing_package_is_answered_with_the_command_that_installs_it(module: str):
    with pytest.raises(
        BenchError, match=r"no_such_package is not installed. Install it with: pip install -e '.\[tune\]'"
    ):
        optional(module, "tune")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("import another_missing_one", ModuleNotFoundError),
        ("raise ImportError('broken')", ImportError),
        ("1 / 0", ZeroDivisionError),
    ],
)
def test_a_package_that_breaks_raises_its_own_error(
    monkeypatch, tmp_path: Path, content: str, error: type[Exception]
):
    (tmp_path / "broken_package.py").write_text(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(error):
        optional("broken_package", "tune")


def test_the_same_key_gives_the_same_numbers_whatever_came_before():
    first = generator(7, 3, 1).random(5)
    generator(7, 3, 2).random(100)
    assert np.array_equal(generator(7, 3, 1).random(5), first)


def test_the_numbers_of_a_key_are_the_same_on_every_machine():
    assert generator(7, 3, 1).integers(0, 1000, 5).tolist() == [604, 511, 805, 398, 63]


def test_different_keys_give_different_numbers():
    keys = [(0,), (0, 0), (1,), (0, 1), (1, 0), (1, 0, 0), (0, 0, 1), (2**40, 1)]
    assert len({generator(*key).random() for key in keys}) == len(keys)


@pytest.mark.parametrize(("told", "cores"), [("3", 3), ("1", 1)])
def test_a_slurm_job_takes_the_cores_that_it_was_given(monkeypatch, told: str, cores: int):
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", told)
    assert threads.allotted_cores() == cores


@pytest.mark.parametrize("told", ["", "0", "-1", "many"])
def test_otherwise_the_affinity_mask_counts(monkeypatch, told: str):
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", told)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5}, raising=False)
    assert threads.allotted_cores() == 2


def test_a_system_without_affinity_masks_counts_its_cores(monkeypatch):
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert threads.allotted_cores() == 1


@pytest.mark.parametrize(("before", "after"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_idle_threads_sleep_unless_the_user_says_otherwise(monkeypatch, before: str | None, after: str):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if before:
        monkeypatch.setenv("OMP_WAIT_POLICY", before)
    else:
        monkeypatch.setenv("OMP_WAIT_POLICY", "x")
        monkeypatch.delenv("OMP_WAIT_POLICY")
    threads.be_polite()
    assert os.environ["OMP_WAIT_POLICY"] == after


def test_an_error_for_people_ends_with_the_exit_code_of_a_mistake_unless_told_otherwise():
    assert BenchError("Say it.").exit_code == USAGE
    assert BenchError("Say it.", exit_code=FAILURE).exit_code == FAILURE
    assert str(BenchError("Say it.")) == "Say it."
