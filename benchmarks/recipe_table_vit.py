"""Named recipes of the transformers on pixels: SignNet's authors', and the training strategies of 2412.11553.

SignNet is IEEE Access 13 (2025), which trains VideoMAE V2's code with its defaults where it says nothing.
docs/RGB.md says what each reproduces, and what it does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, Any]

# VideoMAE V2's fine-tuning with SignNet's changes: 2 clips on each of 8 GPUs, 1e-3 for 256 clips.
_SIGNNET = {
    "weights": "kinetics",
    "optimizer": "adamw",
    "momentum": 0.9,
    "batch_size": 16,
    "lr": 6.25e-5,
    "weight_decay": 0.1,
    "layer_decay": 0.9,
    "drop_path": 0.3,
    "warmup_epochs": 5.0,
    "schedule": "cosine",
    "min_lr": 1e-6,
    "clip_norm": None,
    "epochs": 200,
    "label_smoothing": 0.1,
    "frames": 32,
    "size": 224,
    "sampling": "uniform",
    "test_sampling": "uniform",
    "views": 3,
    "crop_scale_min": 0.08,
    "crop_ratio_max": 4 / 3,
    "hflip": 0.5,
    "randaugment": 4,
    "randaugment_magnitude": 7.0,
    "randaugment_std": 0.5,
    "erase": 0.25,
    "mixup": 0.8,
    "cutmix": 1.0,
    "mix_prob": 1.0,
    "mix_switch": 0.5,
}
# Their lists of these splits are shorter trained, and their val.csv is their test.csv.
_LONG = {split: {"epochs": 50, "test_select": True} for split in ("2000", "asl-citizen")}

# What the abstract and others' notes tell of it: see docs/RGB.md for what they do not.
_STRATEGIES = {
    "weights": "kinetics",
    "crop": "frame",
    "frames": 32,
    "stride": 2,
    "sampling": "consecutive",
    "test_sampling": "centre",
    "pad": "last",
    "speed": 2.0,
    "erase": 0.25,
    "randaugment": 2,
    "randaugment_magnitude": 5.0,
    "mixup": 0.0,
    "cutmix": 0.0,
}

VIT: Mapping[str, Mapping[str, Fields]] = {
    "videomae-s": {"as-published": {**_SIGNNET, "crop": "frame"}, "fixed": {}},
    "videomae-b": {"as-published": {**_SIGNNET, "crop": "frame"}, "fixed": {}},
    "signnet": {"as-published": {**_SIGNNET, "crop": "hht", "hht_flip": "canvas"}, "fixed": {}},
    "mvit-v2-s": {"strategies": _STRATEGIES, "fixed": {}},
}
"""Recipes by system and name; `fixed` is what the zoo's row does when no recipe is named."""

VIT_BY_SPLIT: Mapping[tuple[str, str], Mapping[str, Fields]] = {
    (model, "as-published"): _LONG for model in ("videomae-s", "videomae-b", "signnet")
}
"""What differs on some splits."""

VIT_NOTES: Mapping[str, Mapping[str, str]] = {
    "videomae-s, -b": {
        "as-published": "SignNet's authors on whole frames: 32 of them, mirrored, mixed, three views at test",
        "fixed": "16 frames of the signer's box, never mirrored, mixed as they do, chosen on val",
    },
    "signnet": {
        "as-published": "the authors': canvases mirrored whole; 2000 chosen on test; 90.31 after ASL-Citizen",
        "fixed": "the same network and canvases, hands never mirrored, larger crops, chosen on val",
    },
    "mvit-v2-s": {
        "strategies": "2412.11553 as far as is known: tempo and noise; no IoU loss, no boundary head",
        "fixed": "32 frames spread over the clip, mixed as VideoMAE's are, chosen on val",
    },
}
"""What each is, and what to expect of it on WLASL100 (top-1 published)."""
