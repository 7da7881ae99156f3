"""MViTv2: torchvision's function and weights, at clips of shapes that torchvision's does not take."""

from __future__ import annotations

import copy
import importlib.util

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("torchvision"), reason="torchvision is not installed"
)

from models import mvit, weights_torch  # noqa: E402
from models.torchvision_guard import import_torchvision  # noqa: E402
from utils.errors import BenchError  # noqa: E402

FRAMES, SIZE = 4, 64


@pytest.fixture(scope="module")
def ours():
    torch.manual_seed(0)
    return mvit.build(7).eval()


def theirs(classes):
    """Return torchvision's own network, its weights yet to come."""
    video = import_torchvision("torchvision.models.video")
    with torch.device("meta"):
        return video.mvit_v2_s(num_classes=classes).eval()


def test_its_logits_are_torchvisions_with_positions_stretched_to_the_clip(ours):
    x = torch.randn(2, 3, FRAMES, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    own = theirs(7)
    own.load_state_dict({name: ours.state_dict()[mvit._ours(name)] for name in own.state_dict()}, assign=True)
    own.pos_encoding.temporal_size, own.pos_encoding.spatial_size = FRAMES // 2, (SIZE // 4, SIZE // 4)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), own(x), rtol=1e-5, atol=1e-5)


def test_torchvisions_weights_fit_by_their_own_names(ours):
    origin = theirs(400).to_empty(device="cpu")
    with torch.no_grad():
        for number, parameter in enumerate(origin.parameters()):
            parameter.fill_(number)
    table = ours.renamed(dict(origin.state_dict()))
    network = copy.deepcopy(ours)
    assert weights_torch.fit(network, table, file="mvit_v2_s.pth", system="mvit-v2-s") == 400
    assert torch.equal(network.stages[3].attn.qkv.weight, origin.blocks[3].attn.qkv.weight)
    assert torch.equal(network.classifier[1].weight, ours.classifier[1].weight)
    assert ours.renamed(dict(network.state_dict())).keys() == network.state_dict().keys()


def test_dropout_and_stochastic_depth_are_torchvisions_unless_told():
    def shares(**options):
        with torch.device("meta"):
            network = mvit.build(5, **options)
        return network.classifier[0].p, network.stages[-1].stochastic_depth.p

    assert shares() == (0.5, 0.2)
    assert shares(dropout=0.1) == (0.1, 0.1)
    assert shares(dropout=0.1, drop_path=0.3) == (0.1, 0.3)


@pytest.mark.parametrize(("sentence", "options"), [("1 frames", {"frames": 0}), ("32 pixels", {"size": 31})])
def test_what_it_cannot_take_is_refused_in_words(sentence, options):
    with pytest.raises(BenchError, match=f"needs at least {sentence}"):
        mvit.build(5, **options)
