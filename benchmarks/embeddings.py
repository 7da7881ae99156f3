"""The embeddings of a run's training and validation clips: kept in its folder, and drawn."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from utils.errors import BenchError
from utils.files import write_whole
from utils.imports import optional

EMBEDDINGS = "embeddings.npz"
PICTURE = "embeddings.png"
PERPLEXITY, ITERATIONS = 40, 1000
_NAMED = 12
"""Signs whose names stand in the picture."""

Parts = Mapping[str, npt.NDArray[Any]]


def write(folder: Path, vectors: Parts, labels: Parts) -> None:
    """Keep embeddings float32 [N, d] and labels int64 [N] per part in a run's folder."""
    buffer = io.BytesIO()
    arrays = {f"{name}_vectors": values for name, values in vectors.items()}
    arrays |= {f"{name}_labels": values for name, values in labels.items()}
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_whole(folder / EMBEDDINGS, lambda file: file.write(buffer.getvalue()))


def read(folder: Path) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, npt.NDArray[np.int64]]]:
    """Return vectors and labels per part as `write` kept them.

    Raises:
        BenchError: there are none, or the file is damaged.
    """
    path = folder / EMBEDDINGS
    try:
        with np.load(path) as file:
            names = [key.removesuffix("_vectors") for key in file.files if key.endswith("_vectors")]
            vectors = {name: np.asarray(file[f"{name}_vectors"], np.float32) for name in names}
            return vectors, {name: np.asarray(file[f"{name}_labels"], np.int64) for name in names}
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise BenchError(f"Cannot read {path}: {error}. Run again with --again.") from error


def flattened(vectors: Parts, seed: int = 0) -> dict[str, npt.NDArray[np.float64]]:
    """Return t-SNE's places in the plane per part, float64 [N, 2], all parts laid out together.

    Raises:
        BenchError: scikit-learn is not installed.
    """
    manifold = optional("sklearn.manifold", "torch")
    whole = np.concatenate(list(vectors.values()))
    perplexity = min(PERPLEXITY, max(1, (len(whole) - 1) // 3))
    layout = manifold.TSNE(perplexity=perplexity, max_iter=ITERATIONS, random_state=seed, init="pca")
    ends = np.cumsum([len(values) for values in vectors.values()])[:-1]
    return dict(zip(vectors, np.split(layout.fit_transform(whole), ends), strict=True))
