"""Which of two detected hands is the signer's left and which the right, over a whole clip.

MediaPipe Hands lists the hands of a frame in the order in which it found them, so the first is now the left
and now the right; and at times it finds one hand twice. Four facts of a single hand speak for a side
(`rightness`). Over the clip, the way of least motion through all frames is found by dynamic programming
(Viterbi), in which those facts are weighed against how far each hand would have jumped.

The weights are round numbers. How well it works on asl300_hands.npz, against the wrists of MediaPipe Pose and
of Holistic where a detection lies near one of them and far from the other: of 26,113 detections in 964 clips
99.7 % are on the right side, of 2,733 in 46 clips 99.5 % (as the file has them, 61 % and 58 %; by one frame's
facts alone, 98 %). 438 of 464 hands that were found twice are seen to be one, and 5 of 9,708 real pairs are
not. A wrist jumps by a tenth of the picture in 4.7 of 1,000 steps, and in 41 before; with Holistic in 7.0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wlasl.landmarks.form import Points

Floats = npt.NDArray[np.floating]

_KNUCKLES, _MIDDLES, _THUMB = (5, 9, 13, 17), (6, 10, 14, 18), 2
"""Where fingers begin, and their first joint from there (the thumb left out), and where the thumb begins."""
_ASPECT = 0.7
"""Height by width of a usual video: the files do not say, and only depth against width needs it."""

_PLACE, _DIRECTION, _CURL, _OPPOSED, _BIAS = 30.0, 4.0, 2.0, 7.0, 0.5
"""Log odds of the right hand: per width of the picture, and per length of the palm."""
_CERTAIN = 4.0
"""What one frame can say at most, in log odds: its facts are wrong together when a hand is turned oddly."""
_JUMP, _LONGEST, _SWITCH = 0.25, 6.0, 4.0
"""A mean distance of this many hand sizes costs 1, no jump costs more than the second, and a hand that
vanishes while the other one appears costs the third."""
_TWICE, _ALIKE = 0.15, 0.5
"""Two detections nearer than the first, in hand sizes, are one hand found twice; so are those nearer than the
second of which both look like the same hand."""
_USUAL = 20.0
"""So many frames with both hands say as much about the middle of the body as is known beforehand."""


def stable(hands: Points, middle: float = 0.5) -> Points:
    """Return the hands of a clip as float32 [T, 2, 21, D]: the signer's left at 0, the right at 1.

    Args:
        hands: float32 [T, 2, 21, D], in image coordinates with y down, in any order within a frame, NaN where
            there is none. Of one hand that was found twice the detection is kept that says more plainly
            which hand it is.
        middle: where the signer usually stands, in widths of the picture.
    """
    hands = np.array(hands, np.float32)
    seen = ~np.isnan(hands[..., 0, 0])
    if not seen.any():
        return hands
    size = _sizes(hands)
    both = hands[seen.all(axis=1)][:, :, 0, 0].mean(axis=1)
    odds = rightness(hands, float((both.sum() + _USUAL * middle) / (len(both) + _USUAL)))
    twice = np.flatnonzero(_found_twice(hands, size, odds))
    vaguer = np.abs(odds[twice]).argmin(axis=1)
    hands[twice, vaguer], odds[twice, vaguer], seen[twice, vaguer] = np.nan, 0, False
    frames = np.flatnonzero(seen.any(axis=1))
    way = _way(hands[frames], odds[frames], frames, float(np.median(size[seen])))
    swapped = frames[way == 1]
    hands[swapped] = hands[swapped][:, ::-1]
    return hands


def rightness(hands: Points, middle: float = 0.5) -> Floats:
    """Return the log odds [...] that a hand [..., 21, 2 or 3] is the signer's right one; 0 where unseen.

    A right wrist is mostly left of the body's middle in the picture; its fingers point to the picture's right
    more than those of a left one; and where there is a depth: fingers curl towards the palm, and the thumb
    stands out from it to that side. With the knuckles from index to little finger in their order, the side of
    the palm tells the two hands apart.
    """
    scale = np.array([1, _ASPECT, 1], np.float32)[: hands.shape[-1]]
    shape = (hands - hands[..., :1, :]) * scale
    knuckles = shape[..., _KNUCKLES, :]
    palm = np.maximum(np.linalg.norm(knuckles, axis=-1).mean(axis=-1), 1e-6)
    odds = _PLACE * (middle - hands[..., 0, 0]) + _DIRECTION * knuckles[..., 0].mean(axis=-1) / palm + _BIAS
    if hands.shape[-1] > 2:  # noqa: PLR2004 - a depth
        normal = np.cross(shape[..., _KNUCKLES[0], :], shape[..., _KNUCKLES[-1], :])
        curl = (shape[..., _MIDDLES, :] - knuckles).mean(axis=-2)
        thumb = shape[..., _THUMB, :] - shape[..., _KNUCKLES[0], :]
        length = np.maximum(np.linalg.norm(normal, axis=-1), 1e-9) * palm
        odds = odds + (normal * (_CURL * curl + _OPPOSED * thumb)).sum(axis=-1) / length
    return np.asarray(np.nan_to_num(odds), np.float64)


def middles(hands: Points) -> Floats:
    """Return the middle [T] between both wrists, in widths of the picture; NaN without two hands."""
    wrists = np.asarray(hands[:, :, 0, 0].mean(axis=1), np.float64)
    near = _apart(hands[:, 0], hands[:, 1]) < _ALIKE * np.nanmax(_sizes(hands), axis=1, initial=0)
    return np.asarray(np.where(near, np.nan, wrists))


def _found_twice(hands: Points, size: Floats, odds: Floats) -> npt.NDArray[np.bool_]:
    """Return in which frames [T] both detections are of one hand."""
    apart = _apart(hands[:, 0], hands[:, 1]) / np.fmax(size[:, 0], size[:, 1])
    return np.asarray((apart < _TWICE) | ((apart < _ALIKE) & (odds[:, 0] * odds[:, 1] > 0)))


def _sizes(hands: Points) -> Floats:
    """Return the longer side [T, 2] of the box around each hand; NaN where there is none."""
    # One coordinate at a time: NumPy is ten times as slow over an axis that is not the last.
    spans = [flat.max(axis=-1) - flat.min(axis=-1) for flat in (hands[..., 0], hands[..., 1])]
    return np.asarray(np.maximum(*spans))


def _apart(some: Points, others: Points) -> Floats:
    """Return the mean distance [...] between the joints of two hands [..., 21, D], in the picture's plane."""
    apart = np.hypot(some[..., 0] - others[..., 0], some[..., 1] - others[..., 1])
    return np.asarray(apart.mean(axis=-1))


def _way(hands: Points, odds: Floats, frames: npt.NDArray[np.int64], size: float) -> npt.NDArray[np.int64]:
    """Return, per frame, 0 where the first detection is the left hand and 1 where it is the right.

    Args:
        hands: [F, 2, 21, D], frames in which at least one hand is seen.
        odds: of each being the right hand, [F, 2], 0 where it is unseen.
        frames: their numbers [F].
        size: of a hand, in image coordinates.
    """
    for_right = np.clip(odds, -_CERTAIN, _CERTAIN) / 2
    first = for_right[:, 0] - for_right[:, 1]
    # What each frame says for 0 (first is left) and for 1 (first is right).
    return _best(np.stack([-first, first], axis=1), *_motion(hands, frames, size))


def _motion(hands: Points, frames: npt.NDArray[np.int64], size: float) -> tuple[Floats, Floats]:
    """Return what it costs [F - 1] to keep the order of the detections until the next frame, and to swap."""
    apart = _apart(hands[:-1, :, None], hands[1:, None, :])
    reach = size * _JUMP * np.sqrt(np.diff(frames))[:, None, None]
    cost = np.minimum(apart / np.maximum(reach, 1e-9), _LONGEST)
    keep = _sum(cost[:, 0, 0], cost[:, 1, 1])
    return keep, _sum(cost[:, 0, 1], cost[:, 1, 0])


def _sum(one: Floats, other: Floats) -> Floats:
    """Add the costs of both hands, as far as they are seen in both frames; if neither is, one switched."""
    unknown = np.isnan(one) & np.isnan(other)
    return np.asarray(np.where(unknown, _SWITCH, np.nan_to_num(one) + np.nan_to_num(other)))


def _best(says: Floats, keep: Floats, swap: Floats) -> npt.NDArray[np.int64]:
    """Return the best way [F] of 0 and 1: the one with the largest sum of what frames say less its costs."""
    zero, one = says[0].tolist()
    back: list[tuple[bool, bool]] = []
    for (for_zero, for_one), stay, cross in zip(says[1:].tolist(), keep.tolist(), swap.tolist(), strict=True):
        back.append((one - cross > zero - stay, one - stay > zero - cross))
        best = max(zero - stay, one - cross), max(zero - cross, one - stay)
        zero, one = for_zero + best[0], for_one + best[1]
    way = [int(one > zero)]
    for before in reversed(back):
        way.append(int(before[way[-1]]))
    return np.array(way[::-1], np.int64)
