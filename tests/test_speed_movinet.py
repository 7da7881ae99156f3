"""The table of training steps: what it measures, and that it fails where ours is not fast enough."""

from __future__ import annotations

import pytest

from utils.errors import BenchError

pytest.importorskip("torch")

from benchmarks import speed_movinet

SMALL = speed_movinet.Batch(clips=1, frames=2, size=32, classes=3)


@pytest.mark.parametrize("split", [False, True])
def test_a_step_of_ours_trains(split):
    step = speed_movinet.torch_step(SMALL, split=split)
    assert speed_movinet.cpu_seconds(step, 2) > 0


@pytest.mark.parametrize(("base", "ratio", "enough"), [(30.0, "60.0 x", True), (5.0, "10.0 x", False)])
def test_the_table_says_how_many_times_as_fast_and_fails_below_twenty(
    monkeypatch, capsys, base, ratio, enough
):
    measured = {
        "ours, 3-D (movinet-a0)": 0.5,
        "ours, (2+1)D": 0.4,
        "official, (2+1)D": 0.4,
        "official, 3-D (a0 base)": base,
    }
    monkeypatch.setattr(speed_movinet, "measure", lambda _: measured)
    if enough:
        speed_movinet.main()
    else:
        with pytest.raises(BenchError, match=r"10.0 x as fast, and should be 20 x"):
            speed_movinet.main()
    assert ratio in capsys.readouterr().out


def test_each_network_is_measured_and_torch_keeps_its_threads(monkeypatch):
    import torch  # noqa: PLC0415

    monkeypatch.setattr(speed_movinet, "official_step", lambda *_, **__: lambda: None)
    before = torch.get_num_threads()
    assert len(speed_movinet.measure(SMALL)) == 4
    assert torch.get_num_threads() == before
