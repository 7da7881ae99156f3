"""What a record says around the scores: commit, versions, processor, and the network's multiply-adds."""

from __future__ import annotations

import importlib
import platform
import subprocess
from pathlib import Path
from typing import Any, cast

from benchmarks.doctor import installed
from benchmarks.recipe_base import Recipe
from benchmarks.recipe_clips import ClipRecipe
from benchmarks.recipe_landmarks import LandmarkRecipe
from benchmarks.schema import Where
from models import zoo
from slurm import job
from wlasl.landmarks.joints import SKELETONS
from wlasl.root import project_folder

_PACKAGES = {
    "torch": ("torch", "torchvision", "lightning-fabric", "transformers"),
    "tensorflow": ("tensorflow", "tf-keras", "tf-models-official"),
}
_ALWAYS = ("wlasl-bench", "numpy", "av", "simplejpeg", "opencv-python-headless")


def where(engine: str, facts: dict[str, Any]) -> Where:
    """Return what a record says of where it ran; no host, user or path.

    Args:
        engine: torch or tensorflow; decides which packages are named.
        facts: what the engine says of its device.
    """
    commit, dirty = git_state(project_folder())
    packages = (*_PACKAGES[engine], *((facts["by"],) if facts.get("by") else ()))
    return Where(
        device=str(facts.get("device", "")),
        cpu=cpu_model(),
        commit=commit,
        dirty=dirty,
        versions={"python": platform.python_version(), **_versions((*_ALWAYS, *packages))},
        slurm={name: str(value) for name, value in job.job_facts().items()},
        runtime=str(facts.get("runtime", "")),
    )


def git_state(folder: Path) -> tuple[str, bool]:
    """Return the commit of a working copy and whether its code has changes; ("", False) without git.

    Records and the tables printed from them are no code: a run must not make the next one look changed.
    """
    commit = _git(folder, "rev-parse", "--short=12", "HEAD")
    changes = ("status", "--porcelain", "--untracked-files=no", "--", ".", ":!results")
    return commit, bool(commit and _git(folder, *changes))


def _git(folder: Path, *words: str) -> str:
    """Return what git prints, or nothing where it cannot answer."""
    try:
        done = subprocess.run(  # noqa: S603 - the words are ours
            ["git", "-C", str(folder), *words],  # noqa: S607 - whichever git the user has
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def multiply_adds(recipe: Recipe, classes: int) -> float | None:
    """Return the multiply-adds, in 10^9, of one view as the recipe has it.

    Counted on the row's torch network, whichever engine trains: both engines build the same network, and
    torch counts without computing. A row without a torch network has a formula. None where the framework that
    counts is not installed.
    """
    builders = zoo.system(recipe.model).builders
    if not installed("torch" if "torch" in builders else "tensorflow"):
        return None
    if "torch" not in builders:
        module = importlib.import_module(builders["tensorflow"].partition(":")[0])
        counted: float = module.gmacs(classes, view_shapes(recipe)[0], **recipe.architecture())
        return round(counted, 4)
    from models.counting import gmacs  # noqa: PLC0415 - torch, for one number

    network = zoo.build(recipe.model, "torch", classes, **recipe.architecture())
    return round(gmacs(network, *view_shapes(recipe)), 4)


def view_shapes(recipe: Recipe) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of what a network sees of one view, in a batch of one.

    A landmark network that takes all frames of a clip is measured at the length of its row.
    """
    expected = zoo.system(recipe.model).input
    if isinstance(recipe, LandmarkRecipe):
        frames = recipe.frames or expected.frames
        return (1, frames, len(SKELETONS[recipe.skeleton]), recipe.channels), (1,)
    pixels = cast("ClipRecipe", recipe)
    return ((1, 3, pixels.frames, pixels.size, pixels.size),)


def cpu_model() -> str:
    """Return the processor's model name, or its architecture where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of the packages that are installed."""
    return {package: found for package in packages if (found := installed(package))}
