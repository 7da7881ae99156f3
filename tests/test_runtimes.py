"""`--runtime`: the fastest runtime that agrees scores, and whatever does not is said with its reason."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks import runtimes  # noqa: E402
from benchmarks.commands.run import known_runtime  # noqa: E402
from benchmarks.engine import Job  # noqa: E402
from benchmarks.recipe import resolve  # noqa: E402
from benchmarks.runtimes import Candidate, Scorer, choose  # noqa: E402
from benchmarks.torch_engine import TorchEngine  # noqa: E402
from benchmarks.where import where  # noqa: E402
from models import zoo  # noqa: E402
from utils.errors import BenchError  # noqa: E402
from utils.progress import Silent  # noqa: E402
from utils.seeds import generator  # noqa: E402
from wlasl.loader import Batch  # noqa: E402

CLASSES, SHAPE = 4, (2, 32, 32, 3)


class Said(Silent):
    """A progress that keeps what it is told."""

    def __init__(self):
        self.words = []

    def say(self, text):
        self.words.append(text)


class Part:
    """Ten drawn clips in batches of four; the last batch of another length where it is `ragged`."""

    def __init__(self, *, ragged=False):
        self.clips = tuple(range(10))
        self.labels = np.arange(10) % CLASSES
        self.ragged = ragged

    def steps(self):
        return 3

    def epoch(self, _epoch, **_shares):
        for first in range(0, 10, 4):
            mine = np.arange(first, min(first + 4, 10))
            frames = 3 if self.ragged and first == 8 else 2
            inputs = generator(first).integers(0, 255, (len(mine), frames, *SHAPE[1:]), np.uint8)
            yield Batch(inputs, self.labels[mine], mine)


@pytest.fixture
def engine(tmp_path):
    """An engine of x3d-xs with random weights, and what it says."""
    recipe = resolve("x3d-xs", "sample", {"frames": 2, "size": 32, "batch_size": 4})
    job = Job(CLASSES, zoo.system("x3d-xs").input, tmp_path, device="cpu", runtime="auto", progress=Said())
    made = TorchEngine(recipe, job)
    torch.nn.init.normal_(made.learner.network.blocks[-1].proj.weight)
    return made


def candidate(name, change=0.0, *, exact=True, slow=0.0, family="onnx"):
    """Return a runtime that is the network itself, but for a change of the first logit."""

    def load(folder, _threads):
        network = torch.load(folder / "network.onnx", weights_only=False)

        def predict(clip):
            time.sleep(slow)
            with torch.inference_mode():
                logits = network(torch.from_numpy(clip)).numpy()
            logits[:, 0] += change
            return logits

        return predict

    return Candidate(name, "onnxruntime", family, load, exact)


@pytest.fixture
def pretend(monkeypatch):
    """Let candidates be what a test says, and a file of a network be the network itself."""
    monkeypatch.setattr(runtimes, "write_onnx", lambda network, _example, path: torch.save(network, path))
    clock = iter(range(1_000_000))
    monkeypatch.setattr(runtimes, "_now", lambda: next(clock))

    def use(*candidates):
        monkeypatch.setattr(runtimes, "CANDIDATES", candidates)

    return use


def test_a_runtime_that_agrees_scores_and_the_record_names_it(engine, pretend):
    pretend(candidate("one"))
    plain = engine.learner.scores(Part())
    found = engine.predict(Part())
    np.testing.assert_allclose(found, plain, atol=1e-4)
    assert isinstance(engine.learner.scorer, Scorer) or engine.chosen.name == runtimes.PYTORCH
    assert engine.facts()["runtime"] == engine.chosen.name
    told = where("torch", {"device": "cpu", "runtime": "one", "by": "onnxruntime"})
    assert (told.runtime, "onnxruntime" in told.versions) == ("one", True)


@pytest.mark.parametrize(
    ("change", "exact", "reason"),
    [
        (1e9, True, "its logits are"),
        (1e9, False, "of its first choices differ"),
        (float("nan"), False, "its logits are no numbers"),
    ],
)
def test_a_runtime_with_other_results_does_not_score(engine, pretend, change, exact, reason):
    pretend(candidate("bad", change, exact=exact))
    chosen = choose(engine.learner, Part())
    assert (chosen.name, chosen.logits) == (runtimes.PYTORCH, None)
    (said,) = engine.job.progress.words
    assert said.startswith("scored by PyTorch")
    assert reason in said


def test_one_that_cannot_be_loaded_or_made_leaves_pytorch(engine, pretend, monkeypatch):
    def gone(*_):
        raise BenchError("openvino is not installed. Install it with: pip install -e '.[export]'")

    pretend(Candidate("OpenVINO", "openvino", "openvino", gone, exact=True))
    assert choose(engine.learner, Part()).name == runtimes.PYTORCH
    monkeypatch.setattr(runtimes, "write_onnx", gone)
    assert choose(engine.learner, Part()).name == runtimes.PYTORCH
    assert all("is not installed" in said for said in engine.job.progress.words)


def test_a_runtime_that_is_asked_for_by_name_scores_even_if_slower(engine, pretend):
    pretend(candidate("one", slow=0.001), candidate("two", family="openvino"))
    engine.learner.job = Job(
        CLASSES, engine.job.input, engine.job.folder, device="cpu", runtime="onnx", progress=Said()
    )
    assert choose(engine.learner, Part()).name == "one"


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"device": "cuda"}, "are for CPUs"), ({"input": zoo.system("spoter").input}, "sees landmarks")],
)
def test_where_no_other_runtime_can_score_it_is_said(engine, changes, words):
    job = Job(**{"classes": CLASSES, "input": engine.job.input, "folder": engine.job.folder} | changes)
    learner = SimpleNamespace(job=job, recipe=engine.recipe, world=1)
    assert words in runtimes._refused(learner.recipe, job, 1)
    assert "several processes" in runtimes._refused(engine.recipe, engine.job, 2)


def test_clips_of_another_shape_are_scored_by_the_network(engine):
    clips = torch.rand(2, 3, 3, 32, 32)
    engine.learner.network.eval()
    scorer = Scorer(
        lambda _: np.zeros((1, CLASSES), np.float32), torch.Size((3, 2, 32, 32)), engine.learner.network
    )
    with torch.inference_mode():
        assert torch.equal(scorer(clips), engine.learner.network(clips))
        assert not scorer(clips[:, :, :2]).any()


def test_a_runtime_that_is_none_is_refused():
    assert [known_runtime(name) for name in ("torch", "auto", "openvino", "onnx")]
    with pytest.raises(BenchError, match="takes torch, auto, openvino or onnx, not 'tflite'"):
        known_runtime("tflite")
