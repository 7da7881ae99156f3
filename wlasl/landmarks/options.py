"""How landmarks become batches: one value that says it all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from utils.errors import BenchError
from utils.names import lookup
from wlasl.landmarks.augment import Augment
from wlasl.landmarks.augment_time import SAMPLINGS, Sampling
from wlasl.landmarks.features import FEATURES, channels
from wlasl.landmarks.joints import SKELETONS
from wlasl.landmarks.normalise import check, unseen
from wlasl.order import ORDERS, Order

Hidden = Literal["left", "right", "hands"]
HIDDEN: Mapping[Hidden, tuple[str, ...]] = {
    "left": ("left",),
    "right": ("right",),
    "hands": ("left", "right"),
}
"""Per thing that can be hidden, the sides of the hands that are."""


@dataclass(frozen=True, slots=True)
class LandmarkOptions:
    """How landmarks become batches.

    Attributes:
        batch_size: clips in a batch, over all processes together.
        seed: of order and augmentation.
        train: shuffle and augment; else every clip once, as it is.
        skeleton: one of joints.SKELETONS: which joints, in whose order.
        dims: coordinates per joint; a depth that the landmarks do not have is 0.
        normalisation: one of normalise.NORMALISATIONS.
        switches: of that normalisation, by name.
        features: of features.FEATURES, one after the other in a batch's last axis.
        bridge: joints unseen in at most so many frames in a row are put on a straight line there.
        trim: cut what comes before the first and after the last frame in which a hand is seen.
        square: multiply x by the video's width over its height where the store knows its size, so that both
            axes have one unit, as pixels have (SPOBET's h is in pixels).
        augment: how training varies what it sees.
        frozen_aug: SPOBET's defect: augmentation is drawn once for the whole run, the same for all clips.
        augment_eval: vary at evaluation too (SPOBET's defect `aug_val`).
        frames: how many frames `sampling` takes.
        sampling: `all` frames, the first `frames` of them where that is given; `uniform`: exactly `frames`,
            evenly spread over the clip; `crop`: `frames` in a row, at random in training, else the middle.
        pad_to: batches have exactly so many frames, and longer clips lose their end; without, they have as
            many as their longest clip.
        buckets: clips of like length share a batch.
        mirror_eval: a probe: mirror every clip before anything else.
        hide: a probe: that hand, or both, is unseen in every clip.
        order: a probe: the moments that are seen of every clip come in that order.
        order_seed: of an order that is random.
    """

    batch_size: int
    seed: int = 0
    train: bool = False
    skeleton: str = "spoter"
    dims: Literal[2, 3] = 2
    normalisation: str = "spoter"
    switches: Mapping[str, bool] = field(default_factory=dict)
    features: tuple[str, ...] = ("coordinates",)
    bridge: int = 0
    trim: bool = False
    square: bool = False
    augment: Augment = field(default_factory=Augment)
    frozen_aug: bool = False
    augment_eval: bool = False
    frames: int | None = None
    sampling: Sampling = "all"
    pad_to: int | None = None
    buckets: bool = False
    mirror_eval: bool = False
    hide: Hidden | None = None
    order: Order | None = None
    order_seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        least = {"batch_size": 1, "frames": 1, "pad_to": 1, "bridge": 0, "seed": 0}
        for name, smallest in least.items():
            value = getattr(self, name)
            if value is not None and value < smallest:
                raise BenchError(f"{name} is {value}; it must be at least {smallest}.")
        lookup("skeleton", self.skeleton, SKELETONS)
        check(self.normalisation, self.switches)
        self._check_names()

    def _check_names(self) -> None:
        """Refuse wrong names, and a way to sample that does not know how many frames."""
        if self.dims not in {2, 3}:
            raise BenchError(f"dims is {self.dims}; landmarks have 2 coordinates or 3.")
        for name in self.features:
            lookup("feature", name, FEATURES)
        if not self.features:
            raise BenchError(f"No feature is named. A network sees one or more of {', '.join(FEATURES)}.")
        lookup("sampling", self.sampling, dict.fromkeys(SAMPLINGS))
        if self.sampling != "all" and self.frames is None:
            wanted = "Say how many with frames, or take all of them with sampling=all."
            raise BenchError(f"sampling={self.sampling} needs a number of frames. {wanted}")
        if self.hide is not None:
            lookup("thing to hide", self.hide, dict.fromkeys(map(str, HIDDEN)))
        if self.order is not None:
            lookup("order", self.order, dict.fromkeys(map(str, ORDERS)))

    @property
    def joints(self) -> tuple[str, ...]:
        """The names of a batch's joints."""
        return SKELETONS[self.skeleton]

    @property
    def shape(self) -> tuple[int, int]:
        """A batch's last two axes: joints and channels."""
        return len(self.joints), channels(self.features, self.dims)

    @property
    def unseen(self) -> float:
        """The number for coordinates that were not seen: the original SPOTER's is -0.5, others' 0."""
        return unseen(self.normalisation)
