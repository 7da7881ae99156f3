"""The range test: rates that rise, a loss that is smoothed, an end in time, and a rate that serves."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from benchmarks.lr_find import Range, draw, judged
from utils.errors import BenchError


def losses(rates: list[float], steepest: float = 1e-3, end: float = 1e-1) -> list[tuple[float, float]]:
    """Return losses that fall around one rate and explode beyond another."""
    found = []
    for rate in rates:
        fall = 1 / (1 + (rate / steepest) ** 1.5)
        found.append((rate, 3 * fall + 0.1 + (rate / end) ** 3))
    return found


def test_rates_rise_from_one_end_to_the_other_by_one_factor():
    rates = Range(1e-7, 10.0, 100).rates()
    assert len(rates) == 100
    assert math.isclose(rates[0], 1e-7)
    assert math.isclose(rates[-1], 10.0)
    factors = [after / before for before, after in itertools.pairwise(rates)]
    assert max(factors) / min(factors) < 1 + 1e-9


@pytest.mark.parametrize("steepest", [1e-4, 1e-3, 1e-2])
def test_the_suggestion_is_where_the_loss_falls_fastest_and_the_test_ends_before_it_explodes(steepest: float):
    tried = Range(smoothing=0.0)
    found = judged(tried, iter(losses(tried.rates(), steepest)))
    assert steepest / 2 < found.suggested < steepest * 2
    assert found.suggested < found.lowest < 0.2
    assert "4 times its best" in found.ended
    assert found.rates[-1] < 10


def test_smoothing_is_free_of_the_start_and_late_by_a_few_steps():
    tried = Range()
    found = judged(tried, iter(losses(tried.rates())))
    assert math.isclose(found.smoothed[0], found.losses[0])
    assert 1e-3 < found.suggested < 1e-2


def test_a_loss_that_is_no_number_ends_the_test():
    tried = Range()
    steps = [(rate, math.nan if rate > 1e-2 else loss) for rate, loss in losses(tried.rates())]
    found = judged(tried, iter(steps))
    assert "the loss was nan" in found.ended
    assert max(found.rates) <= 1e-2


def test_a_loss_that_falls_nowhere_gives_no_suggestion():
    tried = Range()
    found = judged(tried, ((rate, 1 + number / 100) for number, rate in enumerate(tried.rates()[:40])))
    assert found.suggested is None


def test_a_loss_that_is_no_number_from_the_start_is_a_sentence():
    tried = Range()
    with pytest.raises(BenchError, match=r"says nothing: the loss was inf.*Begin lower with --from"):
        judged(tried, ((rate, math.inf) for rate in tried.rates()))


def test_the_plot_is_a_picture(tmp_path: Path):
    tried = Range()
    draw(tmp_path / "plot.png", judged(tried, iter(losses(tried.rates()))), "gru on sample")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_what_a_learner_makes_of_its_batches_is_learnt_from_here_too(monkeypatch):
    from benchmarks import lr_find  # noqa: PLC0415
    from benchmarks.recipe import resolve  # noqa: PLC0415
    from utils.progress import Silent  # noqa: PLC0415

    class Part(list):
        def epoch(self, _epoch):
            return iter(self)

    class Learner:
        seen: ClassVar[list[str]] = []

        def begin(self, _train):
            return Part(["in triplets"])

        def step(self, batch, _step):
            self.seen.append(batch)
            return 1.0

    monkeypatch.setattr(lr_find, "engine_of", lambda *_: SimpleNamespace(learner=Learner()))
    monkeypatch.setattr(lr_find, "loader", lambda *_, **__: Part(["as they come"]))
    inputs = SimpleNamespace(dataset=SimpleNamespace(subset=SimpleNamespace(glosses=("a", "b"))))
    lr_find.find(resolve("spoter-embeddings", "sample"), inputs, "cpu", Range(1e-4, 1.0, 12), Silent())
    assert set(Learner.seen) == {"in triplets"}


@pytest.mark.slow
def test_the_range_test_of_a_network_leaves_nothing_behind_but_its_plot(tmp_path: Path):
    pytest.importorskip("torch")
    from benchmarks.inputs import prepared  # noqa: PLC0415
    from benchmarks.lr_find import find  # noqa: PLC0415
    from benchmarks.recipe import resolve  # noqa: PLC0415
    from utils.progress import Silent  # noqa: PLC0415
    from wlasl.subsets import load  # noqa: PLC0415

    recipe = resolve("gru", "sample", {"hidden": 32})
    inputs = prepared(recipe, load("sample", None, Silent()), tmp_path / "store")
    one, other = (find(recipe, inputs, "cpu", Range(1e-5, 1.0, 40), Silent()) for _ in range(2))
    assert one == other
    assert len(one.rates) >= 10
    assert 1e-4 < one.lowest < 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]
