"""Damaged clips by the thousand: `python -m benchmarks.fuzz [--clips 1000] [--seed 0] [--videos DIR]`.

Sound videos are damaged in every way of `benchmarks.fuzz_mutations`, by seed, and each is examined and
prepared in a process of its own under a watchdog. Nothing may crash, hang, take all the memory or disagree;
what is accepted is counted by how much of it is still as it was. Exit code 1 where something did.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.fuzz_mutations import MUTATIONS
from benchmarks.fuzz_watch import ACCEPTED, BAD, OUTCOMES, Trial, Verdict, campaign
from utils.errors import FAILURE, BenchError, ending_in_words
from utils.seeds import generator
from utils.threads import allotted_cores
from wlasl.root import VIDEO_SUFFIXES
from wlasl.subsets import load
from wlasl.video import VideoError, probe


def trials(videos: Sequence[Path], count: int, seed: int) -> Iterator[Trial]:
    """Yield damaged clips, each way in turn; the same seed and files give the same bytes."""
    frames: dict[Path, int] = {}
    for number in range(count):
        draw = generator(seed, number)
        original, other = (videos[int(draw.integers(len(videos)))] for _ in range(2))
        if original not in frames:
            frames[original] = probe(original).frames
        way = list(MUTATIONS)[number % len(MUTATIONS)]
        data = MUTATIONS[way](original.read_bytes(), other.read_bytes(), draw)
        yield Trial(number, way, original, frames[original], data)


def table(verdicts: Sequence[Verdict]) -> str:
    """Return how often each way of damage ended how, as a table in plain text."""
    shown = [name for name in OUTCOMES if name not in BAD or any(v.outcome == name for v in verdicts)]
    lines = [("", "clips", *shown)]
    for way in dict.fromkeys(verdict.way for verdict in verdicts):
        counts = Counter(verdict.outcome for verdict in verdicts if verdict.way == way)
        lines.append((way, str(counts.total()), *(str(counts[name]) for name in shown)))
    counts = Counter(verdict.outcome for verdict in verdicts)
    lines.append(("all", str(counts.total()), *(str(counts[name]) for name in shown)))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        line[0].ljust(widths[0])
        + "".join(f"  {cell.rjust(w)}" for cell, w in zip(line[1:], widths[1:], strict=True))
        for line in lines
    )


def sentences(verdicts: Sequence[Verdict]) -> list[str]:
    """Return what else is to be said of all verdicts."""
    reasons = Counter(verdict.why for verdict in verdicts if verdict.outcome == "refused").most_common()
    accepted = [verdict for verdict in verdicts if verdict.outcome in ACCEPTED]
    doubted = sum(verdict.doubted for verdict in accepted)
    slowest = max(verdicts, key=lambda verdict: verdict.cpu)
    memory = max(verdict.mib for verdict in verdicts)
    bad = [
        f"  {v.number} ({v.way}, {v.original}): {v.outcome}, {v.why}" for v in verdicts if v.outcome in BAD
    ]
    return [
        "refused because: " + ", ".join(f"{count} {reason}" for reason, count in reasons),
        f"accepted: {len(accepted)}, of which the doctor doubts {doubted}",
        f"memory at most {memory} MiB; slowest clip {slowest.cpu:.1f} s of a core ({slowest.way})",
        *(["must not happen:", *bad] if bad else []),
    ]


def sound_videos(folder: Path | None) -> list[Path]:
    """Return the readable videos of a folder; of the sample where none is named.

    Raises:
        BenchError: there is none.
    """
    if folder is None:
        dataset = load("sample")
        found = [path for clip in dataset.available() if (path := dataset.files.path(clip.id))]
    else:
        found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
    sound = [path for path in found if _is_sound(path)]
    if not sound:
        raise BenchError(f"There is no readable video in {folder or 'the sample'}.")
    return sound


def _is_sound(path: Path) -> bool:
    """Say whether a video can be read before it is damaged."""
    try:
        return probe(path, 1).frames > 0
    except VideoError:
        return False


def main(
    *,
    clips: Annotated[int, typer.Option(min=1, help="How many damaged clips.")] = 1000,
    seed: Annotated[int, typer.Option(help="Draws which file is damaged, where and how.")] = 0,
    videos: Annotated[Path | None, typer.Option(help="A folder of sound videos; else the sample's.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Where files that must not happen are left.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every verdict as JSON.")] = False,
) -> None:
    """Damage clips, and count what becomes of them."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        found = trials(sound_videos(videos), clips, seed)
        verdicts = list(campaign(found, keep or Path(scratch), allotted_cores()))
    if as_json:
        typer.echo(json.dumps([asdict(verdict) for verdict in verdicts], indent=1))
    else:
        typer.echo("\n".join([table(verdicts), *sentences(verdicts), f"seed {seed}"]))
    if any(verdict.outcome in BAD for verdict in verdicts):
        raise BenchError("Something happened that must not.", exit_code=FAILURE)


if __name__ == "__main__":
    with ending_in_words():
        typer.run(main)
