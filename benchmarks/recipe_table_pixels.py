"""Named recipes on pixels: the NTNU thesis's, WLASL's authors' and NLA-SLR's, with their defects and without.

The thesis is wolneberg/master (2024), for MoViNet, I3D, S3D and X3D on WLASL100; WLASL's authors are Li et
al. (2020, arXiv:1910.11006), for I3D; NLA-SLR is arXiv:2303.12080. docs/RGB.md says what each reproduces, and
what it does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, Any]

# Nothing is varied in training: neither place nor size.
_STILL = {"crop_scale_min": 1.0, "crop_scale_max": 1.0, "crop_ratio_max": 1.0, "hflip": 0.0}

# No warm-up, no decay, no limit, no smoothing: what an optimiser does when it is told its rate alone.
_BARE = {"weight_decay": 0.0, "warmup_epochs": 0.0, "clip_norm": None, "label_smoothing": 0.0}

# The thesis's clips under TensorFlow: every second frame, black bars, and one draw of where a clip begins.
_THESIS_TF = {
    **_STILL,
    **_BARE,
    "weights": "kinetics",
    "crop": "frame",
    "frames": 20,
    "stride": 2,
    "sampling": "consecutive",
    "test_sampling": "consecutive",
    "pad": "zero",
}
_DRAWN_ONCE = {"start_once": True, "random_test_start": True}

# The thesis's clips under torch: from the first frame on, stretched to a square, the last frame repeated.
# Its 10 and 12 frames a second are, rounded down as in its code, every second frame of WLASL's 25 to 29.97.
_THESIS_TORCH = {
    **_STILL,
    **_BARE,
    "weights": "kinetics",
    "crop": "stretch",
    "stride": 2,
    "sampling": "start",
    "test_sampling": "start",
    "pad": "last",
    "optimizer": "rmsprop",
    "lr": 0.01,
    "rho": 0.99,
    "momentum": 0.0,
    "schedule": "constant",
}

_MOVINET = {
    **_THESIS_TF,
    "size": 172,
    "optimizer": "rmsprop",
    "lr": 0.01,
    "rho": 0.9,
    "momentum": 0.9,
    "eps": 1.0,
    "clip_norm": 1.0,
    "clip_each": True,
    "schedule": "cosine",
    "batch_size": 4,
    "epochs": 20,
    "unfreeze": 20,
    "dropout": 0.0,
    "drop_path": 0.0,
}
_MOVINET_ROWS = {
    "as-published": {**_MOVINET, **_DRAWN_ONCE, "lr_ignored": True, "unfreeze_zero_all": True},
    "fixed": {**_MOVINET, "test_sampling": "centre"},
}

# Random squares of 224 pixels out of 256, and the middle one at test.
_CROP_224 = {
    "size": 224,
    "store_size": 256,
    "crop_scale_min": (224 / 256) ** 2,
    "crop_scale_max": (224 / 256) ** 2,
    "crop_ratio_max": 1.0,
    "test_crop": 224 / 256,
}
_I3D = {
    **_BARE,
    **_CROP_224,
    "weights": "kinetics",
    "frames": 64,
    "sampling": "consecutive",
    "test_sampling": "whole",
    "pad": "first-or-last",
    "pool": "max",
    "loss": "per-frame",
    "hflip": 0.5,
    "optimizer": "adam",
    "lr": 1e-3,
    "weight_decay": 1e-7,
    "schedule": "plateau",
    "plateau_factor": 0.3,
    "plateau_patience": 5,
    "norm_momentum": 0.01,
    "dropout": 0.5,
    "batch_size": 6,
    "epochs": 216,
}
_I3D_DEFECTS = {"crop": "stretch", "bgr": True, "train_on_val": True, "test_select": True}
_I3D_THESIS = {
    **_THESIS_TF,
    **_DRAWN_ONCE,
    "size": 224,
    "optimizer": "adam",
    "lr": 0.01,
    "eps": 1e-7,
    "schedule": "constant",
    "batch_size": 16,
    "epochs": 50,
    "dropout": 0.0,
    "norm_momentum": 0.01,
    "unfreeze": 0,
    **dict.fromkeys(("unfreeze_zero_all", "no_scaling", "double_softmax"), True),
}

_S3D_THESIS = {
    **_THESIS_TORCH,
    "frames": 50,
    "size": 256,
    "batch_size": 4,
    "epochs": 10,
    "unfreeze": 0,
    "select": "last",
    "no_scaling": True,
}
_S3D_NLA = {
    **_BARE,
    "weights": "kinetics",
    "crop": "frame",
    "frames": 64,
    "sampling": "consecutive",
    "test_sampling": "consecutive",
    "views": 3,
    "pad": "last",
    "crop_scale_min": 0.7,
    "crop_ratio_max": 1.3,
    "optimizer": "adam",
    "lr": 1e-3,
    "weight_decay": 1e-3,
    "schedule": "cosine",
    "label_smoothing": 0.2,
    "batch_size": 32,
    "epochs": 100,
}

_X3D = {**_THESIS_TORCH, "batch_size": 8, "epochs": 50}
_X3D_ROWS = {
    "as-published": {
        **_X3D,
        "frames": 20,
        "size": 182,
        "select": "last",
        **dict.fromkeys(("head_kept", "fixed_pool", "double_softmax", "no_scaling"), True),
    },
    # The clips that each variant is made for, over all of the sign.
    "fixed": {**_X3D, "crop": "frame", "stride": 1, "sampling": "uniform", "test_sampling": "uniform"},
}

_MOVINETS = tuple(f"movinet-a{number}{kind}" for kind in ("", "-stream") for number in range(6))
_X3DS = ("x3d-xs", "x3d-s", "x3d-m", "x3d-l")

PIXELS: Mapping[str, Mapping[str, Fields]] = {
    **dict.fromkeys(_MOVINETS, _MOVINET_ROWS),
    "i3d": {
        "as-published": {**_I3D, **_I3D_DEFECTS},
        "thesis": _I3D_THESIS,
        "fixed": {**_I3D, "crop": "frame"},
    },
    "s3d": {"as-published": _S3D_THESIS, "fixed": _S3D_NLA},
    **dict.fromkeys(_X3DS, _X3D_ROWS),
}
"""Per system, its named recipes."""

# 64,000 steps at most, and 400 epochs: of WLASL2000's 18,205 training and validation clips 22 epochs of 6.
_I3D_SPLITS: Mapping[str, Fields] = {
    "300": {"batch_size": 32, "accumulate": 8, "weight_decay": 1e-8, "epochs": 400},
    "1000": {"batch_size": 32, "accumulate": 8, "weight_decay": 1e-8, "epochs": 400},
    "2000": {"lr": 1e-4, "weight_decay": 1e-8, "epochs": 22},
}
BY_SPLIT: Mapping[tuple[str, str], Mapping[str, Fields]] = {
    ("i3d", "as-published"): _I3D_SPLITS,
    ("i3d", "fixed"): _I3D_SPLITS,
}
"""Per system and recipe, what differs on some subsets."""

PIXEL_NOTES: Mapping[str, Mapping[str, str]] = {
    "movinet-a0 to -a5, also -stream": {
        "as-published": "the thesis: 20 frames from a start drawn once, at test too, lr 0.01; there 53 to 63",
        "fixed": "the same with a new start every epoch, the middle at test, and the lr that is set",
    },
    "i3d": {
        "as-published": "WLASL's authors: loss per frame, BGR, on val too, chosen on test; there 65.89",
        "thesis": "20 frames in 0..1 where -1..1 is expected, everything trained at 0.01; there 48.45",
        "fixed": "the authors' loss and whole videos at test, in RGB, trained on train, chosen on val",
    },
    "s3d": {
        "as-published": "the thesis: 50 frames from the first on, not normalised, only the head trained",
        "fixed": "NLA-SLR's RGB stream: 64 frames, three clips at test; no heat-maps, no mix-up",
    },
    "x3d-xs to -l": {
        "as-published": "the thesis: 20 frames of 182 pixels, a 400-way head; m and l end in an error there",
        "fixed": "the variant's own clip (l: 256 pixels), a head of the right width, chosen on val",
    },
}
"""What each named recipe is, and what to expect of it on WLASL100 (top-1 published); README.md prints it."""
