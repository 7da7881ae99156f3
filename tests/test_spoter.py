"""SPOTER: its size, what its positions tell it, and clips that share a batch as if each were alone."""

from __future__ import annotations

import pytest

from utils.errors import BenchError

torch = pytest.importorskip("torch")

from models import counting, spoter  # noqa: E402

LENGTHS = (37, 5, 24, 1)


def network(**options):
    """Make a network whose random weights are the same each time."""
    torch.manual_seed(0)
    return spoter.build(10, **options).eval()


def clips(lengths=LENGTHS, joints=54):
    """Return random landmarks, padded with what must not matter."""
    generator = torch.Generator().manual_seed(1)
    points = torch.rand(len(lengths), max(lengths), joints, 2, generator=generator) - 0.5
    for row, length in enumerate(lengths):
        points[row, length:] = 7.0
    return points, torch.tensor(lengths)


def gradients(network, loss):
    """Return the gradient of every parameter that has one."""
    network.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


def test_the_published_network_has_the_published_number_of_parameters():
    assert counting.parameters(spoter.build(100, single_pos=True)) == 5_922_772
    assert counting.parameters(spoter.build(64, single_pos=True)) == 5_922_772 - 36 * 109


def test_the_published_network_does_not_see_the_order_of_frames():
    points, _ = clips((60,))
    other, _ = clips((60, 60))
    shuffled = points[:, torch.randperm(60, generator=torch.Generator().manual_seed(2))]
    published, fixed = network(single_pos=True), network()
    with torch.no_grad():
        assert (published(points) - published(shuffled)).abs().max() < 1e-5
        assert (published(points) - published(other[1:])).abs().max() > 1e-3
        assert (fixed(points) - fixed(shuffled)).abs().max() > 1e-3


@pytest.mark.parametrize("single_pos", [True, False])
def test_a_batch_computes_what_its_clips_compute_alone(single_pos):
    points, lengths = clips()
    labels = torch.tensor([3, 1, 4, 1])
    net = network(single_pos=single_pos)
    loss = torch.nn.CrossEntropyLoss(reduction="sum")
    together = loss(net(points, lengths), labels)
    batched = gradients(net, together)
    alone = [
        loss(net(points[row : row + 1, :length]), labels[row : row + 1]) for row, length in enumerate(LENGTHS)
    ]
    assert together.item() == pytest.approx(sum(one.item() for one in alone), abs=1e-5)
    singly = gradients(net, sum(alone))
    assert len(batched) == len(singly) > 150
    for name, gradient in batched.items():
        assert (gradient - singly[name]).abs().max() < 1e-5, name


def test_the_attention_computes_what_torchs_own_does():
    torch.manual_seed(0)
    ours = spoter.Attention(108, 9, 0.0)
    theirs = torch.nn.MultiheadAttention(108, 9, batch_first=True)
    theirs.load_state_dict(ours.state_dict())
    x, memory = torch.randn(2, 7, 108), torch.randn(2, 5, 108)
    hidden = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    seen = ~hidden[:, None, None]
    torch.testing.assert_close(ours(x, None, None), theirs(x, x, x)[0])
    expected = theirs(x, memory, memory, key_padding_mask=hidden)[0]
    torch.testing.assert_close(ours(x, memory, seen), expected)


def test_the_encoder_computes_what_torchs_own_does():
    net = network(single_pos=True)
    layer = torch.nn.TransformerEncoderLayer(108, 9, 2048, batch_first=True)
    theirs = torch.nn.TransformerEncoder(layer, 6, torch.nn.LayerNorm(108), enable_nested_tensor=False).eval()
    theirs.load_state_dict(net.transformer.encoder.state_dict())
    x = torch.randn(2, 7, 108)
    with torch.no_grad():
        torch.testing.assert_close(net.transformer.encoder(x, None), theirs(x), atol=1e-5, rtol=1e-5)


def test_a_clip_longer_than_the_positions_spreads_them_whatever_its_neighbours():
    net, longest = network(), spoter.POSITIONS
    lengths = torch.tensor([longest * 2 - 1, longest, 10])
    rows = net.positions(int(lengths.max()), lengths)
    table = net.pos[0]
    torch.testing.assert_close(rows[0, ::2], table)
    torch.testing.assert_close(rows[0, 1], (table[0] + table[1]) / 2)
    torch.testing.assert_close(rows[1, :longest], table)
    torch.testing.assert_close(rows[2, :10], table[:10])
    points = torch.rand(1, 300, 54, 2)
    with torch.no_grad():
        both = net(torch.cat([points, torch.rand(1, 300, 54, 2)]), torch.tensor([300, 20]))
        torch.testing.assert_close(net(points)[0], both[0], atol=1e-5, rtol=1e-5)


def test_a_batch_of_no_clips_gives_no_logits_and_gradients_of_zero():
    net = network()
    logits = net(torch.zeros(0, 0, 54, 2), torch.zeros(0, dtype=torch.int64))
    assert logits.shape == (0, 10)
    found = gradients(net, logits.sum())
    assert len(found) == len(list(net.parameters()))
    assert all(not gradient.any() for gradient in found.values())


def test_the_unused_table_of_the_origin_is_never_trained():
    net = network(single_pos=True)
    assert not net.row_embed.requires_grad
    points, lengths = clips()
    found = gradients(net, net(points, lengths).sum())
    assert set(dict(net.named_parameters())) - set(found) == {"row_embed"}


def test_dropout_acts_in_training_only():
    net = network(dropout=0.5)
    points, lengths = clips()
    with torch.no_grad():
        assert torch.equal(net(points, lengths), net(points, lengths))
        net.train()
        assert not torch.equal(net(points, lengths), net(points, lengths))


def test_a_skeleton_that_nine_heads_cannot_share_is_refused():
    with pytest.raises(BenchError, match="42 x 2"):
        spoter.build(10, joints=42)
