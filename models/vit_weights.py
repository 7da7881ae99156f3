"""Published weights of VideoMAE under this project's names, which are transformers' own, shortened.

Three layouts are known: transformers' (`videomae.encoder.layer.0...`, with the biases of queries and values
as tensors of their own before version 5), the authors' (`blocks.0.attn.qkv.weight`, `q_bias`, `v_bias`;
VideoMAE and VideoMAE V2 alike), and this project's, which is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

Table = dict[str, Tensor]

_AUTHORS = {
    "patch_embed.proj.": "patch_embeddings.projection.",
    "norm1.": "layernorm_before.",
    "norm2.": "layernorm_after.",
    "attn.proj.": "attention.output.dense.",
    "mlp.fc1.": "intermediate.dense.",
    "mlp.fc2.": "output.dense.",
    "attn.q_bias": "attention.attention.query.bias",
    "attn.v_bias": "attention.attention.value.bias",
    "head.": "classifier.",
}
"""The authors' names and ours; keys are prefixes of what is left behind the block's number."""
_OLDER = {"attention.q_bias": "attention.query.bias", "attention.v_bias": "attention.value.bias"}
_OTHER_USE = ("decoder", "encoder_to_decoder", "mask_token", "position_embeddings", "pos_embed")
"""What only pre-training needs, and positions, which are computed."""
_PRETRAINED_NORM = ("layernorm.", "norm.")
"""The norm of all tokens in pre-training: training starts with a new one of their mean."""
_BLOCK = re.compile(r"(?:encoder\.)?blocks\.(\d+)\.(.+)")
_AUTHORS_MARK = "patch_embed.proj.weight"
_QKV = "attn.qkv.weight"


def renamed(table: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> Table:
    """Return weights in any of the three layouts under our names.

    Args:
        table: the file's tensors.
        own: the network's, which start a norm that pre-training does not have.
    """
    bare = {name.removeprefix("videomae."): tensor for name, tensor in table.items()}
    bare = {name.removeprefix("embeddings."): tensor for name, tensor in bare.items()}
    authors = any(name.endswith(_AUTHORS_MARK) for name in bare)
    found = _from_authors(bare) if authors else {_newer(name): tensor for name, tensor in bare.items()}
    kept = {name: tensor for name, tensor in found.items() if not name.startswith(_OTHER_USE)}
    return _with_norm(kept, own)


def _newer(name: str) -> str:
    """Return transformers' name of today for one of transformers before version 5."""
    for old, new in _OLDER.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def _from_authors(table: Table) -> Table:
    """Translate the authors' names, and take queries, keys and values apart."""
    found: Table = {}
    for name, tensor in table.items():
        block = _BLOCK.fullmatch(name)
        if name.startswith("decoder."):
            continue
        if block is None:
            found[_ours(name.removeprefix("encoder."))] = tensor
            continue
        start, rest = f"encoder.layer.{block[1]}.", block[2]
        if rest == _QKV:
            parts = zip(("query", "key", "value"), torch.chunk(tensor, 3), strict=True)
            found |= {f"{start}attention.attention.{part}.weight": value.clone() for part, value in parts}
        else:
            found[start + _ours(rest)] = tensor
    return found


def _ours(name: str) -> str:
    """Return our name of one of the authors' tensors; one that is not known keeps its name."""
    for theirs, ours in _AUTHORS.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name


def _with_norm(table: Table, own: Mapping[str, Tensor]) -> Table:
    """Let pre-trained weights, which have no norm of the mean, start with the network's own."""
    if "fc_norm.weight" in table:
        return table
    fresh = {name: tensor for name, tensor in own.items() if name.startswith("fc_norm.")}
    return {name: t for name, t in table.items() if not name.startswith(_PRETRAINED_NORM)} | fresh
