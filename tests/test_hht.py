"""Where whole frame, hands and face lie on one canvas, and which landmarks belong to which frame."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.errors import BenchError
from wlasl.hht import TILES, Canvas, Moments, around, land, mirrored, part_boxes, part_joints, tiles
from wlasl.landmarks.joints import COCO, HANDS, HOLISTIC, POSE, hand
from wlasl.view import View, as_fields, of_fields

SIZE = (640, 480)
BARE = Canvas(margin=0, head=0)


def seen(**places):
    """Landmarks [1, 75, 2] of which some parts are seen, their points at the corners of a box."""
    points = np.full((1, len(HOLISTIC), 2), np.nan, np.float32)
    parts = {"right": hand("right"), "left": hand("left"), "face": POSE[:11]}
    for name, (left, top, right, bottom) in places.items():
        at = [HOLISTIC.index(joint) for joint in parts[name]]
        corners = np.array([(left, top), (right, bottom)], np.float32) / np.array(SIZE)
        points[0, at] = corners[np.arange(len(at)) % 2]
    return points


def boxes(points, canvas=BARE, size=SIZE):
    """The boxes of right hand, face and left hand, as the caller may read them."""
    return [tuple(box) for box in part_boxes(points, HOLISTIC, size, canvas)[0].tolist()]


@pytest.mark.parametrize("layout", ["quadrants", "bottom"])
@pytest.mark.parametrize("size", [16, 256, 224, 112, 225])
def test_tiles_cover_the_canvas_and_do_not_overlap(layout, size):
    places = tiles(size, layout)
    covered = np.zeros((size, size), int)
    for left, top, right, bottom in places:
        covered[top:bottom, left:right] += 1
    assert len(places) == len(TILES) == 4
    assert covered.max() == 1
    # A canvas of an odd side keeps a line between its tiles.
    assert (covered == 0).sum() <= (2 * size if size % 2 else 0)
    right, left = places[1], places[3]
    assert (right[2] - right[0], right[3] - right[1]) == (left[2] - left[0], left[3] - left[1])


@given(st.sampled_from([16, 48, 80, 224, 256]), st.sampled_from(["quadrants", "bottom"]))
def test_edges_of_tiles_are_even_so_that_colours_keep_their_place(size, layout):
    assert not [edge for place in tiles(size, layout) for edge in place if edge % 2]


def test_a_part_is_the_box_of_its_points_and_one_that_is_not_seen_is_no_box():
    found = boxes(seen(right=(100, 200, 160, 260), face=(300, 40, 360, 90)))
    assert found == [(100, 200, 160, 260), (300, 40, 360, 90), (0, 0, 0, 0)]


def test_a_margin_is_pixels_or_a_share_of_the_longer_side_and_ends_at_the_frame():
    points = seen(right=(100, 200, 160, 260), left=(5, 440, 60, 478))
    assert boxes(points, replace(BARE, margin=10))[0] == (90, 190, 170, 270)
    assert boxes(points, replace(BARE, margin_share=0.05))[0] == (68, 168, 192, 292)
    assert boxes(points, replace(BARE, margin=30))[2] == (0, 410, 90, 480)


def test_a_face_without_a_mesh_grows_to_forehead_and_chin_and_a_mesh_does_not():
    points = seen(face=(300, 100, 360, 140))
    assert boxes(points, replace(BARE, head=0.75))[1] == (300, 70, 360, 170)
    joints = ("face_1", "face_2", *hand("left"))
    mesh = np.full((1, len(joints), 2), np.nan, np.float32)
    mesh[0, :2] = np.array([(300, 100), (360, 140)]) / np.array(SIZE)
    assert part_boxes(mesh, joints, SIZE, Canvas(margin=0))[0, 1].tolist() == [300, 100, 360, 140]


def test_sources_without_a_part_have_no_joints_of_it():
    right, face, left = part_joints(HANDS)
    assert (len(right), len(face), len(left)) == (21, 0, 21)
    right, face, left = part_joints(COCO)
    assert (len(right), len(face), len(left)) == (0, 5, 0)


def test_half_of_a_hand_is_seen_and_less_is_not():
    points = seen(right=(100, 200, 160, 260))
    joints = [HOLISTIC.index(joint) for joint in hand("right")]
    points[0, joints[11:]] = np.nan
    assert boxes(points)[0] != (0, 0, 0, 0)
    points[0, joints[10:]] = np.nan
    assert boxes(points)[0] == (0, 0, 0, 0)


def test_a_hand_outside_of_the_frame_is_not_seen_whatever_its_landmarks_say():
    assert boxes(seen(right=(700, 200, 760, 260)))[0] == (0, 0, 0, 0)
    assert boxes(seen(right=(-90, 200, -20, 260)), replace(BARE, parts="square"))[0][0] == 0


@given(
    st.tuples(st.floats(-0.2, 1.2), st.floats(-0.2, 1.2), st.floats(0, 0.5), st.floats(0, 0.5)),
    st.sampled_from(["stretch", "square", "pad"]),
    st.integers(0, 60),
    st.tuples(st.integers(16, 700), st.integers(16, 700)),
)
def test_boxes_are_even_and_inside_of_the_frame_whatever_comes(place, parts, margin, size):
    left, top, width, height = place
    points = np.full((2, len(HOLISTIC), 2), np.nan, np.float32)
    at = [HOLISTIC.index(joint) for joint in hand("left")]
    points[0, at] = np.array([(left, top), (left + width, top + height)])[np.arange(21) % 2]
    found = part_boxes(points, HOLISTIC, size, Canvas(parts=parts, margin=margin))
    assert not found[1].any()
    assert not (found % 2).any()
    low, high = found[0, 2, :2], found[0, 2, 2:]
    assert (low >= 0).all()
    assert (high <= np.array(size) - np.array(size) % 2).all()
    assert (high > low).all() or not found[0, 2].any()


def test_a_square_box_is_square_in_the_frame_where_it_fits():
    points = seen(right=(10, 200, 130, 230), left=(600, 20, 630, 140))
    canvas = replace(BARE, parts="square")
    assert boxes(points, canvas)[0] == (10, 154, 130, 276)
    assert boxes(points, canvas)[2] == (520, 20, 640, 140)


def test_a_frame_that_is_padded_first_gives_margins_room():
    points = seen(left=(300, 440, 360, 478))
    assert boxes(points, replace(BARE, margin=30))[2] == (270, 410, 390, 480)
    assert boxes(points, replace(BARE, margin=30, pad_first=True))[2] == (270, 410, 390, 508)


def test_a_box_is_stretched_into_its_tile_or_keeps_its_shape():
    tile = (128, 0, 256, 128)
    assert land((100, 100, 140, 180), tile, SIZE, keep=False) == ((100, 100, 140, 180), tile)
    source, target = land((100, 100, 140, 180), tile, SIZE, keep=True)
    assert (source, target) == ((100, 100, 140, 180), (160, 0, 224, 128))


def test_what_a_box_shows_beside_the_frame_is_left_out_at_its_place():
    assert land((0, -80, 640, 560), (0, 0, 128, 128), SIZE, keep=False) == (
        (0, 0, 640, 480),
        (0, 16, 128, 112),
    )
    assert land((650, 0, 700, 100), (0, 0, 128, 128), SIZE, keep=False) is None
    assert land((0, 0, 0, 0), (0, 0, 128, 128), SIZE, keep=True) is None


@pytest.mark.parametrize("size", [(1, 50), (50, 1), (2, 2), (3, 1000), (4096, 2160)])
@pytest.mark.parametrize("pad_first", [False, True])
def test_frames_of_any_size_are_laid_out(size, pad_first):
    points = np.random.default_rng(0).random((3, len(HOLISTIC), 2)).astype(np.float32)
    even = (size[0] // 2 * 2, size[1] // 2 * 2)
    for parts in ("stretch", "square", "pad"):
        canvas = Canvas(parts=parts, pad_first=pad_first)
        found = part_boxes(points, HOLISTIC, size, canvas).reshape(-1, 4).tolist()
        for box in [around(even, canvas), *found]:
            cut = land(tuple(box), (0, 0, 32, 32), even, keep=parts == "pad")
            assert cut is None or (cut[0][2] > cut[0][0] and cut[1][2] > cut[1][0])
        assert (land(around(even, canvas), (0, 0, 32, 32), even, keep=False) is None) == (0 in even)


@pytest.mark.parametrize("layout", ["quadrants", "bottom"])
@pytest.mark.parametrize("size", [64, 225])
def test_a_mirrored_canvas_has_its_parts_in_their_places_and_the_hands_exchanged(layout, size):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (3, size, size, 3), np.uint8)
    found = mirrored(frames, layout)
    assert np.array_equal(mirrored(found, layout), frames)
    frame, right, face, left = ((slice(None), slice(t, b), slice(x, e)) for x, t, e, b in tiles(size, layout))
    for tile, other in ((frame, frame), (face, face), (right, left), (left, right)):
        assert np.array_equal(found[tile], frames[other][:, :, ::-1])


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        (Moments(0, 6, 6), [0, 1, 2, 3, 4, 5]),
        (Moments(0, 6, 5), [0, 1, 2, 3, 4, 4]),
        (Moments(0, 6, 8), [0, 1, 2, 3, 4, 5]),
        (Moments(2, 6, 6), [0, 0, 0, 1, 2, 3]),
        (Moments(0, 6, 11), [0, 2, 4, 6, 8, 10]),
    ],
    ids=["as many", "one was lost", "two more", "the clip begins later", "at twice the rate"],
)
def test_landmarks_go_with_the_frame_of_their_moment(moments, expected):
    assert [moments.at(number) for number in range(6)] == expected


@pytest.mark.parametrize(("frames", "landmarks"), [(60, 60), (60, 48), (48, 60), (60, 150), (5, 2)])
def test_landmarks_at_another_frame_rate_fit(frames, landmarks):
    assert Moments(0, frames, landmarks).fit


@pytest.mark.parametrize(("frames", "landmarks"), [(75, 30), (30, 100), (1000, 12)])
def test_landmarks_of_a_beginning_or_of_another_clip_do_not(frames, landmarks):
    assert not Moments(0, frames, landmarks).fit


@pytest.mark.parametrize(
    "wrong",
    [{"parts": "round"}, {"layout": "top"}, {"show": "111"}, {"show": "1121"}, {"margin": -1}, {"head": 3}],
)
def test_a_canvas_that_cannot_be_is_refused_in_words(wrong):
    with pytest.raises(BenchError, match=r"\.$"):
        Canvas(**wrong)


def test_a_view_is_named_by_its_canvas_and_other_views_keep_their_names():
    canvases = [
        *(Canvas(), Canvas(landmarks="a"), Canvas(margin=30), Canvas(parts="pad"), Canvas(head=0)),
        *(Canvas(layout="bottom"), Canvas(show="0111"), Canvas(grey=True), Canvas(pad_first=True)),
        Canvas(margin_share=0.1),
    ]
    views = [View(crop="hht", canvas=canvas) for canvas in canvases]
    assert len({view.key for view in views}) == len(canvases) == 10
    assert [of_fields(as_fields(view)) for view in views] == views
    assert View(crop="hht", canvas=Canvas(), margin=0.3).key == views[0].key
    assert "canvas" not in as_fields(View())
    assert (View().key, View(crop="frame").key) == ("2512b7b81ba5", "7f7b12387d64")


@pytest.mark.parametrize("wrong", [{"crop": "hht"}, {"crop": "signer", "canvas": Canvas()}])
def test_only_hht_has_a_canvas_and_always_does(wrong):
    with pytest.raises(BenchError, match="landmarks"):
        View(**wrong)
