"""Devices, precision and processes of a torch run, by Lightning Fabric."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from lightning_fabric import Fabric

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
    torch.set_num_threads(max(1, compute_threads() // job.devices))
    accelerator = job.device if job.device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    strategy = "ddp" if job.devices > 1 else "auto"
    with _quiet():
        fabric = Fabric(
            accelerator=accelerator,
            devices=job.devices,
            strategy=strategy,
            precision=cast("Any", _PRECISION[recipe.precision]),
        )
        fabric.launch()
    return fabric


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Fabric's greetings to itself; its errors still come through."""
    for name in ("lightning_fabric", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
