"""Video files, sound and unsound."""

from pathlib import Path

import av
import numpy as np
import pytest
import videos

from wlasl import video
from wlasl.clips import Clip
from wlasl.pixels import planes
from wlasl.video import VideoError, displayed_size, probe, read, trim


def clip(start=1, end=-1, frames=None):
    return Clip("00001", "book", 0, "train", frame_start=start, frame_end=end, frames=frames)


def numbers(path, wanted):
    """Which of the numbered frames a clip holds."""
    greys = read(path, wanted, lambda frame: planes(frame)[0].mean())
    # Limited range: 16 + 219 / 255 x (20 + 4 x number).
    return [round(((grey - 16) * 255 / 219 - 20) / 4) for grey in greys]


@pytest.fixture(scope="module")
def fifty(tmp_path_factory):
    return videos.write(tmp_path_factory.mktemp("videos") / "fifty.mp4", videos.numbered(50))


def test_a_probe_counts_what_decodes(fifty):
    found = probe(fifty)
    assert (found.frames, found.width, found.height, found.fps, found.codec) == (50, 64, 48, 25.0, "h264")


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [(1, -1, 0, 49), (1, 50, 0, 49), (11, 20, 10, 19), (41, -1, 40, 49), (50, 50, 49, 49), (1, 1, 0, 0)],
)
def test_an_uncut_file_is_trimmed_by_numbers_that_begin_at_one(fifty, start, end, first, last):
    assert numbers(fifty, clip(start, end)) == list(range(first, last + 1))


def test_a_file_that_is_cut_already_is_used_whole(fifty):
    assert numbers(fifty, clip(101, 150)) == list(range(50))
    assert numbers(fifty, clip(1001, 1053)) == list(range(50))


def test_a_header_that_promises_too_much_does_not_mislead(fifty, monkeypatch):
    before = video.Video.__init__

    def lie(self, path, **how):
        before(self, path, **how)
        self.promised = 53

    monkeypatch.setattr(video.Video, "__init__", lie)
    assert numbers(fifty, clip(4, 53)) == list(range(50))  # looked uncut, is cut
    assert numbers(fifty, clip(1, -1)) == list(range(50))


@pytest.mark.parametrize(
    ("count", "wanted", "expected"),
    [
        (100, clip(11, 60), (10, 60)),
        (50, clip(11, 60), (0, 50)),
        (52, clip(11, 60), (0, 52)),
        (66, clip(1, -1, frames=57), (0, 66)),  # the metadata counts at 25 frames a second
        (57, clip(11, 60), (10, 57)),  # as far from the wanted 50 as either reading allows: uncut
        (59, clip(1, 60), (0, 59)),
        (90, clip(51, 120), (0, 90)),
        (110, clip(51, 120), (50, 110)),  # uncut, and ends a little early
    ],
)
def test_which_frames_are_the_clip(count, wanted, expected):
    assert trim(count, wanted) == expected


@pytest.mark.parametrize(
    ("count", "wanted"), [(10, clip(1, 60)), (20, clip(101, 160)), (15, clip(1, -1, frames=57)), (0, clip())]
)
def test_a_clip_of_which_half_is_missing_is_refused(count, wanted):
    with pytest.raises(VideoError, match="too few frames"):
        trim(count, wanted)


def damaged_files(folder: Path, whole: Path) -> dict[str, Path]:
    """Return a file per way to be wrong, by the reason that must be found."""
    data = whole.read_bytes()
    files = {
        "empty": b"",
        "html": b"\n<!DOCTYPE html><html><body>404 Not Found</body></html>" * 50,
        "mangled": data.decode("utf-8", errors="replace").encode(),
        "truncated": data[: len(data) * 9 // 10],
        "unreadable": bytes(range(256)) * 20,
    }
    for reason, content in files.items():
        (folder / f"{reason}.mp4").write_bytes(content)
    return {reason: folder / f"{reason}.mp4" for reason in files} | {"missing": folder / "none.mp4"}


def test_every_way_to_be_wrong_has_its_reason(tmp_path, fifty):
    files = damaged_files(tmp_path, fifty)
    assert len(files) == 6
    for reason, path in files.items():
        with pytest.raises(VideoError) as caught:
            probe(path)
        assert caught.value.reason == reason


def test_sound_without_pictures_is_no_video(tmp_path):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(VideoError) as caught:
        probe(path)
    assert caught.value.reason == "no video stream"


def fast_start(path: Path) -> bytes:
    """Return an MP4 whose index comes first, as servers send them."""
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        noise = np.random.default_rng(0)
        for _ in range(50):
            pixels = noise.integers(0, 255, (48, 64, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path.read_bytes()


@pytest.mark.parametrize("share", [0.5, 0.8, 0.98])
def test_a_download_that_broke_off_is_found_though_its_beginning_decodes(tmp_path, share):
    data = fast_start(tmp_path / "whole.mp4")
    assert probe(tmp_path / "whole.mp4").frames == 50
    (tmp_path / "part.mp4").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(VideoError) as caught:
        probe(tmp_path / "part.mp4")
    assert caught.value.reason == "truncated"


@pytest.mark.parametrize("suffix", ["avi", "mkv", "webm"])
def test_other_containers_are_read_and_a_cut_avi_is_found(tmp_path, suffix):
    codec = "libvpx" if suffix == "webm" else "mpeg4"
    path = videos.write(tmp_path / f"whole.{suffix}", videos.numbered(30), videos.Kind(codec))
    assert probe(path).frames == 30
    if suffix == "avi":
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(VideoError, match="truncated"):
            probe(path)


def test_a_few_broken_packets_are_passed_over_and_many_are_not(tmp_path):
    data = bytearray(fast_start(tmp_path / "whole.mp4"))
    begin = data.index(b"mdat") + 4
    broken = bytearray(data)
    broken[begin + 40 : len(broken)] = bytes(len(broken) - begin - 40)
    (tmp_path / "zeros.mp4").write_bytes(broken)
    with pytest.raises(VideoError) as caught:
        probe(tmp_path / "zeros.mp4")
    assert caught.value.reason in ("unreadable", "truncated")


def test_a_turned_video_has_the_size_that_is_displayed(fifty):
    assert (probe(videos.rotate(fifty, 1)).width, probe(videos.rotate(fifty, 2)).width) == (48, 64)


def test_the_real_mangled_files_are_named_so(wlasl_root):
    files = sorted((wlasl_root / "corrupt").glob("*.mp4"))
    assert len(files) == 10
    for path in files:
        with pytest.raises(VideoError) as caught:
            probe(path)
        assert caught.value.reason == "mangled"


def test_real_clips_are_counted_by_decoding(wlasl_root):
    # The header of the first promises 67 frames, that of the second 45.
    assert probe(wlasl_root / "videos" / "02233.mp4").frames == 66
    assert probe(wlasl_root / "videos" / "14893.mp4").frames == 43


def test_displayed_size_of_an_upright_frame_is_its_own():
    assert displayed_size(av.VideoFrame(64, 48, "yuv420p")) == (64, 48)
