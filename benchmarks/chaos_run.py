"""The chaos test's own `bench run`: the real run with its lease, loop and record, and no framework.

`python -m benchmarks.chaos_run --seed 3 --epochs 6 --results DIR --runs DIR [--if-running leave]` ends as
`bench run` does, with the same exit codes, in about a second.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import inputs
from benchmarks import run as real
from benchmarks.chaos_engine import MadeBatches, MadeInputs
from benchmarks.recipe import resolve
from benchmarks.recipe_base import Recipe
from benchmarks.run import Machine, Places, run
from benchmarks.schema import Where
from slurm.job import job_facts
from utils.errors import FAILURE, BenchError
from wlasl.clips import Part

MODEL, SPLIT = "movinet-a0", "sample"
"""The row and subset that a made run pretends to be of."""
INTERRUPTED = 130


def made_recipe(seed: int, epochs: int) -> Recipe:
    """Return the recipe of a made run."""
    return resolve(MODEL, SPLIT, {"seed": seed, "epochs": epochs, "batch_size": 2, "warmup_epochs": 0})


def light() -> None:
    """Let the real run do with made clips and sixteen numbers, and without asking git and torch."""
    real._ENGINES["torch"] = "benchmarks.chaos_engine:ChaosEngine"  # noqa: SLF001 - the one thing that is not real
    replaced: dict[str, Any] = {"where": _where, "multiply_adds": lambda *_: None}
    for name, ours in replaced.items():
        setattr(real, name, ours)
    setattr(inputs, "loader", _loader)  # noqa: B010 - a function of another module
    # The nodes of a cluster on one machine are machines of their own to whoever looks at a lease.
    node = os.environ.get("SLURMD_NODENAME")
    if node:
        setattr(socket, "gethostname", lambda: node)  # noqa: B010


def _where(_engine: str, facts: dict[str, Any]) -> Where:
    """Return where it ran."""
    job = {name: str(value) for name, value in job_facts().items()}
    return Where(device=str(facts.get("device", "")), slurm=job)


def _loader(
    _recipe: Recipe,
    there: inputs.Inputs,
    part: Part,
    *,
    train: bool = False,  # noqa: ARG001
    watched: bool = False,  # noqa: ARG001
) -> MadeBatches:
    """Return a part's made batches."""
    return MadeBatches(there.clips(part))


def main(words: Sequence[str] | None = None) -> int:
    """Carry out one made run and return the exit code."""
    parser = argparse.ArgumentParser(prog="chaos_run", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--if-running", choices=("wait", "leave"), default="wait")
    told = parser.parse_args(words)
    light()
    try:
        recipe = made_recipe(told.seed, told.epochs)
        run(recipe, MadeInputs(), Places(told.results, told.runs), Machine(wait=told.if_running == "wait"))
    except BenchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("Stopped. What is finished is kept; the same command goes on from there.\n")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - as `bench` does
        sys.stderr.write(f"{type(error).__name__}: {error}.\n")
        return FAILURE
    return 0


if __name__ == "__main__":
    sys.exit(main())
