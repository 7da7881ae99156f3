"""`bench --help` and `bench list` answer without loading a framework, in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parent.parent
HEAVY = (
    "torch",
    "torchvision",
    "lightning_fabric",
    "tensorflow",
    "tf_keras",
    "keras",
    "pandas",
    "matplotlib",
    "cv2",
    "av",
)
# Runs the command line as `bench` does, then tells on its last line what was loaded.
SPY = """
import atexit, json, sys
atexit.register(lambda: print("\\n" + json.dumps(sorted({name.partition(".")[0] for name in sys.modules}))))
sys.argv[0] = "bench"
import wlasl_bench
wlasl_bench.main()
"""


def loaded_by(*words: str) -> tuple[str, set[str]]:
    """Run `bench` with these words; return what it printed and the top-level modules that it loaded."""
    environment = {**os.environ, "PYTHONPATH": str(HOME)}
    done = subprocess.run(
        [sys.executable, "-c", SPY, *words],
        env=environment,
        cwd=HOME,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    printed, _, modules = done.stdout.rstrip("\n").rpartition("\n")
    return printed, set(json.loads(modules))


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("--help",), "run"),
        (("list",), "movinet-a3"),
        (("list", "--json"), '"movinet-a3"'),
        (("run", "--help"), "--split"),
        (("recipe", "--model", "movinet-a3", "--id"), ""),
        (("table", "--help"), "--results"),
    ],
)
def test_light_commands_load_nothing_heavy(words: tuple[str, ...], shown: str):
    printed, modules = loaded_by(*words)
    assert shown in printed
    assert "benchmarks" in modules
    assert modules & set(HEAVY) == set()
