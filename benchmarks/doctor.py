"""What `bench doctor` looks at: our packages, Python, the extras, the machine, the data set and the folders.

Versions are read from the installed packages' metadata: nothing is imported to ask how old it is.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from benchmarks.machine import Finding, Level, look_at_device, look_at_disk, look_at_machine
from utils.errors import BenchError
from wlasl.landmarks.mediapipe_env import VERSION as MEDIAPIPE
from wlasl.landmarks.mediapipe_env import find_python
from wlasl.root import VideoFiles, find_root, project_folder

OURS = ("benchmarks", "models", "slurm", "utils", "wlasl")
DISTRIBUTION = "wlasl-bench"
PYTHONS = ((3, 10), (3, 12))
EXTRAS = ("torch", "tensorflow", "vit", "slurm", "tune", "pose", "formats", "export", "dev")


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders to look at: the data set's (None: where it is by default), stores, records and runs."""

    data: Path | None = None
    store: Path = project_folder() / "data" / "stores"
    results: Path = project_folder() / "results"
    runs: Path = project_folder() / "runs"


def examine(folders: Folders) -> list[Finding]:
    """Look at everything that a run depends on; it takes a second, and `import torch` where torch is."""
    found = [*look_at_python(), *look_at_packages(), *look_at_extras(), *look_at_mediapipe()]
    if installed("torch"):
        found += look_at_device()
    written = {"stores": folders.store, "runs": folders.runs, "results": folders.results}
    return [*found, *look_at_machine(), *look_at_data(folders), *look_at_disk(written)]


def well(findings: Iterable[Finding]) -> bool:
    """Say whether nothing that was found will go wrong."""
    return all(finding.level != "problem" for finding in findings)


def to_json(findings: list[Finding]) -> dict[str, Any]:
    """Return the findings as a JSON value."""
    return {"ok": well(findings), "findings": [asdict(finding) for finding in findings]}


def look_at_python() -> Iterator[Finding]:
    """Say which Python runs, and whether it is one that the packages are made for."""
    fits = PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]
    advice = "" if fits else "Use Python 3.10, 3.11 or 3.12: the frameworks have no wheels for this one."
    level: Level = "ok" if fits else "problem"
    yield Finding("python", "version", f"{platform.python_version()} on {platform.platform()}", level, advice)
    if sys.prefix == sys.base_prefix:
        advice = "Install it in an environment of its own: its packages have common names."
        yield Finding("python", "environment", "none", "note", advice)
    else:
        yield Finding("python", "environment", sys.prefix)


def look_at_packages() -> Iterator[Finding]:
    """Say where each of our packages is found, and which other distribution ships one of the same name."""
    owners = packages_distributions()
    for name in OURS:
        folder = _folder_of(name)
        others = sorted(set(owners.get(name, [])) - {DISTRIBUTION})
        if folder != project_folder() / name:
            advice = (
                "Another package of this name comes first on the path: run this project's `bench` script."
            )
            yield Finding("packages", name, str(folder), "problem", advice)
        elif others:
            advice = (
                f"{', '.join(others)} ships a package of this name too. Uninstall it from this environment."
            )
            yield Finding("packages", name, str(folder), "problem", advice)
        else:
            yield Finding("packages", name, str(folder))


def _folder_of(name: str) -> Path | None:
    """Return the folder in which Python finds a package, asked afresh; None where it finds none."""
    module = sys.modules.get(name)
    origin = (
        getattr(module, "__file__", None) if module else getattr(PathFinder.find_spec(name), "origin", None)
    )
    return Path(origin).resolve().parent if origin else None


def look_at_extras() -> Iterator[Finding]:
    """Say what the core and each extra need, have and miss, with the command that installs it."""
    try:
        wanted = [Requirement(text) for text in requires(DISTRIBUTION) or []]
    except PackageNotFoundError:
        yield Finding("extras", "core", "not installed", "problem", "Install it with: pip install -e .")
        return
    yield _extra(
        "core", [need for need in wanted if need.marker is None or need.marker.evaluate({"extra": ""})]
    )
    for extra in EXTRAS:
        yield _extra(extra, [need for need in wanted if _belongs(need, extra)])


def _belongs(need: Requirement, extra: str) -> bool:
    """Say whether a requirement is one of an extra's, here and now."""
    return (
        need.marker is not None
        and need.marker.evaluate({"extra": extra})
        and not need.marker.evaluate({"extra": ""})
    )


def _extra(extra: str, needs: list[Requirement]) -> Finding:
    """Return what is installed of one extra's packages."""
    have = {need.name: installed(need.name) for need in needs}
    missing = [name for name, found in have.items() if found is None]
    wrong = [
        need
        for need in needs
        if (found := have[need.name]) and not need.specifier.contains(found, prereleases=True)
    ]
    command = "pip install -e ." if extra == "core" else f"pip install -e '.[{extra}]'"
    shown = ", ".join(f"{name} {found}" for name, found in have.items() if found)
    if wrong:
        wants = ", ".join(f"{need.name}{need.specifier}" for need in wrong)
        return Finding("extras", extra, shown, "problem", f"It needs {wants}. Install it with: {command}")
    if missing:
        level: Level = "problem" if extra == "core" else "note"
        value = f"{shown}; missing: {', '.join(missing)}" if shown else "not installed"
        return Finding("extras", extra, value, level, f"Install it with: {command}")
    return Finding("extras", extra, shown)


def look_at_mediapipe() -> Iterator[Finding]:
    """Say where the MediaPipe is that finds landmarks in videos."""
    try:
        python = find_python()
    except BenchError as error:
        yield Finding("extras", "mediapipe", "not found", "problem", str(error))
        return
    if python:
        yield Finding("extras", "mediapipe", f"{MEDIAPIPE} with {python}")
    else:
        advice = "`bench prepare --landmarks mediapipe` installs it into an environment of its own."
        yield Finding("extras", "mediapipe", "not installed", "note", advice)


def installed(name: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def look_at_data(folders: Folders) -> Iterator[Finding]:
    """Say where the data set and the prepared clips are."""
    try:
        root = find_root(folders.data)
        yield Finding("data", "data set", f"{root}, {len(VideoFiles.of(root).found)} videos")
    except BenchError as error:
        yield Finding("data", "data set", "not found", "note", str(error))
    stores = sorted(folders.store.glob("*/manifest.json"))
    text = f"{len(stores)} prepared in {folders.store}" if stores else f"none yet in {folders.store}"
    yield Finding("data", "stores", text)
