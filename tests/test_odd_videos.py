"""Videos of every kind that people have, against the pictures that were drawn; and what is none of them."""

import os
import resource
import struct
import threading
import time
import zlib
from contextlib import suppress
from fractions import Fraction

import av
import numpy as np
import pytest
import videos

from wlasl.clips import Clip, Subset
from wlasl.doctor import check, examine
from wlasl.pixels import Squares, read_rgb
from wlasl.prepare import encode_clip, prepare
from wlasl.root import VideoFiles
from wlasl.sampling import Sampling, frame_indices
from wlasl.subsets import DataSet
from wlasl.survey import stamp_of
from wlasl.video import Video, VideoError, probe, read
from wlasl.video_faults import MOST_FRAMES, MOST_PIXELS
from wlasl.view import View

WIDTH, HEIGHT, COUNT = 96, 64, 9
QUICK = {"crf": "4", "preset": "ultrafast"}


def clip(start=1, end=-1, frames=None):
    return Clip("00001", "book", 0, "train", frame_start=start, frame_end=end, frames=frames)


def drawn(index, count=COUNT, width=WIDTH, height=HEIGHT, *, grey=False):
    """A smooth picture in which a light spot wanders to the right: it tells place, colour and number."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    across, down = x / max(width - 1, 1), y / max(height - 1, 1)
    picture = np.stack([60 + 120 * across, 60 + 120 * down, 180 - 100 * across], -1)
    spot = np.exp(-((across - (index + 0.5) / count) ** 2 * 100) - (down - 0.4) ** 2 * 36)
    picture = (picture + 50 * spot[..., None]).clip(0, 255).astype(np.uint8)
    return np.repeat(picture[..., 1:2], 3, -1) if grey else picture


def written(path, pictures, codec="libx264", fmt="yuv420p", *, times=None, full=False, **options):
    """Write pictures as a video; `times` are their milliseconds, where they are not even."""
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV cannot write {codec}")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = fmt
        stream.codec_context.color_range = 2 if full else 1
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = frame.reformat(format=fmt, dst_colorspace="itu601", dst_color_range=2 if full else 1)
            if times:
                frame.pts, frame.time_base = times[index], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def decibels(ours, truth):
    error = float(((ours.astype(float) - truth.astype(float)) ** 2).mean())
    return 10 * np.log10(255**2 / max(error, 1e-3))


def assert_right(path, pictures, least):
    """Every picture comes back, in its place, with its colours: as it was drawn, to so many decibels."""
    ours = read_rgb(path, clip())
    assert len(ours) == len(pictures) == probe(path).frames
    for index, one in enumerate(ours):
        height, width = one.shape[:2]
        found = [decibels(one, other[:height, :width]) for other in pictures]
        assert int(np.argmax(found)) == index
        assert found[index] >= least
    stored = read(path, clip(), Squares(clip(), View(crop="frame", size=64)).planes)
    assert len(stored) == len(pictures)


FULL = {"yuvj420p", "yuvj422p", "gray"}
VP9 = {"crf": "8", "b": "0", "deadline": "realtime", "cpu-used": "8"}
AV1 = {"crf": "8", "preset": "12"}
X265 = {"crf": "4", "preset": "ultrafast", "x265-params": "log-level=none"}
RATE = {"b": "4M"}

# file: codec, pixel format, options, the least decibels
KINDS = {
    "h264.mp4": ("libx264", "yuv420p", QUICK, 44),
    "h264 full range.mp4": ("libx264", "yuvj420p", QUICK, 42),
    "h264 with b-frames.mp4": ("libx264", "yuv420p", {"crf": "4", "preset": "medium"}, 42),
    "h264 10 bit.mp4": ("libx264", "yuv420p10le", QUICK, 44),
    "h264 4:2:2.mp4": ("libx264", "yuv422p", QUICK, 44),
    "h264 4:4:4.mp4": ("libx264", "yuv444p", QUICK, 43),
    "h264 4:4:4 10 bit.mkv": ("libx264", "yuv444p10le", QUICK, 43),
    "h264 grey.mp4": ("libx264", "gray", QUICK, 40),
    "h264.ts": ("libx264", "yuv420p", QUICK, 44),
    "h264.flv": ("libx264", "yuv420p", QUICK, 44),
    "hevc.mp4": ("libx265", "yuv420p", X265, 43),
    "hevc 10 bit.mp4": ("libx265", "yuv420p10le", X265, 43),
    "vp8.webm": ("libvpx", "yuv420p", {"b": "2M"}, 40),
    "vp9.webm": ("libvpx-vp9", "yuv420p", VP9, 42),
    "vp9 4:4:4.webm": ("libvpx-vp9", "yuv444p", VP9, 42),
    "vp9 with alpha.webm": ("libvpx-vp9", "yuva420p", VP9, 42),
    "av1.mp4": ("libsvtav1", "yuv420p", AV1, 38),
    "av1 10 bit.mkv": ("libsvtav1", "yuv420p10le", AV1, 40),
    "mpeg-4 part 2.mp4": ("mpeg4", "yuv420p", RATE, 40),
    "mpeg-4 part 2 with b-frames.avi": ("mpeg4", "yuv420p", {"b": "4M", "bf": "2"}, 40),
    "msmpeg-4.avi": ("msmpeg4", "yuv420p", RATE, 40),
    "mpeg-1.mpg": ("mpeg1video", "yuv420p", RATE, 41),
    "mpeg-2.mpg": ("mpeg2video", "yuv420p", RATE, 41),
    "sorenson.flv": ("flv", "yuv420p", RATE, 40),
    "sorenson.swf": ("flv", "yuv420p", RATE, 40),
    "jpegs.swf": ("mjpeg", "yuvj420p", RATE, 40),
    "jpegs 4:2:2.avi": ("mjpeg", "yuvj422p", RATE, 41),
    "screen.flv": ("flashsv", "bgr24", {}, 40),
    "windows.wmv": ("wmv2", "yuv420p", RATE, 40),
    "real.rm": ("rv20", "yuv420p", RATE, 40),
    "prores.mov": ("prores_ks", "yuv422p10le", {}, 43),
    "lossless 4:1:1.mkv": ("ffv1", "yuv411p", {}, 43),
    "raw.avi": ("rawvideo", "yuv420p", {}, 44),
    "raw rgb.avi": ("rawvideo", "bgr24", {}, 40),
    "pngs with alpha.mov": ("png", "rgba", {}, 44),
    "pngs 16 bit.mov": ("png", "rgb48be", {}, 43),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_video_has_its_own_pictures(tmp_path, name):
    codec, fmt, options, least = KINDS[name]
    pictures = [drawn(index, grey="gray" in fmt) for index in range(COUNT)]
    assert_right(written(tmp_path / name, pictures, codec, fmt, full=fmt in FULL, **options), pictures, least)


def test_every_kind_of_colour_and_container_is_in_the_table():
    assert len(KINDS) == 36
    assert {name.rpartition(".")[2] for name in KINDS} >= {
        "mp4",
        "mov",
        "mkv",
        "webm",
        "avi",
        "flv",
        "swf",
        "ts",
    }


def test_frames_of_uneven_length_are_taken_in_the_order_of_display_each_once(tmp_path):
    pictures = [drawn(index) for index in range(COUNT)]
    times = [0, 7, 40, 41, 500, 520, 2000, 2001, 9000]
    path = written(tmp_path / "uneven.mkv", pictures, "mpeg4", times=times, b="4M", bf="2")
    assert_right(path, pictures, 38)


@pytest.mark.parametrize(
    ("width", "height", "seen"),
    [(97, 65, (64, 96)), (17, 33, (32, 16)), (641, 17, (16, 640)), (16, 16, (16, 16))],
)
def test_odd_sizes_lose_their_last_row_or_column_and_nothing_else(tmp_path, width, height, seen):
    pictures = [drawn(index, 3, width, height) for index in range(3)]
    path = written(tmp_path / "odd.mkv", pictures, "ffv1", "yuv444p")
    ours = read_rgb(path, clip())
    assert [one.shape[:2] for one in ours] == [seen] * 3
    assert (
        min(decibels(one, truth[: seen[0], : seen[1]]) for one, truth in zip(ours, pictures, strict=True))
        > 30
    )
    for codec in ("jpeg", "raw"):
        assert len(read(path, clip(), Squares(clip(), View(size=64, codec=codec)).encode)) == 3


@pytest.mark.parametrize(("width", "height"), [(64, 1), (2, 64), (15, 400), (1, 1)])
def test_pictures_too_small_to_show_a_sign_are_refused(tmp_path, width, height):
    pictures = [drawn(0, 1, width, height)] * 2
    path = written(tmp_path / "thin.mkv", pictures, "ffv1", "yuv444p")
    with pytest.raises(VideoError, match=rf"picture too small \({width}x{height}\)"):
        read_rgb(path, clip())


def test_the_pictures_of_a_cinema_are_read(tmp_path):
    pictures = [drawn(index, 2, 4096, 2160) for index in range(2)]
    path = written(tmp_path / "cinema.mp4", pictures, **QUICK)
    seen = probe(path)
    assert (seen.frames, seen.width, seen.height) == (2, 4096, 2160)
    ours = read(path, clip(end=1), Squares(clip(), View(crop="frame", size=64, codec="raw")).planes)[0][0]
    truth = drawn(0, 2, 64, 32).astype(float) @ [0.299, 0.587, 0.114] * 219 / 255 + 16
    assert decibels(ours[16:48], truth) > 38


def test_one_picture_is_a_clip_though_it_lasts_no_time_at_all(tmp_path):
    path = written(tmp_path / "one.mp4", [drawn(0)], **QUICK)
    for one in (clip(), clip(1, 1), clip(1, 1, frames=1), clip(frames=2)):
        assert len(read_rgb(path, one)) == 1
        assert check(path, [one]) == []
    assert frame_indices(1, Sampling(frames=16), None).tolist() == [0] * 16
    with pytest.raises(VideoError, match="too few frames"):
        read_rgb(path, clip(frames=60))


def with_matrix(path, *values):
    """Write the picture's matrix into an MP4's header."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", *values)
    turned = path.with_name("matrix.mp4")
    turned.write_bytes(data)
    return turned


ONE = 0x10000
MIRRORS = {
    "left for right": (-ONE, 0, 0, 0, ONE, 0),
    "upside down": (ONE, 0, 0, 0, -ONE, 0),
    "turned and mirrored": (0, ONE, 0, ONE, 0, 0),
    "by 45 degrees": (46341, 46341, 0, -46341, 46341, 0),
    "by 20 degrees": (61584, 22415, 0, -22415, 61584, 0),
}


@pytest.mark.parametrize("name", MIRRORS)
def test_a_mirrored_or_tilted_video_is_refused_since_left_and_right_mean_something(tmp_path, name):
    path = with_matrix(
        written(tmp_path / "plain.mp4", [drawn(0)] * 2, **QUICK), *MIRRORS[name], 0, 0, 1 << 30
    )
    with pytest.raises(VideoError) as caught:
        read_rgb(path, clip())
    assert caught.value.reason == "turned oddly"


def test_turned_videos_come_back_upright_against_the_drawing(tmp_path):
    upright = [drawn(index) for index in range(3)]
    lying = {1: 1, 2: 2, 3: 3}
    for quarters, back in lying.items():
        pictures = [np.ascontiguousarray(np.rot90(one, back)) for one in upright]
        path = videos.rotate(written(tmp_path / f"{quarters}.mp4", pictures, **QUICK), quarters)
        for ours, truth in zip(read_rgb(path, clip()), upright, strict=True):
            assert decibels(ours, truth) > 38
    nothing = with_matrix(written(tmp_path / "plain.mp4", upright, **QUICK), *([0] * 9))
    assert decibels(read_rgb(nothing, clip())[1], upright[1]) > 38


def test_frames_that_the_file_itself_cuts_away_are_not_missing(tmp_path):
    source = written(tmp_path / "whole.mp4", [drawn(i, 40) for i in range(40)], crf="4", preset="ultrafast")
    path = tmp_path / "cut.mp4"
    with (
        av.open(str(source)) as old,
        av.open(str(path), "w", options={"avoid_negative_ts": "disabled"}) as new,
    ):
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(old.streams.video[0]):
            if packet.dts is None:
                continue
            early = int(25 / 25 / packet.time_base)
            packet.pts, packet.dts, packet.stream = packet.pts - early, packet.dts - early, stream
            new.mux(packet)
    with Video(path)._container as container:
        assert container.streams.video[0].frames == 40
    found = [
        int(np.argmax([decibels(one, drawn(i, 40)) for i in range(40)])) for one in read_rgb(path, clip())
    ]
    assert found == list(range(25, 40))
    assert probe(path).frames == 15


def no_videos(folder):
    """Make everything that is named as a video and is none; return the reason by the name."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "folder.mp4").mkdir()
    os.mkfifo(folder / "pipe.mp4")
    (folder / "device.mp4").symlink_to("/dev/zero")
    with (folder / "zeros.mp4").open("wb") as file:
        file.truncate(10 << 30)
    sound(folder / "sound.mp4")
    sound(folder / "song.mp4", cover=True)
    with av.open(str(folder / "photo.png.mp4"), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "rgb24"
        frame = av.VideoFrame.from_ndarray(drawn(0, 1, 64, 64), format="rgb24")
        container.mux(stream.encode(frame))
    os.replace(folder / "photo.png.mp4", folder / "photo.mp4")
    (folder / "list.mp4").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\npipe.mp4\n#EXT-X-ENDLIST\n"
    )
    (folder / "script.mp4").write_text("ffconcat version 1.0\nfile pipe.mp4\n")
    (folder / "text.mp4").write_text("no video\n" * 1000)
    (folder / "page.mp4").write_text("<!doctype html>" * 100)
    (folder / "nothing.mp4").write_bytes(b"")
    return NO_VIDEOS


NO_VIDEOS = {
    "folder": "not a file",
    "pipe": "not a file",
    "device": "not a file",
    "zeros": "unreadable",
    "sound": "no video stream",
    "song": "no video stream",
    "photo": "no video stream",
    "list": "unreadable",
    "script": "unreadable",
    "text": "unreadable",
    "page": "html",
    "nothing": "empty",
}


def sound(path, *, cover=False):
    """Write a second of silence, and a picture of its cover."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        if cover:
            picture = container.add_stream("mjpeg", rate=1)
            picture.width = picture.height = 64
            picture.pix_fmt, picture.disposition = "yuvj420p", av.stream.Disposition.attached_pic
        for index in range(16):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, 1024 * index
            container.mux(stream.encode(frame))
        if cover:
            frame = av.VideoFrame.from_ndarray(drawn(0, 1, 64, 64), format="rgb24")
            container.mux(picture.encode(frame.reformat(format="yuvj420p")))
            container.mux(picture.encode())
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def odd_folder(tmp_path_factory):
    """A data set's folder with everything that is no video, and one clip that is one."""
    root = tmp_path_factory.mktemp("odd")
    reasons = no_videos(root / "videos")
    written(root / "videos" / "sign.mp4", [drawn(index) for index in range(COUNT)], **QUICK)
    names = [*reasons, "sign", "gone"]
    clips = tuple(Clip(name, "book", 0, ("train", "val", "test")[i % 3]) for i, name in enumerate(names))
    return DataSet(Subset("odd", ("book",), clips, "r1"), root, VideoFiles.of(root, clips))


def bytes_read():
    with open("/proc/self/io", encoding="ascii") as file:
        return int(file.readline().split()[1])


def within(seconds, work):
    """Do some work that may hang, and return what came of it."""
    found = []
    thread = threading.Thread(target=lambda: found.append(work()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert found, f"nothing after {seconds} s"
    return found[0]


def test_what_is_no_video_is_named_by_the_doctor_and_by_prepare_and_hardly_read(odd_folder, tmp_path):
    if not os.path.exists("/proc/self/io"):
        pytest.skip("nobody counts the bytes that are read here")
    before = bytes_read()
    health = within(60, lambda: examine(odd_folder))
    assert {finding.clip.id: finding.reason for finding in health.unreadable} == NO_VIDEOS
    assert [one.id for one in health.missing] == ["gone"]
    done = within(60, lambda: prepare(odd_folder, View(size=64), tmp_path))
    assert dict(done.skipped) == {**NO_VIDEOS, "gone": "missing"}
    assert done.store.ids == ("sign",)
    assert bytes_read() - before < 200 << 20
    again = within(60, lambda: prepare(odd_folder, View(size=64), tmp_path))
    assert (again.done, dict(again.skipped)) == (0, dict(done.skipped))


def test_what_older_rules_refused_is_tried_again(odd_folder, tmp_path, monkeypatch):
    prepare(odd_folder, View(size=64), tmp_path)
    tried = []
    monkeypatch.setattr("wlasl.prepare.stamp_of", lambda path: tried.append(path.stem) or stamp_of(path))
    prepare(odd_folder, View(size=64), tmp_path)
    assert tried == []
    monkeypatch.setattr("wlasl.survey.RULES", 99)
    prepare(odd_folder, View(size=64), tmp_path)
    assert set(tried) == set(NO_VIDEOS)


def png(width, height):
    """Return a PNG of nothing but black: a hundred kilobytes for a gigapixel."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer, row = zlib.compressobj(9), bytes(1 + (width + 7) // 8)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("said", "reason"), [(64, "unreadable"), (16000, "picture too large")])
def test_a_bomb_of_pixels_takes_neither_time_nor_memory(tmp_path, said, reason):
    path, bomb = tmp_path / "bomb.mov", png(30000, 30000)
    assert len(bomb) < 1 << 20 < 30000**2 > MOST_PIXELS
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.width = stream.height = said
        stream.pix_fmt = "rgb24"
        for index in range(20):
            packet = av.Packet(bomb)
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, index, index, Fraction(1, 25)
            container.mux(packet)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    for work in (lambda: probe(path), lambda: read_rgb(path, clip())):
        with pytest.raises(VideoError) as caught:
            work()
        assert caught.value.reason == reason
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 << 10  # kilobytes
    assert time.process_time() - began < 10


def test_a_video_of_hours_is_no_clip_unless_the_metadata_says_which_part(tmp_path):
    path, pixels = tmp_path / "long.avi", np.zeros((16, 16, 3), np.uint8)
    written(path, [pixels] * (MOST_FRAMES + 60), "mpeg4", b="4M")
    with pytest.raises(VideoError, match="too many frames"):
        read_rgb(path, clip())
    assert [finding.reason for finding in check(path, [clip()])] == ["too many frames"]
    assert len(read_rgb(path, clip(3041, 3050))) == 10
    assert len(read_rgb(path, clip(3041, 3065))) == 20  # it ends a little early
    assert check(path, [clip(3041, 3050), clip(1, 20)]) == []


@pytest.mark.parametrize("suffix", ["mkv", "flv", "avi", "mp4"])
def test_a_download_that_broke_off_is_found_in_every_container_that_tells(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 255, (20, 48, 64, 3), np.uint8)
    path = written(tmp_path / f"whole.{suffix}", list(noise), "flv" if suffix == "flv" else "mpeg4", b="9M")
    data = path.read_bytes()
    if suffix == "flv":
        at = data.index(b"filesize\x00") + 9
        data = data[:at] + struct.pack(">d", len(data)) + data[at + 8 :]
    path.write_bytes(data)
    assert probe(path).frames == 20
    path.write_bytes(data[: len(data) * 8 // 10])
    with pytest.raises(VideoError) as caught:
        probe(path)
    assert caught.value.reason == "truncated"


def holed(path, data, damaged):
    """Write a video with a hole of zeros in the middle of some of its packets."""
    path.write_bytes(data)
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    changed = bytearray(data)
    for index in damaged:
        at = places[index][0] + places[index][1] // 2
        changed[at : at + 40] = bytes(40)
    path.write_bytes(changed)
    return path


def test_damaged_frames_are_filled_in_and_named_by_the_doctor_and_many_are_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (40, 48, 64, 3), np.uint8)
    path = written(tmp_path / "noise.mp4", list(noise), crf="20", preset="ultrafast", g="10")
    data = path.read_bytes()
    holed(path, data, [17])  # and with it 18 and 19: frame 20 stands for itself again
    found = check(path, [clip()])
    assert [(one.reason, one.usable) for one in found] == [("some frames are damaged", True)]
    assert found[0].detail.startswith("3 of 40")
    assert len(encode_clip(path, clip(), View(size=64))[1]) == 40
    holed(path, data, [12])
    assert [one.detail for one in check(path, [clip()])] == ["8 of 40 frames are damaged"]
    assert str(encode_clip(path, clip(), View(size=64))) == "unreadable (8 of 40 frames are damaged)"


def test_another_codecs_name_over_a_videos_own_is_refused(tmp_path):
    pictures = [drawn(index) for index in range(COUNT)]
    path = written(tmp_path / "sign.mp4", pictures, **QUICK)
    for name in (b"rle ", b"hvc1", b"mp4v", b"av01", b"png ", b"jpeg"):
        (tmp_path / "other.mp4").write_bytes(path.read_bytes().replace(b"avc1", name))
        assert [one.usable for one in check(tmp_path / "other.mp4", [clip()])] == [False]
    assert_right(written(tmp_path / "true.mov", pictures, "qtrle", "rgb24"), pictures, 44)


class Stumbles:
    """Stands for a container in which streams begin on the way: PyAV raises IndexError at their packets."""

    def __init__(self, container, error, every):
        self.container, self.error, self.every = container, error, every
        self.streams = container.streams

    def demux(self, stream):
        for count, packet in enumerate(self.container.demux(stream), 1):
            yield packet
            if count % self.every == 0:
                raise self.error

    def close(self):
        self.container.close()


def test_streams_that_begin_on_the_way_are_passed_over(tmp_path):
    path = written(tmp_path / "sign.flv", [drawn(index) for index in range(COUNT)], "flv", b="4M")
    video = Video(path)
    video._container = Stumbles(video._container, IndexError("list index out of range"), 3)
    assert len(list(video.frames())) == COUNT
    video.close()


def test_what_no_check_foresaw_is_the_files_fault(tmp_path):
    path = written(tmp_path / "sign.flv", [drawn(0)] * 3, "flv", b="4M")

    def fails(_frame):
        raise ValueError("cannot reshape array of size 0")

    with pytest.raises(VideoError, match=r"unreadable \(ValueError: cannot reshape"):
        read(path, clip(), fails)


def test_a_name_with_a_colon_is_no_address(tmp_path, monkeypatch):
    written(tmp_path / "http:x.mp4", [drawn(0)] * 2, "mpeg4", b="4M")
    monkeypatch.chdir(tmp_path)
    from pathlib import Path  # noqa: PLC0415 - here alone

    assert probe(Path("http:x.mp4")).frames == 2
    with suppress(FileNotFoundError):
        os.remove("http:x.mp4")
