"""Embeddings: the loss over triplets, scores from distances, and a run from start to end."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmarks import embeddings, retrieval
from benchmarks.engine import Job
from benchmarks.fitting import Fit
from benchmarks.recipe import resolve
from benchmarks.retrieval import Gallery
from models import weights, zoo
from utils.errors import BenchError
from wlasl.clips import Clip
from wlasl.landmarks.joints import SKELETONS
from wlasl.landmarks.loader import LandmarkLoader
from wlasl.landmarks.options import LandmarkOptions

torch = pytest.importorskip("torch")

from benchmarks import torch_embedding  # noqa: E402
from benchmarks.torch_embedding import EmbeddingLearner, batch_all  # noqa: E402
from benchmarks.torch_engine import TorchEngine  # noqa: E402
from models.spoter import Embedder  # noqa: E402

CLASSES = 3
SMALL = {"heads": 3, "layers": 1, "hidden": 16}
OPTIONS = {"vector_length": 32, "normalize_embeddings": False, "single_pos": False, "mask_memory": True}


def rng(seed=0):
    return np.random.default_rng(seed)


class Landmarks:
    """A store of a few clips: each sign holds its hands at a place of its own."""

    joints = SKELETONS["spoter"]

    def __init__(self, clips):
        self.ids = [clip.id for clip in clips]
        self.place = {clip.id: clip.label for clip in clips}

    def points(self, clip_id):
        noise = rng(int(clip_id)).normal(size=(4 + int(clip_id) % 3, 54, 2)) * 0.02
        base = rng(100).random((54, 2))
        base[12:] += self.place[clip_id] * 0.3
        return (base + noise).astype(np.float32)


def part(name, count, first, labels=None):
    """Return the batches of a part: `count` clips, their signs in turn."""
    labels = [number % CLASSES for number in range(count)] if labels is None else labels
    clips = [Clip(f"{first + number}", str(label), label, name) for number, label in enumerate(labels)]
    options = LandmarkOptions(batch_size=6, train=name == "train", normalisation="none")
    return LandmarkLoader(Landmarks(clips), clips, options)


@pytest.fixture
def small(monkeypatch):
    """Make SPOTER small."""
    from models import spoter  # noqa: PLC0415 - torch

    usual = spoter.Spoter.__init__

    def made(self, d=108, heads=9, layers=6, hidden=2048, dropout=0.1, **switches):
        del heads, layers, hidden
        usual(self, d, dropout=dropout, **SMALL, **switches)

    monkeypatch.setattr(spoter.Spoter, "__init__", made)


def recipe(**changes):
    """Return a recipe that learns a few clips at once, whatever the named recipes say."""
    steady = {"optimizer": "sgd", "schedule": "constant", "warmup_epochs": 0, "lr": 0.01, "dropout": 0.0}
    plain = {"start_mining_hard": None, "clips_together": None, "one_of": 0, "noise": 0}
    usual = {"epochs": 2, "batch_size": 6, "landmarks": "true", **steady, **plain}
    return resolve("spoter-embeddings", "sample", {**usual, **changes})


def job(folder, **changes):
    return Job(CLASSES, zoo.system("spoter-embeddings").input, folder, device="cpu", **changes)


def parts():
    return part("train", 18, 0), part("val", 6, 50), part("test", 9, 80)


# The loss.


@pytest.mark.parametrize("filter_easy", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_the_loss_over_all_triplets_is_that_of_a_loop(seed, filter_easy):
    vectors = torch.from_numpy(rng(seed).normal(size=(9, 4))).requires_grad_()
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 3])
    total, valid, used = torch.zeros((), dtype=torch.float64), 0, 0
    for a, p, n in itertools.permutations(range(9), 3):
        if labels[a] == labels[p] and labels[a] != labels[n]:
            valid += 1
            loss = (vectors[a] - vectors[p]).norm() - (vectors[a] - vectors[n]).norm() + 0.5
            if loss > 0:
                total, used = total + loss, used + 1
    expected = total / (used + 1e-8) * min(1, 3 * used / 9) if filter_easy else total / valid
    got, *counts = batch_all(vectors, labels, 0.5, filter_easy=filter_easy)
    assert counts == [valid, used]
    assert valid == 3 * 2 * 6 + 2 * 7 + 3 * 2 * 6
    torch.testing.assert_close(got, expected)
    one, other = (torch.autograd.grad(loss, vectors, retain_graph=True)[0] for loss in (got, expected))
    torch.testing.assert_close(one, other)


def test_the_loss_is_that_of_pytorch_metric_learning_where_the_two_agree():
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    distances = pytest.importorskip("pytorch_metric_learning.distances")
    reducers = pytest.importorskip("pytorch_metric_learning.reducers")
    vectors, labels = torch.randn(12, 4, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 3
    plain = distances.LpDistance(normalize_embeddings=False)
    for reducer, filter_easy in ((reducers.AvgNonZeroReducer(), True), (reducers.MeanReducer(), False)):
        theirs = losses.TripletMarginLoss(margin=1.0, distance=plain, reducer=reducer)(vectors, labels)
        torch.testing.assert_close(batch_all(vectors, labels, 1.0, filter_easy=filter_easy)[0], theirs)


def test_few_triplets_with_a_loss_weigh_less():
    vectors, labels = torch.tensor([[0.0], [0.1], [5.0], [9.0]]), torch.tensor([0, 0, 1, 2])
    loss, valid, used = batch_all(vectors, labels, 4.85, filter_easy=True)
    assert (valid, used) == (4, 1)
    assert loss.item() == pytest.approx((0.1 - 4.9 + 4.85) * 3 / 4, abs=1e-5)
    two, _, used = batch_all(vectors[:3], labels[:3], 4.95, filter_easy=True)
    assert used == 2
    assert two.item() == pytest.approx((0.1 - 5 + 4.95 + 0.1 - 4.9 + 4.95) / 2, abs=1e-5)


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [0, 0, 0, 0]])
def test_a_batch_without_a_triplet_has_no_loss_and_no_gradient(labels):
    vectors = torch.randn(4, 3, requires_grad=True)
    loss, valid, used = batch_all(vectors, torch.tensor(labels), 1.0, filter_easy=True)
    loss.backward()
    assert (loss.item(), valid, used) == (0, 0, 0)
    assert not vectors.grad.any()


def test_clips_in_the_same_place_give_no_gradient_that_is_none():
    vectors = torch.zeros(4, 3, requires_grad=True)
    batch_all(vectors, torch.tensor([0, 0, 1, 1]), 1.0, filter_easy=False)[0].backward()
    assert torch.isfinite(vectors.grad).all()


# Scores from distances.


def gallery():
    """Return a gallery of three signs, of which one has no clip."""
    vectors = np.array([[0, 0], [0, 2], [10, 0], [12, 0], [14, 0]], np.float32)
    return Gallery(vectors, np.array([0, 0, 2, 2, 2]), 3)


def test_centroids_are_means_and_a_sign_without_a_clip_has_none():
    means = retrieval.centroids(gallery())
    np.testing.assert_allclose(means[[0, 2]], [[0, 1], [12, 0]])
    assert np.isnan(means[1]).all()


@pytest.mark.parametrize("rule", ["centroid", "nearest", "vote"])
def test_scores_are_log_probabilities_and_a_sign_without_a_clip_has_none(rule):
    scores = retrieval.scores(rule, gallery(), np.array([[1, 1], [11, 1]], np.float32))
    assert scores.dtype == np.float32
    assert np.isneginf(scores[:, 1]).all()
    np.testing.assert_allclose(np.exp(scores).sum(1), 1, atol=1e-5)
    assert scores.argmax(1).tolist() == ([0, 2] if rule != "vote" else [2, 2])


def test_scores_by_centroid_are_the_softmax_of_squared_distances():
    scores = retrieval.scores("centroid", gallery(), np.array([[6.0, 1.0]], np.float32))[0]
    np.testing.assert_allclose(scores[0] - scores[2], -36 + 37, atol=1e-4)


def test_scores_by_the_nearest_clip_look_at_one_clip_of_each_sign():
    scores = retrieval.scores("nearest", gallery(), np.array([[5.5, 0.0]], np.float32))[0]
    np.testing.assert_allclose(scores[0] - scores[2], -(5.5**2) + 4.5**2, atol=1e-4)


def test_of_equal_votes_the_nearer_sign_wins_and_no_nearness_outweighs_a_vote():
    vectors = np.array([[0], [1], [10], [11], [100]], np.float32)
    tied = Gallery(vectors, np.array([0, 0, 1, 1, 2]), 3)
    assert retrieval.scores("vote", tied, np.array([[5.0]], np.float32)).argmax() == 0
    assert retrieval.scores("vote", tied, np.array([[6.0]], np.float32)).argmax() == 1
    near = Gallery(np.array([[0], [3], [4], [50], [60]], np.float32), np.array([0, 1, 1, 2, 2]), 3)
    scores = retrieval.scores("vote", near, np.zeros((1, 1), np.float32))[0]
    assert scores[1] > scores[0]
    assert scores[2] > scores[0]


def test_embeddings_that_are_no_numbers_are_a_sentence():
    with pytest.raises(BenchError, match="clips to score are not finite"):
        retrieval.scores("centroid", gallery(), np.full((1, 2), np.nan, np.float32))


def test_distances_are_exact_far_from_the_origin():
    queries = np.array([[1000.0, 1000.5]], np.float32)
    near = np.array([[1000.0, 1000.0], [1000.25, 1000.5]], np.float32)
    np.testing.assert_allclose(retrieval.squared_distances(queries, near), [[0.25, 0.0625]], rtol=1e-6)


def test_what_is_measured_of_queries_is_that_of_the_notebook():
    queries, labels = np.array([[0, 1], [9, 0], [5, 0]], np.float32), np.array([0, 2, 0])
    found = retrieval.measured(gallery(), queries, labels)
    assert found["centroid_top1"] == 1
    assert found["nearest_top1"] == pytest.approx(2 / 3)
    assert found["vote_top1"] == pytest.approx(1 / 3)
    assert found["within5"] == 1
    assert found["centroid_top1_low"] < 1
    assert (found["clips"], found["classes"]) == (3, 3)


def test_a_silhouette_is_scikit_learns_and_has_a_meaning_only_between_signs():
    vectors = np.array([[0, 0], [0, 1], [5, 0], [5, 1]], np.float32)
    assert retrieval.silhouette(vectors, np.array([0, 0, 1, 1])) == pytest.approx(0.802, abs=0.01)
    for labels in ([0, 0, 0, 0], [0, 1, 2, 3]):
        assert retrieval.silhouette(vectors, np.array(labels)) is None


# A run.


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"triplets": "random", "classify": "vote"},
        {"single_pos": True, "mask_memory": False, "select": "val_silhouette", "classify": "nearest"},
        {"start_mining_hard": 1, "pre_batch_multiplier": 2, "pre_batch_mining_count": 2},
        {"clips_together": 2, "start_mining_hard": 6, "pre_batch_multiplier": 2},
        {"normalize_embeddings": True, "filter_easy_triplets": False, "vector_length": 8},
    ],
    ids=["batch-all", "random", "published", "mined", "company", "normalised"],
)
@pytest.mark.usefixtures("small")
def test_a_run_learns_signs_that_lie_apart(tmp_path, changes):
    train, val, test = parts()
    engine = TorchEngine(recipe(epochs=8, **changes), job(tmp_path))
    fitted = engine.fit(train, val)
    scores = engine.predict(test)
    assert scores.shape == (9, CLASSES)
    assert (scores.argmax(1) == test.labels).mean() > 0.7
    row = fitted.history[-1]
    assert {"val_loss", "val_top1", "val_silhouette", "train_silhouette"} <= set(row)
    assert ("triplets_used" in row) == (changes.get("triplets") != "random")
    vectors, labels = embeddings.read(tmp_path)
    length = changes.get("vector_length", 32)
    assert {name: values.shape for name, values in vectors.items()} == {
        "train": (18, length),
        "val": (6, length),
    }
    assert labels["val"].tolist() == val.labels.tolist()
    if changes.get("normalize_embeddings"):
        np.testing.assert_allclose(np.linalg.norm(vectors["val"], axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("changes", [{}, {"triplets": "random"}, {"mask_memory": False}], ids=str)
@pytest.mark.usefixtures("small")
def test_clips_of_like_length_together_have_the_loss_and_gradients_of_the_batch(
    tmp_path, monkeypatch, changes
):
    train, val, _ = parts()
    learner = TorchEngine(recipe(batch_size=18, **changes), job(tmp_path)).learner
    batch = next(iter(learner.begin(train, val).epoch(0)))
    batch = train.batch(range(18), 0, train=True) if changes.get("triplets") != "random" else batch
    calls = []
    learner.network.register_forward_hook(lambda _network, inputs, _out: calls.append(inputs[0].shape))
    found = []
    for alike in (4, 18):
        monkeypatch.setattr(torch_embedding, "_ALIKE", alike)
        learner.network.zero_grad()
        loss = learner.loss(batch)
        loss.backward()
        found.append(
            [loss, *(weight.grad.clone() for weight in learner.network.parameters() if weight.requires_grad)]
        )
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-6)
    # The network that sees its padding must go on seeing all of it.
    assert (len({shape[1] for shape in calls}) > 1) == ("mask_memory" not in changes)


@pytest.mark.usefixtures("small")
def test_a_finished_run_is_taken_up_again_with_its_gallery(tmp_path):
    train, val, test = parts()
    first = TorchEngine(recipe(), job(tmp_path))
    first.fit(train, val)
    again = TorchEngine(recipe(), job(tmp_path))
    again.restore(train)
    np.testing.assert_array_equal(again.predict(test), first.predict(test))


@pytest.mark.usefixtures("small")
def test_an_embedder_starts_from_a_classifier_and_from_an_embedder(tmp_path):
    classifier = zoo.build("spoter", "torch", 7, single_pos=False)
    said = []
    for start in (classifier, Embedder(108, 0.1, **OPTIONS)):
        torch.save({"state_dict": start.state_dict()}, tmp_path / "best.pt")
        torch.manual_seed(1)
        embedder = Embedder(108, 0.1, **OPTIONS)
        own = embedder.linear_embed.weight.clone()
        weights.load_weights(embedder, tmp_path / "best.pt", system="spoter-embeddings", say=said.append)
        points = torch.rand(2, 5, 54, 2)
        start.eval(), embedder.eval()
        torch.testing.assert_close(embedder.features(points), start.features(points), rtol=0, atol=0)
        assert torch.equal(embedder.linear_embed.weight, own) == (start is classifier)
    assert said == ["spoter-embeddings, which has no head, starts from best.pt."] * 2
    # One position for all frames is another network.
    torch.save(
        {"state_dict": zoo.build("spoter", "torch", 7, single_pos=True).state_dict()}, tmp_path / "best.pt"
    )
    with pytest.raises(BenchError, match="does not fit spoter-embeddings"):
        weights.load_weights(embedder, tmp_path / "best.pt", system="spoter-embeddings")


class Stopping:
    """A progress that stops the run after so many steps."""

    def __init__(self, steps, stop):
        self.steps, self.stop = steps, stop

    def begin(self, *_words):
        pass

    def advance(self, words=""):
        self.steps -= bool(words)
        if self.steps == 0:
            self.stop()

    def end(self, _words=""):
        pass

    def say(self, _words):
        pass


@pytest.mark.usefixtures("small")
def test_a_mined_run_that_is_cut_ends_with_the_weights_of_one_that_is_not(tmp_path):
    mined = {"epochs": 3, "start_mining_hard": 1, "pre_batch_multiplier": 2, "pre_batch_mining_count": 3}
    mined |= {"scheduler_triplets_threshold": 1e9}
    train, val, test = parts()
    whole = TorchEngine(recipe(**mined), job(tmp_path / "whole"))
    expected = whole.fit(train, val)
    # The first epoch has 3 steps, each later one 9: of three rounds of two batches, and three of one.
    for steps, at in ((5, 2), (8, 6), (10, 7)):
        folder = tmp_path / str(steps)
        stops = []
        progress = Stopping(steps, lambda stops=stops: stops[0]())
        cut = TorchEngine(recipe(**mined), job(folder, progress=progress, checkpoint_seconds=1e9))
        fit = Fit(cut.learner, cut.recipe, cut.job)
        stops.append(lambda fit=fit: fit._stop.set())
        with pytest.raises(KeyboardInterrupt):
            fit.run(cut.learner.begin(train, val), val)
        assert (fit.loop.epoch, fit.loop.step) == (1, at)
        resumed = TorchEngine(recipe(**mined), job(folder))
        found = resumed.fit(train, val)
        assert found.steps == expected.steps == 3 + 9 + 9
        np.testing.assert_array_equal(resumed.predict(test), whole.predict(test))


@pytest.mark.usefixtures("small")
def test_parts_that_cannot_be_learnt_from_are_refused_before_training(tmp_path):
    engine = TorchEngine(recipe(), job(tmp_path))
    with pytest.raises(BenchError, match="no sign has two"):
        engine.fit(part("train", 3, 0, [0, 1, 2]), part("val", 6, 50))
    with pytest.raises(BenchError, match="Set batch_size to 3"):
        TorchEngine(recipe(batch_size=2), job(tmp_path)).fit(*parts()[:2])
    chosen = TorchEngine(recipe(select="val_silhouette"), job(tmp_path))
    with pytest.raises(BenchError, match="A silhouette needs two signs"):
        chosen.fit(part("train", 18, 0), part("val", 3, 50, [0, 1, 2]))
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("small")
def test_several_processes_are_refused(tmp_path):
    engine = TorchEngine(recipe(), job(tmp_path))

    class Two:
        world_size = 2

    with pytest.raises(BenchError, match="leave --devices at 1"):
        EmbeddingLearner(engine.recipe, engine.job, Two())


def test_the_recipes_differ_by_the_published_defects():
    from benchmarks.recipe import recipe_fields  # noqa: PLC0415

    published = resolve("spoter-embeddings", "100", recipe_fields("spoter-embeddings", "as-published"))
    fixed = resolve("spoter-embeddings", "100")
    switches = ("single_pos", "val_is_test", "y_axis", "convert_dict", "chosen_on_test")
    assert all(getattr(published, name) for name in switches)
    assert not any(getattr(fixed, name) for name in switches)
    assert (published.mask_memory, fixed.mask_memory) == (False, True)
    assert (published.select, fixed.select) == ("val_silhouette", "val_top1")
    assert (published.clips_together, fixed.clips_together) == (None, 4)


def test_a_plane_has_a_place_for_every_embedding():
    vectors = {"train": rng().normal(size=(20, 4)).astype(np.float32)}
    vectors["val"] = rng(1).normal(size=(7, 4)).astype(np.float32)
    places = embeddings.flattened(vectors)
    assert {name: found.shape for name, found in places.items()} == {"train": (20, 2), "val": (7, 2)}
    assert np.isfinite(places["train"]).all()


def test_a_map_of_embeddings_is_drawn_with_the_names_of_signs(tmp_path):
    vectors = {"train": rng().normal(size=(20, 4)).astype(np.float32)}
    vectors["val"] = rng(1).normal(size=(7, 4)).astype(np.float32)
    labels = {"train": np.arange(20) % 4, "val": np.arange(7) % 4}
    embeddings.write(tmp_path, vectors, labels)
    bare = embeddings.draw_map(tmp_path, "signs").read_bytes()
    named = embeddings.draw_map(tmp_path, "signs", ("book", "drink", "go", "hat")).read_bytes()
    assert bare[:4] == named[:4] == b"\x89PNG"
    assert bare != named


def test_embeddings_that_cannot_be_read_are_a_sentence(tmp_path):
    with pytest.raises(BenchError, match="Cannot read"):
        embeddings.read(tmp_path)
    (tmp_path / embeddings.EMBEDDINGS).write_bytes(b"no archive")
    with pytest.raises(BenchError, match="Run again with --again"):
        embeddings.read(tmp_path)
