"""Ask pip what it would install for each extra alone and for all of them, without installing anything.

Run it with the Python to ask for, from anywhere: `python3.12 .ci/resolve.py [EXTRA...]`. It needs the
network and some minutes, so it is no part of the tests. It fails where an extra does not resolve, or
where one extra brings the package that another one stands for.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent
# The package that an extra stands for, by which it is recognised in another's list.
SIGN = {
    "torch": "torch",
    "tensorflow": "tensorflow",
    "vit": "transformers",
    "slurm": "submitit",
    "tune": "optuna",
    "pose": "mediapipe",
    "formats": "pose-format",
    "export": "onnxruntime",
    "dev": "pytest",
}
# What everybody uses, what continuous integration uses, and everything.
TESTED = ",".join(extra for extra in SIGN if extra != "pose")
SETS = {"": (), **{extra: (extra,) for extra in SIGN}, TESTED: (), "all": tuple(SIGN)}
SHOWN = (
    "numpy",
    "protobuf",
    "opencv-python-headless",
    "torch",
    "torchvision",
    "tensorflow",
    "tf-models-official",
)
SHOWN += (
    "tf-keras",
    "tensorflow-text",
    "keras",
    "mediapipe",
    "optuna",
    "submitit",
    "onnx",
    "pydantic",
    "typer",
)


def make_pip(folder: Path) -> Path:
    """Return the Python of a throw-away environment with the newest pip, which reads metadata only."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--upgrade", "pip"], check=True)
    return python


def resolve(python: Path, extras: str) -> dict[str, dict[str, Any]] | None:
    """Return package -> pip's report of it for the project with these extras; None where pip finds no way."""
    report = python.parent / "report.json"
    wanted = f"{HOME}[{extras}]" if extras else str(HOME)
    options = ["--dry-run", "--ignore-installed", "--quiet", "--report", report]
    done = subprocess.run(
        [python, "-m", "pip", "install", *options, wanted], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(done.stderr.strip()[-1500:])
        return None
    packages = json.loads(report.read_text())["install"]
    return {item["metadata"]["name"].lower().replace("_", "-"): item for item in packages}


def megabytes(package: dict[str, Any]) -> float:
    """Return the size of a package's download in MB by its server's word; 0 where it does not say."""
    url = package["download_info"]["url"]
    if url.startswith("file:"):
        path = Path(urllib.request.url2pathname(url.removeprefix("file:")))
        return path.stat().st_size / 1e6 if path.is_file() else 0.0
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=30) as answer:  # noqa: S310
            return int(answer.headers.get("Content-Length", 0)) / 1e6
    except OSError:
        return 0.0


def report(python: Path, extras: str) -> bool:
    """Print what one set of extras installs; return whether it resolves and brings no other extra in."""
    packages = resolve(python, extras)
    if packages is None:
        print(f"[{extras}] does not resolve")
        return False
    size = sum(map(megabytes, packages.values()))
    versions = " ".join(
        f"{name} {packages[name]['metadata']['version']}" for name in SHOWN if name in packages
    )
    print(f"[{extras}] {len(packages)} packages, {size:,.0f} MB to download: {versions}", flush=True)
    asked = set(extras.split(",")) | set(SETS.get(extras, ()))
    dragged = [extra for extra, sign in SIGN.items() if sign in packages and extra not in asked]
    if dragged:
        print(f"[{extras}] drags in {', '.join(dragged)}")
    return not dragged


def main() -> int:
    """Report every set, or those named on the command line; 0 if all is well."""
    with tempfile.TemporaryDirectory() as folder:
        python = make_pip(Path(folder))
        print(f"Python {sys.version.split()[0]}", flush=True)
        answers = [report(python, extras) for extras in sys.argv[1:] or SETS]
    return 0 if all(answers) else 1


if __name__ == "__main__":
    sys.exit(main())
