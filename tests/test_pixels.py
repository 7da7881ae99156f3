"""From decoded frames to stored squares: colour, place, size, and what a float reference makes of them."""

import cv2
import numpy as np
import pytest
import simplejpeg
import videos

from wlasl.clips import Clip
from wlasl.pixels import Colour, Squares, i420_to_rgb, read_rgb, recolour, shrink
from wlasl.video import read
from wlasl.view import View

CODECS = ("jpeg", "raw")


def clip(box=None):
    return Clip("00001", "book", 0, "train", box=box)


def stored(path, view, box=None):
    """Return a clip's stored frames as RGB."""
    encoded = read(path, clip(box), Squares(clip(box), view).encode)
    if view.codec == "jpeg":
        return [simplejpeg.decode_jpeg(data) for data in encoded]
    return [i420_to_rgb(np.frombuffer(data, np.uint8), view.size) for data in encoded]


TAGS = {
    "untagged": videos.Kind(),
    "BT.601": videos.Kind(colorspace=6, color_range=1),
    "BT.709": videos.Kind(colorspace=1, color_range=1),
    "BT.709 full range": videos.Kind(colorspace=1, color_range=2),
    "BT.601 full range, by its old name": videos.Kind(pix_fmt="yuvj420p", colorspace=6, color_range=2),
    "BT.2020": videos.Kind(colorspace=9, color_range=1),
    "4:4:4": videos.Kind(pix_fmt="yuv444p", colorspace=1, color_range=1),
    "4:4:4 full range": videos.Kind(pix_fmt="yuv444p", colorspace=6, color_range=2),
    "4:2:2": videos.Kind(pix_fmt="yuv422p", colorspace=6, color_range=1),
    "10 bit": videos.Kind(pix_fmt="yuv420p10le", colorspace=1, color_range=1),
}


@pytest.mark.parametrize("kind", TAGS.values(), ids=TAGS)
@pytest.mark.parametrize("codec", CODECS)
def test_colours_are_right_whatever_the_file_says_of_them(tmp_path, kind, codec):
    path = videos.write(tmp_path / "bars.mp4", [videos.bars()] * 2, kind)
    for frame in stored(path, View(crop="frame", size=128, codec=codec)):
        assert np.abs(frame[64, 8::16].astype(int) - videos.BARS).max() <= 4
    assert np.abs(read_rgb(path, clip())[0][48, 8::16].astype(int) - videos.BARS).max() <= 3


def test_grey_videos_and_rgb_videos_are_taken(tmp_path):
    grey = videos.write(tmp_path / "grey.mkv", videos.numbered(3), videos.Kind("ffv1", "gray"))
    assert [round(frame.mean()) for frame in stored(grey, View(size=16), (0, 0, 48, 48))] == [20, 24, 28]
    rgb = videos.write(tmp_path / "rgb.mkv", [videos.bars()], videos.Kind("ffv1", "bgr0"))
    frame = stored(rgb, View(crop="frame", size=128))[0]
    assert np.abs(frame[64, 8::16].astype(int) - videos.BARS).max() <= 4


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (Colour(0.2126, 0.0722, full=False), Colour(0.299, 0.114, full=True)),
        (Colour(0.2126, 0.0722, full=True), Colour(0.299, 0.114, full=False)),
        (Colour(0.299, 0.114, full=False), Colour(0.299, 0.114, full=True)),
    ],
)
def test_recolouring_agrees_with_floating_point_to_the_rounding(source, target):
    rng = np.random.default_rng(0)
    y, u, v = (rng.integers(60, 190, (8, 8)).astype(np.uint8) for _ in range(3))
    u, v = (np.full((4, 4), value, np.uint8) for value in (100, 150))
    found = recolour(source, target)(y, u, v)
    chroma = (np.array([100.0, 150.0]) - 128) / source.chroma
    luma = (y - source.luma[0]) / source.luma[1]
    ycc = np.stack([luma, np.full((8, 8), chroma[0]), np.full((8, 8), chroma[1])], -1)
    wanted = ycc @ source.to_rgb().T @ np.linalg.inv(target.to_rgb()).T
    assert np.abs(found[0] - (wanted[..., 0] * target.luma[1] + target.luma[0])).max() <= 1.01
    for plane, channel in ((found[1], 1), (found[2], 2)):
        assert np.abs(plane - (wanted[:4, :4, channel] * target.chroma + 128)).max() <= 0.51


def test_the_same_colour_is_left_alone():
    colour = Colour(0.299, 0.114, full=True)
    planes = tuple(np.zeros((2, 2), np.uint8) for _ in range(3))
    assert all(ours is theirs for ours, theirs in zip(recolour(colour, colour)(*planes), planes, strict=True))


def painted(width, height, box):
    """A green box on a blue ground."""
    frame = np.zeros((height, width, 3), np.uint8)
    frame[:] = (20, 20, 200)
    frame[box[1] : box[3], box[0] : box[2]] = (20, 180, 20)
    return frame


def share_of_green(frame):
    return float((frame[..., 1].astype(int) > frame[..., 2]).mean())


@pytest.mark.parametrize("size", [(320, 240), (319, 241), (240, 320), (642, 358)])
def test_the_stored_square_is_the_box(tmp_path, size):
    box = (100, 60, 180, 140)
    path = videos.write(tmp_path / "box.mkv", [painted(*size, box)], videos.Kind("ffv1", "yuv444p"))
    assert share_of_green(stored(path, View(margin=0, size=64), box)[0]) > 0.97
    assert share_of_green(stored(path, View(margin=0.5, size=64), box)[0]) == pytest.approx(0.25, abs=0.04)


def test_a_box_wider_than_the_frame_is_high_keeps_both_its_ends_between_black_bars(tmp_path):
    box = (20, 20, 300, 120)
    path = videos.write(tmp_path / "wide.mkv", [painted(320, 120, box)], videos.Kind("ffv1", "yuv444p"))
    for codec in CODECS:
        frame = stored(path, View(size=64, codec=codec), box)[0].astype(int)
        assert frame[0].max() <= 3
        assert frame[-1].max() <= 3
        assert (frame[32, [1, 62], 1] > 150).all()


def test_a_stretched_frame_fills_the_square_to_its_edges(tmp_path):
    left = (0, 0, 160, 120)
    path = videos.write(tmp_path / "wide.mkv", [painted(320, 120, left)], videos.Kind("ffv1", "yuv444p"))
    for codec in CODECS:
        whole = stored(path, View(crop="stretch", size=64, codec=codec), (20, 20, 60, 60))[0]
        assert share_of_green(whole) == pytest.approx(0.5, abs=0.03)
        assert (whole[[0, -1], 10, 1] > 150).all()
        barred = stored(path, View(crop="frame", size=64, codec=codec), (20, 20, 60, 60))[0]
        assert barred[[0, -1]].max() <= 3


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_video_is_stored_upright_as_opencv_shows_it(tmp_path, quarters):
    if cv2.__version__.startswith("4.11."):
        pytest.skip("OpenCV 4.11 shows turned videos as they lie: no witness")
    frame = painted(96, 64, (10, 5, 50, 25))
    frame[40:60, 60:90] = (200, 20, 20)
    path = videos.rotate(videos.write(tmp_path / "straight.mp4", [frame] * 3), quarters)
    shown = cv2.cvtColor(cv2.VideoCapture(str(path)).read()[1], cv2.COLOR_BGR2RGB).astype(int)
    ours = read_rgb(path, clip())[0].astype(int)
    assert ours.shape == shown.shape
    assert np.abs(ours - shown).mean() < 8
    height, width = shown.shape[:2]
    box = (width // 4 * 2 - 20, height // 4 * 2 - 20, width // 4 * 2 + 20, height // 4 * 2 + 20)
    square = stored(path, View(margin=0, size=64), box)[0].astype(int)
    expected = cv2.resize(shown[box[1] : box[3], box[0] : box[2]].astype(np.uint8), (64, 64)).astype(int)
    assert np.abs(square - expected).mean() < 8
    whole = stored(path, View(crop="frame", size=96), None)[0].astype(int)
    assert (
        np.abs(
            whole[(96 - height) // 2 : (96 + height) // 2, (96 - width) // 2 : (96 + width) // 2] - shown
        ).mean()
        < 8
    )


def test_a_video_that_changes_its_size_on_the_way_is_planned_anew():
    squares = Squares(clip((0, 0, 32, 32)), View(size=16))
    for size in ((64, 48), (128, 96), (64, 48)):
        y, u, v = squares.planes(frame_of(painted(*size, (0, 0, 64, 48))))
        assert (y.shape, u.shape, v.shape) == ((16, 16), (8, 8), (8, 8))


def frame_of(pixels):
    import av  # noqa: PLC0415 - here alone

    return av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")


def test_much_too_large_planes_are_averaged_and_not_skipped_through():
    stripes = np.tile(np.array([[0, 255]], np.uint8), (512, 256))
    assert shrink(stripes, 64, 64).std() < 3


@pytest.mark.slow
def test_real_clips_keep_forty_decibels_against_a_float_reference(wlasl_root):
    from wlasl.subsets import load  # noqa: PLC0415 - here alone
    from wlasl.view import square  # noqa: PLC0415

    dataset = load("100", wlasl_root)
    found = [clip for clip in dataset.available() if int(clip.id) % 3 == 0]
    assert len(found) >= 4
    ratios = []
    for one in found:
        path, view = dataset.files.path(one.id), View()
        data = read(path, one, Squares(one, view).encode)[10]
        whole = read(path, one, lambda frame: frame)[10]
        place = square(one.box, whole.width, whole.height, view)
        if place.visible(whole.width, whole.height) != (
            place.x,
            place.y,
            place.x + place.side,
            place.y + place.side,
        ):
            continue
        wanted = reference(whole)[place.y : place.y + place.side, place.x : place.x + place.side]
        how = cv2.INTER_AREA if place.side > view.size else cv2.INTER_LINEAR
        wanted = cv2.resize(wanted, (view.size, view.size), interpolation=how)
        ratios.append(10 * np.log10(255**2 / np.mean((simplejpeg.decode_jpeg(data) - wanted) ** 2)))
    assert len(ratios) >= 3
    assert min(ratios) > 39
    assert np.mean(ratios) > 42


def reference(frame):
    """Convert a limited-range frame to RGB in floating point, float32 [H, W, 3]."""
    y, u, v = (
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in frame.planes
    )
    u, v = (cv2.resize(plane.astype(np.float32), (frame.width, frame.height)) for plane in (u, v))
    weights = (0.2126, 0.0722) if frame.colorspace == 1 else (0.299, 0.114)
    ycc = np.stack([(y - 16.0) / 219, (u - 128) / 224, (v - 128) / 224], -1)
    return (np.clip(ycc @ Colour(*weights, full=False).to_rgb().T, 0, 1) * 255).astype(np.float32)
