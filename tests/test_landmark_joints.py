"""Names of joints: each once, each with its counterpart, in the order that a format has them."""

import pytest

from wlasl.landmarks.joints import (
    BODY_25,
    COCO,
    HAND,
    HANDS,
    HOLISTIC,
    POSE,
    SKELETONS,
    SPOBET,
    SPOTER,
    hand,
    mirrored,
)

LISTS = {"BODY_25": (BODY_25, 25), "COCO": (COCO, 17), "HAND": (HAND, 21), "POSE": (POSE, 33)}
LISTS |= {"HANDS": (HANDS, 42), "HOLISTIC": (HOLISTIC, 75), "SPOTER": (SPOTER, 54), "SPOBET": (SPOBET, 54)}


@pytest.mark.parametrize("name", LISTS)
def test_every_list_has_its_number_of_different_names(name):
    names, count = LISTS[name]
    assert len(names) == len(set(names)) == count


@pytest.mark.parametrize("joints", [*SKELETONS.values(), BODY_25, COCO, HOLISTIC])
def test_mirroring_twice_is_nothing_and_sides_change(joints):
    other = mirrored(joints)
    assert [other[at] for at in other] == list(range(len(joints)))
    assert sum(at != partner for at, partner in enumerate(other)) == sum(
        "left" in name.split("_") or "right" in name.split("_") for name in joints
    )


def test_a_joint_without_its_counterpart_cannot_be_mirrored():
    with pytest.raises(ValueError, match="not in tuple"):
        mirrored(("nose", "right_ear"))


def test_known_places_are_where_the_formats_have_them():
    assert [POSE.index(name) for name in ("nose", "left_shoulder", "right_wrist", "left_hip")] == [
        0,
        11,
        16,
        23,
    ]
    assert [BODY_25.index(name) for name in ("neck", "right_wrist", "left_wrist", "mid_hip")] == [1, 4, 7, 8]
    assert [COCO.index(name) for name in ("left_eye", "left_shoulder", "right_wrist")] == [1, 5, 10]
    assert [HAND.index(name) for name in ("wrist", "thumb_tip", "index_mcp", "little_tip")] == [0, 4, 5, 20]
    assert SPOTER[:4] == ("nose", "neck", "right_eye", "left_eye")
    assert SPOTER[12] == "left_hand_wrist"
    assert SPOBET[12:] == hand("right") + hand("left")
