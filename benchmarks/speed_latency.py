"""How long one clip takes on one core: PyTorch, ONNX Runtime, OpenVINO and LiteRT, and what each gets wrong.

A clip of 4 s at 25 frames per second, or as many frames as the recipe gives every clip; the network alone,
its input ready (`benchmarks.latency_turns`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.latency_network import Judged
from benchmarks.latency_runtimes import COMPILED, RUNTIMES
from benchmarks.latency_turns import Latency, Turns, taken
from utils.progress import Progress, Silent

AT_MOST = 5.0
"""Milliseconds of one core that the fastest runtime may take which keeps its accuracy."""
_CALLS = 10


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
    chosen = tuple(runtime for runtime in RUNTIMES if compiled or runtime.name != COMPILED)
    rows, notes = taken(judged, folder, Turns(chosen, rounds, _CALLS), progress or Silent())
    shape = " x ".join(map(str, judged.setting.shape))
    what = f"{judged.what}; one clip of {shape}, one core, CPU time, {rounds} turns of {_CALLS} calls"
    besides = f"Not counted: {judged.reading:.2f} ms to make landmarks the network's input."
    return LatencyReport(what, rows, (*notes, besides))
