"""The script that starts a Slurm for these tests: it leaves alone what is there, and says how to use it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / ".ci" / "slurm"

pytestmark = pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")


def said(*words: str, **environment: str):
    return subprocess.run(
        ["bash", str(SCRIPT), *words],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
        timeout=120,
    )


def test_without_a_command_it_says_what_it_takes():
    done = said()
    assert done.returncode == 2
    for word in ("start", "stop", "status", "crash-node N", "kill-node N", "start-node N", "ACCOUNTING=no"):
        assert word in done.stdout


@pytest.mark.parametrize("words", [("crash-node",), ("kill-node", "x"), ("start-node", "0")])
def test_a_node_is_named_by_its_number(words):
    done = said(*words)
    assert done.returncode == 1
    assert "Which node?" in done.stderr


def test_a_slurm_of_somebody_else_that_does_not_answer_is_not_touched(tmp_path: Path):
    conf = tmp_path / "slurm.conf"
    conf.write_text("ClusterName=theirs\nSlurmctldHost=nowhere(127.0.0.1)\nSlurmctldPort=1\n")
    done = said("start", SLURM_CONF=str(conf), WLASL_BENCH_SLURM=str(tmp_path / "home"))
    assert done.returncode == 1
    assert "is not ours" in done.stderr
    assert not (tmp_path / "home").exists()


def test_one_that_is_up_is_left_as_it_is(slurm):
    assert slurm.nodes
    began = time.monotonic()
    done = said("start")
    assert done.returncode == 0, done.stderr
    assert "already" in done.stdout
    assert time.monotonic() - began < 20


def test_a_node_is_not_drained_because_the_machine_is_busy():
    text = SCRIPT.read_text()
    told = dict(line.split("=", 1) for line in text.splitlines() if line.startswith("UnkillableStepTimeout="))
    assert int(told["UnkillableStepTimeout"]) >= 300
    assert text.index("resume_drained\n        until_it 30 'the nodes' all_up") > 0
