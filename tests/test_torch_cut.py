"""Crops cut on the network's device are those that the loader cuts, to a level of 255."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks.recipe import resolve  # noqa: E402
from benchmarks.torch_cut import cut  # noqa: E402
from benchmarks.torch_inputs import inputs_of  # noqa: E402
from models import zoo  # noqa: E402
from utils.errors import BenchError  # noqa: E402
from utils.seeds import generator  # noqa: E402
from wlasl.augment import Crop, apply, look  # noqa: E402
from wlasl.clips import Clip  # noqa: E402
from wlasl.loader import ClipLoader, LoaderOptions  # noqa: E402
from wlasl.sampling import Sampling  # noqa: E402

STORED = 96


class Store:
    """A store of three clips of drawn frames."""

    size = STORED
    ids = ("a", "b", "c")

    def length(self, _clip):
        return 5

    def frame_into(self, clip, index, out):
        rows, columns = np.mgrid[:STORED, :STORED]
        wave = 127 + 120 * np.sin((rows + 2 * columns + 9 * index + ord(clip)) / 11)
        out[:] = wave[..., None] * np.array([1.0, 0.8, 0.6])


def clips():
    return tuple(Clip(id=name, gloss="g", label=0, part="train") for name in Store.ids)


@pytest.mark.parametrize("size", [96, 64, 40, 120])
def test_a_look_is_cut_resized_and_mirrored_as_by_the_loader(size):
    frames = np.empty((6, 2, STORED, STORED, 3), np.uint8)
    for row in range(6):
        Store().frame_into("abcabc"[row], row, frames[row, 0])
        frames[row, 1] = 255 - frames[row, 0]
    crop = Crop(size, (0.3, 1.0), (0.8, 1.25), 0.5)
    places = [look(crop, STORED, generator(row)) for row in range(6)]
    assert {place.flip for place in places} == {True, False}
    looks = np.array([[one.x, one.y, one.width, one.height, one.flip] for one in places])
    found = cut(torch.from_numpy(frames), looks, size).numpy()
    assert found.shape == (6, 2, size, size, 3)
    for row, place in enumerate(places):
        for frame in range(2):
            expected = np.empty((size, size, 3), np.uint8)
            apply(place, frames[row, frame], expected)
            assert np.abs(found[row, frame] - expected.astype(np.float32)).max() <= 2


def test_a_network_sees_the_same_clips_wherever_they_are_cut():
    crop = Crop(48, (0.5, 1.0), (0.9, 1.1), 0.5)
    batches = []
    for where in ("cpu", "device"):
        options = LoaderOptions(batch_size=3, seed=4, train=True, whole=where == "device")
        (batch,) = ClipLoader(Store(), clips(), Sampling(frames=2), crop, options).epoch(1)
        recipe = resolve("x3d-xs", "sample", {"size": 48, "frames": 2, "augment_on": where})
        job = SimpleNamespace(input=zoo.system("x3d-xs").input)
        (given,) = inputs_of(recipe, job, torch.device("cpu"))(batch)
        batches.append((batch.indices.tolist(), given))
    assert batches[0][0] == batches[1][0]
    assert batches[0][1].shape == (3, 3, 2, 48, 48)
    assert float((batches[0][1] - batches[1][1]).abs().max()) <= 2.5 / 255 / 0.225


@pytest.mark.parametrize(
    ("model", "fields", "words"),
    [
        ("movinet-a0", {"engine": "tensorflow"}, "set engine=torch"),
        ("x3d-xs", {"randaugment": 2}, "randaugment changes what the loader has cut"),
    ],
)
def test_what_the_loader_does_to_cut_pictures_is_refused(model, fields, words):
    with pytest.raises(BenchError, match=words):
        resolve(model, "sample", {"augment_on": "device"} | fields)
