"""The table of search spaces: per system or family, the recipe fields that a study of it searches."""

from __future__ import annotations

from collections.abc import Mapping

# MoViNet's and I3D's are the thesis's (NTNU 2024, keras-tuner): stochastic depth 0 to 1 and dropout 0 to 0.5
# in tenths, unfrozen blocks from none to all, the rate on a log scale. Stochastic depth of 1 leaves no block.
_PIXELS = {"lr": "1e-4..1e-2:log", "dropout": "0..0.5:0.1"}
# About the rates that VideoMAE's authors tune by, times 16 clips a step of 256.
_TRANSFORMERS = {
    "lr": "1e-5..1e-3:log",
    "layer_decay": "0.65..0.95:0.05",
    "drop_path": "0..0.4:0.1",
    "weight_decay": "1e-2..2e-1:log",
}
_LANDMARKS = {"lr": "1e-4..1e-2:log", "dropout": "0..0.6:0.1", "weight_decay": "1e-4..1e-1:log"}

SPACES: Mapping[str, Mapping[str, str]] = {
    "movinet": {**_PIXELS, "drop_path": "0..0.9:0.1"},
    "i3d": _PIXELS,
    "s3d": _PIXELS,
    "x3d": _PIXELS,
    "videomae": _TRANSFORMERS,
    "signnet": _TRANSFORMERS,
    "mvit": _TRANSFORMERS,
    "landmarks": _LANDMARKS,
    "graph": _LANDMARKS,
    "gru": {**_LANDMARKS, "hidden": "64,128,192,256", "layers": "1..3"},
    "conformer": {
        **_LANDMARKS,
        "drop_path": "0..0.3:0.1",
        "label_smoothing": "0..0.2:0.05",
        "width": "96,128,192,256",
        "depth": "1..4",
    },
    # SGD without momentum learns at higher rates than Adam does.
    "spoter": {"lr": "1e-3..1e-1:log", "dropout": "0..0.5:0.1", "label_smoothing": "0..0.2:0.05"},
    "embedding": {
        "lr": "1e-5..1e-3:log",
        "dropout": "0..0.5:0.1",
        "margin": "0.5..2.0:0.25",
        "vector_length": "16,32,64",
    },
    "spobet": {
        "lr": "1e-4..1e-2:log",
        "dropout": "0..0.5:0.1",
        "pretrain_lr_value": "1e-5..1e-3:log",
        "pretrain_mask": "0.1..0.6:0.1",
    },
}
"""By family of the systems that see pixels, and by kind of recipe of those that see landmarks."""

_MOVINETS = {"a0": 18, "a1": 27, "a2": 29, "a3": 36, "a4": 50, "a5": 62}

BLOCKS: Mapping[str, int] = {
    **{f"movinet-{variant}": count for variant, count in _MOVINETS.items()},
    **{f"movinet-{variant}-stream": count for variant, count in _MOVINETS.items()},
    "i3d": 12,
    "s3d": 12,
    "x3d-xs": 28,
    "x3d-s": 28,
    "x3d-m": 28,
    "x3d-l": 57,
    "videomae-s": 14,
    "videomae-b": 14,
    "signnet": 14,
    "mvit-v2-s": 18,
}
"""How many blocks a network has that can be frozen: the upper end of `unfreeze`."""
