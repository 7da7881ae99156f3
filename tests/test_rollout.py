"""Attention roll-out: shares worked out by hand, the networks' own attention, and the sheet that is drawn."""

from __future__ import annotations

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from benchmarks import rollout, rollout_sheet
from benchmarks.commands import show as command
from benchmarks.recipe import resolve
from benchmarks.records import write_record
from benchmarks.rollout import frame_weights, mixed, of_query, of_token, rolled_out
from benchmarks.scores import read_scores
from utils.errors import BenchError
from utils.seeds import generator
from wlasl.clips import Clip
from wlasl.landmarks.form import Landmarks
from wlasl.landmarks.joints import SPOBET
from wlasl.sample import SampleOptions, ensure

APP = typer.Typer()
APP.command("show")(command.show)
APP.command("other")(lambda: None)


def attention(rows, heads=2, seed=0, columns=None):
    """Return attention [heads, rows, columns] whose rows add up to 1."""
    shares = generator(seed).random((heads, rows, columns or rows)) + 0.01
    return shares / shares.sum(-1, keepdims=True)


# --- The arithmetic


def test_a_block_keeps_half_of_each_row_and_mixes_the_mean_over_heads_into_the_other_half():
    heads = np.array([[[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [1.0, 0.0]]])
    np.testing.assert_allclose(mixed(heads), [[0.75, 0.25], [0.5, 0.5]])


def test_blocks_multiply_from_first_to_last():
    first, second = attention(3, seed=1), attention(3, seed=2)
    np.testing.assert_allclose(rolled_out([first, second]), mixed(second) @ mixed(first))
    np.testing.assert_allclose(rolled_out([first, second]).sum(1), 1)


def test_even_attention_gives_every_frame_an_even_share():
    even = np.full((4, 6, 6), 1 / 6)
    np.testing.assert_allclose(of_token([even] * 3, 5), 0.2)


def test_a_frame_that_alone_is_attended_to_has_all_of_the_answer():
    one = np.zeros((2, 5, 5))
    one[:, :, 3] = 1
    np.testing.assert_allclose(of_token([one, one], 4), [0, 0, 1, 0])


def test_padding_and_the_token_itself_have_no_share():
    weights = of_token([attention(8, seed=3)], 4)
    assert weights.shape == (4,)
    assert weights.sum() == pytest.approx(1)


def test_frames_that_the_network_cuts_off_have_none():
    weights = of_token([attention(4, seed=3)], 6)
    assert (weights[:3] > 0).all()
    assert not weights[3:].any()


def test_a_query_s_layers_are_mixed_and_followed_back_through_the_encoder():
    encoder, decoder = [attention(3, seed=4)], [attention(1, columns=3, seed=s) for s in (5, 6)]
    first, second = (layer.mean(0)[0] for layer in decoder)
    expected = (first / 4 + second / 2) @ mixed(encoder[0])
    np.testing.assert_allclose(of_query(encoder, decoder, 3), expected / expected.sum())


# --- The real networks


def test_spoter_s_attention_is_the_one_that_its_layers_use(tmp_path):
    torch = pytest.importorskip("torch")
    from benchmarks import rollout_torch  # noqa: PLC0415 - torch may be missing
    from benchmarks.engine import Job  # noqa: PLC0415
    from benchmarks.torch_engine import TorchEngine  # noqa: PLC0415
    from models import zoo  # noqa: PLC0415
    from wlasl.loader import Batch  # noqa: PLC0415

    expected = zoo.system("spoter").input
    engine = TorchEngine(resolve("spoter", "sample"), Job(5, expected, tmp_path, device="cpu"))
    points = generator(1).normal(size=(1, 9, 54, 2)).astype(np.float32)
    batch = Batch(points, np.zeros(1, np.int64), np.zeros(1, np.int64), np.array([9]))
    own, crossed = rollout_torch.attentions(engine, batch)
    assert [one.shape for one in own] == [(9, 9, 9)] * 6
    assert [one.shape for one in crossed] == [(9, 1, 9)] * 6
    np.testing.assert_allclose(np.stack(own).sum(-1), 1, atol=1e-5)
    layer = engine.learner.network.eval().transformer.encoder.layers[0].self_attn
    given = engine.learner.network.positions(9, None) + torch.from_numpy(points).flatten(2)
    with torch.no_grad():
        projected = torch.nn.functional.linear(given, layer.in_proj_weight, layer.in_proj_bias)
        values = layer.split(projected, 3)[2]
        mine = layer.out_proj((torch.from_numpy(own[0]) @ values).transpose(1, 2).flatten(2))
        np.testing.assert_allclose(mine, layer(given, None, None), atol=1e-5)
    weights = frame_weights(engine, "torch", batch)
    assert weights.shape == (9,)
    assert weights.sum() == pytest.approx(1)
    # Nothing that was hung on the network stays.
    assert not any(module._forward_pre_hooks for module in engine.learner.network.modules())


@pytest.mark.tensorflow
def test_spobet_s_weights_are_those_of_its_class_token_and_other_networks_have_none(tmp_path, monkeypatch):
    pytest.importorskip("tf_keras")
    from benchmarks.engine import Job  # noqa: PLC0415 - TensorFlow may be missing
    from benchmarks.keras_engine import KerasEngine  # noqa: PLC0415
    from models import zoo  # noqa: PLC0415
    from wlasl.loader import Batch  # noqa: PLC0415

    expected = zoo.system("spobet").input
    engine = KerasEngine(resolve("spobet", "sample"), Job(5, expected, tmp_path, device="cpu"))
    points = generator(1).normal(size=(1, 9, 54, 2)).astype(np.float32)
    batch = Batch(points, np.zeros(1, np.int64), np.zeros(1, np.int64), np.array([7]))
    weights = frame_weights(engine, "tensorflow", batch)
    found = [one.numpy()[0] for one in engine.learner.network.rows(points, batch.lengths)[1]]
    assert len(found) == 6
    np.testing.assert_allclose(weights, of_token(found, 7), atol=1e-6)
    monkeypatch.setattr(engine.learner, "network", object())
    assert frame_weights(engine, "tensorflow", batch) is None


def test_each_engine_has_a_reader():
    assert set(rollout._READERS) == {"torch", "tensorflow"}


# --- The sheet


def seen(frames=30):
    points = generator(2).uniform(0.2, 0.8, (frames, 54, 2)).astype(np.float32)
    return Landmarks(points, SPOBET, "true", size=(320, 240))


def test_a_clip_without_a_video_is_shown_as_skeletons_on_plain_ground(tmp_path):
    clip = Clip("a", "x", 0, "test")
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    for video in (None, broken):
        pictures, note = rollout_sheet.tiles(clip, seen(), video, np.arange(30.0))
        assert "on plain ground" in note
        assert len(pictures) == rollout_sheet.TILES
        assert {picture.shape for picture in pictures} == {(200, 200, 3)}
        assert (pictures[0] != pictures[-1]).any()


def test_a_clip_shorter_than_the_row_has_as_many_tiles():
    pictures, _ = rollout_sheet.tiles(Clip("a", "x", 0, "test"), seen(3), None, np.arange(3.0))
    assert len(pictures) == rollout_sheet.TILES


def test_what_the_network_saw_is_shown_and_nothing_else():
    clip = Clip("a", "x", 0, "test")
    few, _ = rollout_sheet.tiles(clip, seen(), None, np.array([20.0, 21.0, 22.4]))
    one = [rollout_sheet.tiles(clip, seen(), None, np.array([float(at)]))[0][0] for at in (20, 21, 22)]
    third = rollout_sheet.TILES // 3
    for at, picture in enumerate(few):
        assert (picture == one[at // third]).all()


def test_the_same_roll_out_gives_the_same_file(tmp_path):
    pictures, _ = rollout_sheet.tiles(Clip("a", "x", 0, "test"), seen(), None, np.arange(30.0))
    weights = np.full(30, 1 / 30)
    for name in ("one", "two"):
        rollout_sheet.draw(tmp_path / name, rollout_sheet.Rollout("title", weights, pictures))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with Image.open(tmp_path / "one") as sheet:
        assert sheet.width > 4 * sheet.height


# --- The command


def show(home, *words):
    folders = [
        "--results",
        str(home / "results"),
        "--runs",
        str(home / "runs"),
        "--store",
        str(home / "stores"),
        "--data",
        str(home / "sample"),
    ]
    done = CliRunner().invoke(APP, ["show", *words, *folders], env={"COLUMNS": "100"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_a_run_that_sees_pixels_is_answered_with_what_shows_its_clips(tmp_path, make_record):
    record = make_record()
    write_record(tmp_path / "results", record)
    folder = tmp_path / "runs" / record.id
    folder.mkdir(parents=True)
    (folder / "best.pt").write_bytes(b"")
    with pytest.raises(BenchError, match=r"movinet-a0 sees pixels.*bench data show 00335"):
        show(tmp_path, record.id, "--clip", "00335")


def test_a_run_on_the_sample_is_shown_clip_by_clip(tmp_path):
    pytest.importorskip("torch")
    from benchmarks.campaign import Request, carry_out  # noqa: PLC0415 - torch may be missing
    from benchmarks.run import Machine, Places  # noqa: PLC0415

    sample = ensure(tmp_path / "sample", SampleOptions(glosses=4, clips=6))
    places = Places(tmp_path / "results", tmp_path / "runs")
    recipe = resolve("spoter", "sample", {"epochs": 1, "batch_size": 64})
    (outcome,) = carry_out(Request([recipe], sample, tmp_path / "stores", places, Machine("cpu")))
    found = outcome.record.id
    output = show(tmp_path, found[:8], "--clip", "80002")
    assert "80002   rise   (class 0, test)" in output
    kept = read_scores(places.runs / found / "scores.npz")
    likeliest = kept.glosses[kept.parts["test"].scores[kept.parts["test"].ids.index("80002")].argmax()]
    assert output.splitlines()[1].split()[2] == likeliest
    drawn = places.runs / found / "rollout-80002.png"
    assert str(drawn) in output
    with Image.open(drawn) as sheet:
        assert sheet.format == "PNG"
    with pytest.raises(BenchError, match="has no clip '80003x'"):
        show(tmp_path, found, "--clip", "80003x")
