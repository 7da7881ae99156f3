"""The Slurm job that a run is part of, read from the variables that Slurm sets."""

from __future__ import annotations

import pytest

from slurm.job import job_facts

PLAIN = {
    "SLURM_JOB_ID": "231",
    "SLURM_JOB_PARTITION": "main",
    "SLURM_JOB_NODELIST": "node[1-2]",
    "SLURM_NTASKS": "2",
}


def test_a_process_outside_a_job_knows_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert job_facts() == {}
    assert job_facts({"SLURM_CPUS_PER_TASK": "4", "SLURM_JOB_ID": ""}) == {}


def test_the_environment_of_the_process_is_what_counts_by_default(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert job_facts()["job"] == "7"


def test_a_plain_job_has_no_array_and_no_restart():
    expected = {"job": "231", "partition": "main", "nodes": "node[1-2]", "processes": 2, "restarts": 0}
    assert job_facts(PLAIN) == expected


@pytest.mark.parametrize(
    ("variable", "value", "name", "fact"),
    [
        ("SLURM_ARRAY_JOB_ID", "230", "array", "230"),
        ("SLURM_ARRAY_TASK_ID", "0", "task", "0"),
        ("SLURM_CLUSTER_NAME", "lab", "cluster", "lab"),
        ("SLURM_RESTART_COUNT", "3", "restarts", 3),
        ("SLURM_CPUS_PER_TASK", "8", "cpus_per_process", 8),
        ("SLURM_CPUS_ON_NODE", "16", "cpus_on_node", 16),
        ("SLURM_GPUS_ON_NODE", "1", "gpus_on_node", 1),
        ("SLURM_MEM_PER_NODE", "4000", "memory_per_node_mb", 4000),
    ],
)
def test_each_variable_becomes_one_fact(variable: str, value: str, name: str, fact: str | int):
    assert job_facts({**PLAIN, variable: value})[name] == fact


@pytest.mark.parametrize("value", ["", "many", "-1", "2(x3)", "1.5"])
def test_what_is_no_number_is_left_out(value: str):
    assert "cpus_per_process" not in job_facts({**PLAIN, "SLURM_CPUS_PER_TASK": value})
