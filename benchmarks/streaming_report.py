"""What `bench stream` found of one run, as a table on the terminal and as a plot."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from benchmarks import table_text as text
from benchmarks.streaming_records import Parity, StoredStreams, StreamCost, Streamed
from benchmarks.table import title
from utils.plots import Figure, Panel, draw


def print_streams(stored: StoredStreams, console: Console, *, part: str | None = None) -> None:
    """Print how much of a sign a run needs, whether streaming is exact, and what a frame costs.

    Args:
        stored: what was found.
        console: where to.
        part: val or test; None for whatever was streamed.
    """
    record = stored.record
    for name, streamed in record.parts.items():
        if part not in {None, name}:
            continue
        heading = f"{record.model} on {title(record.split)}, frame by frame: {name}, run {record.id}"
        console.print(Text(f"\n{heading}", style="bold"))
        if stored.stale:
            console.print(Text(f"This does not count: {stored.stale}. Once more: --again.", style="yellow"))
        console.print(_grid(streamed))
        for line in (_parity(streamed.parity), _cost(streamed.cost), _settled(streamed)):
            console.print(Text(line, style="dim"))


def _grid(streamed: Streamed) -> Grid:
    """Lay out what is right after each tenth of the clips, a line each."""
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), show_edge=False)
    for name in ("Seen", "Frames", "Top-1", "", "Top-5", "Loss"):
        grid.add_column(name, justify="right")
    for one in streamed.seen:
        found = one.metrics
        low, high = found["top1_low"], found["top1_high"]
        between = text.interval(low, high) if low is not None and high is not None else ""
        rates = (text.percent(found["top1"]), between, text.percent(found["top5"]))
        loss = found["loss"]
        grid.add_row(f"{one.share:.0%}", f"{one.frames:.1f}", *rates, "" if loss is None else f"{loss:.3f}")
    return grid


def _parity(parity: Parity) -> str:
    """Say whether frame by frame is the whole clip at once."""
    outcome = "equals" if parity.holds else "DOES NOT EQUAL"
    return (
        f"Frame by frame {outcome} the whole clip: logits differ by at most {parity.whole:.1e} of the largest"
        f" over {parity.clips} views, and by {parity.prefix:.1e} after {parity.prefixes} beginnings"
        f" (bound {parity.bound:.0e}).{_in_double(parity)}"
    )


def _in_double(parity: Parity) -> str:
    """Say whether a difference is rounding; nothing where there is none worth the name."""
    if parity.double is None:
        return ""
    rounding = parity.double < parity.whole / 1000
    what = "it is single precision's rounding" if rounding else "it is no rounding"
    return f" In double precision one view differs by {parity.double:.1e}: {what}."


def _cost(cost: StreamCost) -> str:
    """Say what a frame costs, and what is carried from one to the next."""
    work = "" if cost.gmacs is None else f", {cost.gmacs:.3g} GMACs"
    return (
        f"A frame takes {cost.frame_ms:.2f} ms{work}; all {cost.frames} at once take {cost.clip_ms:.2f} ms."
        f" Between frames {cost.states} states are kept, {cost.numbers:,} numbers"
        f" ({4 * cost.numbers / 1e6:.2f} MB)."
    )


def _settled(streamed: Streamed) -> str:
    """Say how early an answer is the one that it ends with."""
    return f"A clip's answer no longer changes after {streamed.settled:.0%} of its frames, on average."


def draw_streams(stored: StoredStreams, part: str, path: Path) -> None:
    """Draw accuracy and loss over how much of a sign was seen.

    Raises:
        BenchError: the file cannot be written.
    """
    record, streamed = stored.record, stored.record.parts[part]

    def over(name: str, factor: float = 1.0) -> list[float]:
        return [factor * float(one.metrics[name] or 0) for one in streamed.seen]

    figure = Figure(
        title=f"{record.model} on {title(record.split)}, {part}, frame by frame, run {record.id}",
        x_name="share of a clip's frames seen, %",
        x=[100 * one.share for one in streamed.seen],
        panels=[
            Panel("right, %", {"top-1": over("top1", 100), "top-5": over("top5", 100)}),
            Panel("cross-entropy, nats", {"loss": over("loss")}),
        ],
        mark=100 * streamed.settled,
        mark_name="settled",
    )
    draw(path, figure)
