"""ST-GCN: the graph is the paper's, order is seen, padding is not."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from models import st_gcn  # noqa: E402
from utils.errors import BenchError  # noqa: E402
from wlasl.landmarks.joints import SIGNS27, mirrored  # noqa: E402

LENGTHS = (20, 13, 5, 1)


@pytest.fixture(scope="module")
def network():
    """Return the network with random weights and batch statistics of its own."""
    torch.manual_seed(0)
    net = st_gcn.build(7, skeleton="signs27", channels=4)
    for module in net.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 1.5)
    return net.eval()


def clips():
    """Return random landmarks, padded with what must not matter."""
    points = torch.rand(len(LENGTHS), max(LENGTHS), 27, 4, generator=torch.Generator().manual_seed(1))
    for row, length in enumerate(LENGTHS):
        points[row, length:] = 7.0
    return points, torch.tensor(LENGTHS)


def test_a_batch_computes_what_its_clips_compute_alone(network):
    points, lengths = clips()
    with torch.inference_mode():
        together = network(points, lengths)
        alone = [network(points[row : row + 1, :length])[0] for row, length in enumerate(LENGTHS)]
    assert len(alone) == 4
    assert (together[0] - together[1]).abs().max() > 1e-3
    torch.testing.assert_close(together, torch.stack(alone), atol=1e-5, rtol=1e-4)


def test_in_training_padding_counts_in_no_statistic(network):
    points, lengths = clips()
    network.train()
    for unit in network.units:
        unit.dropout.p = 0.0
    other = points.clone()
    for row, length in enumerate(LENGTHS):
        other[row, length:] = -3.0
    with torch.no_grad():
        found = network(points, lengths), network(other, lengths)
    network.eval()
    torch.testing.assert_close(*found)


def test_the_order_of_frames_is_seen(network):
    points = torch.rand(1, 20, 27, 4)
    with torch.inference_mode():
        assert (network(points) - network(points.flip(1))).abs().max() > 1e-4


def test_a_batch_of_no_clips_gives_no_logits_and_gradients_of_zero(network):
    logits = network(torch.zeros(0, 0, 27, 4), torch.zeros(0, dtype=torch.int64))
    assert logits.shape == (0, 7)
    logits.sum().backward()
    assert not network.classifier.weight.grad.any()


def test_the_graph_is_one_piece_and_the_same_in_a_mirror():
    pairs = {frozenset(pair) for pair in st_gcn.edges(SIGNS27)}
    reached = {0}
    for _ in SIGNS27:
        reached |= {joint for pair in pairs if pair & reached for joint in pair}
    assert reached == set(range(27))
    other = mirrored(SIGNS27)
    assert {frozenset(other[joint] for joint in pair) for pair in pairs} == pairs


def test_neighbours_are_the_joint_itself_the_nearer_and_the_farther_ones():
    subsets = st_gcn.adjacency(SIGNS27)
    at = SIGNS27.index
    own, nearer, farther = (subsets[k, at("left_elbow")].nonzero().flatten().tolist() for k in range(3))
    assert own == [at("left_elbow")]
    assert nearer == [at("left_shoulder")]
    assert farther == [at("left_hand_wrist")]
    sums = subsets.sum(2)
    assert ((sums - 1).abs() < 1e-6).logical_or(sums == 0).all()


def test_a_skeleton_without_a_graph_is_refused():
    with pytest.raises(BenchError, match="signs27"):
        st_gcn.build(7, skeleton="spoter")
