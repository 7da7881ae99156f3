"""A network of pixels that tells made clips apart without a training that would take hours.

Weights are drawn, batch statistics taken from clips, and the classifier solved for in closed form on what the
rest then says of other clips: first choices are as clear as a trained network's, so that a runtime that gets
numbers wrong is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from benchmarks.export_clips import ClipSetting, clip_setting
from benchmarks.made_clips import Pixels, made_clips
from benchmarks.recipe import resolve
from benchmarks.recipe_clips import ClipRecipe
from models import zoo
from utils.errors import BenchError
from utils.progress import Progress

CLASSES, SIGNS = 100, 5
_GMACS = 100.0
"""A network is judged on as many clips as it takes so many multiply-adds for, in 10^9, within the bounds."""
_FEWEST, _MOST = 10, 20
_SHARPNESS = 8.0
"""Logits of 0 and 1 are multiplied by this, to be as large as a trained network's."""


@dataclass(frozen=True)
class JudgedClips:
    """A network and the clips that it is judged on.

    Attributes:
        setting: the network.
        clips: float32 [1, 3, T, H, W] each.
        labels: int64 [clips].
    """

    setting: ClipSetting
    clips: Sequence[Pixels]
    labels: npt.NDArray[np.int64]


def clip_recipe(model: str, *, native: bool) -> ClipRecipe:
    """Return a row's own recipe, at the shape that its paper states where `native`.

    Raises:
        BenchError: the model sees landmarks.
    """
    expected = zoo.system(model).input
    if not isinstance(expected, zoo.Input):
        raise BenchError(f"{model} sees landmarks: `python -m benchmarks.speed latency` is for those.")
    shape = {"frames": expected.frames, "size": expected.size} if native else {}
    recipe = resolve(model, "100", shape)
    if not isinstance(recipe, ClipRecipe):
        raise TypeError(type(recipe))
    return recipe


def judged_clips(recipe: ClipRecipe, folder: Path, gmacs: float, progress: Progress) -> JudgedClips:
    """Return a recipe's network with a classifier that knows made clips, and other clips to judge it on.

    Args:
        recipe: which network, at which shape.
        folder: where its weights are written to.
        gmacs: multiply-adds of a clip in 10^9; the more, the fewer clips.
        progress: hears how it goes.
    """
    setting = clip_setting(recipe, CLASSES, folder / "weights.pt")
    expected = zoo.system(recipe.model).input
    if not isinstance(expected, zoo.Input):
        raise TypeError(type(expected))
    count = int(min(_MOST, max(_FEWEST, _GMACS / gmacs))) // SIGNS * SIGNS
    shape = setting.shape[2], setting.shape[4]
    learnt, others = (made_clips(SIGNS, count, shape, expected, key) for key in (0, 10_000))
    torch.save(_knowing(setting, learnt, progress).state_dict(), setting.weights)
    return JudgedClips(setting, others, np.arange(count) % SIGNS)


def _knowing(setting: ClipSetting, clips: Sequence[Pixels], progress: Progress) -> nn.Module:
    """Return the network with a classifier that was solved for on clips."""
    torch.manual_seed(0)
    network: Any = zoo.build(setting.model, "torch", setting.classes, **setting.architecture)
    _wake(network)
    progress.begin(f"{setting.model}: batch statistics and classifier", len(clips) + 1)
    with torch.no_grad():
        network.train()(torch.from_numpy(np.concatenate(clips[:SIGNS])))
        network.eval()
        rows = []
        for clip in clips:
            rows.append(_features(network, torch.from_numpy(clip)))
            progress.advance()
        layers = [part for part in _head(network).modules() if isinstance(part, nn.Linear | nn.Conv3d)]
        _solve(layers[-1], torch.cat(rows))
    progress.end(f"{len(clips)} clips")
    return network  # type: ignore[no-any-return]


def _wake(network: nn.Module) -> None:
    """Let batch statistics be those of the next batch, and scalars that begin at 0, at less: half of it."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001 - there is no public base
            module.momentum = 1.0
            if not module.weight.any():
                nn.init.constant_(module.weight, 0.5)
        if isinstance(module, nn.Dropout | nn.Dropout3d):
            module.p = 0.0
    for parameter in network.parameters():
        if not parameter.ndim:
            nn.init.constant_(parameter, 0.5)


def _head(network: Any) -> nn.Module:  # noqa: ANN401 - of the zoo
    """Return the part whose outputs are the logits."""
    head: nn.Module = network.get_submodule(next(iter(network.head)).rstrip("."))
    return head


def _features(network: nn.Module, clip: Tensor) -> Tensor:
    """Return what the classifier is given of a clip, averaged over time and space: [1, C]."""
    found: list[Tensor] = []
    hook = _head(network).register_forward_pre_hook(lambda _, given: found.append(given[0]))
    network(clip)
    hook.remove()
    return found[0].flatten(2).mean(2) if found[0].ndim > 2 else found[0]  # noqa: PLR2004 - [B, C, ...]


def _solve(layer: Any, features: Tensor) -> None:  # noqa: ANN401
    """Set a classifier's weights by ridge regression of features [N, C], row n of sign n modulo SIGNS."""
    centre, spread = features.mean(0), features.std(0)
    spread = spread + spread.mean()  # a feature that hardly varies says nothing
    rows = ((features - centre) / spread).double()
    wanted = torch.eye(SIGNS, dtype=torch.double)[torch.arange(len(rows)) % SIGNS] - 1 / SIGNS
    kernel = rows @ rows.T
    ridge = 0.1 * kernel.diagonal().mean() * torch.eye(len(rows), dtype=torch.double)
    solved = (rows.T @ torch.linalg.solve(kernel + ridge, wanted)).float().T * _SHARPNESS / spread
    layer.weight.zero_()
    layer.bias.zero_()
    layer.weight[:SIGNS] = solved.view(SIGNS, *layer.weight.shape[1:])
    layer.bias[:SIGNS] = -(solved @ centre) + _SHARPNESS / SIGNS
