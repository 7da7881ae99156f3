"""The square that is cut out of a frame."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.errors import BenchError
from wlasl.view import View, fit_box, square

sides = st.integers(16, 2000)


@st.composite
def framed_boxes(draw):
    width, height = draw(sides), draw(sides)
    left, top = draw(st.integers(0, width - 8)), draw(st.integers(0, height - 8))
    box = (left, top, draw(st.integers(left + 4, width)), draw(st.integers(top + 4, height)))
    return box, width, height


@given(framed_boxes(), st.floats(0, 1))
def test_the_square_is_even_holds_the_box_and_leaves_the_frame_only_for_the_box(drawn, margin):
    box, width, height = drawn
    found = square(box, width, height, View(margin=margin))
    assert (found.x % 2, found.y % 2, found.side % 2) == (0, 0, 0)
    # An odd last row or column of the frame is never used.
    right, bottom = min(box[2], width // 2 * 2), min(box[3], height // 2 * 2)
    assert found.x <= box[0]
    assert found.y <= box[1]
    assert found.x + found.side >= right
    assert found.y + found.side >= bottom
    longer = max(box[2] - box[0], box[3] - box[1])
    if found.side > min(width, height):
        assert found.side <= longer + 2
    else:
        left, top, end, low = found.visible(width, height)
        assert (end - left, low - top) == (found.side, found.side)


@given(framed_boxes(), st.floats(0, 1))
def test_the_margin_is_there_where_the_frame_has_room(drawn, margin):
    box, width, height = drawn
    longer = max(box[2] - box[0], box[3] - box[1])
    wanted = longer * (1 + 2 * margin)
    if wanted <= min(width, height) - 4:
        assert (
            abs(square(box, width, height, View(margin=margin)).side - wanted) <= 8
        )  # even edges, then the margin of them


@pytest.mark.parametrize(
    ("box", "frame", "expected"),
    [
        ((65, 26, 209, 192), (288, 192), (40, 0, 192)),  # the margin shrinks to the frame's height
        (
            (155, 34, 1067, 720),
            (1280, 720),
            (154, -98, 914),
        ),  # wider than the frame is high: bars above and below
        ((462, 44, 949, 720), (1280, 720), (346, 0, 720)),
        ((0, 0, 40, 40), (640, 480), (0, 0, 48)),  # shifted into the corner
        ((600, 440, 640, 480), (640, 480), (592, 432, 48)),
    ],
)
def test_squares_of_real_shapes(box, frame, expected):
    found = square(box, *frame, View())
    assert (found.x, found.y, found.side) == expected


def test_the_whole_frame_has_bars_and_so_has_a_clip_without_a_box():
    for found in (square((1, 1, 9, 9), 640, 480, View(crop="frame")), square(None, 640, 480, View())):
        assert (found.x, found.y, found.side) == (0, -80, 640)
        assert found.visible(640, 480) == (0, 0, 640, 480)


def test_a_box_of_a_larger_copy_is_scaled_to_the_edge_that_it_crossed():
    assert fit_box((462, 44, 949, 720), 640, 360) == (230, 22, 474, 360)
    assert fit_box((0, 0, 641, 480), 640, 480) == (0, 0, 640, 480)


@given(st.tuples(*[st.integers(-50, 4000)] * 4), sides, sides)
def test_no_box_however_wrong_leaves_the_frame_or_vanishes(box, width, height):
    left, top, right, bottom = fit_box(box, width, height)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


@pytest.mark.parametrize(
    ("field", "value"),
    [("crop", "face"), ("codec", "webp"), ("size", 250), ("size", 0), ("margin", -0.1), ("quality", 101)],
)
def test_a_view_that_no_store_can_have_is_refused_in_words(field, value):
    with pytest.raises(BenchError, match=str(value)):
        View(**{field: value})


def test_the_key_changes_with_everything_that_shapes_a_pixel():
    views = [
        View(),
        View(crop="frame"),
        View(margin=0.2),
        View(size=224),
        View(quality=90),
        View(codec="raw"),
    ]
    assert len({view.key for view in views}) == len(views)
    assert View(codec="raw").key == View(codec="raw", quality=50).key
    # Changing this number makes everybody prepare their clips again: change wlasl.view.FORMAT on purpose.
    assert View().key == "2512b7b81ba5"
