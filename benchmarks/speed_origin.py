"""What SPOTER's authors do, written anew as a yardstick: one clip at a time, loops in Python, lists as text.

Made from the paper's words and from what was measured of their code; nothing of it is here. Where a choice
was open the faster one was taken: plain numbers instead of arrays of one element, the `csv` module instead of
a table of a data-frame library, attention without its weights.
"""

from __future__ import annotations

import ast
import csv
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from wlasl.landmarks.form import Points
from wlasl.landmarks.joints import SPOTER, SPOTER_BODY

Numbers = npt.NDArray[np.float64]
Place = tuple[float, float]
Box = tuple[float, float, float, float]

_PARTS = (SPOTER_BODY, SPOTER[12:33], SPOTER[33:])
_HAND_PARTS = {"tip": "Tip", "dip": "DIP", "pip": "PIP", "mcp": "MCP", "ip": "IP", "cmc": "CMC"}


class Network(nn.Module):
    """SPOTER out of torch's own Transformer; its state dict is that of `models.spoter` with `single_pos`."""

    def __init__(self, classes: int, d: int = 108) -> None:
        """Make the network with random weights."""
        super().__init__()
        self.row_embed = nn.Parameter(torch.rand(50, d))
        self.pos = nn.Parameter(torch.rand(1, 1, d))
        self.class_query = nn.Parameter(torch.rand(1, d))
        layer = nn.TransformerEncoderLayer(d, 9)
        encoder = nn.TransformerEncoder(layer, 6, nn.LayerNorm(d), enable_nested_tensor=False)
        self.transformer = nn.Transformer(d, 9, num_decoder_layers=6, custom_encoder=encoder)
        for layer in self.transformer.decoder.layers:
            del layer.self_attn
        self.linear_class = nn.Linear(d, classes)

    def forward(self, points: Tensor) -> Tensor:
        """Map one clip [T, J, D] to logits [classes]."""
        memory = self.transformer.encoder(points.flatten(1)[:, None] + self.pos)
        query = self.class_query[None]
        for layer in self.transformer.decoder.layers:
            query = _decoded(layer, query, memory)
        out: Tensor = self.linear_class(self.transformer.decoder.norm(query))
        return out[0, 0]


def _decoded(layer: nn.Module, query: Tensor, memory: Tensor) -> Tensor:
    """Let the query [1, 1, d] go through a layer of torch's decoder whose self-attention is left out."""
    query = layer.norm1(query + layer.dropout1(query))  # type: ignore[operator]
    found = layer.multihead_attn(query, memory, memory, need_weights=False)[0]  # type: ignore[operator]
    query = layer.norm2(query + layer.dropout2(found))  # type: ignore[operator]
    hidden = layer.linear2(layer.dropout(torch.relu(layer.linear1(query))))  # type: ignore[operator]
    out: Tensor = layer.norm3(query + layer.dropout3(hidden))  # type: ignore[operator]
    return out


class Trainer:
    """Training one clip at a time: SGD without momentum, cross-entropy, an update after each clip."""

    def __init__(self, classes: int, lr: float = 1e-3) -> None:
        """Make network and optimiser."""
        self.network = Network(classes).train()
        self.optimiser = torch.optim.SGD(self.network.parameters(), lr)

    def step(self, points: Tensor, label: int) -> float:
        """Learn from one clip [T, J, D]; return the loss."""
        self.optimiser.zero_grad()
        loss = nn.functional.cross_entropy(self.network(points), torch.tensor(label))
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return loss.item()


def item(points: Points) -> Tensor:
    """Normalise one clip, canonical [T, J, 2] with NaN where unseen, as SPOTER does; frame by frame.

    No augmentation: ours is compared with it on.
    """
    frames = [_frame(row) for row in np.nan_to_num(points).tolist()]
    last: Box | None = None
    for frame in frames:
        last = _body_box(frame) or last
        if last:
            _into(frame, SPOTER_BODY, last)
        for part in _PARTS[1:]:
            box = _hand_box([frame[name] for name in part])
            if box:
                _into(frame, part, box)
    return torch.tensor([[frame[name] for name in SPOTER] for frame in frames]) - 0.5


def _frame(row: list[list[float]]) -> dict[str, Place]:
    """Return a frame's joints by their names, y up as SPOTER's data have it; (0, 0) where unseen."""
    return {name: (x, 1 - y) if x or y else (0.0, 0.0) for name, (x, y) in zip(SPOTER, row, strict=True)}


def _body_box(frame: Mapping[str, Place]) -> Box | None:
    """Return the box of a frame's body: 6 shoulder widths to a side, cut at 0; None where it has none."""
    left, right = frame["left_shoulder"], frame["right_shoulder"]
    neck, nose = frame["neck"], frame["nose"]
    if left[0] and right[0]:
        head = math.dist(left, right)
    elif neck[0] and nose[0]:
        head = math.dist(neck, nose)
    else:
        return None
    top = frame["left_eye"][1] + head
    x0, y0, x1, y1 = (max(0.0, v) for v in (neck[0] - 3 * head, top - 6 * head, neck[0] + 3 * head, top))
    return (x0, y0, x1, y1) if x0 != x1 and y0 != y1 else None


def _hand_box(places: list[Place]) -> Box | None:
    """Return the square around a hand with a tenth of its longer side added; None where nothing is seen."""
    xs = [x for x, _ in places if x]
    ys = [y for _, y in places if y]
    if not xs or not ys:
        return None
    wide, high = max(xs) - min(xs), max(ys) - min(ys)
    half = 0.6 * max(wide, high)
    across, up = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    return (across - half, up - half, across + half, up + half) if half else None


def _into(frame: dict[str, Place], names: tuple[str, ...], box: Box) -> None:
    """Write some of a frame's joints as shares of a box; those that are unseen stay."""
    x0, y0, x1, y1 = box
    for name in names:
        x, y = frame[name]
        if x:
            frame[name] = ((x - x0) / (x1 - x0), (y - y0) / (y1 - y0))


def column(joint: str) -> str:
    """Return how SPOTER's CSV names a joint: left_hand_index_tip is indexTip_left."""
    side, hand, rest = joint.partition("_hand_")
    words = (rest if hand else joint).split("_")
    if not hand:
        return words[0] + "".join(word.capitalize() for word in words[1:])
    part = "MP" if words == ["thumb", "mcp"] else "".join(_HAND_PARTS[word] for word in words[1:])
    return f"{words[0]}{part}_{side}"


def write_csv(path: Path, clips: Iterator[tuple[str, int, Points]]) -> None:
    """Write clips (id, label, canonical points [T, J, 2]) as SPOTER's CSV: y up, a list as text in a cell.

    Ten digits a number, which is what its 179 MB for 1,442 clips come to.
    """
    names = [f"{column(joint)}_{axis}" for joint in SPOTER for axis in "XY"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["video_id", "labels", *names])
        for name, label, points in clips:
            up = np.nan_to_num(np.stack([points[..., 0], 1 - points[..., 1]], 1))
            lists = np.where(np.isnan(points[..., :1]).transpose(0, 2, 1), 0, up).transpose(2, 1, 0)
            cells = [
                f"[{', '.join(f'{v:.10f}' for v in row)}]" for row in lists.reshape(-1, len(points)).tolist()
            ]
            writer.writerow([name, label, *cells])


def read_csv(path: Path) -> list[Numbers]:
    """Read SPOTER's CSV, each cell by evaluating it as a literal; float64 [T, J, 2] a clip."""
    csv.field_size_limit(sys.maxsize)
    found = []
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            frames = len(ast.literal_eval(row["nose_X"]))
            points = np.empty((frames, len(SPOTER), 2))
            for at, joint in enumerate(SPOTER):
                points[:, at, 0] = ast.literal_eval(row[f"{column(joint)}_X"])
                points[:, at, 1] = ast.literal_eval(row[f"{column(joint)}_Y"])
            found.append(points)
    return found
