"""The data sets beside WLASL that `--split` can name, and what it names them by."""

from __future__ import annotations

from wlasl.datasets import asl_citizen, autsl, folder, lsa64
from wlasl.datasets.form import Kind

KINDS: dict[str, Kind] = {kind.name: kind for kind in (asl_citizen.KIND, autsl.KIND, lsa64.KIND, folder.KIND)}


def kind_of(split: str) -> Kind | None:
    """Return the data set that a name stands for, None for WLASL and the sample.

    Of folders there may be many: `folder-NAME` keeps the records and tables of one from another's.
    """
    return KINDS[folder.NAME] if split.startswith(f"{folder.NAME}-") else KINDS.get(split)
