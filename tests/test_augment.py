"""Where a network looks."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.errors import BenchError
from utils.seeds import generator
from wlasl.augment import Crop, Look, apply, look

GRADIENT = np.stack(np.broadcast_arrays(np.arange(256)[None], np.arange(256)[:, None], 128), -1).astype(
    np.uint8
)


@given(st.integers(0, 10_000), st.floats(0.05, 1), st.floats(1, 3), st.integers(16, 400))
def test_a_random_crop_lies_in_the_square_and_has_the_wanted_area_and_ratio(seed, scale, ratio, stored):
    crop = Crop(64, (scale, 1.0), (1 / ratio, ratio), 0.5)
    found = look(crop, stored, generator(seed))
    assert 0 <= found.x <= found.x + found.width <= stored
    assert 0 <= found.y <= found.y + found.height <= stored
    slack = 3 / min(found.width, found.height)
    assert found.width * found.height >= scale * stored**2 * (1 - slack)
    assert found.width / found.height <= ratio * (1 + slack)
    assert found.width / found.height >= (1 - slack) / ratio


def test_a_crop_that_cannot_fit_is_the_whole_square():
    assert look(Crop(8, (1, 1), (3, 3)), 100, generator(0)) == Look(0, 0, 100, 100)


def test_without_a_generator_the_whole_square_is_seen():
    assert look(Crop(8, (0.1, 0.2), hflip=1.0), 256, None) == Look(0, 0, 256, 256)


def test_mirroring_is_as_frequent_as_asked_for():
    for chance in (0.0, 0.3, 1.0):
        flips = [look(Crop(8, hflip=chance), 256, generator(seed)).flip for seed in range(1000)]
        assert np.mean(flips) == pytest.approx(chance, abs=0.05)


@pytest.mark.parametrize("size", [256, 300, 172, 128, 112, 40])
@pytest.mark.parametrize("flip", [False, True])
def test_what_is_seen_lies_where_it_should_at_every_size(size, flip):
    out = np.empty((size, size, 3), np.uint8)
    apply(Look(0, 0, 256, 256, flip), GRADIENT, out)
    wanted = cv2.resize(
        GRADIENT.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA if size < 256 else 1
    )
    wanted = wanted[:, ::-1] if flip else wanted
    assert np.abs(out - wanted).max() <= 1.5


def test_a_crop_of_the_wanted_size_is_copied():
    out = np.empty((10, 10, 3), np.uint8)
    apply(Look(20, 30, 10, 10, flip=True), GRADIENT, out)
    assert np.array_equal(out, GRADIENT[30:40, 20:30][:, ::-1])


def test_much_larger_frames_are_averaged_and_not_skipped_through():
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 200
    out = np.empty((64, 64, 3), np.uint8)
    apply(Look(0, 0, 256, 256), stripes, out)
    assert np.abs(out.astype(int) - 100).max() <= 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"scale": (0.0, 1.0)},
        {"scale": (0.8, 0.5)},
        {"scale": (0.5, 1.5)},
        {"ratio": (2, 1)},
        {"hflip": 2},
    ],
)
def test_a_crop_that_means_nothing_is_refused_in_words(wrong):
    with pytest.raises(BenchError):
        Crop(**{"size": 8, **wrong})
