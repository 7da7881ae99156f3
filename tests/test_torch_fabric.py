"""Processes of a run: those that a launcher started are taken as they are; Slurm alone is no launcher."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from benchmarks.engine import Job
from benchmarks.holding import is_company_lost, is_first_process
from benchmarks.torch_fabric import _processes
from models import zoo
from utils.errors import BenchError

RANKS = (
    "RANK",
    "LOCAL_RANK",
    "WORLD_SIZE",
    "LOCAL_WORLD_SIZE",
    "GROUP_RANK",
    "SLURM_PROCID",
    "SLURM_CPUS_PER_TASK",
)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch):
    """Return a function that sets the variables of a launcher, and those alone."""

    def tell(**variables: str) -> None:
        for name in RANKS:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return tell


def job(devices: int = 1) -> Job:
    return Job(classes=2, input=zoo.system("gru").input, folder=Path("/absent"), devices=devices)


def test_a_slurm_job_of_one_process_is_no_launcher(told):
    told(SLURM_PROCID="0", SLURM_NTASKS="1", SLURM_JOB_ID="7")
    found = _processes(job(2))
    assert (found.per_node, found.nodes, found.sharing) == (2, 1, 2)
    assert isinstance(found.environment, LightningEnvironment)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"RANK": "1", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "1"}, (1, 2, 1)),
        ({"RANK": "3", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}, (4, 2, 4)),
        ({"RANK": "3", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4", "SLURM_CPUS_PER_TASK": "3"}, (4, 2, 1)),
    ],
)
def test_a_launchers_processes_are_taken_as_they_are(told, variables, expected):
    told(**variables)
    found = _processes(job())
    assert (found.per_node, found.nodes, found.sharing) == expected
    assert isinstance(found.environment, TorchElasticEnvironment)
    with pytest.raises(BenchError, match="leave --devices at 1"):
        _processes(job(2))


@pytest.mark.parametrize(
    ("variables", "first"),
    [
        ({}, True),
        ({"SLURM_PROCID": "0", "RANK": "0", "LOCAL_RANK": "0"}, True),
        ({"RANK": "1", "LOCAL_RANK": "0"}, False),
        ({"SLURM_PROCID": "1", "LOCAL_RANK": "0"}, False),
        ({"LOCAL_RANK": "1"}, False),
    ],
)
def test_one_process_of_all_nodes_is_the_first(told, variables, first):
    told(**variables)
    assert is_first_process() is first


@pytest.mark.parametrize(
    ("world", "words", "lost"),
    [
        ("2", "[gloo/transport/tcp/pair.cc:537] Read error [127.0.0.1]: Connection reset by peer", True),
        (
            "2",
            "NCCL error in: ProcessGroupNCCL.cpp: remote process exited or there was a network error",
            True,
        ),
        ("2", "mat1 and mat2 shapes cannot be multiplied", False),
        ("1", "Connection reset by peer", False),
    ],
)
def test_the_end_of_another_process_is_no_fault_of_the_run(told, world, words, lost):
    told(WORLD_SIZE=world)
    assert is_company_lost(RuntimeError(words)) is lost
