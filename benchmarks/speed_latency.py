"""How long one clip takes on one core: PyTorch, ONNX Runtime, OpenVINO and LiteRT, and what each gets wrong.

A clip of 4 s at 25 frames per second, or as many frames as the recipe gives every clip; the network alone,
its input ready. Each runtime is loaded in a process of its own and they take turns; files are made in
processes that end. Whatever fails is named with its reason, and the rest is measured.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import export_landmarks as export
from benchmarks.children import Child, carried_out
from benchmarks.latency_network import Judged, Numbers
from benchmarks.latency_runtimes import (
    COMPILED,
    LITERT,
    LITERT_INT8,
    ONNX,
    ONNX_INT8,
    RUNTIMES,
    Runtime,
    Session,
)
from utils.errors import FAILURE, BenchError
from utils.progress import Progress, Silent

AT_MOST = 5.0
"""Milliseconds of one core that the fastest runtime may take which keeps its accuracy."""
LOSES, SAME = 0.01, 0.98
"""To keep its accuracy a runtime may lose one point of the top-1 of PyTorch in fp32, and must give the same
first choice on so many of the clips: errors that cancel out on few clips do not on many."""
PARITY = 1e-4
"""Largest difference between the logits of two runtimes in fp32."""
_CALLS, _WARM = 10, 3
_LIMIT = 300.0


@dataclass(frozen=True)
class Latency:
    """What one runtime does.

    Attributes:
        name: for people.
        milliseconds: median CPU time of a clip.
        ratio: over the first runtime's, median of the rounds.
        megabytes: of the file that it reads.
        difference: largest one of its logits from the first runtime's.
        agreement: share of the clips on which its first choice is the first runtime's.
        top1: share of the clips that it names.
        keeps: whether it keeps its accuracy.
    """

    name: str
    milliseconds: float
    ratio: float
    megabytes: float
    difference: float
    agreement: float
    top1: float
    keeps: bool


@dataclass(frozen=True)
class LatencyReport:
    """What was measured.

    Attributes:
        what: in words.
        rows: a runtime each, the first the yardstick.
        notes: what was not measured, and why.
    """

    what: str
    rows: tuple[Latency, ...]
    notes: tuple[str, ...]

    @property
    def fastest(self) -> Latency:
        """The fastest runtime that keeps its accuracy."""
        return min((row for row in self.rows if row.keeps), key=lambda row: row.milliseconds)

    @property
    def met(self) -> bool:
        """Whether that one is fast enough."""
        return self.fastest.milliseconds <= AT_MOST

    @property
    def mark(self) -> str:
        """Return what should be reached."""
        return f"the fastest runtime that keeps its accuracy takes at most {AT_MOST:g} ms a clip"

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        rows = [{name: getattr(row, name) for name in Latency.__dataclass_fields__} for row in self.rows]
        found = {"what": self.what, "rows": rows, "notes": [*self.notes], "fastest": self.fastest.name}
        return {**found, "mark": self.mark, "met": self.met}

    def as_text(self) -> str:
        """Return it as a table in plain text."""
        width = max(len(row.name) for row in self.rows)
        lines = [self.what, f"{'':{width}}  CPU ms  ratio     MB  largest diff.  same sign   top-1"]
        lines += [_line(row, width) for row in self.rows]
        verdict = (
            f"{self.fastest.name}, {self.fastest.milliseconds:.2f} ms: {'met' if self.met else 'missed'}"
        )
        return "\n".join([*lines, *self.notes, f"{self.mark}: {verdict}"])


def _line(row: Latency, width: int) -> str:
    """Return a runtime as a line."""
    cost = f"{row.milliseconds:6.2f}  {row.ratio:5.2f}  {row.megabytes:5.1f}"
    shares = f"{row.difference:13.1e}  {row.agreement:9.1%}  {row.top1:6.1%}"
    return f"{row.name:{width}}  {cost}  {shares}{'' if row.keeps else '  loses accuracy'}"


def measured(
    judged: Judged, folder: Path, rounds: int, *, compiled: bool = False, progress: Progress | None = None
) -> LatencyReport:
    """Measure every runtime that is here.

    Args:
        judged: the network, and the clips that it is judged on.
        folder: where files are made.
        rounds: turns of each runtime.
        compiled: torch.compile too, which takes a minute.
        progress: hears what is under way.

    Raises:
        BenchError: PyTorch itself cannot carry the network out.
    """
    progress = progress or Silent()
    chosen = [runtime for runtime in RUNTIMES if compiled or runtime.name != COMPILED]
    progress.begin("files and runtimes", 4 + 2 * len(chosen))
    failed = _files(judged, folder, progress)
    notes: list[str] = []
    with ExitStack() as stack:
        children = dict[Runtime, Child]()
        for runtime in chosen:
            progress.advance(f"loading {runtime.name}")
            loaded = _loaded_or_why(runtime, judged, folder, failed)
            if isinstance(loaded, str):
                notes.append(loaded)
            else:
                children[runtime] = loaded
                stack.callback(loaded.close)
        rows, more = _rows(children, judged, (folder, rounds), progress)
    shape = " x ".join(map(str, judged.setting.shape))
    what = f"{judged.what}; one clip of {shape}, one core, CPU time, {rounds} turns of {_CALLS} calls"
    besides = f"Not counted: {judged.reading:.2f} ms to make landmarks the network's input."
    return LatencyReport(what, rows, (*notes, *more, besides))


def _loaded_or_why(runtime: Runtime, judged: Judged, folder: Path, failed: Mapping[str, str]) -> Child | str:
    """Return a runtime that is ready, or why it is not; without PyTorch there is nothing to compare with."""
    try:
        return _loaded(runtime, judged, folder, failed)
    except BenchError as error:
        if runtime is RUNTIMES[0]:
            raise
        return f"{runtime.name}: not measured. {error}"


def _files(judged: Judged, folder: Path, progress: Progress) -> dict[str, str]:
    """Make the files; return why those are missing that could not be made."""
    setting = judged.setting
    makers: dict[str, Callable[[], None]] = {
        ONNX: partial(_child, folder, ONNX, export.to_onnx, setting),
        ONNX_INT8: partial(_child, folder, ONNX_INT8, export.to_onnx_int8, folder / ONNX),
        LITERT: partial(_child, folder, LITERT, export.to_litert, setting),
        LITERT_INT8: partial(_child, folder, LITERT_INT8, export.to_litert_int8, setting),
    }
    failed: dict[str, str] = {}
    for name, make in makers.items():
        progress.advance(f"making {name}")
        if name == ONNX_INT8 and ONNX in failed:
            failed[name] = failed[ONNX]
            continue
        try:
            make()
        except BenchError as error:
            failed[name] = str(error)
    return failed


def _child(folder: Path, name: str, make: Callable[..., None], source: object) -> None:
    """Make one file in a process of its own."""
    carried_out(folder / f"{name}.log", _LIMIT, make, source, folder / name)


def _loaded(runtime: Runtime, judged: Judged, folder: Path, failed: Mapping[str, str]) -> Child:
    """Start a runtime's process and let it predict a few times.

    Raises:
        BenchError: its file is missing, or it fails.
    """
    if runtime.file in failed:
        raise BenchError(failed[runtime.file], exit_code=FAILURE)
    log = folder / f"{RUNTIMES.index(runtime)}.log"
    child = Child(log, Session, runtime.load, judged.setting, folder / runtime.file)
    try:
        child.ready(_LIMIT)
        child.ask("times", _clip(judged), _WARM)
    except BenchError:
        child.close()
        raise
    return child


def _clip(judged: Judged) -> Numbers:
    """Return the clip that is timed."""
    return judged.setting.example().numpy()


def _rows(
    children: Mapping[Runtime, Child], judged: Judged, how: tuple[Path, int], progress: Progress
) -> tuple[tuple[Latency, ...], list[str]]:
    """Judge and time the runtimes; also return why some fell out; `how`: the folder of files, and rounds."""
    folder, rounds = how
    logits, notes = dict[Runtime, Numbers](), list[str]()
    for runtime, child in children.items():
        progress.advance(f"judging {runtime.name}")
        try:
            logits[runtime] = child.ask("logits", judged.clips, limit=_LIMIT)
        except BenchError as error:
            notes.append(f"{runtime.name}: not measured. {error}")
    progress.end("taking turns")
    clip = _clip(judged)
    taken: dict[Runtime, list[list[float]]] = {runtime: [] for runtime in logits}
    for _ in range(rounds):
        for runtime, turns in taken.items():
            turns.append(children[runtime].ask("times", clip, _CALLS))
    first = next(iter(logits))
    rows = [_row(runtime, (found, logits[first]), judged, folder) for runtime, found in logits.items()]
    costs = [(_median(turns), _ratio(turns, taken[first])) for turns in taken.values()]
    return tuple(row(*cost) for row, cost in zip(rows, costs, strict=True)), notes


def _median(turns: Sequence[Sequence[float]]) -> float:
    """Return the median over all calls."""
    return round(statistics.median(call for turn in turns for call in turn), 3)


def _ratio(turns: Sequence[Sequence[float]], first: Sequence[Sequence[float]]) -> float:
    """Return the median over the rounds of a runtime's median over the first one's."""
    pairs = zip(turns, first, strict=True)
    return round(
        statistics.median(statistics.median(one) / statistics.median(base) for one, base in pairs), 3
    )


def _row(
    runtime: Runtime, logits: tuple[Numbers, Numbers], judged: Judged, folder: Path
) -> Callable[[float, float], Latency]:
    """Return a runtime's row, given what it costs; `logits` are its own and the first runtime's."""
    (mine, first), labels = logits, judged.labels
    difference = float(np.abs(mine - first).max()) if np.isfinite(mine).all() else float("inf")
    top1, least = (float((found.argmax(1) == labels).mean()) for found in (mine, first))
    same = float((mine.argmax(1) == first.argmax(1)).mean())
    keeps = top1 >= least - LOSES - 1e-9 and same >= SAME and (not runtime.exact or difference <= PARITY)
    size = (folder / runtime.file).stat().st_size / 1e6
    return lambda ms, ratio: Latency(runtime.name, ms, ratio, round(size, 2), difference, same, top1, keeps)
