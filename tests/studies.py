"""A study without a network: trials whose worth follows from their parameters, for tests of all around it."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.recipe import resolve
from benchmarks.study import Settings, Study, begin_study, open_study

SPACE = {"lr": "1e-4..1e-2:log", "dropout": "0..0.5:0.1", "hidden": "16,32,64", "layers": "1..3"}


def made(runs: Path, name: str = "made", **fields: Any) -> Study:
    """Begin a study of a GRU."""
    recipe = resolve("gru", "sample", {"epochs": 9}).model_dump(mode="json")
    asked = {"study": name, "trials": 6, "recipe": recipe, "space": SPACE, "tuner": "random", **fields}
    return begin_study(runs, Settings.model_validate(asked))


def worth(parameters: dict[str, Any], epoch: int = 9) -> float:
    """Return what made parameters come to after so many epochs: best at lr=1e-3 and hidden=64."""
    away = abs(math.log10(parameters["lr"]) + 3) + (parameters["hidden"] != 64)
    return round(math.exp(-away) * (1 - 0.5**epoch), 6)


def carried_out(claim: Any, pause: float = 0.0) -> str:
    """Carry out a made trial, epoch by epoch; return how it ended."""
    name, curve = claim.study.settings.objectives[0], []
    for epoch in range(1, 10):
        curve.append(worth(claim.record.parameters, epoch))
        time.sleep(pause)
        if claim.told(curve, 0.1 * epoch):
            return str(claim.end(state="pruned").state)
    values = {name: curve[-1], "latency": 1.0 * claim.record.parameters["layers"]}
    values = {objective: values[objective] for objective in claim.study.settings.objectives}
    return str(claim.end(state="complete", values=values, epochs=9, seconds=0.9).state)


def main() -> None:
    """Be a worker: RUNS STUDY PAUSE."""
    from benchmarks.study_claim import claimed  # noqa: PLC0415 - Optuna takes a second

    study = open_study(Path(sys.argv[1]), sys.argv[2])
    while True:
        with claimed(study) as claim:
            if claim is None:
                return
            carried_out(claim, float(sys.argv[3]))


if __name__ == "__main__":
    main()
