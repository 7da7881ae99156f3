"""What the metadata alone says: on a few clips that one can count by hand, and on WLASL."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest

from wlasl.audit import Audit, Count, audit
from wlasl.clips import Clip, Subset
from wlasl.subsets import load


@lru_cache
def real(root: Path, split: str) -> Audit:
    return audit(load(split, root).subset)


# clips of each part by nslt, then by the json; signers; test clips whose signer train has, then the pairs
COUNTS = {
    "100": ((1442, 338, 258), (1442, 338, 258), 97, (253, 258), 69),
    "300": ((3549, 901, 668), (3549, 900, 668), 109, (666, 668), 126),
    "1000": ((8978, 2320, 1876), (8974, 2318, 1876), 116, (1874, 1876), 291),
    "2000": ((14296, 3920, 2879), (14289, 3916, 2878), 119, (2877, 2878), 342),
}


@pytest.mark.parametrize("split", COUNTS)
def test_wlasl_has_the_clips_and_signers_that_the_field_counts(wlasl_root, split):
    nslt, json, signers, seen, pairs = COUNTS[split]
    found = real(wlasl_root, split)
    assert tuple(found.parts.values()) == nslt
    assert tuple(found.described.values()) == json
    assert found.signers.all == signers
    assert found.signers.test_seen == Count(*seen)
    assert found.signers.test_pairs_seen == Count(pairs, seen[1])


# groups; across parts; across glosses; test in train; test of another gloss, percent; contradictory, percent
LEAKS = {
    "100": (24, 10, 6, 2, 2, 0.78, 0.59),
    "300": (65, 37, 19, 5, 9, 1.35, 0.80),
    "1000": (291, 151, 210, 10, 56, 2.99, 3.46),
}


@pytest.mark.parametrize("split", LEAKS)
def test_wlasl_has_the_duplicates_and_contradictions_that_the_field_counts(wlasl_root, split):
    groups, parts, glosses, leaks, others, others_percent, contradictory_percent = LEAKS[split]
    found = real(wlasl_root, split).duplicates
    assert (len(found.groups), found.across_parts, found.across_glosses) == (groups, parts, glosses)
    assert (found.test_same_gloss.count, found.test_other_gloss.count) == (leaks, others)
    assert found.test_other_gloss.of == COUNTS[split][1][2]
    assert round(found.test_other_gloss.share * 100, 2) == others_percent
    assert round(found.contradictory.share * 100, 2) == contradictory_percent


def test_every_class_of_wlasl_has_a_clip_in_each_part_but_where_only_nslt_lists_it(wlasl_root):
    assert real(wlasl_root, "2000").empty["test"] == ()
    without = Subset("2000", *_described(load("2000", wlasl_root).subset), "")
    assert audit(without).empty["test"] == ("caterpillar",)


def _described(subset: Subset):
    return subset.glosses, tuple(clip for clip in subset.clips if clip.url)


def clip(id_: str, label: int, part: str, signer: int | None = 0, **fields) -> Clip:
    return Clip(id_, f"gloss{label}", label, part, signer=signer, **{"url": id_, **fields})


def small(*clips: Clip) -> Audit:
    return audit(Subset("small", ("gloss0", "gloss1"), clips, ""))


def test_one_recording_in_train_and_test_is_a_leak():
    found = small(clip("a", 0, "train", url="u"), clip("b", 0, "test", url="u")).duplicates
    assert (len(found.groups), found.across_parts, found.across_glosses) == (1, 1, 0)
    assert found.test_same_gloss == Count(1, 1)
    assert found.contradictory == Count(0, 2)


def test_one_recording_under_two_glosses_is_contradictory():
    found = small(clip("a", 0, "train", url="u"), clip("b", 1, "test", url="u"), clip("c", 1, "test"))
    assert found.duplicates.test_same_gloss == Count(0, 2)
    assert found.duplicates.test_other_gloss == Count(1, 2)
    assert found.duplicates.contradictory == Count(2, 3)


def test_two_cuts_of_one_video_are_two_recordings():
    cuts = [clip("a", 0, "train", url="u", frame_end=9), clip("b", 0, "test", url="u", frame_start=10)]
    assert small(*cuts).duplicates.groups == ()


def test_clips_without_url_are_never_duplicates_and_without_signer_never_counted():
    found = small(clip("a", 0, "train", None, url=""), clip("b", 0, "test", None, url=""))
    assert found.duplicates.groups == ()
    assert found.described == {"train": 0, "val": 0, "test": 0}
    assert found.signers.all == 0
    assert found.signers.test_seen == Count(0, 0)
    assert found.signers.test_seen.share == 0


def test_the_signer_and_gloss_of_a_test_clip_count_as_seen_only_together():
    found = small(
        clip("a", 0, "train", 1), clip("b", 1, "test", 1), clip("c", 0, "test", 1), clip("d", 0, "test", 2)
    )
    assert found.signers.all == 2
    assert found.signers.test_seen == Count(2, 3)
    assert found.signers.test_pairs_seen == Count(1, 3)


def test_a_gloss_without_a_clip_in_a_part_is_named():
    assert small(clip("a", 0, "train")).empty == {
        "train": ("gloss1",),
        "val": ("gloss0", "gloss1"),
        "test": ("gloss0", "gloss1"),
    }
