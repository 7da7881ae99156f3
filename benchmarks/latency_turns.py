"""Runtimes that take turns on one clip, and are judged on others: what each costs, and what it gets wrong.

Each runtime is loaded in a process of its own; files are made in processes that end. Whatever fails is named
with its reason, and the rest is measured.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from benchmarks import export_landmarks as export
from benchmarks.children import Child, carried_out
from benchmarks.export_landmarks import Setting
from benchmarks.latency_runtimes import LITERT, LITERT_INT8, ONNX, ONNX_INT8, Numbers, Runtime, Session
from utils.errors import FAILURE, BenchError
from utils.progress import Progress

LOSES, SAME = 0.01, 0.98
"""To keep its accuracy a runtime may lose one point of the top-1 of PyTorch in fp32, and must give the same
first choice on so many of the clips: errors that cancel out on few clips do not on many."""
PARITY = 1e-4
"""Largest difference between the logits of two runtimes in fp32, for landmark networks."""


class Judged(Protocol):
    """A network and the clips that it is judged on."""

    @property
    def setting(self) -> Setting:
        """Return the network."""

    @property
    def clips(self) -> Sequence[Numbers]:
        """Return float32 clips, one each, in the setting's shape but for their length."""

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Return int64 [clips]."""


@dataclass(frozen=True)
class Turns:
    """Who takes turns, and how.

    Attributes:
        runtimes: the first is the yardstick.
        rounds: turns of each.
        calls: predictions in a turn.
        warm: predictions before the first turn.
        parity: largest difference from the yardstick's logits that one in fp32 may have.
        relative: that difference, and the one told, is over the largest of the yardstick's logits.
        limit: seconds that making a file, loading a runtime or judging it may take.
    """

    runtimes: tuple[Runtime, ...]
    rounds: int
    calls: int = 10
    warm: int = 3
    parity: float = PARITY
    relative: bool = False
    limit: float = 300.0


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


def taken(
    judged: Judged, folder: Path, turns: Turns, progress: Progress
) -> tuple[tuple[Latency, ...], list[str]]:
    """Make the files, load the runtimes, judge and time them; also return what was not measured, and why.

    Args:
        judged: the network, and the clips that it is judged on.
        folder: where files are made.
        turns: who takes turns.
        progress: hears what is under way.

    Raises:
        BenchError: the first runtime cannot carry the network out.
    """
    wanted = [name for name in _MAKERS if any(runtime.file == name for runtime in turns.runtimes)]
    progress.begin("files and runtimes", len(wanted) + 2 * len(turns.runtimes))
    failed = files(judged.setting, folder, wanted, turns.limit, progress)
    notes: list[str] = []
    with ExitStack() as stack:
        children = dict[Runtime, Child]()
        for runtime in turns.runtimes:
            progress.advance(f"loading {runtime.name}")
            loaded = _loaded_or_why(runtime, judged, (folder, turns), failed)
            if isinstance(loaded, str):
                notes.append(loaded)
            else:
                children[runtime] = loaded
                stack.callback(loaded.close)
        rows, more = _rows(children, judged, (folder, turns), progress)
    return rows, [*notes, *more]


def _loaded_or_why(
    runtime: Runtime, judged: Judged, how: tuple[Path, Turns], failed: Mapping[str, str]
) -> Child | str:
    """Return a runtime that is ready, or why it is not; without PyTorch there is nothing to compare with."""
    try:
        return _loaded(runtime, judged, how, failed)
    except BenchError as error:
        if runtime is how[1].runtimes[0]:
            raise
        return f"{runtime.name}: not measured. {error}"


_MAKERS: Mapping[str, Callable[[Setting, Path], tuple[Callable[..., None], object]]] = {
    ONNX: lambda setting, _: (export.to_onnx, setting),
    ONNX_INT8: lambda _, folder: (export.to_onnx_int8, folder / ONNX),
    LITERT: lambda setting, _: (export.to_litert, setting),
    LITERT_INT8: lambda setting, _: (export.to_litert_int8, setting),
}
"""Per file, what makes it, and of what."""


def files(
    setting: Setting, folder: Path, wanted: Sequence[str], limit: float, progress: Progress
) -> dict[str, str]:
    """Make files; return why those are missing that could not be made."""
    failed: dict[str, str] = {}
    for name in wanted:
        progress.advance(f"making {name}")
        if name == ONNX_INT8 and ONNX in failed:
            failed[name] = failed[ONNX]
            continue
        make, source = _MAKERS[name](setting, folder)
        try:
            carried_out(folder / f"{name}.log", limit, make, source, folder / name)
        except BenchError as error:
            failed[name] = str(error)
    return failed


def _loaded(runtime: Runtime, judged: Judged, how: tuple[Path, Turns], failed: Mapping[str, str]) -> Child:
    """Start a runtime's process and let it predict a few times.

    Raises:
        BenchError: its file is missing, or it fails.
    """
    if runtime.file in failed:
        raise BenchError(failed[runtime.file], exit_code=FAILURE)
    folder, turns = how
    log = folder / f"{turns.runtimes.index(runtime)}.log"
    child = Child(log, Session, runtime.load, judged.setting, folder / runtime.file)
    try:
        child.ready(turns.limit)
        child.ask("times", _clip(judged), turns.warm, limit=turns.limit)
    except BenchError:
        child.close()
        raise
    return child


def _clip(judged: Judged) -> Numbers:
    """Return the clip that is timed."""
    return judged.setting.example().numpy()


def _rows(
    children: Mapping[Runtime, Child], judged: Judged, how: tuple[Path, Turns], progress: Progress
) -> tuple[tuple[Latency, ...], list[str]]:
    """Judge and time the runtimes; also return why some fell out; `how`: the folder of files, the turns."""
    plan = how[1]
    logits, notes = dict[Runtime, Numbers](), list[str]()
    for runtime, child in children.items():
        progress.advance(f"judging {runtime.name}")
        try:
            logits[runtime] = child.ask("logits", judged.clips, limit=plan.limit)
        except BenchError as error:
            notes.append(f"{runtime.name}: not measured. {error}")
    progress.end("taking turns")
    clip = _clip(judged)
    spent: dict[Runtime, list[list[float]]] = {runtime: [] for runtime in logits}
    for _ in range(plan.rounds):
        for runtime, turns in spent.items():
            turns.append(children[runtime].ask("times", clip, plan.calls))
    first = next(iter(logits))
    rows = [_row(runtime, (found, logits[first]), judged.labels, how) for runtime, found in logits.items()]
    costs = [(_median(turns), _ratio(turns, spent[first])) for turns in spent.values()]
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
    runtime: Runtime,
    logits: tuple[Numbers, Numbers],
    labels: npt.NDArray[np.int64],
    how: tuple[Path, Turns],
) -> Callable[[float, float], Latency]:
    """Return a runtime's row, given what it costs; `logits` are its own and the first runtime's."""
    (mine, first), (folder, plan) = logits, how
    difference = float(np.abs(mine - first).max()) if np.isfinite(mine).all() else float("inf")
    difference /= float(np.abs(first).max()) if plan.relative else 1.0
    top1, least = (float((found.argmax(1) == labels).mean()) for found in (mine, first))
    same = float((mine.argmax(1) == first.argmax(1)).mean())
    keeps = top1 >= least - LOSES - 1e-9 and same >= SAME and (not runtime.exact or difference <= plan.parity)
    size = (folder / runtime.file).stat().st_size / 1e6
    return lambda ms, ratio: Latency(runtime.name, ms, ratio, round(size, 2), difference, same, top1, keeps)
