"""docs/SPEED.md, made of the measurements that are kept: `python -m benchmarks.speed page [--check]`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed_records import KINDS, Kept
from wlasl.root import project_folder

_HEAD = """# Speed

Made by `python -m benchmarks.speed page` of the files in `benchmarks/speed/`; do not edit it. Each row is one
measurement of one machine, methods in turns, CPU time: trust the ratios, not the milliseconds. Measure again
with the command above each table and `--write`.
"""
_INFER = """## Scoring a clip on one core

`python -m benchmarks.speed infer --model NAME --write`. Times as fast as the network in eager PyTorch,
fp32, as the engine scores with it. In italics: what does not keep the accuracy (in fp32 logits to 1e-3; in
bf16 98 % of first choices and one point of top-1), and does not count. *Fastest* is the best that does. *3-D
form* is the network with one 3-D convolution a layer, as the authors of X3D and MoViNet write it: below 1
where our own way, the yardstick here, is the faster one. Runtimes are given that form, batch normalisation
folded in.
"""
_SHORT = {
    "PyTorch fp32, channels last": "channels last",
    "PyTorch fp32, 3-D form": "3-D form",
    "PyTorch bf16": "bf16",
    "PyTorch bf16, channels last": "bf16, channels last",
    "PyTorch bf16, 3-D form, channels last": "bf16, 3-D form, channels last",
    "PyTorch fp32, torch.compile": "compile",
    "ONNX Runtime fp32": "ONNX Runtime",
    "OpenVINO fp32": "OpenVINO fp32",
    "OpenVINO bf16": "OpenVINO bf16",
    "LiteRT fp32": "LiteRT",
}
_TRAIN = """## Training on one core, and waiting for clips

`python -m benchmarks.speed train --model NAME --write`. Times as fast as the engine's own step in fp32;
in italics what does not count, its first step's loss or gradient being another. *Waits* is the share of its
time that training with the fastest setting waits for the loader, which on one core shares it with the
network; 2 % are allowed.
"""
_TITLES = {
    "load": "Preparing and loading clips",
    "movinet": "MoViNet against tf-models-official",
    "growth": "Growth",
    "gpu": "On a GPU",
}


def page_path() -> Path:
    """Return where the page lies."""
    return project_folder() / "docs" / "SPEED.md"


def page(found: Sequence[Kept]) -> str:
    """Return the page, Markdown, of all measurements."""
    parts = [_HEAD]
    for kind in KINDS:
        of_kind = [one for one in found if one.kind == kind]
        if of_kind:
            parts.append(_SECTIONS.get(kind, _plain)(of_kind))
    return "\n".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def _machines(found: Sequence[Kept]) -> str:
    """Say where and when measurements were made, with which versions."""
    lines = []
    for one in {(one.cpu, one.date, tuple(sorted(one.versions.items()))): one for one in found}.values():
        loads = [each.load for each in found if (each.cpu, each.date) == (one.cpu, one.date)]
        versions = ", ".join(f"{name} {version}" for name, version in one.versions.items())
        load = f"load {min(loads):.1f} to {max(loads):.1f}"
        lines.append(f"{one.date}, {one.cpu}, {one.cores} cores, {load}; {versions}.")
    return "\n".join(lines) + "\n"


def _infer(found: Sequence[Kept]) -> str:
    """Return what scoring costs, a network a row."""
    names = [name for name in _SHORT if any(name == row["name"] for one in found for row in _rows(one))]
    head = ["network", "eager, ms", *(_SHORT[name] for name in names), "fastest", "asked"]
    notes: dict[str, list[str]] = {}
    for one in found:
        for note in one.report["notes"]:
            notes.setdefault(note, []).append(one.name)
    listed = "".join(f"- {', '.join(of)}: {note}\n" for note, of in notes.items())
    parts = [_INFER, table(head, (_infer_row(one, names) for one in found)), listed, _machines(found)]
    return "\n".join(part for part in parts if part)


def _rows(one: Kept) -> Sequence[Mapping[str, Any]]:
    """Return a measurement's rows."""
    rows: Sequence[Mapping[str, Any]] = one.report["rows"]
    return rows


def _infer_row(one: Kept, names: Sequence[str]) -> list[str]:
    """Return a network's row."""
    rows = {row["name"]: row for row in _rows(one)}
    cells = [_times(rows[name]) if name in rows else "" for name in names]
    best = f"**{one.report['times']:.1f} x** {_SHORT.get(one.report['fastest'], 'eager')}"
    least = one.report["least"]
    asked = "" if least is None else f"{least:g} x: {'met' if one.report['met'] else 'missed'}"
    return [one.name, f"{_rows(one)[0]['milliseconds']:.0f}", *cells, best, asked]


def _train(found: Sequence[Kept]) -> str:
    """Return what training costs, a network a row."""
    names = list(dict.fromkeys(row["name"] for one in found for row in _rows(one)))
    head = ["network", "fp32, ms a clip", *names[1:], "fastest", "by default", "waits", "loading, ms a clip"]
    body = table(head, (_train_row(one, names[1:]) for one in found))
    return f"{_TRAIN}\n{body}\n{_machines(found)}"


def _train_row(one: Kept, names: Sequence[str]) -> list[str]:
    """Return a network's row."""
    rows, report = {row["name"]: row for row in _rows(one)}, one.report
    cells = [_times(rows[name]) if name in rows else "" for name in names]
    best = f"**{report['times']:.1f} x** {report['fastest']}"
    waits = f"{report['waited']:.1%}: {'met' if report['met'] else 'missed'}"
    first = f"{_rows(one)[0]['milliseconds']:.0f}"
    return [one.name, first, *cells, best, report["default"], waits, f"{report['feeding']:.1f}"]


def _times(row: Mapping[str, Any]) -> str:
    """Return how many times as fast a row is, in italics where it does not keep the accuracy."""
    words = f"{1 / row['ratio']:.1f}"
    return words if row["keeps"] else f"*{words}*"


def _plain(found: Sequence[Kept]) -> str:
    """Return measurements of another kind: tables as their reports have them, alike ones in one."""
    parts = [f"## {_TITLES[found[0].kind]}\n"]
    alike: dict[tuple[str, ...], list[Kept]] = {}
    for one in found:
        alike.setdefault((one.report["command"], one.report["what"]), []).append(one)
    for (command, what), ones in alike.items():
        parts.append(f"`{command}`: {what}\n")
        parts.append(table(ones[0].report["head"], (row for one in ones for row in one.report["cells"])))
        notes = dict.fromkeys(note for one in ones for note in one.report.get("notes", ()))
        parts += [f"- {note}\n" for note in notes]
        parts += [f"![{what}]({one.report['plot']})\n" for one in ones if "plot" in one.report]
    return "\n".join([*parts, _machines(found)])


_SECTIONS: Mapping[str, Callable[[Sequence[Kept]], str]] = {"infer": _infer, "train": _train}
