"""Rectified Adam moves weights as torch's RAdam does, step by step, also where momentum becomes Adam."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

if importlib.util.find_spec("tensorflow") is None or importlib.util.find_spec("tf_keras") is None:
    pytest.skip("TensorFlow is not installed", allow_module_level=True)

from benchmarks.keras_optim import optimizer, penalised
from benchmarks.keras_radam import RectifiedAdam
from benchmarks.keras_runtime import tf
from benchmarks.recipe import resolve
from utils.seeds import generator

pytestmark = pytest.mark.tensorflow

STEPS, TURN = 40, 5  # with beta 2 = 0.999 the first five steps are momentum's


def gradients():
    """Return so many steps' gradients of a matrix, of very different sizes."""
    rng = generator(1)
    return [(rng.normal(size=(3, 2)) * 10.0 ** rng.integers(-3, 3)).astype(np.float32) for _ in range(STEPS)]


def test_it_moves_as_torch_s_does_at_every_step():
    torch = pytest.importorskip("torch")
    for eps in (1e-7, 1e-3):
        mine, theirs = tf.Variable(np.ones((3, 2), np.float32)), torch.nn.Parameter(torch.ones(3, 2))
        ours = RectifiedAdam(0.01, epsilon=eps, jit_compile=False)
        reference = torch.optim.RAdam([theirs], lr=0.01, eps=eps)
        adapted = 0
        for step, gradient in enumerate(gradients()):
            before = mine.numpy()
            ours.apply_gradients([(tf.constant(gradient), mine)])
            theirs.grad = torch.tensor(gradient)
            reference.step()
            np.testing.assert_allclose(mine.numpy(), theirs.detach().numpy(), rtol=3e-6, atol=1e-6)
            trusted = float(ours._factors()[0])
            adapted += step + 1 >= TURN and trusted == 1
            assert np.abs(mine.numpy() - before).max() > 0
        assert adapted == STEPS - TURN + 1


def test_the_recipe_s_radam_is_it_with_weight_decay_as_torch_s():
    torch = pytest.importorskip("torch")
    fields = {"optimizer": "radam", "lr": 0.02, "weight_decay": 0.1, "momentum": 0.8, "eps": 1e-6}
    recipe = resolve("movinet-a0", "sample", {"engine": "tensorflow"}, fields)
    mine, theirs = tf.Variable(np.ones((3, 2), np.float32)), torch.nn.Parameter(torch.ones(3, 2))
    ours = optimizer(recipe, [mine])
    reference = torch.optim.RAdam([theirs], lr=0.02, betas=(0.8, 0.999), eps=1e-6, weight_decay=0.1)
    assert isinstance(ours, RectifiedAdam)
    for gradient in gradients():
        moved = penalised(recipe, [tf.constant(gradient)], [mine])
        ours.apply_gradients(zip(moved, [mine], strict=True))
        theirs.grad = torch.tensor(gradient)
        reference.step()
    np.testing.assert_allclose(mine.numpy(), theirs.detach().numpy(), rtol=1e-5, atol=1e-6)
    assert np.abs(mine.numpy() - 1).max() > 0.1
