"""S3D: torchvision's network and keys, and torchvision itself where its compiled part cannot be loaded."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("torchvision"), reason="torchvision is not installed"
)

from models import s3d, torchvision_guard  # noqa: E402
from utils.errors import BenchError  # noqa: E402


@pytest.fixture(scope="module")
def pair():
    """Return torchvision's own network and ours with the same random weights."""
    torch.manual_seed(0)
    theirs = torchvision_guard.import_torchvision("torchvision.models.video").s3d(num_classes=5).eval()
    ours = s3d.build(5).eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    return theirs, ours


def test_its_logits_are_torchvisions(pair):
    x = torch.randn(1, 3, 16, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = pair[0](x)
        torch.testing.assert_close(pair[1](x), expected, rtol=1e-5, atol=1e-6)


def test_its_head_is_torchvisions_last_convolution(pair):
    head = {name: tuple(t.shape) for name, t in pair[1].state_dict().items() if name.startswith(s3d.S3D.head)}
    assert head == {"classifier.1.weight": (5, 1024, 1, 1, 1), "classifier.1.bias": (5,)}


def test_its_averages_arrive_within_a_short_training(pair):
    norms = [module for module in pair[1].modules() if isinstance(module, torch.nn.BatchNorm3d)]
    assert {norm.momentum for norm in norms} == {0.1}
    assert {norm.eps for norm in norms} == {1e-3}


def test_the_smallest_and_a_larger_clip_work():
    with torch.no_grad(), torch.device("meta"):
        network = s3d.build(5)
        for shape in ((14, 224), (64, 256)):
            assert network(torch.empty(1, 3, shape[0], shape[1], shape[1])).shape == (1, 5)
        assert network.frame_logits(torch.empty(1, 3, 64, 224, 224)).shape == (1, 5, 7)


REFUSED = {
    "needs at least 14 frames": {"frames": 13},
    "needs at least 224 pixels": {"size": 223},
    "no residual connections": {"drop_path": 0.1},
}


@pytest.mark.parametrize(("sentence", "options"), REFUSED.items())
def test_what_it_cannot_take_is_refused_in_words(sentence, options):
    with pytest.raises(BenchError, match=sentence):
        s3d.build(5, **options)


def test_torchvision_imports_in_a_fresh_process_without_a_word():
    code = (
        "from models.torchvision_guard import import_torchvision as load;"
        "assert load('torchvision.models.video').s3d; assert load() is load('torchvision')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "torchvision" not in done.stderr


class Machine:
    """Stands for torch: remembers what was asked of it."""

    def __init__(self, *, healthy, has=()):
        self.defined = []
        self.ops = SimpleNamespace(load_library=self._load, torchvision=SimpleNamespace(**dict.fromkeys(has)))
        self.library = SimpleNamespace(Library=lambda *_: SimpleNamespace(define=self.defined.append))
        self.healthy = healthy

    def _load(self, path):
        assert "_C." in path
        if not self.healthy:
            raise OSError("libcudart.so: cannot open shared object file")


CASES = [
    (True, (), False, 0),
    (False, (), True, 2),
    (False, ("nms",), True, 1),
    (False, ("nms", "qnms"), True, 0),
]


@pytest.mark.parametrize(("healthy", "has", "broken", "count"), CASES)
def test_operators_are_declared_only_where_they_are_missing(monkeypatch, healthy, has, broken, count):
    machine = Machine(healthy=healthy, has=has)
    monkeypatch.setattr(torchvision_guard, "optional", lambda *_: machine)
    monkeypatch.setattr(torchvision_guard, "_fragments", [])
    assert torchvision_guard._declare_operators() is broken
    assert len(machine.defined) == count


def test_a_missing_torchvision_is_answered_with_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(BenchError, match=r"pip install -e '\.\[torch\]'"):
        torchvision_guard.import_torchvision()


def test_a_missing_torchvision_is_not_looked_into(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert torchvision_guard._declare_operators() is False
