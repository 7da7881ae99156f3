"""Where MediaPipe runs: in this environment where it is installed, else in one of its own.

MediaPipe 0.10.21 is the last wheel that holds its models; it needs NumPy 1 and protobuf 4, which the newest
frameworks do not live with. Its own environment is made once, in `data/mediapipe-env`, by one `pip install`,
without the packages that only its other parts need (JAX; an OpenCV that asks for the system's libGL).
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from utils.errors import FAILURE, BenchError
from utils.files import spoken
from utils.lease import lease
from utils.progress import Progress
from wlasl.root import project_folder

VERSION = "0.10.21"
VARIABLE = "WLASL_MEDIAPIPE"
"""Names an environment that has MediaPipe already: its folder, or its Python."""
SIZES = "125 MB to download, 410 MB on the disk"

_ALONE = f"mediapipe=={VERSION}"
_BESIDE = (
    "absl-py",
    "attrs>=19.1",
    "flatbuffers>=2",
    "matplotlib>=3.8",
    "numpy>=1.26,<2",
    "opencv-python-headless>=4.10,<4.12",
    "protobuf>=4.25.3,<5",
)
"""What holistic imports. MediaPipe names more, and an OpenCV that does not load on a server."""
_TRY = "import mediapipe.python.solutions.holistic"
_NO_NETWORK = ("NewConnectionError", "ConnectTimeout", "NameResolutionError", "ProxyError")
_PATIENCE = 1800


def own_folder() -> Path:
    """Return where MediaPipe's own environment lies, or will."""
    return project_folder() / "data" / "mediapipe-env"


def find_python() -> Path | None:
    """Return the Python that has MediaPipe: the one WLASL_MEDIAPIPE names, this one, its own; else None.

    Raises:
        BenchError: WLASL_MEDIAPIPE names no environment.
    """
    if told := os.environ.get(VARIABLE):
        return _named(Path(told).expanduser())
    if _version_here() == VERSION:
        return Path(sys.executable)
    return python_of(own_folder()) if _is_whole(own_folder()) else None


def ensure_python(progress: Progress) -> Path:
    """Return the Python that has MediaPipe, making its environment where there is none.

    Raises:
        BenchError: it cannot be made; the sentence says why, and how to do it by hand.
    """
    if python := find_python():
        return python
    folder = own_folder()
    with spoken(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    waiting = f"Waiting for {{}}, which installs MediaPipe into {folder}."
    with lease(folder.with_suffix(".lock"), lambda holder: progress.say(waiting.format(holder))):
        if not _is_whole(folder):
            _make(folder, progress)
    return python_of(folder)


def python_of(folder: Path) -> Path:
    """Return the path of a virtual environment's Python."""
    return folder / "bin" / "python"


def environment(python: Path) -> Mapping[str, str]:
    """Return the variables for a Python: ours, without those that lead another one to our packages."""
    if python == Path(sys.executable):
        return os.environ
    return {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}


def _is_whole(folder: Path) -> bool:
    """Say whether an environment has a Python that is there, and MediaPipe in this version."""
    packages = folder.glob(f"lib/python*/site-packages/mediapipe-{VERSION}.dist-info")
    return python_of(folder).exists() and any(packages)


def _version_here() -> str:
    """Return the version of MediaPipe in this environment; empty for none."""
    try:
        return importlib.metadata.version("mediapipe")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _named(path: Path) -> Path:
    """Return the Python of the environment that somebody named by its folder or by its Python."""
    python = python_of(path) if path.is_dir() else path
    if os.access(python, os.X_OK):
        return python.absolute()
    raise BenchError(
        f"{VARIABLE} is {path}, where there is no {python}. Name an environment that has {_ALONE}."
    )


def _make(folder: Path, progress: Progress) -> None:
    """Make the environment beside its place, try it, and put it there in one step."""
    # In sentences: the bar, if there is one, counts the clips that wait for this.
    began = time.monotonic()
    progress.say(f"Installing MediaPipe {VERSION} into an environment of its own, once: {folder} ({SIZES}).")
    # What lies there is of no use: MediaPipe is not in it, or its Python is gone, as after a system's update.
    shutil.rmtree(folder, ignore_errors=True)
    for gone in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(gone, ignore_errors=True)
    with spoken(folder), tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as draft:
        made = Path(draft) / "env"
        python = str(python_of(made))
        pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--retries", "2"]
        steps = (
            [sys.executable, "-m", "venv", str(made)],
            [*pip, "--no-deps", _ALONE],
            [*pip, *_BESIDE],
            [python, "-c", _TRY],
        )
        for step in steps:
            _do(step, folder)
        made.rename(folder)
    progress.say(f"MediaPipe is installed ({time.monotonic() - began:.0f} s).")


def _do(command: list[str], folder: Path) -> None:
    """Do one step.

    Raises:
        BenchError: it fails; the sentence holds its last words and the way by hand.
    """
    variables = dict(environment(Path(command[0])), PYTHONNOUSERSITE="1")
    try:
        done = subprocess.run(  # noqa: S603 - the commands are ours
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False, env=variables
        )
        code, words = done.returncode, done.stderr.strip() or done.stdout.strip()
    except subprocess.TimeoutExpired:
        code, words = 1, f"no end within {_PATIENCE // 60} minutes"
    if code:
        raise BenchError(_advice(words, folder), exit_code=FAILURE)


def _advice(words: str, folder: Path) -> str:
    """Return what went wrong in the words of pip, and how to install MediaPipe by hand."""
    errors = [line for line in words.splitlines() if line.startswith("ERROR")] or words.splitlines()
    why = errors[-1].removeprefix("ERROR: ").rstrip(".") if errors else "no reason was given"
    if any(sign in words for sign in _NO_NETWORK):
        why = "the package index cannot be reached"
    return (
        f"MediaPipe {VERSION} could not be installed: {why}. Where there is a network, run the same command "
        f"again, or by hand, with Python 3.10 to 3.12: python3 -m venv {folder} && "
        f"{python_of(folder)} -m pip install {_ALONE}. {VARIABLE}=DIR names an environment that has it."
    )
