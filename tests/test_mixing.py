"""Mixed clips, erased boxes, a rate per block: what they do, what decides them, and nothing when off."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import test_torch_engine as tiny  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812

from benchmarks.recipe import resolve  # noqa: E402
from benchmarks.schedule import learning_rate  # noqa: E402
from benchmarks.torch_engine import TorchEngine, _mixed  # noqa: E402
from benchmarks.torch_mixing import Mixing, mixing_of  # noqa: E402
from benchmarks.torch_optim import SCALE, layer_scales, optimizer, set_rate  # noqa: E402
from models import zoo  # noqa: E402
from utils.errors import BenchError  # noqa: E402

tiny_zoo = tiny.tiny_zoo
CLASSES, ON = 5, {"mixup": 0.8, "cutmix": 1.0, "erase": 0.5, "layer_decay": 0.5}


def clips(count=4, side=16):
    """Return clips [B, 3, 2, H, W] of one level each, so that it shows whose a pixel is, and their labels."""
    levels = torch.arange(1.0, count + 1).view(-1, 1, 1, 1, 1)
    return levels.expand(count, 3, 2, side, side).clone(), torch.arange(count) % CLASSES


def mixed(step=0, count=4, **fields):
    mixing = Mixing(tiny.recipe(**fields), CLASSES)
    mixing.begin(0, 0, step, 0)
    torch.manual_seed(step)
    return mixing(*clips(count))


def partners(labels):
    return F.one_hot(labels, CLASSES).float(), F.one_hot(labels.roll(1), CLASSES).float()


def test_mixup_takes_the_same_share_of_pixels_and_of_labels():
    plain, labels = clips()
    shares = []
    for step in range(200):
        seen, targets = mixed(step, mixup=0.8)
        share = float(targets[0, 0])
        own, other = partners(labels)
        torch.testing.assert_close(targets, share * own + (1 - share) * other)
        torch.testing.assert_close(seen, share * plain + (1 - share) * plain.roll(1, 0))
        shares.append(share)
    assert np.mean(shares) == pytest.approx(0.5, abs=0.06)
    assert np.std(shares) == pytest.approx(np.sqrt(0.25 / 2.6), abs=0.05)  # of Beta(0.8, 0.8)


def test_cutmix_pastes_one_box_into_every_frame_and_counts_its_pixels():
    plain, labels = clips()
    cuts = 0
    for step in range(60):
        seen, targets = mixed(step, cutmix=1.0)
        theirs = seen == plain.roll(1, 0)
        assert (theirs | (seen == plain)).all()
        assert (theirs == theirs[:1, :1, :1]).all()
        rows, columns = (theirs[0, 0, 0].any(dim).float() for dim in (1, 0))
        assert theirs[0, 0, 0].sum() == rows.sum() * columns.sum()
        share = 1 - float(theirs[0, 0, 0].float().mean())
        own, other = partners(labels)
        torch.testing.assert_close(targets, share * own + (1 - share) * other)
        cuts += share < 1
    assert cuts > 40


@pytest.mark.parametrize(
    ("fields", "cut", "mix"),
    [
        ({"mix_prob": 0.0}, 0, 0),
        ({"mix_prob": 0.5}, 100, 100),
        ({"mix_switch": 0.0}, 0, 400),
        ({"mix_switch": 0.25}, 100, 300),
    ],
)
def test_probability_and_switch_are_kept(fields, cut, mix):
    found = {"cut": 0, "mix": 0}
    for step in range(400):
        own = Mixing(tiny.recipe(mixup=0.8, cutmix=1.0, **fields), CLASSES)
        own.begin(0, 0, step, 0)
        drawn = own._share()
        if drawn is not None:
            found["cut" if drawn[1] else "mix"] += 1
    assert found["cut"] == pytest.approx(cut, abs=30)
    assert found["mix"] == pytest.approx(mix, abs=45)


def test_a_box_of_noise_is_the_same_place_in_every_frame_and_leaves_labels_alone():
    plain, labels = clips(side=32)
    shares = []
    for step in range(100):
        mixing = Mixing(tiny.recipe(erase=0.5), CLASSES)
        mixing.begin(0, 0, step, 0)
        torch.manual_seed(step)
        seen, targets = mixing(*clips(side=32))
        assert torch.equal(targets, F.one_hot(labels, CLASSES).float())
        erased = seen != plain
        for clip in erased:
            assert (clip == clip[:1, :1]).all()
            share = float(clip.float().mean())
            shares.append(share)
            assert share <= 0.36
    assert np.mean(np.array(shares) > 0) == pytest.approx(0.5, abs=0.1)
    assert np.mean([share for share in shares if share]) == pytest.approx(0.177, abs=0.03)


def test_the_step_s_key_decides_and_processes_differ():
    def drawn(*key):
        mixing = Mixing(tiny.recipe(**ON), CLASSES)
        mixing.begin(0, 9, 9, 9)
        mixing(*clips())
        mixing.begin(*key)
        torch.manual_seed(1)
        return mixing(*clips())

    first, again = drawn(3, 1, 4, 0), drawn(3, 1, 4, 0)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    others = [drawn(*key) for key in ((4, 1, 4, 0), (3, 2, 4, 0), (3, 1, 5, 0), (3, 1, 4, 1))]
    assert all(not torch.equal(first[0], other[0]) for other in others)


@pytest.mark.parametrize("count", [0, 1])
def test_a_clip_without_a_partner_stays_itself(count):
    seen, targets = mixed(count=count, mixup=0.8)
    assert torch.equal(seen, clips(count)[0])
    assert torch.equal(targets, F.one_hot(clips(count)[1], CLASSES).float())


def test_label_smoothing_of_mixed_labels_is_timms():
    logits, labels = torch.randn(4, CLASSES), torch.arange(4)
    own, other = (F.one_hot(each, CLASSES) * 0.9 + 0.1 / CLASSES for each in (labels, labels.roll(1)))
    targets = 0.3 * own + 0.7 * other
    expected = -(targets * logits.log_softmax(1)).sum()
    criterion = torch.nn.CrossEntropyLoss(label_smoothing=0.1, reduction="sum")
    plain = 0.3 * partners(labels)[0] + 0.7 * partners(labels)[1]
    torch.testing.assert_close(criterion(logits, plain), expected)


def test_every_block_learns_slower_than_the_one_behind_it():
    network = tiny.Tiny(3, None)
    scales = layer_scales(network, 0.5)
    named = {name: scales[id(parameter)] for name, parameter in network.named_parameters()}
    assert named["first.0.weight"] == named["first.1.bias"] == 0.5
    assert named["second.0.weight"] == named["classifier.weight"] == 1.0
    made = optimizer(tiny.recipe(layer_decay=0.5, weight_decay=0.1), network)
    set_rate(made, 0.01)
    found = sorted((group["lr"], group["weight_decay"], len(group["params"])) for group in made.param_groups)
    assert found == [(0.005, 0.0, 3), (0.005, 0.1, 1), (0.01, 0.0, 4), (0.01, 0.1, 2)]


def test_videomaes_rates_are_the_authors():
    pytest.importorskip("transformers")
    recipe = resolve("videomae-s", "100", {"layer_decay": 0.75})
    with torch.device("meta"):
        network = zoo.build("videomae-s", "torch", 10, **recipe.architecture())
    scales = layer_scales(network, 0.75)
    named = {name: scales[id(parameter)] for name, parameter in network.named_parameters()}
    assert named["patch_embeddings.projection.weight"] == 0.75**13
    for number in range(12):
        assert named[f"encoder.layer.{number}.output.dense.weight"] == 0.75 ** (12 - number)
    assert named["fc_norm.weight"] == named["classifier.weight"] == 1.0


def test_a_killed_run_with_all_of_it_on_ends_bit_for_bit_the_same(tmp_path):
    recipe = tiny.recipe(**ON, batch_size=4)
    _, expected = tiny.scores_of(tmp_path / "whole", recipe)
    with pytest.raises(tiny.Cut):
        tiny.scores_of(tmp_path / "cut", recipe, progress=tiny.CutAfter(6), checkpoint_seconds=0.0)
    fitted, scores = tiny.scores_of(tmp_path / "cut", recipe)
    assert scores.tobytes() == expected.tobytes()
    assert fitted.resumed == 1
    _, plain = tiny.scores_of(tmp_path / "plain", tiny.recipe(batch_size=4))
    assert scores.tobytes() != plain.tobytes()


def by_hand(recipe, train, folder):
    """Train as this project did before any of this was there, in the fewest words."""
    engine = TorchEngine(recipe, tiny.job(folder))
    network, inputs = engine.learner.network, engine.learner.inputs
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    made = torch.optim.AdamW(groups, lr=recipe.lr, betas=(0.9, 0.999), eps=1e-8)
    criterion = torch.nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing, reduction="sum")
    for epoch in range(recipe.epochs):
        for step, batch in enumerate(train.epoch(epoch)):
            network.train()
            torch.manual_seed(_mixed(recipe.seed, epoch, step, 0))
            first = step * recipe.batch_size
            for group in made.param_groups:
                group["lr"] = learning_rate(recipe, epoch + first / len(train.clips))
            made.zero_grad()
            (
                criterion(network(*inputs(batch)), torch.from_numpy(batch.labels)) / len(batch.labels)
            ).backward()
            # In the optimiser's order, as Fabric does: another sum of squares rounds otherwise on some CPUs.
            torch.nn.utils.clip_grad_norm_([*weights, *others], recipe.clip_norm)
            made.step()
    return network.state_dict()


def test_with_all_of_it_off_a_run_takes_the_very_steps_that_it_took_before(tmp_path):
    recipe = tiny.recipe(weight_decay=0.1, dropout=0.3, select="last", label_smoothing=0.1)
    train, val, _ = tiny.parts()
    engine = TorchEngine(recipe, tiny.job(tmp_path / "engine"))
    engine.fit(train, val)
    expected = by_hand(recipe, train, tmp_path / "hand")
    found = engine.learner.network.state_dict()
    assert len(found) > 10
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    assert mixing_of(recipe, 3) is None
    assert all(SCALE not in group for group in engine.learner.optimizer.param_groups)


@pytest.mark.parametrize(
    ("model", "fields", "sentence"),
    [
        ("movinet-a0", {"engine": "tensorflow", "mixup": 0.8}, "of torch: set engine=torch"),
        ("movinet-a0", {"engine": "tensorflow", "layer_decay": 0.9}, "of torch: set engine=torch"),
        ("x3d-s", {"cutmix": 1.0, "batch_size": 1}, "set batch_size=2 or more"),
    ],
)
def test_what_cannot_be_is_refused_in_words(model, fields, sentence):
    with pytest.raises(BenchError, match=sentence):
        resolve(model, "100", fields)
