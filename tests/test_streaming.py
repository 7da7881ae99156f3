"""A streaming network frame by frame: it is the whole clip to rounding, or the report says that it is not."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks import campaign, run  # noqa: E402
from benchmarks.recipe import resolve  # noqa: E402
from benchmarks.records import read_record, read_records  # noqa: E402
from benchmarks.streaming import check_streams, seen_of  # noqa: E402
from benchmarks.streaming_network import (  # noqa: E402
    BOUND,
    Streamer,
    cost,
    difference,
    frame_by_frame,
    settled,
    tenths,
)
from benchmarks.streaming_records import read_streams, streams_path  # noqa: E402
from benchmarks.streaming_report import _parity  # noqa: E402
from models import zoo  # noqa: E402
from models.movinet import MoViNet  # noqa: E402
from utils.errors import BenchError  # noqa: E402
from utils.progress import Silent  # noqa: E402
from wlasl.loader import Batch  # noqa: E402
from wlasl.sample import SampleOptions, ensure  # noqa: E402

CLASSES = 5


def streaming(variant="a0", size=32):
    """Return a streaming MoViNet of which every part counts: fresh ones weigh their blocks by 0."""
    torch.manual_seed(0)
    network = zoo.build(f"movinet-{variant}-stream", "torch", CLASSES, frames=8, size=size)
    for name, parameter in network.named_parameters():
        if name.endswith("scale"):
            torch.nn.init.constant_(parameter, 0.5)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.uniform_(0.5, 1.5)
            module.running_mean.normal_(0, 0.1)
    return network.eval()


class Clips:
    """Clips of noise of different lengths, two views of each in a batch of their own."""

    lengths = (11, 4, 3)

    def epoch(self, _epoch, **_options):
        rng = np.random.default_rng(0)
        for number, frames in enumerate(self.lengths):
            pixels = rng.integers(0, 255, (2, frames, 32, 32, 3), np.uint8)
            yield Batch(pixels, np.array([number] * 2), np.array([number] * 2))


def as_input(batch):
    return (torch.from_numpy(batch.inputs).permute(0, 4, 1, 2, 3).float() / 255,)


@pytest.mark.parametrize("variant", ["a0", "a3"])
def test_frame_by_frame_is_the_whole_clip_and_every_beginning_of_it(variant):
    network = streaming(variant)
    found = Streamer(network, as_input, (3, CLASSES)).run(Clips(), Silent())
    assert found.parity.holds
    assert 0 <= found.parity.whole <= BOUND
    assert (found.parity.clips, found.parity.prefixes) == (6, 6 * 9)
    (clips,) = as_input(next(Clips().epoch(0)))
    with torch.inference_mode():
        said = list(frame_by_frame(network, clips))
        assert len(said) == 11
        assert difference(network(clips), said[-1]) <= BOUND
        chances = torch.softmax(said[4].double(), 1).mean(0)  # 5 of 11 frames are 40 % of them
        assert difference(said[0], said[-1]) > 100 * BOUND
    np.testing.assert_allclose(found.chances[3, 0], chances, atol=1e-12)
    assert found.frames[:, 0].tolist() == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    np.testing.assert_allclose(found.chances.sum(2), 1)


class Forgetful(MoViNet):
    """Keeps the states of convolutions that it was given first."""

    def forward_stream(self, clips, states):
        logits, new = super().forward_stream(clips, states)
        return logits, {name: old if "stream_buffer" in name else new[name] for name, old in states.items()}


class Coarse(MoViNet):
    """Answers a little beside the whole clip: in single precision alone, or always."""

    always = False

    def forward_stream(self, clips, states):
        logits, new = super().forward_stream(clips, states)
        return logits + (1e-3 if self.always or logits.dtype == torch.float32 else 0), new


def test_a_network_that_forgets_is_found_out():
    network = streaming()
    network.__class__ = Forgetful
    found = Streamer(network, as_input, (3, CLASSES)).run(Clips(), Silent())
    assert not found.parity.holds
    assert found.parity.prefix > 10 * BOUND
    assert found.parity.double > BOUND


@pytest.mark.parametrize(("always", "said"), [(False, "precision's rounding"), (True, "it is no rounding")])
def test_rounding_is_told_from_an_error_in_double_precision(always, said):
    network = streaming()
    network.__class__ = Coarse
    network.always = always
    parity = Streamer(network, as_input, (3, CLASSES)).run(Clips(), Silent()).parity
    assert not parity.holds
    assert (parity.double > BOUND) == always
    assert "DOES NOT EQUAL" in _parity(parity)
    assert said in _parity(parity)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (10, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (8, [1, 2, 3, 4, 4, 5, 6, 7, 8, 8]),
        (1, [1] * 10),
        (25, [3, 5, 8, 10, 13, 15, 18, 20, 23, 25]),
    ],
)
def test_a_tenth_of_the_way_is_so_many_frames(frames, expected):
    assert tenths(frames) == expected


@pytest.mark.parametrize(
    ("answers", "share"),
    [([3, 3, 3, 3], 0.25), ([1, 3, 3, 3], 0.5), ([3, 1, 3, 3], 0.75), ([3, 3, 3, 1], 1.0), ([2], 1.0)],
)
def test_an_answer_has_settled_where_it_no_longer_changes(answers, share):
    assert settled(np.array(answers)[:, None]) == [share]
    assert settled(np.array([answers, answers]).T) == [share] * 2


def test_what_a_frame_costs_and_keeps():
    network = streaming(size=172)
    found = cost(network, torch.rand(1, 3, 3, 172, 172), gmacs=0.6)
    assert (found.states, found.numbers) == (43, 674_208)
    assert found.gmacs == pytest.approx(0.2)
    assert found.frames == 3
    assert found.frame_ms > 0
    assert found.clip_ms > 0


def test_right_answers_are_counted_tenth_by_tenth():
    class Found:
        """Two clips, of which one is right from the start and one in the end."""

        chances = np.array([[[0.9, 0.1], [0.8, 0.2]], [[0.9, 0.1], [0.2, 0.8]]])
        frames = np.array([[1.0, 2.0], [4.0, 8.0]])

    early, late = seen_of(Found, np.array([0, 1]))
    assert [one.metrics["top1"] for one in (early, late)] == [0.5, 1.0]
    assert [(one.share, one.frames) for one in (early, late)] == [(0.5, 1.5), (1.0, 6.0)]


@pytest.mark.parametrize(
    ("model", "fields", "sentence"),
    [
        ("movinet-a0", {}, "sees a clip as a whole and cannot stream. These can: movinet-a0-stream"),
        ("movinet-a0-stream", {"engine": "tensorflow"}, "Train movinet-a0-stream with --engine torch"),
    ],
)
def test_what_cannot_stream_is_refused_in_words(model, fields, sentence):
    with pytest.raises(BenchError, match=sentence):
        check_streams(resolve(model, "sample", fields))
    check_streams(resolve("movinet-a5-stream", "100"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a folder with a run on a sample of 4 signs, and its record."""
    folder = tmp_path_factory.mktemp("stream")
    ensure(folder / "sample", SampleOptions(glosses=4, clips=4))
    small = {"epochs": 1, "batch_size": 4, "warmup_epochs": 0, "lr": 0.01, "norm_momentum": 0.1}
    small |= {"store_size": 32, "size": 32, "frames": 5, "precision": "bf16"}
    places = run.Places(folder / "results", folder / "runs")
    recipe = resolve("movinet-a0-stream", "sample", small)
    request = campaign.Request([recipe], folder / "sample", folder / "stores", places, run.Machine("cpu"))
    (outcome,) = campaign.carry_out(request)
    return folder, read_record(outcome.path)


def test_a_run_is_streamed_by_one_command_and_kept_beside_its_record(trained, bench):
    folder, stored = trained
    words = [stored.record.id, *("--results", folder / "results", "--runs", folder / "runs")]
    words += ["--store", folder / "stores", "--data", folder / "sample", "--device", "cpu"]
    code, out, err = bench("stream", *words)
    assert code == 0, err
    assert "equals the whole clip" in " ".join(out.split())
    assert "100%" in out
    assert (folder / "runs" / stored.record.id / "stream-test.png").read_bytes()[:4] == b"\x89PNG"
    found = read_streams(folder / "results", stored.record)
    assert found.path == streams_path(folder / "results", stored.record)
    assert (found.stale, set(found.record.parts)) == ("", {"test"})
    streamed = found.record.parts["test"]
    assert streamed.parity.holds
    assert [round(one.share, 1) for one in streamed.seen] == [tenth / 10 for tenth in range(1, 11)]
    assert streamed.seen[-1].frames == 5
    assert streamed.clips == stored.record.clips.test
    # Records are what they were: streams are none of them.
    assert len(read_records(folder / "results").records) == 1
    assert read_records(folder / "results").unreadable == ()

    code, _, err = bench("stream", *words)
    assert code == 0
    assert "streamed already" in err
    code, out, _ = bench("stream", *words, "--part", "val")
    assert code == 0
    both = read_streams(folder / "results", stored.record).record
    assert set(both.parts) == {"test", "val"}
    assert both.parts["test"] == streamed
    code, out, _ = bench("show", stored.record.id, *words[1:5])
    assert code == 0
    assert out.count("equals the whole clip") + out.count("frame by frame: ") >= 2
    code, _, err = bench("stream", *words, "--part", "train")
    assert code == 2
    assert "--part takes test or val" in err


def test_a_changed_file_of_streams_is_known_for_it_and_made_anew(trained, bench):
    folder, stored = trained
    words = [stored.record.id, *("--results", folder / "results", "--runs", folder / "runs")]
    words += ["--store", folder / "stores", "--data", folder / "sample", "--device", "cpu"]
    assert bench("stream", *words)[0] == 0
    path = streams_path(folder / "results", stored.record)
    body = json.loads(path.read_text(encoding="utf-8"))
    body["parts"]["test"]["settled"] = 0.01
    path.write_text(json.dumps(body), encoding="utf-8")
    assert "changed after it was written" in read_streams(folder / "results", stored.record).stale
    code, _, err = bench("stream", *words)
    assert code == 0
    assert "streamed already" not in err
    assert read_streams(folder / "results", stored.record).stale == ""
    body["format"] = 99
    path.write_text(json.dumps(body), encoding="utf-8")
    with pytest.raises(BenchError, match="newer version of bench"):
        read_streams(folder / "results", stored.record)
    path.unlink()
