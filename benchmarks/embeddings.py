"""The embeddings of a run's training and validation clips: kept in its folder, and drawn."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.scores import DAMAGED
from utils.errors import BenchError
from utils.files import write_whole
from utils.imports import optional

EMBEDDINGS = "embeddings.npz"
PICTURE = "embeddings.png"
PERPLEXITY, ITERATIONS = 40, 1000
_NAMED = 16
"""Signs whose names stand in the picture."""
_INCHES, _DPI = 5.2, 110

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
    except DAMAGED as error:
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


def draw_map(folder: Path, title: str, glosses: Sequence[str] = ()) -> Path:
    """Draw the embeddings of a run's folder into `embeddings.png`: train, val and both, a colour per sign.

    Args:
        folder: the run's.
        title: stands above.
        glosses: the signs' names, in label order; the most frequent ones are written beside their clips.

    Raises:
        BenchError: there are no embeddings, scikit-learn is missing, or the file cannot be written.
    """
    vectors, labels = read(folder)
    places = flattened(vectors)
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - takes half a second
    from matplotlib.figure import Figure  # noqa: PLC0415 - likewise

    canvas = Figure(figsize=(_INCHES * (len(places) + 1), _INCHES), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(canvas)
    canvas.suptitle(title)
    panels = canvas.subplots(1, len(places) + 1, sharex=True, sharey=True)
    for name, axes in zip(places, panels, strict=False):
        _scatter(axes, {name: places[name]}, labels)
    _scatter(panels[-1], places, labels)
    _write_names(panels[-1], np.concatenate(list(places.values())), _together(labels), glosses)
    path = folder / PICTURE
    write_whole(path, lambda file: canvas.savefig(file, format="png", metadata={"Software": None}))
    return path


def _together(labels: Parts) -> npt.NDArray[np.int64]:
    """Return the labels of all parts, one after the other."""
    return np.concatenate(list(labels.values()))


def _scatter(axes: Any, places: Parts, labels: Parts) -> None:  # noqa: ANN401 - matplotlib is imported late
    """Draw train as dots and val as crosses, on axes without numbers: t-SNE's mean nothing."""
    whole = int(_together(labels).max()) + 1
    for name, where in places.items():
        marker, (x, y) = "o" if name == "train" else "X", where.T
        edge = {"edgecolors": "black", "linewidths": 0.4} if marker == "X" else {"linewidths": 0}
        axes.scatter(x, y, c=_colours(labels[name], whole), marker=marker, s=16, label=name, **edge)
    axes.set_title(" and ".join(f"{name} ({len(places[name])} clips)" for name in places), fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])


def _colours(labels: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.float64]:
    """Return a colour [N, 3] per label: hues around the circle, in turn dark and light."""
    from matplotlib.colors import hsv_to_rgb  # noqa: PLC0415 - takes half a second

    at = np.arange(count)
    palette = np.stack([at / count, 0.55 + 0.45 * (at % 2), 0.95 - 0.2 * (at % 3)], axis=1)
    return np.asarray(hsv_to_rgb(palette))[labels]


def _write_names(
    axes: Any,  # noqa: ANN401 - matplotlib is imported late
    places: npt.NDArray[np.float64],
    labels: npt.NDArray[np.int64],
    glosses: Sequence[str],
) -> None:
    """Write the names of the most frequent signs amid their clips."""
    signs, counts = np.unique(labels, return_counts=True)
    for sign in signs[np.argsort(-counts, kind="stable")][:_NAMED]:
        if sign < len(glosses):
            x, y = np.median(places[labels == sign], axis=0)
            box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.7, "linewidth": 0}
            axes.text(x, y, glosses[sign], fontsize=7, ha="center", va="center", bbox=box)
