"""Canvases are made once by their landmarks, again where those change, and not where there are none."""

from dataclasses import replace

import numpy as np
import pytest
import videos
from landmark_files import points, write_npz

from benchmarks.inputs import Inputs, complete, loader, prepared
from benchmarks.probe_batches import batches
from benchmarks.recipe import resolve, restored
from benchmarks.search_space import parse_searches, space_of
from utils.errors import BenchError
from utils.progress import Silent
from wlasl import prepare as preparing
from wlasl.augment import Crop
from wlasl.contact import Look
from wlasl.hht import Canvas, mirrored
from wlasl.hht_pixels import Parts
from wlasl.hht_prepare import placed, prepare_canvases
from wlasl.hht_sheet import see_canvases
from wlasl.landmarks.prepare import prepare_landmarks
from wlasl.loader import ClipLoader, LoaderOptions
from wlasl.prepare import prepare
from wlasl.sampling import Sampling
from wlasl.view import View

VIEW = View(crop="hht", size=32, canvas=Canvas(margin=2))


class Scene:
    """A few tiny clips with landmarks, and where their canvases go."""

    def __init__(self, folder, count=4):
        self.dataset = videos.dataset(folder / "data", count)
        self.files, self.stores = folder / "found", folder / "stores"
        for number, clip in enumerate(self.dataset.subset.clips):
            frames = [videos.bars(64, 48) // 2 + 4 * index for index in range(6 + number)]
            videos.write(self.dataset.files.found[clip.id], frames, videos.Kind("mpeg4"))
            self.write(clip, seed=number)

    def write(self, clip, seed=0, frames=None):
        count = frames or 6 + self.dataset.subset.clips.index(clip)
        write_npz(self.files / f"{clip.id}.npz", points(count, seed), size=np.array((64, 48)))

    def prepare(self, view=VIEW, files=None, **more):
        return prepare_canvases(self.dataset, view, str(files or self.files), self.stores, **more)


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


def test_every_clip_gets_its_canvases_once(scene):
    first, second = scene.prepare(), scene.prepare()
    assert (first.clips.done, second.clips.done) == (4, 0)
    assert [first.clips.store.length(name) for name in first.clips.store.ids] == [6, 7, 8, 9]
    assert first.landmarks.source == "mediapipe-holistic"
    assert first.clips.store.view.canvas.landmarks.startswith("wlasl-landmarks-found-")
    assert first.clips.store.frames("00000").shape == (6, 32, 32, 3)


def test_changed_landmarks_make_their_clip_anew_and_no_other(scene):
    before = scene.prepare().clips.store.frames("00001")
    scene.write(scene.dataset.subset.clips[1], seed=9)
    done = scene.prepare()
    assert done.clips.done == 1
    assert not np.array_equal(done.clips.store.frames("00001"), before)


def test_other_landmarks_and_another_canvas_have_stores_of_their_own(scene, tmp_path):
    found = [
        scene.prepare(),
        scene.prepare(replace(VIEW, canvas=Canvas(margin=3))),
        scene.prepare(files=scene.files.rename(tmp_path / "elsewhere")),
    ]
    assert [done.clips.done for done in found] == [4, 4, 4]
    assert len({done.clips.store.folder for done in found}) == 3


def test_clips_without_landmarks_or_with_others_are_left_out_with_the_reason(scene):
    clips = scene.dataset.subset.clips
    (scene.files / f"{clips[0].id}.npz").unlink()
    scene.write(clips[1], frames=30)
    scene.dataset.files.found["00002"].write_bytes(b"<html>")
    done = scene.prepare()
    assert done.clips.skipped == {
        "00000": "landmarks missing", "00001": "landmarks do not fit", "00002": "html"
    }  # fmt: skip
    assert done.clips.details["00001"] == "30 in time, 7 frames"
    assert scene.prepare().clips.skipped == done.clips.skipped
    for clip in clips[:2]:
        scene.write(clip)
    again = scene.prepare()
    assert (again.clips.done, again.clips.skipped) == (2, {"00002": "html"})


def test_a_clip_without_a_video_is_missing_whatever_its_landmarks(scene):
    scene.dataset.files.found["00003"].unlink()
    assert scene.prepare().clips.skipped == {"00003": "missing"}


def test_not_one_clip_with_landmarks_is_an_error_in_words(scene, tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(BenchError, match="no landmarks of the clips"):
        scene.prepare(files=tmp_path / "none")


def test_stopped_on_the_way_it_goes_on(scene, monkeypatch):
    encode, made = preparing.encode_clip, []

    def stopping(path, clip, view, *parts):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(clip.id)
        return encode(path, clip, view, *parts)

    with monkeypatch.context() as patched:
        patched.setattr(preparing, "encode_clip", stopping)
        with pytest.raises(KeyboardInterrupt):
            scene.prepare(workers=1)
    done = scene.prepare()
    assert done.clips.done <= 3
    assert done.clips.store.ids == ("00000", "00001", "00002", "00003")


def test_what_is_shown_is_what_the_loader_yields(scene):
    done = scene.prepare()
    clips, chosen = scene.dataset.subset.clips, Look(VIEW, Sampling(frames=4), 32)
    options = LoaderOptions(batch_size=4)
    (batch,) = ClipLoader(done.clips.store, clips, chosen.sampling, Crop(32), options).epoch(0)
    assert len(clips) == 4
    for clip, loaded in zip(clips, batch.inputs, strict=True):
        told = Parts(done.landmarks.points(clip.id), done.landmarks.joints)
        seen, shares = see_canvases(scene.dataset.files.path(clip.id), clip, told, chosen)
        assert np.array_equal(seen.inputs, loaded)
        assert shares == {"right hand": 1.0, "face": 1.0, "left hand": 1.0}


def test_only_a_view_with_a_canvas_is_cut_out_by_landmarks(scene):
    with pytest.raises(BenchError, match="no hands and face"):
        placed(View(), scene.dataset, str(scene.files), scene.stores)


def test_a_source_that_lacks_a_part_says_that_its_tile_stays_black(wlasl_root, tmp_path):
    from wlasl.subsets import load  # noqa: PLC0415 - here alone

    whole = load("100", wlasl_root)
    clips = tuple(whole.available())[:1]
    some = replace(whole, subset=replace(whole.subset, clips=clips))
    listener = Listener()
    done = prepare_canvases(some, VIEW, "hands", tmp_path, progress=listener)
    assert listener.said == ["mediapipe-hands has no face: that tile of the canvas is always black"]
    assert len(done.clips.store.ids) == 1


class Listener(Silent):
    """A Progress that keeps the sentences."""

    def __init__(self):
        self.said = []

    def say(self, sentence):
        self.said.append(sentence)


# Recipes


def recipe(scene, **fields):
    usual = {"crop": "hht", "landmarks": str(scene.files), "frames": 4, "size": 32, "store_size": 32}
    usual |= {"sampling": "centre", "test_sampling": "centre"}
    return resolve("movinet-a0", "100", {**usual, **fields})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"landmarks": "true"}, "sees pixels"),
        ({"hht_grey": True}, "hht_grey means nothing without crop=hht"),
        ({"crop": "hht", "hht_show": "12"}, "hht_show"),
        ({"crop": "hht", "hht_parts": "round"}, "hht_parts"),
    ],
)
def test_fields_that_mean_nothing_are_refused_in_words(fields, words):
    with pytest.raises(BenchError, match=words):
        resolve("s3d", "100", fields)


def test_landmarks_are_the_samples_own_or_mediapipes_where_nobody_says():
    assert resolve("s3d", "sample", {"crop": "hht"}).landmarks == "true"
    assert resolve("s3d", "100", {"crop": "hht"}).landmarks == "mediapipe"
    assert resolve("s3d", "100", {"crop": "hht", "landmarks": "holistic"}).landmarks == "holistic"
    assert resolve("s3d", "100").landmarks == ""


def test_every_field_of_a_canvas_is_one_of_the_recipe():
    fields = {"margin": 3, "margin_share": 0.1, "head": 0.5, "parts": "pad", "pad_first": True}
    fields |= {"layout": "bottom", "show": "0111", "grey": True}
    told = resolve("s3d", "100", {"crop": "hht", **{f"hht_{name}": value for name, value in fields.items()}})
    assert told.canvas() == Canvas(**fields)
    assert set(fields) | {"landmarks"} == set(Canvas.__dataclass_fields__)
    assert resolve("s3d", "100").canvas() is None


def test_a_record_of_before_there_was_hht_is_restored():
    fields = resolve("s3d", "100").model_dump(mode="json")
    old = {
        name: value for name, value in fields.items() if not name.startswith("hht_") and name != "landmarks"
    }
    assert len(old) < len(fields)
    assert restored(old) == resolve("s3d", "100")


def test_how_canvases_lie_is_never_searched():
    with pytest.raises(BenchError, match="no field 'hht_margin' to search"):
        space_of(resolve("s3d", "100", {"crop": "hht"}), parse_searches(["hht_margin=0..9"]))


def test_a_run_knows_its_landmarks_and_changed_numbers_make_it_another(scene):
    inputs = prepared(recipe(scene), scene.dataset, scene.stores)
    assert isinstance(inputs, Inputs)
    assert inputs.coverage().landmarks == "mediapipe-holistic"
    asked = complete(recipe(scene), inputs, None)
    assert asked.landmarks == "found"
    plain = prepare(scene.dataset, View(size=32), scene.stores)
    assert Inputs(scene.dataset, plain.store, {}).content() == inputs.fingerprint() != inputs.content()
    scene.write(scene.dataset.subset.clips[2], seed=9)
    changed = prepared(recipe(scene), scene.dataset, scene.stores)
    assert changed.fingerprint() == inputs.fingerprint()
    assert complete(recipe(scene), changed, None).id != asked.id


@pytest.mark.parametrize("place", ["cpu", "device"])
@pytest.mark.parametrize("flip", ["parts", "canvas"])
def test_mirroring_in_training_and_by_the_probe_exchanges_the_hands(scene, flip, place):
    fixed = {"crop_scale_min": 1.0, "crop_ratio_max": 1.0}
    told = recipe(scene, hflip=1.0, hht_flip=flip, augment_on=place, **fixed)
    inputs = prepared(told, scene.dataset, scene.stores)
    (plain,) = loader(told, inputs, "train").epoch(0)
    (seen,) = loader(told, inputs, "train", train=True).epoch(0)
    assert len(seen.indices) == 2
    for row, position in enumerate(seen.indices.tolist()):
        picture = plain.inputs[plain.indices.tolist().index(position)]
        mirror = mirrored(picture, "quadrants") if flip == "parts" else picture[:, :, ::-1]
        if place == "cpu":
            assert np.array_equal(seen.inputs[row], mirror)
        else:
            # What is a picture's mirroring is left to the device; hands change places before.
            assert np.array_equal(seen.inputs[row], mirror if flip == "parts" else picture)
            assert seen.looks[row, 4] == (flip == "canvas")
    (test,) = loader(told, inputs, "test").epoch(0)
    (probed,) = batches(told, inputs, "mirrored", 0).epoch(0)
    assert np.array_equal(probed.inputs, mirrored(test.inputs, "quadrants"))


def test_the_landmarks_are_prepared_first_and_shared_with_networks_of_landmarks(scene):
    prepared(recipe(scene), scene.dataset, scene.stores)
    assert prepare_landmarks(scene.dataset, str(scene.files), scene.stores).done == 0
