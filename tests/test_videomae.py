"""VideoMAE: transformers' function, the authors' weights, positions for clips of any shape."""

from __future__ import annotations

import importlib
import importlib.util
import sys

import pytest

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")
pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("transformers"), reason="transformers is not installed"
)

from torch.nn import functional as F  # noqa: E402, N812

from models import videomae, weights  # noqa: E402
from models.shapes import Clip  # noqa: E402
from models.torchvision_guard import import_torchvision  # noqa: E402
from utils.errors import BenchError  # noqa: E402

SHAPE = videomae.Shape(width=24, depth=2, heads=3)
CLIP, GRID, CLASSES = Clip(4, 32), (2, 2, 2), 5


def tiny(classes=CLASSES, **options):
    torch.manual_seed(classes)
    network = videomae.VideoMAE(SHAPE, classes, CLIP, native=GRID[1], **options).eval()
    with torch.no_grad():
        for parameter in network.parameters():  # norms and biases at work, and far from their start
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return network


def clips(frames=CLIP.frames, size=CLIP.size):
    return torch.randn(2, 3, frames, size, size, generator=torch.Generator().manual_seed(1))


def module():
    """Return transformers' module, which needs torchvision's import to be mended first."""
    import_torchvision()
    return importlib.import_module("transformers.models.videomae.modeling_videomae")


def theirs(kind="VideoMAEForVideoClassification"):
    """Return transformers' own network of the same shape, with weights of its own."""
    config = module().VideoMAEConfig(
        hidden_size=SHAPE.width,
        num_hidden_layers=SHAPE.depth,
        num_attention_heads=SHAPE.heads,
        intermediate_size=4 * SHAPE.width,
        num_frames=CLIP.frames,
        image_size=CLIP.size,
        layer_norm_eps=1e-6,
        num_labels=CLASSES,
        use_mean_pooling=kind == "VideoMAEForVideoClassification",
        decoder_hidden_size=12,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=12,
        decoder_num_hidden_layers=1,
    )
    torch.manual_seed(3)
    network = getattr(module(), kind)(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    if hasattr(network, "fc_norm"):
        network.fc_norm.eps = 1e-6  # as the authors have it; transformers leaves it at torch's 1e-5
    return network


def older(table):
    """Return weights under the names that transformers before version 5, and the Hub's files, have."""
    return {
        name.replace("attention.query.bias", "attention.q_bias").replace(
            "attention.value.bias", "attention.v_bias"
        ): tensor
        for name, tensor in table.items()
    }


def test_its_logits_are_transformers_from_either_layout_of_its_files(tmp_path):
    network = theirs()
    with torch.no_grad():
        expected = network(clips().transpose(1, 2)).logits
    table = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    safetensors.save_file(table, tmp_path / "model.safetensors")
    torch.save(older(table), tmp_path / "pytorch_model.bin")
    for name in ("model.safetensors", "pytorch_model.bin"):
        ours, said = tiny(), []
        weights.load_weights(ours, tmp_path / name, system="videomae-s", say=said.append)
        assert "its head included" in said[0]
        with torch.no_grad():
            torch.testing.assert_close(ours(clips()), expected, rtol=1e-5, atol=1e-5)


def test_pre_trained_weights_bring_no_norm_and_no_head(tmp_path):
    network = theirs("VideoMAEForPreTraining")
    torch.save(older(network.state_dict()), tmp_path / "pretrained.bin")
    ours, said = tiny(), []
    weights.load_weights(ours, tmp_path / "pretrained.bin", system="videomae-s", say=said.append)
    assert "it has no head" in said[0]
    assert torch.equal(ours.fc_norm.weight, tiny().fc_norm.weight)
    given = network.videomae.encoder.layer[1].attention.attention.query.bias
    assert torch.equal(ours.encoder.layer[1].attention.attention.query.bias, given)


def in_the_authors_layout(network):
    """Return a network's weights as OpenGVLab publishes VideoMAE V2's distilled ones."""
    own, table = network.state_dict(), {}
    for name in ("weight", "bias"):
        table[f"patch_embed.proj.{name}"] = own[f"patch_embeddings.projection.{name}"]
        table[f"fc_norm.{name}"], table[f"head.{name}"] = own[f"fc_norm.{name}"], own[f"classifier.{name}"]
    for number in range(SHAPE.depth):
        start, to = f"encoder.layer.{number}.", f"blocks.{number}."
        parts = [own[f"{start}attention.attention.{part}.weight"] for part in ("query", "key", "value")]
        table[f"{to}attn.qkv.weight"] = torch.cat(parts)
        table[f"{to}attn.q_bias"] = own[f"{start}attention.attention.query.bias"]
        table[f"{to}attn.v_bias"] = own[f"{start}attention.attention.value.bias"]
        for theirs_, ours_ in (
            ("norm1", "layernorm_before"),
            ("norm2", "layernorm_after"),
            ("attn.proj", "attention.output.dense"),
            ("mlp.fc1", "intermediate.dense"),
            ("mlp.fc2", "output.dense"),
        ):
            for name in ("weight", "bias"):
                table[f"{to}{theirs_}.{name}"] = own[f"{start}{ours_}.{name}"]
    return table


def authors_function(table, x):
    """Return the logits that the authors' network has by these weights, from its description alone."""
    d, heads = SHAPE.width, SHAPE.heads
    tokens = F.conv3d(x, table["patch_embed.proj.weight"], table["patch_embed.proj.bias"], (2, 16, 16))
    tokens = tokens.flatten(2).transpose(1, 2)
    index = torch.arange(tokens.shape[1], dtype=torch.float64)[:, None]
    column = torch.arange(d)
    angle = index / 10000 ** (2 * (column // 2) / d)
    tokens = tokens + torch.where(column % 2 == 0, angle.sin(), angle.cos()).float()
    for number in range(SHAPE.depth):
        block = {
            k.removeprefix(f"blocks.{number}."): v
            for k, v in table.items()
            if k.startswith(f"blocks.{number}.")
        }
        normed = F.layer_norm(tokens, (d,), block["norm1.weight"], block["norm1.bias"], 1e-6)
        bias = torch.cat([block["attn.q_bias"], torch.zeros(d), block["attn.v_bias"]])
        q, k, v = (
            F.linear(normed, block["attn.qkv.weight"], bias)
            .view(len(x), -1, 3, heads, d // heads)
            .permute(2, 0, 3, 1, 4)
        )
        seen = ((q * (d // heads) ** -0.5) @ k.transpose(-1, -2)).softmax(-1) @ v
        seen = seen.transpose(1, 2).flatten(2)
        tokens = tokens + F.linear(seen, block["attn.proj.weight"], block["attn.proj.bias"])
        normed = F.layer_norm(tokens, (d,), block["norm2.weight"], block["norm2.bias"], 1e-6)
        inner = F.gelu(F.linear(normed, block["mlp.fc1.weight"], block["mlp.fc1.bias"]))
        tokens = tokens + F.linear(inner, block["mlp.fc2.weight"], block["mlp.fc2.bias"])
    mean = F.layer_norm(tokens.mean(1), (d,), table["fc_norm.weight"], table["fc_norm.bias"], 1e-6)
    return F.linear(mean, table["head.weight"], table["head.bias"])


def test_the_authors_weights_load_to_the_authors_function(tmp_path):
    table = in_the_authors_layout(tiny(710))
    torch.save({"module": table}, tmp_path / "vit_s_k710_dl_from_giant.pth")
    ours, said = tiny(710), []
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.zero_()
        weights.load_weights(
            ours, tmp_path / "vit_s_k710_dl_from_giant.pth", system="videomae-s", say=said.append
        )
        torch.testing.assert_close(ours(clips()), authors_function(table, clips()), rtol=1e-5, atol=1e-5)
    assert "its head included" in said[0]


def test_the_authors_half_precision_and_other_classes_leave_only_the_head_behind(tmp_path):
    table = {name: tensor.half() for name, tensor in in_the_authors_layout(tiny(710)).items()}
    torch.save({"module": table}, tmp_path / "v2.pth")
    ours, said = tiny(), []
    head = ours.classifier.weight.clone()
    weights.load_weights(ours, tmp_path / "v2.pth", system="videomae-s", say=said.append)
    assert "its head of 710 classes is left out" in said[0]
    assert torch.equal(ours.classifier.weight, head)
    own = ours.encoder.layer[1].attention.attention.value.weight
    assert torch.equal(own, table["blocks.1.attn.qkv.weight"].float()[2 * SHAPE.width :])
    assert own.dtype == torch.float32


def test_a_run_s_own_weights_are_taken_as_they_are(tmp_path):
    network = tiny()
    torch.save({"state_dict": network.state_dict()}, tmp_path / "best.pt")
    ours = tiny()
    weights.load_weights(ours, tmp_path / "best.pt", system="videomae-s", say=[].append)
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), network.parameters(), strict=True))


FOREIGN = {
    "of another shape": lambda table: {**table, "patch_embed.proj.weight": torch.zeros(24, 3, 2, 8, 8)},
    "missing, first encoder.layer.1": lambda t: {k: v for k, v in t.items() if not k.startswith("blocks.1")},
    "not its own, first gamma_1": lambda table: {**table, "gamma_1": torch.zeros(3)},
}


@pytest.mark.parametrize(("sentence", "change"), FOREIGN.items())
def test_weights_of_another_vit_are_refused(tmp_path, sentence, change):
    torch.save(change(in_the_authors_layout(tiny())), tmp_path / "other.pth")
    with pytest.raises(BenchError, match=sentence):
        weights.load_weights(tiny(), tmp_path / "other.pth", system="videomae-s")


def test_positions_at_the_native_size_are_transformers_and_go_on_with_the_frames():
    table = module().get_sinusoid_encoding_table(3 * 4 * 4, 24)[0]
    torch.testing.assert_close(videomae.positions((3, 4, 4), 24, native=4), table, rtol=1e-5, atol=1e-5)
    longer = videomae.positions((5, 4, 4), 24, native=4)
    torch.testing.assert_close(longer[: len(table)], table, rtol=1e-5, atol=1e-5)


def test_positions_of_another_size_lie_between_those_of_the_native_one():
    native, finer = (videomae.positions((1, side, side), 24, native=3) for side in (3, 9))
    # Every third token of three times as many is in the middle of a native one.
    torch.testing.assert_close(finer.view(9, 9, 24)[1::3, 1::3], native.view(3, 3, 24), rtol=1e-6, atol=1e-6)


def test_clips_of_other_shapes_are_taken_without_a_new_network():
    network = tiny()
    with torch.no_grad():
        for frames, size in ((4, 32), (8, 32), (2, 48), (6, 16)):
            assert network(clips(frames, size)).shape == (2, CLASSES)


def test_blocks_are_left_out_in_training_alone_and_more_of_them_near_the_end():
    network = tiny(drop_path=0.9)
    shares = [layer.output.dropout.share for layer in network.encoder.layer]
    assert shares == [0.0, 0.9]
    x = clips()
    assert torch.equal(network(x), network(x))
    network.train()
    torch.manual_seed(0)
    outs = [network(x) for _ in range(6)]
    assert any(not torch.equal(outs[0], out) for out in outs[1:])
    whole = tiny().train()
    torch.testing.assert_close(whole(x), tiny()(x))


REFUSED = {
    "needs at least 2 frames": {"frames": 1},
    "needs at least 16 pixels": {"size": 15},
    "frames in steps of 2, not 15. Set frames=14 or 16": {"frames": 15},
    "size in steps of 16, not 100. Set size=96 or 112": {"size": 100},
}


@pytest.mark.parametrize(("sentence", "options"), REFUSED.items())
def test_what_it_cannot_take_is_refused_in_words(sentence, options):
    with pytest.raises(BenchError, match=sentence):
        videomae.build(5, variant="s", **options)


def test_a_missing_transformers_is_answered_with_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    for name in [name for name in sys.modules if name.startswith("transformers.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(BenchError, match=r"pip install -e '\.\[vit\]'"):
        videomae.build(5, variant="s")
