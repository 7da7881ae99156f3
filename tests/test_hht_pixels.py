"""Canvases show the right pixels of the right frames, whatever the file is like."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import simplejpeg
import videos

from wlasl.clips import Clip
from wlasl.hht import Canvas, tiles
from wlasl.hht_pixels import Parts, encode_canvases
from wlasl.landmarks.joints import HOLISTIC, POSE, hand
from wlasl.pixels import i420_to_rgb, read_rgb
from wlasl.video import VideoError
from wlasl.view import View

SIDE = 64
CLIP = Clip("1", "book", 0, "train")
BARE = Canvas(margin=0, head=0)
WIDTH, HEIGHT, SQUARE = 192, 64, 16
JOINTS = {"right hand": hand("right"), "face": POSE[:11], "left hand": hand("left")}


def view(canvas=BARE, **more):
    return View(crop="hht", size=SIDE, canvas=canvas, **more)


def parts(boxes, size, count=1):
    """Landmarks whose parts have these boxes, in pixels of a frame of this size, the same in all frames."""
    points = np.full((count, len(HOLISTIC), 2), np.nan, np.float32)
    for name, (left, top, right, bottom) in boxes.items():
        at = [HOLISTIC.index(joint) for joint in JOINTS[name]]
        points[:, at] = (np.array([(left, top), (right, bottom)]) / np.array(size))[np.arange(len(at)) % 2]
    return Parts(points, HOLISTIC)


def shown(path, clip, canvas_view, told):
    """The canvases of a clip as RGB."""
    found = encode_canvases(path, clip, canvas_view, told)
    if canvas_view.codec == "raw":
        return [i420_to_rgb(np.frombuffer(data, np.uint8), SIDE) for data in found]
    return [simplejpeg.decode_jpeg(data, "RGB") for data in found]


def psnr(one, other):
    return 10 * np.log10(255**2 / max(((one.astype(float) - other.astype(float)) ** 2).mean(), 1e-9))


def picture(size):
    """A picture without hard edges, so that resizing is not what is measured."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 23 + y / 31), np.sin(x / 37 - y / 29), np.cos(x / 41 + y / 43)]
    return np.stack([128 + 100 * wave for wave in waves], -1).astype(np.uint8)


@pytest.mark.parametrize("codec", ["jpeg", "raw"])
@pytest.mark.parametrize(
    "kind", [videos.Kind(), videos.Kind(colorspace=1, color_range=1)], ids=["601", "709"]
)
@pytest.mark.parametrize("fill", ["stretch", "square", "pad"])
def test_a_canvas_is_what_a_naive_one_in_rgb_is(tmp_path, codec, kind, fill):
    size = (320, 240)
    path = videos.write(tmp_path / "a.mp4", [picture(size)] * 2, kind)
    boxes = {"right hand": (40, 120, 100, 160), "face": (140, 20, 180, 80), "left hand": (220, 120, 280, 180)}
    canvas = replace(BARE, parts=fill)
    (found, _) = shown(path, CLIP, view(canvas, codec=codec, quality=98), parts(boxes, size, 2))
    (rgb, _) = read_rgb(path, CLIP)
    expected = np.zeros((SIDE, SIDE, 3), np.uint8)
    places = tiles(SIDE, "quadrants")
    for place, box in zip(places, [(0, 0, *size), *boxes.values()], strict=True):
        left, top, right, bottom = _grown(box) if fill == "square" and box[2] < size[0] else box
        part = rgb[top:bottom, left:right]
        width, height = 32, 32
        if fill == "pad" and box[2] < size[0]:
            scale = 32 / max(part.shape[:2])
            width, height = (2 * round(length * scale / 2) for length in (part.shape[1], part.shape[0]))
        x, y = place[0] + (32 - width) // 4 * 2, place[1] + (32 - height) // 4 * 2
        expected[y : y + height, x : x + width] = cv2.resize(
            part, (width, height), interpolation=cv2.INTER_AREA
        )
    assert psnr(found, expected) > 29


def _grown(box):
    """A box made square around its middle, in even numbers."""
    left, top, right, bottom = box
    side = max(right - left, bottom - top)
    x, y = (left + right - side) // 2, (top + bottom - side) // 2
    return x // 2 * 2, y // 2 * 2, (x + side + 1) // 2 * 2, (y + side + 1) // 2 * 2


def test_parts_that_are_not_seen_and_tiles_that_are_not_shown_are_black(tmp_path):
    size = (128, 96)
    path = videos.write(tmp_path / "a.mp4", [np.full((96, 128, 3), 200, np.uint8)])
    boxes = {"right hand": (20, 20, 60, 60), "face": (60, 20, 90, 60)}
    for pattern, black in (
        ("1111", {3}),
        ("1110", {3}),
        ("0111", {0, 3}),
        ("1010", {1, 3}),
        ("0000", {0, 1, 2, 3}),
    ):
        (found,) = shown(path, CLIP, view(replace(BARE, show=pattern)), parts(boxes, size))
        dark = {
            number
            for number, (left, top, right, bottom) in enumerate(tiles(SIDE, "quadrants"))
            if found[top + 4 : bottom - 4, left + 4 : right - 4].max() < 12
        }
        assert dark == black, pattern


def test_grey_has_no_colour(tmp_path):
    path = videos.write(tmp_path / "a.mp4", [videos.bars()])
    told = parts({"right hand": (20, 20, 60, 60)}, (128, 96))
    plain, grey = (
        shown(path, CLIP, view(replace(BARE, grey=on)), told)[0].astype(int) for on in (False, True)
    )
    assert np.ptp(plain, axis=-1).max() > 150
    assert np.ptp(grey, axis=-1).max() <= 2


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_file_is_cut_as_it_is_displayed(tmp_path, quarters):
    upright = picture((96, 128) if quarters % 2 else (128, 96))
    stored = np.ascontiguousarray(np.rot90(upright, quarters))
    path = videos.rotate(videos.write(tmp_path / "a.mp4", [stored]), quarters)
    (rgb,) = read_rgb(path, CLIP)
    size = (rgb.shape[1], rgb.shape[0])
    boxes = {"right hand": (10, 20, 50, 80), "left hand": (40, 40, 90, 60)}
    plain = videos.write(tmp_path / "b.mp4", [rgb])
    told = parts(boxes, size)
    (turned,), (expected,) = (shown(file, CLIP, view(), told) for file in (path, plain))
    assert psnr(turned, expected) > 35


def moving(first, count):
    """Frames in which a bright square walks to the right, four pixels a frame, and its box in each."""
    frames, boxes = [], []
    for number in range(first, first + count):
        frame = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
        left = 4 * number
        frame[24 : 24 + SQUARE, left : left + SQUARE] = 230
        frames.append(frame)
        boxes.append((left, 24, left + SQUARE, 24 + SQUARE))
    return frames, boxes


def following(boxes):
    """Landmarks of a right hand that is the square."""
    told = [parts({"right hand": box}, (WIDTH, HEIGHT)).points for box in boxes]
    return Parts(np.concatenate(told), HOLISTIC)


def hand_tiles(path, clip, told):
    """How bright the right hand's tile is in each frame: 230 where it is the square."""
    left, top, right, bottom = tiles(SIDE, "quadrants")[1]
    return [frame[top:bottom, left:right].mean() for frame in shown(path, clip, view(), told)]


def test_each_frame_is_cut_by_its_own_landmarks(tmp_path):
    frames, boxes = moving(0, 20)
    path = videos.write(tmp_path / "a.mp4", frames)
    bright = hand_tiles(path, CLIP, following(boxes))
    assert len(bright) == 20
    assert min(bright) > 215
    # One frame too late, a quarter of the tile is not the square.
    assert max(hand_tiles(path, CLIP, following([*boxes[1:], boxes[-1]]))[:-1]) < 190


@pytest.mark.parametrize(
    ("clip", "first"),
    [
        (Clip("1", "book", 0, "train", frame_start=5, frame_end=16), 4),
        (Clip("1", "book", 0, "train", frame_start=9, frame_end=-1), 8),
        (Clip("1", "book", 0, "train", frame_start=31, frame_end=50), 0),
    ],
    ids=["uncut", "to the end", "cut already"],
)
def test_a_trimmed_clip_is_cut_by_the_landmarks_of_its_own_frames(tmp_path, clip, first):
    frames, boxes = moving(0, 20)
    path = videos.write(tmp_path / "a.mp4", frames)
    last = clip.frame_end if 0 < clip.frame_end <= 20 else 20
    bright = hand_tiles(path, clip, following(boxes[first:last]))
    assert len(bright) == last - first
    assert min(bright) > 215


def test_landmarks_at_another_rate_go_with_the_frames_of_their_moment(tmp_path):
    frames, boxes = moving(0, 20)
    path = videos.write(tmp_path / "a.mp4", frames)
    twice = [boxes[round(index * 19 / 39)] for index in range(40)]
    assert min(hand_tiles(path, CLIP, following(twice))) > 150
    slower = [boxes[round(index * 19 / 15)] for index in range(16)]
    bright = hand_tiles(path, CLIP, following(slower))
    assert np.mean(bright) > 190
    assert (bright[0] > 215, bright[-1] > 215) == (True, True)


def test_landmarks_that_end_too_early_are_refused_with_both_numbers(tmp_path):
    frames, boxes = moving(0, 20)
    path = videos.write(tmp_path / "a.mp4", frames)
    with pytest.raises(VideoError, match=r"landmarks do not fit \(9 in time, 20 frames"):
        encode_canvases(path, CLIP, view(), following(boxes[:9]))


def test_the_canvas_of_a_mirrored_signer_is_the_mirrored_canvas(tmp_path):
    from wlasl.hht import mirrored  # noqa: PLC0415 - here alone

    size, scene = (320, 240), picture((320, 240))
    boxes = {"right hand": (40, 120, 100, 160), "face": (140, 20, 180, 80), "left hand": (220, 130, 280, 180)}
    other = {"right hand": "left hand", "left hand": "right hand", "face": "face"}
    turned = {
        other[name]: (size[0] - box[2], box[1], size[0] - box[0], box[3]) for name, box in boxes.items()
    }
    path = videos.write(tmp_path / "a.mp4", [scene])
    mirror = videos.write(tmp_path / "b.mp4", [np.ascontiguousarray(scene[:, ::-1])])
    (found,) = shown(path, CLIP, view(), parts(boxes, size))
    (expected,) = shown(mirror, CLIP, view(), parts(turned, size))
    assert psnr(mirrored(found, "quadrants"), expected) > 30
    assert psnr(found[:, ::-1], expected) < 20
