"""The built-in sample: a small set in WLASL's shape that the project draws itself, offline and by seed."""

from __future__ import annotations

from wlasl.sample.folder import SampleOptions, ensure

__all__ = ["SampleOptions", "ensure"]
