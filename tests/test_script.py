"""The script of a job array: all that a profile asks for, in words that a shell and sbatch read as meant."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("submitit")

from slurm import script
from slurm.plan import Plan, Task
from slurm.profiles import Profile, profile
from slurm.submission import Chunk

NASTY = Path("/100% a b'c\"d $HOME;`x`/runs/jobs/s")


def plan(*resources: str) -> Plan:
    return Plan((Task("a", ()),), Path("/runs"), Path("/results"), profile(None, None, resources))


def lines(one: Plan, count: int = 1) -> list[str]:
    keys = tuple(f"{number}" for number in range(count))
    return script.script(one, NASTY, Chunk("bench-s-0", keys)).splitlines()


@pytest.fixture(autouse=True)
def no_profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_it_says_all_that_a_profile_asks_for():
    words = ("partition=high", "account=me", "qos=fast", "time=1-0", "gpus=a100:2", "cpus=3", "memory=2G")
    found = lines(plan(*words, "constraint=fast", "exclude=node9", "parallel=4", "signal_seconds=60"), 9)
    asked = [
        *("--partition=high", "--account=me", "--qos=fast", "--time=1440", "--gpus-per-node=a100:2"),
        *("--cpus-per-task=3", "--mem=2048M", "--constraint=fast", "--exclude=node9", "--requeue"),
        *("--ntasks-per-node=2", "--signal=USR2@60", "--array=0-8%4", "--job-name=bench-s-0"),
    ]
    assert [line for line in asked if f"#SBATCH {line}" not in found] == []
    (srun,) = [line for line in found if line.startswith("srun ")]
    assert "--cpus-per-task=3 --kill-on-bad-exit=1 " in srun


def test_what_comes_before_the_run_comes_in_its_order():
    words = ("modules=x y", "setup=source 'a b'", "environment.WORD=it's $HOME")
    found = lines(plan(*words))
    places = [found.index(line) for line in ("module load x y", "source 'a b'")]
    (export,) = [line for line in found if line.startswith("export WORD=")]
    assert [*places, found.index(export)] == sorted([*places, found.index(export)])
    said = subprocess.run(
        ["bash", "-c", f'{export}; printf %s "$WORD"'], capture_output=True, text=True, check=True
    )
    assert said.stdout == "it's $HOME"


def test_paths_are_read_by_a_shell_as_they_are():
    (srun,) = [line for line in lines(plan()) if line.startswith("srun ")]
    words = shlex.split(srun)
    assert words[-2:] == [str(NASTY), "bench-s-0"]
    assert words[-3] == script.WORKER
    outputs = [words[place + 1] for place, word in enumerate(words) if word == "--output"]
    assert outputs[-1] == str(NASTY).replace("%", "%%") + "/submitit/%A_%a_%t.out"


def test_defaults_leave_the_rest_to_the_site():
    told = script.options(Plan((), Path("/runs"), Path("/results"), Profile()), Path("/f"), "n")
    assert {"partition", "account", "qos", "cpus_per_task", "constraint"}.isdisjoint(told)
    assert set(told["additional_parameters"]) == {"requeue", "output"}
    assert told["time"] == 240


def test_what_sbatch_says_is_told_in_one_line():
    text = "sbatch: error: Memory specification can not be satisfied\nsbatch: error: Requested node\n"
    assert script._complaint(RuntimeError(text)) == "Memory specification can not be satisfied Requested node"
    assert script._complaint(RuntimeError()) == "RuntimeError"


def test_sbatch_is_told_where_slurms_own_file_lies_and_nothing_of_the_job_around(monkeypatch):
    monkeypatch.setenv("SLURM_CONF", "/opt/slurm/slurm.conf")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with script._environment():
        assert os.environ.get("SLURM_CONF") == "/opt/slurm/slurm.conf"
        assert "SLURM_JOB_ID" not in os.environ
    assert os.environ["SLURM_JOB_ID"] == "7"
