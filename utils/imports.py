"""Late imports of optional packages, answered with the command that installs what is missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from utils.errors import BenchError


def optional(module: str, extra: str) -> ModuleType:
    """Import `module`, which belongs to the extra named `extra`.

    Raises:
        BenchError: the package is not installed; the sentence holds the command that installs it.
        ImportError: the package is there and fails to import: its own error is raised as it is.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing != module.partition(".")[0]:
            raise
        message = f"{missing} is not installed. Install it with: pip install -e '.[{extra}]'"
        raise BenchError(message) from error
