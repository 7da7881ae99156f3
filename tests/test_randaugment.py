"""RandAugment: each change is Pillow's, all frames are changed alike, and nothing but its key decides."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import videos
from PIL import Image, ImageEnhance, ImageOps

from utils.errors import BenchError
from utils.seeds import generator
from wlasl import randaugment
from wlasl.augment import Crop
from wlasl.loader import ClipLoader, LoaderOptions
from wlasl.prepare import prepare
from wlasl.randaugment import CHANGES, FILL, RandAugment, vary
from wlasl.sampling import Sampling
from wlasl.view import View

SIDE = 48


def picture():
    """Return a picture with edges, slopes and all three channels at work, none of them at its ends."""
    y, x = np.mgrid[:SIDE, :SIDE]
    planes = [60 + 2 * x, 200 - 2 * y, 40 + ((x // 8 + y // 8) % 2) * 120 + x]
    return np.stack(planes, axis=2).astype(np.uint8)


def changed(name, strength, frames=None):
    frames = picture()[None].copy() if frames is None else frames.copy()
    CHANGES[name](frames, strength)
    return frames


def affine(*matrix):
    return lambda image: image.transform(
        image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=FILL
    )


# (change, strength) -> what Pillow does of it; how many levels may lie between, at most and on average.
PILLOW = {
    ("invert", 0.7): (ImageOps.invert, 0, 0),
    ("auto-contrast", 0.7): (ImageOps.autocontrast, 1, 0.6),
    ("equalize", 0.7): (ImageOps.equalize, 1, 0.1),
    ("posterize", 0.7): (lambda image: ImageOps.posterize(image, 2), 0, 0),
    ("solarize", 0.7): (lambda image: ImageOps.solarize(image, 256 - 179), 0, 0),
    ("solarize-add", 0.7): (
        lambda image: image.point(lambda level: min(255, level + 77) if level < 128 else level),
        0,
        0,
    ),
    ("colour", 0.5): (lambda image: ImageEnhance.Color(image).enhance(1.45), 2, 1),
    ("colour", -0.5): (lambda image: ImageEnhance.Color(image).enhance(0.55), 2, 1),
    ("contrast", 0.5): (lambda image: ImageEnhance.Contrast(image).enhance(1.45), 2, 1),
    ("brightness", -0.5): (lambda image: ImageEnhance.Brightness(image).enhance(0.55), 1, 0.7),
    ("sharpness", 0.5): (lambda image: ImageEnhance.Sharpness(image).enhance(1.45), 60, 1.5),
    ("sharpness", -0.9): (lambda image: ImageEnhance.Sharpness(image).enhance(0.19), 60, 1.5),
    ("shear-x", 0.5): (affine(1, 0.15, 0, 0, 1, 0), 140, 4),
    ("shear-y", -0.5): (affine(1, 0, 0, -0.15, 1, 0), 140, 4),
    ("translate-x", 0.5): (affine(1, 0, 0.225 * SIDE, 0, 1, 0), 140, 4),
    ("translate-y", -0.5): (affine(1, 0, 0, 0, 1, -0.225 * SIDE), 140, 4),
    ("rotate", 0.5): (
        lambda image: image.rotate(15, Image.Resampling.BILINEAR, fillcolor=FILL),
        140,
        5,
    ),
}


@pytest.mark.parametrize(("case", "expected"), PILLOW.items())
def test_a_change_is_pillows(case, expected):
    pillow, most, mean = expected
    wanted = np.asarray(pillow(Image.fromarray(picture()))).astype(int)
    apart = np.abs(changed(*case)[0].astype(int) - wanted)
    assert apart.max() <= most
    assert apart.mean() <= mean
    assert (wanted != picture()).mean() > 0.1


def test_every_change_is_compared_with_pillow():
    assert {name for name, _ in PILLOW} == set(CHANGES)
    assert len(CHANGES) == 15


@pytest.mark.parametrize("name", CHANGES)
def test_frames_that_are_alike_stay_alike(name):
    frames = np.repeat(picture()[None], 3, axis=0)
    after = changed(name, 0.7, frames)
    assert (after == after[:1]).all()
    assert after.dtype == np.uint8


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("name", ["auto-contrast", "equalize", "contrast", "colour", "sharpness"])
def test_a_clip_of_one_colour_stays_itself(name, level):
    frames = np.full((2, 8, 8, 3), level, np.uint8)
    assert np.abs(changed(name, 0.9, frames).astype(int) - level).max() <= 1


def test_what_is_measured_of_a_picture_is_measured_over_the_clip():
    frames = np.stack([picture() // 2, picture()])
    apart = changed("auto-contrast", 0.7, frames)
    assert apart[0].max() < 150 < apart[1].max()


def test_the_key_decides_alone_and_half_of_what_is_drawn_is_carried_out(monkeypatch):
    calls = Counter()
    strengths = []

    def counted(name):
        def change(_, strength):
            calls[name] += 1
            strengths.append(strength)

        return change

    monkeypatch.setattr(randaugment, "CHANGES", {name: counted(name) for name in CHANGES})
    for number in range(1500):
        vary(np.zeros((1, 2, 2, 3), np.uint8), RandAugment(4, 7.0, 0.5), generator(number))
    assert sum(calls.values()) == pytest.approx(3000, rel=0.05)
    assert min(calls.values()) > 150
    assert np.abs(strengths).mean() == pytest.approx(0.7, abs=0.01)
    assert np.abs(strengths).std() == pytest.approx(0.05, abs=0.01)
    assert np.mean(np.array(strengths) > 0) == pytest.approx(0.5, abs=0.03)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("randaugment")
    dataset = videos.dataset(folder / "data", 5)
    return prepare(dataset, View(size=16), folder / "stores").store, dataset.subset.clips


def seen(prepared, epoch=0, **options):
    """Return the clips of an epoch by their position."""
    store, clips = prepared
    crop = Crop(12, (0.3, 1.0), (0.8, 1.25), 0.5)
    loader = ClipLoader(store, clips, Sampling(4), crop, LoaderOptions(**{"batch_size": 2, **options}))
    found = {}
    for batch in loader.epoch(epoch, start=options.pop("start", 0)):
        found.update(zip(batch.indices.tolist(), batch.inputs, strict=True))
    return found


def test_a_loader_changes_clips_by_seed_epoch_and_clip_and_nothing_else_about_them(prepared):
    given = RandAugment(4, 9.0)
    plain = seen(prepared, train=True)
    first, again = (seen(prepared, train=True, randaugment=given, threads=threads) for threads in (1, 3))
    later = seen(prepared, 1, train=True, randaugment=given)
    assert len(plain) == len(first) == 5
    assert all(np.array_equal(first[index], again[index]) for index in first)
    assert sum(not np.array_equal(first[index], plain[index]) for index in first) >= 3
    assert any(not np.array_equal(first[index], later[index]) for index in first)
    # The place and the frames were drawn as without it: what it does to the plain clip is what comes out.
    for index, clip in plain.items():
        vary(clip, given, generator(0, 0, index + 1, 1))
        assert np.array_equal(clip, first[index])


def test_clips_are_not_changed_at_test(prepared):
    plain, told = seen(prepared), seen(prepared, randaugment=RandAugment(4, 9.0))
    assert len(plain) == 5
    assert all(np.array_equal(plain[index], told[index]) for index in plain)


@pytest.mark.parametrize("fields", [{"count": 0}, {"count": 2, "magnitude": 11}, {"count": 2, "spread": -1}])
def test_what_means_nothing_is_refused(fields):
    with pytest.raises(BenchError, match="RandAugment"):
        RandAugment(**fields)
