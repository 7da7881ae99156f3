"""Devices, precision and processes of a torch run, by Lightning Fabric."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from benchmarks.engine import Job
from benchmarks.recipe_base import Recipe
from utils.errors import BenchError
from utils.threads import compute_threads

_PRECISION = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def started(recipe: Recipe, job: Job) -> Fabric:
    """Start Fabric on the device and processes that were asked for.

    Raises:
        BenchError: the device is not there, or does not know the precision.
    """
    if job.device == "cuda" and not torch.cuda.is_available():
        raise BenchError(
            "No CUDA device is visible to torch. Use --device cpu, or run `bench doctor` to see why."
        )
    if recipe.precision == "fp16" and not (torch.cuda.is_available() and job.device != "cpu"):
        raise BenchError("precision=fp16 needs a CUDA device. Use --set precision=bf16 or fp32 on a CPU.")
    processes = _processes(job)
    torch.set_num_threads(max(1, compute_threads() // processes.sharing))
    accelerator = job.device if job.device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    strategy = "ddp" if processes.per_node * processes.nodes > 1 else "auto"
    with _quiet():
        fabric = Fabric(
            accelerator=accelerator,
            devices=processes.per_node,
            num_nodes=processes.nodes,
            strategy=strategy,
            precision=cast("Any", _PRECISION[recipe.precision]),
            plugins=processes.environment,
        )
        fabric.launch()
    return fabric


@dataclass(frozen=True)
class _Processes:
    """The processes of a run.

    Attributes:
        per_node: on each node, each with a device of its own.
        nodes: machines.
        environment: how they know of each other.
        sharing: processes that the cores are shared by that this one may use.
    """

    per_node: int
    nodes: int
    environment: ClusterEnvironment
    sharing: int


def _processes(job: Job) -> _Processes:
    """Return the processes that a launcher has started (RANK says so), or that Fabric is to start.

    Fabric is never left to find out by itself: in a Slurm job of one process it would take Slurm for one.

    Raises:
        BenchError: a launcher has started several, and `--devices` asks for more in each.
    """
    if "RANK" not in os.environ or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return _Processes(job.devices, 1, LightningEnvironment(), job.devices)
    if job.devices > 1:
        raise BenchError("A launcher has started several processes: leave --devices at 1.")
    world = int(os.environ["WORLD_SIZE"])
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    sharing = 1 if "SLURM_CPUS_PER_TASK" in os.environ else here
    return _Processes(here, world // here, TorchElasticEnvironment(), sharing)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Fabric's greetings to itself; its errors still come through."""
    for name in ("lightning_fabric", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
