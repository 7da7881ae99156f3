"""The data sets beside WLASL that `--split` can name."""

from __future__ import annotations

from wlasl.datasets import asl_citizen, autsl, folder, lsa64
from wlasl.datasets.form import Kind

KINDS: dict[str, Kind] = {kind.name: kind for kind in (asl_citizen.KIND, autsl.KIND, lsa64.KIND, folder.KIND)}
