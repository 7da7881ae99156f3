"""The one place that imports torchvision, also where its compiled part does not fit the installed torch.

torchvision from the public index is linked to CUDA. Beside a CPU build of torch its compiled part cannot be
loaded, and then even its pure-Python networks fail to import: "operator torchvision::nms does not exist".
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

from utils.imports import optional

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_OPERATORS = (
    "nms",
    "qnms",
)  # the ones that torchvision's own import gives a meaning without its compiled part

_fragments: list[Any] = []  # a fragment's definitions live as long as the fragment


def import_torchvision(module: str = "torchvision") -> ModuleType:
    """Import torchvision, or a module of it such as `torchvision.models.video`.

    On a healthy install this is a plain import. Where the compiled part cannot be loaded, two of its
    operators are declared first, so that everything written in Python works; what is compiled (image files,
    nms, detection) stays absent and says so when called.

    Raises:
        BenchError: torch or torchvision is not installed.
    """
    if "torchvision" in sys.modules:
        return optional(module, "torch")
    broken = _declare_operators()
    with warnings.catch_warnings():
        if broken:  # the reason is known, and nothing here reads image files
            warnings.filterwarnings("ignore", "Failed to load image Python extension", UserWarning)
        return optional(module, "torch")


def _declare_operators() -> bool:
    """Declare the operators that torchvision's import looks for, if its compiled part cannot be loaded.

    Returns:
        Whether the compiled part is broken.
    """
    torch = optional("torch", "torch")
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return False
    try:
        for library in Path(spec.origin).parent.glob("_C.*"):
            torch.ops.load_library(str(library))
    except OSError:
        _define(torch)
        return True
    return False


def _define(torch: ModuleType) -> None:
    """Declare the operators that are not there yet, and keep the declarations alive."""
    missing = [name for name in _OPERATORS if not hasattr(torch.ops.torchvision, name)]
    if missing:
        fragment = torch.library.Library("torchvision", "FRAGMENT")
        for name in missing:
            fragment.define(name + _SCHEMA)
        _fragments.append(fragment)
