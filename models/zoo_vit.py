"""The zoo's transformers that see pixels: VideoMAE, SignNet's VideoMAE of head and hands, MViTv2."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from models.zoo_base import KINETICS, Input, System, Weights

MEAN = (0.485, 0.456, 0.406)
"""Of ImageNet, which VideoMAE was trained with."""
STD = (0.229, 0.224, 0.225)

_TUNED: dict[str, Any] = {
    # A transformer is tuned at a low rate, lower still near its input, and only part of it at a time.
    "epochs": 50,
    "batch_size": 16,
    "lr": 6.25e-5,
    "min_lr": 1e-6,
    "warmup_epochs": 5.0,
    "weight_decay": 0.05,
    "layer_decay": 0.75,
    "drop_path": 0.1,
    "randaugment": 4,
    "erase": 0.25,
    "mixup": 0.8,
    "cutmix": 1.0,
}
"""What every row here has by default: VideoMAE's base rate of 1e-3 for 256 clips, at 16 clips a step.

Crops and mirroring stay the project's own: of 8 % of a picture no sign can be read, and signs have a hand.
"""


def _videomae(variant: str, size: tuple[int, float], top1: float, sha256: str) -> System:
    """Return VideoMAE's row; `size` is (parameters, GMACs), `top1` on Kinetics-710."""
    url = f"https://huggingface.co/OpenGVLab/VideoMAE2/resolve/main/distill/vit_{variant}_k710_dl_from_giant.pth"
    note = f"VideoMAE V2, CC BY-NC 4.0, distilled on Kinetics-710, top-1 {top1} from 15 views"
    return System(
        name=f"videomae-{variant}",
        paper="Tong et al. 2022, arXiv:2203.12602",
        licence="Apache-2.0",
        input=Input(16, 224, mean=MEAN, std=STD, min_frames=2, min_size=16),
        builders={"torch": "models.videomae:build"},
        parameters=size[0],
        gmacs=size[1],
        options={"variant": variant},
        weights={KINETICS: Weights(url, sha256, note)},
        recipe=_TUNED,
    )


_SMALL = _videomae(
    "s",
    (21_918_436, 56.88),
    77.6,
    "24fb71687fa3671b8387cadfbcbab0f72af695692e93cf1ecc82caa888626172",
)
_BASE = _videomae(
    "b",
    (86_304_100, 180.34),
    81.5,
    "8141a6955e0700d11bf15928fe6d61e5cfe482606fed8cfdddb1b922c0fd88ec",
)
_SIGNNET = replace(
    _BASE,
    name="signnet",
    paper="SignNet 2025, IEEE Access 13, doi:10.1109/access.2025.3591123",
    input=replace(_BASE.input, frames=32),
    gmacs=451.32,
    recipe={**_TUNED, "crop": "hht", "weight_decay": 0.1, "layer_decay": 0.9, "drop_path": 0.3},
)
_MVIT = System(
    name="mvit-v2-s",
    paper="Li et al. 2022, arXiv:2112.01526",
    licence="BSD-3-Clause",
    input=Input(16, 224, mean=(0.45,) * 3, std=(0.225,) * 3, min_size=32),
    builders={"torch": "models.mvit:build"},
    parameters=34_307_044,
    gmacs=64.22,
    weights={
        KINETICS: Weights(
            "https://download.pytorch.org/models/mvit_v2_s-ae3be167.pth",
            None,  # its name holds the first digits, which are checked
            "Kinetics-400, top-1 80.76 from 5 views of 16 frames at 7.5 fps",
        )
    },
    recipe={**_TUNED, "frames": 32, "drop_path": 0.2},
)

TRANSFORMERS: tuple[System, ...] = (_SMALL, _BASE, _SIGNNET, _MVIT)
