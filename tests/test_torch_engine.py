"""The torch engine trains, chooses on val, resumes bit for bit, and says what it cannot do."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks import checkpoints  # noqa: E402
from benchmarks.engine import Job  # noqa: E402
from benchmarks.recipe import resolve  # noqa: E402
from benchmarks.torch_engine import TorchEngine  # noqa: E402
from models import zoo  # noqa: E402
from utils.errors import BenchError  # noqa: E402
from utils.seeds import generator  # noqa: E402
from wlasl.clips import Clip  # noqa: E402
from wlasl.loader import Batch  # noqa: E402

CLASSES, FRAMES, SIZE = 3, 4, 16
TIMES = {"seconds", "waited"}


class Tiny(torch.nn.Module):
    """Two blocks and a head: enough to have batch statistics, dropout, and an order of frames."""

    head = ("classifier.",)

    def __init__(self, classes, dropout):
        super().__init__()
        self.first = torch.nn.Sequential(
            torch.nn.Conv3d(3, 8, 3, 2, 1), torch.nn.BatchNorm3d(8), torch.nn.ReLU()
        )
        self.second = torch.nn.Sequential(
            torch.nn.Conv3d(8, 8, 3, 2, 1), torch.nn.BatchNorm3d(8), torch.nn.ReLU()
        )
        self.drop = torch.nn.Dropout(dropout or 0.0)
        self.classifier = torch.nn.Linear(8, classes)

    def blocks(self):
        return [self.first, self.second]

    def forward(self, x):
        return self.classifier(self.drop(self.second(self.first(x)).mean((2, 3, 4))))


def build(classes, *, dropout=None, drop_path=None, frames, size):  # noqa: ARG001
    return Tiny(classes, dropout)


class Clips:
    """Clips whose colour is their class, as a ClipLoader yields them."""

    def __init__(self, count, *, batch_size=4, seed=0, train=False, views=1):
        self.clips = tuple(Clip(f"c{i}", f"g{i % CLASSES}", i % CLASSES, "train") for i in range(count))
        self.labels = np.arange(count, dtype=np.int64) % CLASSES
        self.batch_size, self.seed, self.train, self.views = batch_size, seed, train, views

    def steps(self):
        return -(-len(self.clips) // self.batch_size)

    def epoch(self, epoch, *, start=0, rank=0, world=1):
        order = (
            generator(self.seed, epoch).permutation(len(self.clips))
            if self.train
            else np.arange(len(self.clips))
        )
        for step in range(start, self.steps()):
            chosen = order[step * self.batch_size : (step + 1) * self.batch_size][rank::world]
            chosen = np.repeat(chosen, 1 if self.train else self.views)
            yield Batch(np.stack([self._clip(i, epoch) for i in chosen]), self.labels[chosen], chosen)

    def _clip(self, index, epoch):
        noise = generator(self.seed, epoch if self.train else 0, int(index)).integers(
            0, 60, (FRAMES, SIZE, SIZE, 3)
        )
        noise[..., index % CLASSES] += 120
        return noise.astype(np.uint8)


@pytest.fixture(autouse=True)
def tiny_zoo(monkeypatch):
    row = zoo.System(
        name="tiny",
        paper="-",
        licence="-",
        input=zoo.Input(frames=FRAMES, size=SIZE, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        builders={"torch": f"{__name__}:build"},
        parameters=1,
        gmacs=0.0,
    )
    monkeypatch.setitem(zoo.ZOO, "tiny", row)


def recipe(**fields):
    layer = {"epochs": 4, "batch_size": 4, "lr": 0.02, "warmup_epochs": 0, "weight_decay": 0.0}
    return resolve("tiny", "sample", layer, fields)


def job(folder, **fields):
    return Job(classes=CLASSES, input=zoo.system("tiny").input, folder=folder, device="cpu", **fields)


def parts(views=1):
    return Clips(14, train=True), Clips(6, seed=1), Clips(7, seed=2, views=views)


def scores_of(folder, a_recipe, **fields):
    train, val, test = parts()
    engine = TorchEngine(a_recipe, job(folder, **fields))
    fitted = engine.fit(train, val)
    return fitted, engine.predict(test)


def test_it_learns_what_can_be_learnt_and_chooses_the_best_epoch_on_val(tmp_path):
    fitted, scores = scores_of(tmp_path, recipe(epochs=12))
    assert (scores.argmax(1) == Clips(7).labels).all()
    assert scores.shape == (7, CLASSES)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(np.exp(scores).sum(1), 1, atol=1e-5)
    best = max(row["val_top1"] for row in fitted.history)
    assert fitted.history[fitted.chosen_epoch]["val_top1"] == best
    assert len(fitted.history) == 12


def test_fit_takes_no_test_part():
    names = TorchEngine.fit.__code__.co_varnames[: TorchEngine.fit.__code__.co_argcount]
    assert names == ("self", "train", "val")


class Cut(KeyboardInterrupt):
    """The run is killed."""


class CutAfter:
    """A progress that kills the run after so many steps."""

    def __init__(self, steps):
        self.left = steps

    def begin(self, task, total, done=0):
        pass

    def advance(self, note=""):
        if note:  # a training step; scoring has none
            self.left -= 1
            if self.left == 0:
                raise Cut

    def end(self, note=""):
        pass


def test_the_scale_of_fp16_losses_is_part_of_a_checkpoint(tmp_path, monkeypatch):
    engine = TorchEngine(recipe(), job(tmp_path))
    assert not torch.load(io.BytesIO(engine.learner.state()), weights_only=True)["precision"]
    kept, kind = [], type(engine.fabric.strategy.precision)
    monkeypatch.setattr(kind, "state_dict", lambda _: {"scale": 8.0})
    monkeypatch.setattr(kind, "load_state_dict", lambda _, state: kept.append(state))
    engine.learner.restore(engine.learner.state())
    assert kept == [{"scale": 8.0}]


OPTIONS = [
    {"dropout": 0.5},
    {"ema": 0.9, "optimizer": "sgd", "schedule": "plateau"},
    {"accumulate": 3, "optimizer": "rmsprop", "precision": "bf16"},
    {"unfreeze": 1, "optimizer": "adam", "channels_last": True, "label_smoothing": 0.0, "clip_norm": None},
]


@pytest.mark.parametrize("fields", OPTIONS, ids=lambda fields: next(iter(fields)))
@pytest.mark.parametrize("cut", [1, 5, 10])
def test_a_run_that_was_killed_ends_with_the_same_scores_bit_for_bit(tmp_path, fields, cut):
    whole, expected = scores_of(tmp_path / "whole", recipe(**fields))
    with pytest.raises(Cut):
        scores_of(tmp_path / "cut", recipe(**fields), progress=CutAfter(cut), checkpoint_seconds=0.0)
    fitted, scores = scores_of(tmp_path / "cut", recipe(**fields))
    assert scores.tobytes() == expected.tobytes()
    assert fitted.resumed == (1 if cut > 1 else 0)
    strip = [{name: value for name, value in row.items() if name not in TIMES} for row in fitted.history]
    assert strip == [
        {name: value for name, value in row.items() if name not in TIMES} for row in whole.history
    ]


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path):
    _, expected = scores_of(tmp_path / "whole", recipe())
    with pytest.raises(Cut):
        scores_of(tmp_path / "cut", recipe(), progress=CutAfter(7), checkpoint_seconds=0.0)
    path = tmp_path / "cut" / "last.ckpt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    assert checkpoints.load(path) is not None
    _, scores = scores_of(tmp_path / "cut", recipe())
    assert scores.tobytes() == expected.tobytes()


def test_accumulated_small_batches_move_the_weights_as_one_large_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(
        torch.nn.BatchNorm3d, "forward", lambda _self, x: x
    )  # batch statistics differ by design
    fields = {"epochs": 2, "clip_norm": None, "optimizer": "sgd", "lr": 0.05}
    results = []
    for name, batch_size, accumulate in (("large", 6, 1), ("small", 2, 3)):
        engine = TorchEngine(
            recipe(batch_size=batch_size, accumulate=accumulate, **fields), job(tmp_path / name)
        )
        engine.fit(Clips(14, batch_size=batch_size, train=True), Clips(6, seed=1))
        results.append(engine.predict(Clips(7, seed=2)))
    np.testing.assert_allclose(results[0], results[1], atol=1e-5)


def test_views_of_a_clip_are_averaged_as_probabilities(tmp_path):
    engine = TorchEngine(recipe(epochs=0), job(tmp_path))
    one, three = engine.predict(Clips(7, seed=2)), engine.predict(Clips(7, seed=2, views=3))
    np.testing.assert_allclose(one, three, atol=1e-5)


def test_frozen_blocks_keep_weights_and_statistics(tmp_path):
    engine = TorchEngine(recipe(unfreeze=0), job(tmp_path))
    before = {name: value.clone() for name, value in engine.learner.network.state_dict().items()}
    engine.fit(*parts()[:2])
    after = engine.learner.network.state_dict()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {"classifier.weight", "classifier.bias"}


def test_batch_norms_follow_as_fast_as_the_recipe_says(tmp_path):
    own = TorchEngine(recipe(), job(tmp_path)).learner.network
    told = TorchEngine(recipe(norm_momentum=0.3), job(tmp_path)).learner.network
    assert [network.first[1].momentum for network in (own, told)] == [0.1, 0.3]


def test_compiled_networks_learn_the_same(tmp_path, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda module: compiled.append(module) or module)
    _, plain = scores_of(tmp_path / "plain", recipe())
    _, scores = scores_of(tmp_path / "compiled", recipe(compile=True))
    assert len(compiled) == 1
    np.testing.assert_allclose(scores, plain, atol=1e-5)


def test_colour_order_and_scale_are_the_rows(tmp_path):
    given = dataclasses.replace(
        job(tmp_path), input=zoo.Input(FRAMES, SIZE, (0.5, 0.4, 0.3), (0.2, 0.1, 0.5), "bgr")
    )
    engine = TorchEngine(recipe(epochs=0), given)
    clip = np.full((1, FRAMES, SIZE, SIZE, 3), (255, 0, 51), np.uint8)
    (seen,) = engine.learner.inputs(Batch(clip, np.zeros(1, np.int64), np.zeros(1, np.int64)))
    assert seen.shape == (1, 3, FRAMES, SIZE, SIZE)
    np.testing.assert_allclose(
        seen[0, :, 0, 0, 0], [(0.2 - 0.5) / 0.2, (0 - 0.4) / 0.1, (1 - 0.3) / 0.5], atol=1e-5
    )


@pytest.mark.parametrize(
    ("fields", "device", "sentence"),
    [
        ({}, "cuda", "No CUDA device"),
        ({"precision": "fp16"}, "cpu", "fp16 needs a CUDA device"),
    ],
)
def test_what_it_cannot_do_it_says(tmp_path, fields, device, sentence):
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device, so nothing here is refused")
    with pytest.raises(BenchError, match=sentence):
        TorchEngine(recipe(**fields), dataclasses.replace(job(tmp_path), device=device))


def test_a_loss_that_is_no_number_ends_the_run_with_the_clips(tmp_path):
    engine = TorchEngine(recipe(lr=1e30, optimizer="sgd", clip_norm=None), job(tmp_path))
    with pytest.raises(BenchError, match=r"The loss is (nan|inf) at epoch \d+, step \d+ \(clips c\d+, "):
        engine.fit(*parts()[:2])


def test_facts_name_the_device_and_the_size(tmp_path):
    facts = TorchEngine(recipe(), job(tmp_path)).facts()
    assert facts["device"] == "cpu"
    assert facts["parameters"] == sum(p.numel() for p in Tiny(CLASSES, 0).parameters())
    assert facts["peak_memory_mb"] > 50


def test_a_finished_run_s_weights_are_taken_up_again(tmp_path):
    train, val, test = parts()
    first = TorchEngine(recipe(ema=0.5), job(tmp_path))
    first.fit(train, val)
    again = TorchEngine(recipe(ema=0.5), job(tmp_path))
    assert not np.allclose(again.predict(test), first.predict(test))
    again.restore(train)
    np.testing.assert_array_equal(again.predict(test), first.predict(test))


@pytest.mark.parametrize("content", [None, b"", b"no checkpoint", "other"])
def test_weights_that_cannot_be_taken_up_are_said(tmp_path, content):
    if content == "other":
        torch.save({"state_dict": {"x": torch.zeros(1)}}, tmp_path / "best.pt")
    elif content is not None:
        (tmp_path / "best.pt").write_bytes(content)
    with pytest.raises(BenchError, match=r"Cannot take up .*best.pt.*Run again with --again"):
        TorchEngine(recipe(), job(tmp_path)).restore(parts()[0])
