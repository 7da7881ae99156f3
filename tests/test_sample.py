"""The sample's folder: in WLASL's shape, the same bytes from a seed, and whole or not there."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from utils.errors import BenchError
from wlasl.clips import PARTS
from wlasl.metadata import read_subset
from wlasl.sample import SampleOptions, clips, ensure, folder, writing
from wlasl.subsets import load
from wlasl.video import probe, read

HOME = Path(__file__).resolve().parent.parent
SMALL = SampleOptions(glosses=4, clips=3)
TINY = SampleOptions(glosses=1, clips=1)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return ensure(tmp_path_factory.mktemp("small") / "sample", SMALL)


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def test_it_is_laid_out_as_wlasl_is(sample):
    assert names(sample) == ["WLASL_v0.3.json", "landmarks", "nslt_4.json", "sample.json", "videos"]
    assert len(names(sample / "videos")) == len(names(sample / "landmarks")) == 12
    entries = json.loads((sample / "WLASL_v0.3.json").read_text())
    assert [entry["gloss"] for entry in entries] == ["rise", "fall", "open", "close"]
    keys = "bbox fps frame_end frame_start instance_id signer_id source split url variation_id video_id"
    assert {" ".join(sorted(row)) for entry in entries for row in entry["instances"]} == {keys}


def test_the_readers_of_wlasl_read_it(sample):
    subset = read_subset(sample, sample / "nslt_4.json", "sample")
    assert subset.glosses == ("rise", "fall", "open", "close")
    assert {part: len(subset.part(part)) for part in PARTS} == {"train": 4, "val": 4, "test": 4}
    assert not any(subset.notes.values())
    assert len(load("sample", sample).available()) == 12


def test_every_clip_decodes_to_what_the_metadata_says(sample):
    dataset = load("sample", sample)
    assert len(dataset.subset.clips) == 12
    for clip in dataset.subset.clips:
        path = dataset.files.path(clip.id)
        found, marks = probe(path), np.load(sample / "landmarks" / f"{clip.id}.npz")
        assert found.codec == "h264"
        assert found.fps == pytest.approx(clip.fps, abs=0.01)
        assert (found.width, found.height) == tuple(marks["size"])
        assert marks["pose"].shape == (found.frames, 33, 3)
        assert marks["left_hand"].shape == marks["right_hand"].shape == (found.frames, 21, 3)
        assert len(read(path, clip, lambda _: None)) == clip.frames
        left, top, right, bottom = clip.box
        assert 0 <= left < right <= found.width
        assert 0 <= top < bottom <= found.height


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(sample, tmp_path):
    again, other = (ensure(tmp_path / str(seed), SampleOptions(seed, 1, 3)) for seed in (0, 1))
    first, second = contents(again), contents(other)
    clips_of_both = [name for name in first if name.startswith(("videos", "landmarks"))]
    assert len(clips_of_both) == 6
    assert all(first[name] == (sample / name).read_bytes() for name in clips_of_both)
    assert all(first[name] != second[name] for name in clips_of_both)


def test_asked_for_again_it_is_taken_as_it_lies(sample, monkeypatch):
    monkeypatch.setattr(folder, "_draw", lambda *_: pytest.fail("drawn again"))
    assert ensure(sample, SMALL) == ensure(sample) == sample


@pytest.mark.parametrize("damage", ["older version", "a clip deleted", "stamp unreadable"])
def test_what_is_not_whole_or_not_of_this_version_is_drawn_again(tmp_path, damage):
    root = ensure(tmp_path / "sample", TINY)
    whole, stamp = contents(root), root / "sample.json"
    if damage == "older version":
        stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "version": 0}))
        (root / "videos" / "80000.mp4").write_bytes(b"an older drawing")
    elif damage == "a clip deleted":
        (root / "videos" / "80000.mp4").unlink()
    else:
        stamp.write_text("{")
    assert contents(ensure(root, TINY)) == whole
    assert names(tmp_path) == [".sample.lock", "sample"]


def test_a_stopped_drawing_leaves_no_sample_and_goes_on_where_it_was(sample, tmp_path, monkeypatch):
    def stop(done, total):
        assert total == 12
        if done == 5:
            raise KeyboardInterrupt

    drawn = []
    draw = clips.draw_video
    monkeypatch.setattr(clips, "draw_video", lambda plan: drawn.append(plan.take.id) or draw(plan))
    with pytest.raises(KeyboardInterrupt):
        ensure(tmp_path / "sample", SMALL, progress=stop)
    assert not (tmp_path / "sample").exists()
    before = len(drawn)
    assert before >= 5
    assert contents(ensure(tmp_path / "sample", SMALL)) == contents(sample)
    assert sorted(drawn) == sorted(set(drawn))
    assert len(drawn) == 12 > before
    assert names(tmp_path) == [".sample.lock", "sample"]


def start(target: Path) -> subprocess.Popen:
    code = (
        "import sys; from pathlib import Path; from wlasl.sample import SampleOptions, ensure\n"
        "ensure(Path(sys.argv[1]), SampleOptions(glosses=4, clips=3))"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(target)], cwd=HOME)


def test_two_processes_at_once_and_one_that_was_killed_end_with_one_correct_sample(sample, tmp_path):
    target = tmp_path / "sample"
    killed = start(target)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(".sample-*.partial/landmarks/*.npz")) and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not target.exists()
    both = [start(target), start(target)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    found = {name: data for name, data in contents(target).items() if not name.endswith(".tmp")}
    assert found == contents(sample)
    assert names(tmp_path) == [".sample.lock", "sample"]


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one.txt").write_text("dear")
    with pytest.raises(BenchError, match="is in the way"):
        ensure(tmp_path / "letters", TINY)
    assert contents(tmp_path) == {"letters/one.txt": b"dear"}


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "sample").mkdir()
    assert (ensure(tmp_path / "sample", TINY) / "videos" / "80000.mp4").is_file()


def test_a_place_that_cannot_be_written_is_answered_with_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="Cannot write"):
        ensure(tmp_path / "file" / "sample", TINY)


@pytest.mark.parametrize("options", [(0, 17, 1), (0, 0, 1), (0, 1, 0), (0, 1, 1001), (-1, 1, 1)])
def test_options_that_cannot_be_drawn_are_refused(tmp_path, options):
    with pytest.raises(BenchError, match="1 to 16 glosses of 1 to 1000 clips"):
        ensure(tmp_path / "sample", SampleOptions(*options))


def test_an_encoder_that_is_missing_is_answered_with_the_command_that_brings_it():
    class Container:
        def add_stream(self, name, **_):
            raise ValueError(name)

    plan = clips.plan_clip(clips.Take(0, 0, 0))
    film = writing.Film(plan.site, crf=20, grain=1.0, light=1.0)
    with pytest.raises(BenchError, match="pip install"):
        writing._stream(Container(), film)


def test_asking_for_it_imports_nothing_heavy():
    code = "import sys, wlasl.sample; print(sorted({'cv2', 'av', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=HOME, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_the_default_sample_has_192_clips_of_16_signs(tmp_path):
    root = ensure(tmp_path / "sample")
    assert len(names(root / "videos")) == 16 * 12
    assert (root / "nslt_16.json").is_file()
