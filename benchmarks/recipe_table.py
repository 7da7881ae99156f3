"""Named recipes: per system, `as-published` with its authors' defects, and `fixed` without them.

`--recipe NAME` takes a row of this table; `fixed` is what a landmark system does when no recipe is named.
What each switch reproduces stands in its field's description (`bench recipe --model NAME`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.recipe_table_pixels import BY_SPLIT, PIXEL_NOTES, PIXELS
from benchmarks.recipe_table_vit import VIT, VIT_BY_SPLIT, VIT_NOTES
from utils.names import lookup

DEFAULT = "fixed"
PUBLISHED = "as-published"

# Training as in the authors' code: SGD without momentum, one clip at a time, a rate that never changes.
_SPOTER = {
    "optimizer": "sgd",
    "lr": 1e-3,
    "momentum": 0.0,
    "weight_decay": 0.0,
    "schedule": "constant",
    "warmup_epochs": 0.0,
    "clip_norm": None,
    "label_smoothing": 0.0,
    "batch_size": 1,
    "epochs": 100,
    "dropout": 0.1,
    "normalisation": "spoter",
    "one_of": 0.5,
    "noise": 0.001,
}

_CONFORMER = {
    "normalisation": "shoulders",
    "features": ("coordinates", "velocity", "shape", "seen"),
    "frames": 32,
    "sampling": "uniform",
    "bridge": 5,
    "trim": True,
    "epochs": 80,
    "batch_size": 32,
    "lr": 1e-3,
    "weight_decay": 0.05,
    "warmup_epochs": 6.0,
    "label_smoothing": 0.1,
    "dropout": 0.5,
    "drop_path": 0.1,
    "mirror": 0.5,
    "rotate": 1.0,
    "time_crop": 0.2,
    "time_warp": 0.25,
    "scale": 0.2,
    "stretch": 0.1,
    "shear": 0.15,
    "shift": 0.1,
    "noise": 0.01,
}

# As the authors' train.sh, with the 1300 epochs that their code has by default: train.sh's 10 end long before
# start_mining_hard.
_EMBEDDINGS = {
    **_SPOTER,
    "batch_size": 32,
    "epochs": 1300,
    "dropout": 0.2,
    "one_of": 0.75,
    "triplets": "batch-all",
    "filter_easy_triplets": True,
    "start_mining_hard": 200,
    "clips_together": None,
    "buckets": False,
}

# Fine-tuning as in the authors' code; pre-training's own numbers are the fields' defaults.
_SPOBET = {
    "optimizer": "radam",
    "lr": 1e-3,
    "momentum": 0.9,
    "eps": 1e-7,
    "weight_decay": 0.0,
    "schedule": "linear",
    "min_lr": 1e-5,
    "clip_norm": None,
    "label_smoothing": 0.0,
    "batch_size": 128,
    "epochs": 200,
    "dropout": 0.1,
    "skeleton": "spobet",
    "normalisation": "spobet",
    "square": True,
    "spin": 0.3,
    "mask_draws": 83,
}
# All but frame_end_minus1, which leaves nothing to learn from: the authors' split file has real frame ends.
_SPOBET_DEFECTS = (
    *("frozen_aug", "aug_val", "pretrain_lr", "class0_topk", "glob_order", "no_mask", "zero_head"),
    *("missing_wrist", "no_pos"),
)

TABLE: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    **PIXELS,
    **VIT,
    "spoter": {
        PUBLISHED: {
            **_SPOTER,
            # Of the scheduler that is made and never stepped.
            "plateau_factor": 0.1,
            "plateau_patience": 5,
            **dict.fromkeys(("single_pos", "verbatim", "test_select"), True),
        },
        DEFAULT: {
            **_SPOTER,
            # Per clip as much movement as one clip a step, to first order (Goyal et al. 2017, 1706.02677).
            "batch_size": 16,
            "lr": 1.6e-2,
            # As the authors' code would step it, were it handed their scheduler.
            "schedule": "train-plateau",
            "plateau_factor": 0.1,
            "plateau_patience": 5,
        },
    },
    "spoter-embeddings": {
        PUBLISHED: {
            **_EMBEDDINGS,
            "select": "val_silhouette",
            "mask_memory": False,
            **dict.fromkeys(("single_pos", "verbatim", "val_is_test", "y_axis", "convert_dict"), True),
        },
        # Batches of 32 clips drawn at random hardly ever hold two of a sign: all embeddings drew together.
        DEFAULT: {
            **_EMBEDDINGS,
            "optimizer": "adamw",
            "lr": 1e-4,
            "momentum": 0.9,
            "schedule": "cosine",
            "warmup_epochs": 3.0,
            "clip_norm": 1.0,
            "clips_together": 4,
            "epochs": 60,
            "start_mining_hard": 50,
        },
    },
    "spobet": {
        PUBLISHED: {
            **_SPOBET,
            "select": "last",
            "buckets": False,
            **dict.fromkeys(_SPOBET_DEFECTS, True),
        },
        DEFAULT: _SPOBET,
    },
    # The plain baseline has no paper of its own to follow.
    "sign-conformer": {DEFAULT: _CONFORMER},
    # The network as published; clips, augmentation and schedule are those of the conformer.
    "st-gcn": {
        DEFAULT: {
            **{name: value for name, value in _CONFORMER.items() if name != "drop_path"},
            "skeleton": "signs27",
            "features": ("coordinates", "velocity"),
            "dropout": 0.2,
        }
    },
    "gru": {
        DEFAULT: {
            # A hand's joints as seen from its wrist: what matters most to a plain network.
            "normalisation": "hands",
            "features": ("coordinates", "velocity"),
            "frames": 48,
            "sampling": "uniform",
            "epochs": 60,
            "batch_size": 32,
            "lr": 2e-3,
            "dropout": 0.5,
        }
    },
}

NOTES: Mapping[str, Mapping[str, str]] = {
    "spoter": {
        PUBLISHED: "the authors' code: one position for all frames, one clip a step, chosen on test",
        DEFAULT: "a position per frame, 16 clips a step, rate lowered where training stalls, chosen on val",
    },
    "spoter-embeddings": {
        PUBLISHED: "the authors' defaults and their training script: SGD, margin 1, silhouette on test",
        DEFAULT: "a position per frame, padding masked, AdamW, four clips of a sign in a row, chosen on val",
    },
    "spobet": {
        PUBLISHED: "the authors' code: no positions, padding attended to, one mask for the whole run",
        DEFAULT: "positions, masks, pre-training at its own rate, fresh augmentation, chosen on val",
    },
    "gru": {DEFAULT: "two bidirectional GRUs, hands as seen from their wrists, nothing varied: the baseline"},
    "st-gcn": {
        DEFAULT: "the paper's network on 27 joints and their velocities, trained as the sign conformer"
    },
    "sign-conformer": {
        DEFAULT: "ours: shoulder frame, hand shapes, 32 moments from first hand to last, warped and mirrored"
    },
    **PIXEL_NOTES,
    **VIT_NOTES,
}
"""What each named recipe is, and what to expect of it; README.md prints it."""


def names(model: str) -> tuple[str, ...]:
    """Return the names of a system's recipes."""
    return tuple(TABLE.get(model, {}))


def named(model: str, name: str, split: str = "") -> dict[str, Any]:
    """Return the fields of a named recipe; a system that has none does by default what its row says.

    Args:
        model: a row of the zoo.
        name: of the recipe.
        split: the subset, where authors did otherwise on some.

    Raises:
        BenchError: the system has no recipe of this name.
    """
    known = TABLE.get(model, {})
    if name == DEFAULT and name not in known:
        return {}
    fields = lookup(f"recipe of {model}", name, dict(known))
    by_split = {**BY_SPLIT, **VIT_BY_SPLIT}.get((model, name), {})
    # Relabelled clips (2000-w1573) are as many as those that they are of.
    return {**fields, **by_split.get(split, by_split.get(split.partition("-")[0], {}))}
