"""The contact sheet shows exactly what the pipeline yields, for any clip, and answers what it cannot show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from benchmarks.commands.data_show import find_clip, find_video, show
from utils.errors import BenchError
from wlasl.augment import Crop
from wlasl.contact import Look, contact_sheet, see
from wlasl.loader import ClipLoader, LoaderOptions
from wlasl.prepare import prepare
from wlasl.sample import SampleOptions, ensure
from wlasl.sampling import Sampling
from wlasl.subsets import load
from wlasl.view import View

RED = (214, 40, 40)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return load(
        "sample", ensure(tmp_path_factory.mktemp("contact") / "sample", SampleOptions(glosses=2, clips=3))
    )


@pytest.mark.parametrize(
    "look",
    [
        Look(),
        Look(View(crop="frame", size=128), Sampling(frames=5), 64),
        Look(View(codec="raw", size=64, margin=0.3), Sampling(frames=9, test="centre", stride=2), 48),
        Look(View(size=64), Sampling(frames=100, test="consecutive", pad="zero"), 32),
    ],
    ids=["usual", "whole frame", "raw", "longer than the clip"],
)
def test_the_sheet_shows_what_the_loader_yields(dataset, tmp_path, look):
    clips = dataset.available()
    store = prepare(dataset, look.view, tmp_path).store
    loader = ClipLoader(store, clips, look.sampling, Crop(look.size), LoaderOptions(batch_size=len(clips)))
    batches = list(loader.epoch(0))
    assert len(batches) == 1
    assert len(clips) == 6
    for clip, loaded in zip(clips, batches[0].inputs, strict=True):
        seen = see(dataset.files.path(clip.id), clip, look)
        assert np.array_equal(seen.inputs, loaded)
        assert seen.length == store.length(clip.id)
        assert len(seen.filmed) == look.sampling.frames


def test_frames_behind_the_end_are_black_where_the_policy_says_so(dataset):
    clip = dataset.available()[0]
    look = Look(View(size=64), Sampling(frames=100, test="consecutive", pad="zero"), 32)
    seen = see(dataset.files.path(clip.id), clip, look)
    assert (seen.indices[-1], seen.filmed[-1].max(), seen.inputs[-1].max()) == (-1, 0, 0)
    assert contact_sheet(dataset.files.path(clip.id), clip, look).height > 13 * 200


def test_the_crop_is_drawn_where_the_square_lies(dataset):
    clip = next(clip for clip in dataset.available() if clip.frame_end == -1)
    bare, drawn = (
        see(dataset.files.path(clip.id), replace(clip, box=box), Look(sampling=Sampling(frames=1))).filmed[0]
        for box in (None, clip.box)
    )
    height, width = drawn.shape[:2]
    red = np.argwhere((drawn == RED).all(-1))
    whole = np.argwhere((bare == RED).all(-1))
    assert len(red)
    assert len(whole)
    assert np.ptp(whole, axis=0).tolist() == [height - 1, width - 1]
    assert abs(np.ptp(red[:, 0]) - np.ptp(red[:, 1])) <= 2


def test_the_command_writes_a_picture(dataset, tmp_path, capsys):
    target = tmp_path / "deep" / "sheet.png"
    show("80001", "sample", dataset.root, frames=8, size=64, out=target)
    assert str(target) in capsys.readouterr().out
    with Image.open(target) as sheet:
        assert sheet.format == "PNG"
        assert sheet.width > 8 * 168
        assert sheet.height > 64 + 100


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("80010", r"no clip '80010'\. Nearest of its 6 ids: 8\d{4}"),
        ("rise", "is a gloss of sample; give the id of one of its clips: 80000, 80001, 80002"),
        ("no such thing", "Nearest of its 6 ids: "),
    ],
)
def test_an_unknown_clip_is_answered_with_the_nearest(dataset, name, answer):
    with pytest.raises(BenchError, match=answer):
        find_clip(dataset, name)


def test_a_missing_video_is_answered_with_clips_that_are_there(dataset):
    clip = replace(dataset.available()[0], id="80003")
    with pytest.raises(BenchError, match=r"lacks the video of clip 80003 .*that are there: 80000"):
        find_video(dataset, clip)


def test_a_video_that_cannot_be_read_is_answered_with_the_reason(dataset, tmp_path):
    path = tmp_path / "80000.mp4"
    path.write_text("<!DOCTYPE html><title>Gone</title>")
    with pytest.raises(BenchError, match=r"80000 cannot be shown: .* cannot be read: html") as caught:
        contact_sheet(path, dataset.available()[0], Look())
    assert caught.value.exit_code == 1


def test_real_clips_are_shown_and_mangled_ones_are_named(wlasl_root):
    dataset = load("300", wlasl_root)
    clips = dataset.available()[:3]
    assert len(clips) == 3
    for clip in clips:
        sheet = contact_sheet(find_video(dataset, clip), clip, Look(sampling=Sampling(frames=8), size=112))
        assert sheet.width > 8 * 168
    mangled = sorted((wlasl_root / "corrupt").glob("*.mp4"))
    assert mangled
    with pytest.raises(BenchError, match="mangled"):
        contact_sheet(mangled[0], clips[0], Look())
