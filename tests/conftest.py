"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def wlasl_root() -> Path:
    """Return the folder of the real WLASL material, or skip with the reason that it is absent."""
    root = Path(os.environ.get("WLASL_ROOT") or HOME.parent / "shared" / "wlasl")
    if not (root / "WLASL_v0.3.json").is_file():
        pytest.skip(f"no WLASL_v0.3.json in {root}: set WLASL_ROOT to a folder that holds the data set")
    return root
