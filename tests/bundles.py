"""Writes TensorFlow checkpoints without TensorFlow, for tests of the reader."""

from __future__ import annotations

import struct

import numpy as np

MAGIC = 0xDB4775248B80FB57
TYPES = {"float32": 1, "int32": 3, "int64": 9}


def varint(value):
    """Seven bits a byte, the lowest first."""
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def nested(field, message):
    return varint(field << 3 | 2) + varint(len(message)) + message


def block(pairs, compression=0):
    """A block of a sorted table; keys share what they begin with alike."""
    body, before = b"", b""
    for key, value in pairs:
        shared = next((i for i, (a, b) in enumerate(zip(before, key, strict=False)) if a != b), 0)
        body += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    return body + struct.pack("<II", 0, 1) + bytes([compression]) + bytes(4)


def handle(offset, blocked):
    return varint(offset) + varint(len(blocked) - 5)


def write(folder, arrays, prefix="ckpt-1", *, compression=0):
    """Write `arrays` as the checkpoint `prefix` in `folder`, and an unreadable tensor of text beside them."""
    data, entries = b"", [(b"", number(1, 1)), (b"_TEXT", number(1, 7) + number(5, 3))]
    for key, array in sorted(arrays.items()):
        array = np.asarray(array)  # noqa: PLW2901
        shape = b"".join(nested(2, number(1, side)) for side in array.shape)
        kind, raw = TYPES[array.dtype.name], array.tobytes()
        place = number(4, len(data)) + number(5, len(raw)) + varint(6 << 3 | 5) + bytes(4)
        entries.append((key.encode(), number(1, kind) + nested(2, shape) + place))
        data += raw
    half = len(entries) // 2
    blocks = [block(entries[:half], compression), block(entries[half:], compression)]
    offsets = [0, len(blocks[0])]
    index = block([(entries[half - 1][0], handle(0, blocks[0])), (b"\xff", handle(offsets[1], blocks[1]))])
    table = b"".join(blocks)
    footer = handle(len(table) + len(index), index) + handle(len(table), index)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{prefix}.index").write_bytes(
        table + index + footer.ljust(40, b"\0") + struct.pack("<Q", MAGIC)
    )
    (folder / f"{prefix}.data-00000-of-00001").write_bytes(data)
    (folder / "checkpoint").write_text(f'model_checkpoint_path: "{prefix}"\n')
    return folder
