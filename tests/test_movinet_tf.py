"""The official MoViNet, and that ours is the same network: parameters, logits, checkpoints, streams."""

from __future__ import annotations

import functools
import importlib
from pathlib import Path

import numpy as np
import pytest

from utils.errors import BenchError

pytest.importorskip("official.projects.movinet")
torch = pytest.importorskip("torch")

from benchmarks import movinet_parity, speed_movinet  # noqa: E402
from benchmarks.movinet_parity import NAMES, Parity, Shape, judge, random_clips, stirred  # noqa: E402
from models import movinet, movinet_tf, movinet_weights, tf_bundle  # noqa: E402
from models.movinet_weights import HEAD  # noqa: E402

pytestmark = pytest.mark.tensorflow

SHAPE = Shape(frames=4, size=48, classes=6)
CLIPS = random_clips(SHAPE, 1)


def built(name, shape=SHAPE, **options):
    variant, stream = NAMES[name]
    size = {"frames": shape.frames, "size": shape.size}
    return movinet_tf.build(shape.classes, variant=variant, stream=stream, **size, **options)


def ours(name, shape=SHAPE):
    variant, stream = NAMES[name]
    size = {"frames": shape.frames, "size": shape.size}
    return movinet.build(shape.classes, variant=variant, stream=stream, **size).eval()


@pytest.fixture(scope="module")
def models():
    """Return a function that builds each official network once: a streaming one takes eight seconds."""
    return functools.cache(built)


@pytest.fixture(scope="module")
def checkpoint(models, tmp_path_factory):
    """Return what an official a0-stream says of `CLIPS`, and the checkpoint that TensorFlow writes of it."""
    model = models("a0-stream")
    movinet_weights.into_tensorflow(stirred(movinet_weights.from_tensorflow(model), 1), model)
    prefix = tmp_path_factory.mktemp("official") / "ckpt"
    saved = movinet_tf.official().tf.train.Checkpoint(model=model).save(str(prefix))
    return model(CLIPS, training=False).numpy(), Path(saved)


@pytest.mark.parametrize(
    ("name", "frames", "size"), [("a0", 5, 64), ("a1", 4, 47), ("a0-stream", 6, 51), ("a0-stream", 1, 48)]
)
def test_ours_is_the_official_network(models, name, frames, size):
    clips = random_clips(Shape(frames, size), 0)
    parity = judge(name, models(name), ours(name), clips)
    assert parity.ours == parity.official
    assert parity.largest > 0.1
    assert parity.difference < 1e-4
    assert parity.holds


def test_an_official_checkpoint_loads_into_either_engine(models, checkpoint):
    expected, path = checkpoint
    network, model = ours("a0-stream"), models("a0-stream")
    movinet_weights.into_tensorflow(stirred(movinet_weights.from_tensorflow(model), 2), model)
    assert np.abs(model(CLIPS, training=False) - expected).max() > 1e-3
    assert movinet_weights.load(network, path) == movinet_tf.load_checkpoint(model, path)
    with torch.no_grad():
        logits = network(torch.from_numpy(CLIPS).permute(0, 4, 1, 2, 3)).numpy()
    assert np.abs(logits - expected).max() < 1e-4
    assert np.abs(model(CLIPS, training=False) - expected).max() < 1e-6


def test_our_reader_of_checkpoints_agrees_with_tensorflows(checkpoint):
    path = checkpoint[1]
    reader = movinet_tf.official().tf.train.load_checkpoint(str(path))
    bundle = tf_bundle.read(path)
    keys = set(reader.get_variable_to_shape_map()) - {"_CHECKPOINTABLE_OBJECT_GRAPH"}
    assert set(bundle.entries) == keys
    assert len(keys) > 300
    for key in keys:
        np.testing.assert_array_equal(bundle.array(key), reader.get_tensor(key))


def test_weights_of_other_classes_leave_the_classifier_and_those_of_another_network_are_refused(
    models, checkpoint
):
    model = models("a0")
    weights = movinet_weights.from_torch(ours("a0", Shape(classes=9)))
    before = movinet_weights.from_tensorflow(model)
    movinet_weights.into_tensorflow(weights, model)
    after = movinet_weights.from_tensorflow(model)
    kept = {name for name in after if np.array_equal(after[name], before[name]) and after[name].ndim > 1}
    assert kept == {"classifier.weight"}
    assert all(
        np.array_equal(after[n], w.reshape(after[n].shape)) for n, w in weights.items() if HEAD not in n
    )
    with pytest.raises(
        BenchError, match=r"of MoViNet a0 \(streaming\), and the network is MoViNet a0 \(base\)"
    ):
        movinet_tf.load_checkpoint(model, checkpoint[1])


def test_blocks_are_the_torch_networks(models):
    model, network = models("a0-stream"), ours("a0-stream")
    counts = [
        sum(int(np.prod(weight.shape)) for weight in block.weights) for block in movinet_tf.blocks(model)
    ]
    tensors = [[t for n, t in block.state_dict().items() if "tracked" not in n] for block in network.blocks()]
    assert len(counts) == 18
    assert counts == [sum(tensor.numel() for tensor in block) for block in tensors]


def test_the_official_stream_comes_frame_by_frame_with_the_states_that_ours_has(checkpoint):
    expected, path = checkpoint
    model = built("a0-stream", Shape(1, SHAPE.size, SHAPE.classes), external_states=True)
    movinet_tf.load_checkpoint(model, path)
    states = movinet_tf.init_states(model, 1, 1, SHAPE.size)
    numbers = {name: int(np.prod(state.shape)) for name, state in states.items()}
    assert numbers == {name: state.numel() for name, state in ours("a0-stream").init_states(1, 48).items()}
    for frame in np.split(CLIPS[:1], SHAPE.frames, axis=1):
        logits, states = model({**states, "image": frame})
    assert np.abs(logits - expected[:1]).max() < 1e-5


def test_a_step_of_the_official_network_trains(models, monkeypatch):
    monkeypatch.setattr(movinet_tf, "build", lambda *_, **__: models("a0-stream"))
    batch = speed_movinet.Batch(clips=2, frames=2, size=32, classes=SHAPE.classes)
    step = speed_movinet.official_step(batch, "2plus1d", eager=True)
    assert float(step()) > 0


def test_what_it_cannot_be_or_take_is_refused_in_words():
    for options, sentence in [
        ({"variant": "a7"}, "Did you mean a"),
        ({"variant": "a0", "size": 31}, "at least 32 pixels"),
        ({"variant": "a0", "external_states": True}, "-stream"),
    ]:
        with pytest.raises(BenchError, match=sentence):
            movinet_tf.build(5, **{"frames": 4, "size": 48, **options})


def test_a_missing_package_is_answered_with_the_command_that_installs_it(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(name=name.partition(".")[0])

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(BenchError, match=r"pip install -e '\.\[tensorflow\]'"):
        movinet_tf.build(5, variant="a0", frames=4, size=48)


def test_the_script_prints_a_row_for_each_and_ends_with_those_that_differ(monkeypatch, capsys):
    def compared(name, _):
        return Parity(name, (5_000, 7), (5_000, 7), 3.0, 2e-4 if name == "a1" else 2e-6)

    monkeypatch.setattr(movinet_parity, "compare", compared)
    movinet_parity.main(["a0-stream"])
    header, row = capsys.readouterr().out.splitlines()
    assert header.split()[-1] == "difference"
    assert row.split() == ["a0-stream", "5,000", "7", "5,000", "7", "3.00", "2.0e-06"]
    with pytest.raises(BenchError, match="Not the official network: a1"):
        movinet_parity.main([])
    assert len(capsys.readouterr().out.splitlines()) == 13
    with pytest.raises(BenchError, match="Did you mean a0"):
        movinet_parity.main(["a0-streams"])


def test_the_script_builds_both_networks_of_a_variant(models, monkeypatch):
    monkeypatch.setattr(movinet_tf, "build", lambda *_, **__: models("a0"))
    assert movinet_parity.compare("a0", Shape(2, 32, SHAPE.classes)).holds
