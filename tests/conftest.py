"""Fixtures that every test may use."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# Before anything imports torch: on a busy machine idle threads that spin cost most of the speed.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell's background jobs ignore Ctrl-C, and so would whatever they start: the tests of Ctrl-C among it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A shared machine stalls at times, and how long a test may take is pytest's business. Every machine tries the
# same examples.
settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")

HOME = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def wlasl_root() -> Path:
    """Return the folder of the real WLASL material, or skip with the reason that it is absent."""
    root = Path(os.environ.get("WLASL_ROOT") or HOME.parent / "shared" / "wlasl")
    if not (root / "WLASL_v0.3.json").is_file():
        pytest.skip(f"no WLASL_v0.3.json in {root}: set WLASL_ROOT to a folder that holds the data set")
    return root


@dataclass(frozen=True)
class Cluster:
    """A Slurm that tests may submit to.

    Attributes:
        nodes: their names.
        accounting: `sacct` answers.
    """

    nodes: tuple[str, ...]
    accounting: bool


@pytest.fixture(scope="session")
def slurm() -> Cluster:
    """Return the cluster that `.ci/slurm start` started, or skip with the reason that there is none."""
    if not shutil.which("sinfo") or not shutil.which("sbatch"):
        pytest.skip(
            "no Slurm here (sinfo, sbatch): .ci/slurm start starts one of two nodes on Debian as root"
        )
    config, listed = answered("scontrol", "show", "config"), answered("sinfo", "-h", "-N", "-o", "%N %T")
    if config is None or listed is None:
        pytest.skip("Slurm is installed, and its controller does not answer: .ci/slurm start")
    facts = dict(line.split("=", 1) for line in config.replace(" ", "").splitlines() if "=" in line)
    if facts.get("ClusterName") not in OUR_CLUSTERS and not os.environ.get("WLASL_BENCH_TEST_SLURM"):
        pytest.skip(
            f"the cluster {facts.get('ClusterName')} is not ours: WLASL_BENCH_TEST_SLURM=1 lets tests use it"
        )
    up = sorted(
        {line.split()[0] for line in listed.splitlines() if line.split()[1] in {"idle", "mixed", "allocated"}}
    )
    if not up:
        pytest.skip("Slurm answers, and none of its nodes is up: .ci/slurm start")
    return Cluster(tuple(up), answered("sacct", "-n", "-X", "-j", "1") is not None)


# Clusters that exist to be tested on: `.ci/slurm` names its own so. Any other is somebody's.
OUR_CLUSTERS = {"wlasl-bench", "lab"}


def answered(*command: str) -> str | None:
    """Return what a command of Slurm printed; None where it failed or did not answer."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


@pytest.fixture(scope="session")
def make_record():
    """Return a function that makes the record of a run: so many of so many test clips right."""
    from benchmarks import metrics, schema  # noqa: PLC0415 - other tests do without

    def scores(hits, clips, classes):
        labels = np.arange(clips) % classes
        guesses = np.where(np.arange(clips) < hits, labels, (labels + 1) % classes)
        return np.eye(classes, dtype=np.float32)[guesses] + np.linspace(
            0, 0.1, classes, dtype=np.float32
        ), labels

    def make(model="movinet-a0", split="100", *, hits=165, clips=258, classes=100, test="a" * 16, **changes):
        names = set(schema.Record.model_fields) - {"weights"}
        told = {name: changes.pop(name) for name in names & set(changes)}
        recipe = {"model": model, "engine": "torch", "split": split, "seed": 0, "frames": 20, "size": 172}
        recipe |= {"lr": 0.001, "weights": "none", "weights_sha256": None, "clips": "c" * 16, **changes}
        done = told.get("status", "done") == "done"
        part = schema.Coverage(scored=clips, missing=max(0, 258 - clips), official=max(258, clips))
        parts = {"val": metrics.evaluate(*scores(hits, clips, classes))}
        parts["test"] = parts["val"]
        usual = {
            "status": "done",
            "metrics": parts if done else {},
            "selection": schema.Selection(rule="val_top1", epoch=6, value=0.625) if done else None,
            "clips": schema.Clips(parts={"test": part}, test=test, missing_reasons={"missing": part.missing}),
            "weights": schema.InitialWeights(source=recipe["weights"], sha256=recipe["weights_sha256"]),
            "cost": schema.Cost(seconds=3725.0, parameters=2_088_000, gmacs=2.71, epochs=10, steps=90),
            "where": schema.Where(
                device="cpu", cpu="A CPU", commit="0123456789ab", versions={"python": "3.11"}
            ),
        }
        return schema.Record(id=schema.run_id(recipe), recipe=recipe, **(usual | told))

    return make


@pytest.fixture
def bench(monkeypatch, capsys):
    """Return a function that types a command: exit code, stdout, stderr."""
    from benchmarks import cli  # noqa: PLC0415

    def typed(*words):
        monkeypatch.setattr(sys, "argv", ["bench", *map(str, words)])
        monkeypatch.setenv("COLUMNS", "120")
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code or 0
        out, err = capsys.readouterr()
        return code, out, err

    return typed
