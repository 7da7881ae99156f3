"""The tables of `bench data`: what a data set holds, what is wrong with it, and what an import did."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.table import title
from wlasl.audit import Audit, Count, Duplicates
from wlasl.clips import PARTS
from wlasl.doctor import Finding, Health
from wlasl.importing import Imported
from wlasl.subsets import DataSet

_NAMED = 5
"""How many ids a line names before it says how many more there are."""
_LINE = 20
"""How many ids of a note are all written."""
_HERE = ("file at hand", "readable", "share", "glosses")
_WORDS = {
    "missing": "gone since the folder was listed",
    "empty": "empty",
    "html": "a web page under a video's name",
    "mangled": "mangled: a tool took the bytes for text",
    "truncated": "truncated",
    "no video stream": "no video stream",
    "unreadable": "no decoder reads it",
}
"""The reasons of wlasl.video in words, where the reason says it all."""


def table(*columns: str) -> Table:
    """Return an empty table: its first column is for words, the others for numbers."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for position, column in enumerate(columns):
        made.add_column(column, justify="right" if position else "left")
    return made


def titled(title: str, made: Table) -> list[RenderableType]:
    """Return a table under its title, which may be longer than the table is wide."""
    return [Text(title, style="bold"), made, Text()]


def health_report(health: Health, missing_file: Path) -> RenderableType:
    """Return all that the doctor has to say of a data set."""
    subset = health.dataset.subset
    said = titled(f"{title(subset.name)} in {health.dataset.root}", _coverage(health))
    if health.missing:
        said.append(_line(f"{len(health.missing):,} clips have no file: their ids are in {missing_file}"))
    if not health.opened:
        said.append(_line("No file was opened: nothing is known of whether they can be read."))
    said += _findings("Unreadable: left out of every run", health.unreadable)
    said += _findings("Usable, and not as the metadata says", health.doubtful)
    if health.audit.signers.all or any(health.audit.empty.values()):
        said += titled("By the metadata alone", _metadata(health.audit))
    said += [_line(f"{text}{_ids(ids)}") for text, ids in subset.notes.items()]
    return Group(*said)


def _line(text: str) -> Text:
    """Return a line and the empty one after it."""
    return Text(f"{text}\n")


def _coverage(health: Health) -> Table:
    """Return what of each part is here."""
    # Only WLASL has two kinds of metadata, of which one may lack what the other has.
    both = health.dataset.family in {"wlasl", "sample"}
    made = table("part", "official" if both else "listed", *["in the json"] * both, *_HERE)
    total = Counter[str]()
    for part in PARTS:
        seen, described = health.coverage(part), health.audit.described[part]
        total.update(
            official=seen.official, described=described, at_hand=seen.at_hand, readable=seen.readable
        )
        numbers = [seen.official, *[described] * both, seen.at_hand, seen.readable]
        made.add_row(part, *_counts(*numbers), f"{seen.glosses:,}")
    classes = len(health.dataset.subset.glosses)
    made.add_section()
    numbers = [number for name, number in total.items() if both or name != "described"]
    made.add_row("all", *_counts(*numbers), f"of {classes:,}")
    return made


def _counts(*numbers: int) -> list[str]:
    """Write a row's numbers, and the share that the last of them is of the first."""
    return [*(f"{number:,}" for number in numbers), percent(Count(numbers[-1], numbers[0]))]


def percent(count: Count) -> str:
    """Write a share."""
    return f"{count.share:.2%}"


def _findings(title: str, findings: Sequence[Finding]) -> list[RenderableType]:
    """Return a table of findings by reason, or nothing where there are none."""
    if not findings:
        return []
    made = table("reason", "files")
    made.add_column("clips")
    reasons: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        reasons[finding.reason].append(finding)
    for reason, same in sorted(reasons.items(), key=lambda row: -len(row[1])):
        made.add_row(_WORDS.get(reason, reason), f"{len(same):,}", _few([_seen(finding) for finding in same]))
    return titled(title, made)


def _seen(finding: Finding) -> str:
    """Write a clip's id, and what was seen in its file where that says more than the reason."""
    told = finding.reason not in _WORDS and finding.detail
    return f"{finding.clip.id} ({finding.detail})" if told else finding.clip.id


def _few(names: Sequence[str]) -> str:
    """Write the first few names, and how many more there are."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(name if name.isprintable() else ascii(name) for name in names[:_NAMED]) + more


def _ids(ids: Sequence[str]) -> str:
    """Write ids after a note, where there are any: all of a line's worth, else the first and how many."""
    if len(ids) <= _LINE:
        return f": {', '.join(ids)}" if ids else ""
    return f": {len(ids):,}, {_few(ids)}"


def _metadata(found: Audit) -> Table:
    """Return what the metadata alone shows."""
    signers = found.signers
    made = table("", "count", "of", "share")
    if signers.all:
        made.add_row("signers", f"{signers.all:,}")
        _share(made, "test clips whose signer is in train", signers.test_seen)
        _share(made, "test clips whose signer signs the same gloss in train", signers.test_pairs_seen)
    if found.duplicates.contradictory.of:
        _recordings(made, found.duplicates)
    for part in PARTS:
        if found.empty[part]:
            made.add_row(
                f"glosses without a {part} clip: {_few(found.empty[part])}", f"{len(found.empty[part]):,}"
            )
    return made


def _recordings(made: Table, same: Duplicates) -> None:
    """Add rows of recordings that appear more than once, by url and frames."""
    made.add_row("recordings that appear more than once (same url, same frames)", f"{len(same.groups):,}")
    made.add_row("  of these in more than one part", f"{same.across_parts:,}")
    made.add_row("  of these under more than one gloss", f"{same.across_glosses:,}")
    _share(made, "test clips identical to a train clip of the same gloss", same.test_same_gloss)
    _share(made, "test clips identical to a clip of another gloss", same.test_other_gloss)
    _share(made, "clips whose label contradicts another's", same.contradictory)


def _share(made: Table, text: str, count: Count) -> None:
    """Add a row of how many of how many."""
    made.add_row(text, f"{count.count:,}", f"{count.of:,}", percent(count))


def gloss_rows(dataset: DataSet) -> list[dict[str, Any]]:
    """Return each gloss with its class, its clips in each part, and how many of them have a file."""
    clips = Counter((clip.label, clip.part) for clip in dataset.subset.clips)
    here = Counter((clip.label, clip.part) for clip in dataset.available())
    return [
        {
            "class": label,
            "gloss": gloss,
            "clips": {part: clips[label, part] for part in PARTS},
            "at_hand": {part: here[label, part] for part in PARTS},
        }
        for label, gloss in enumerate(dataset.subset.glosses)
    ]


def gloss_report(dataset: DataSet) -> RenderableType:
    """Return the glosses as a table."""
    made = table("gloss", "class", *PARTS)
    for row in gloss_rows(dataset):
        numbers = [f"{row['clips'][part]} / {row['at_hand'][part]}" for part in PARTS]
        made.add_row(row["gloss"], str(row["class"]), *numbers)
    return Group(*titled(f"{title(dataset.subset.name)}: official clips / those with a file", made))


def import_report(done: Imported, coverage: Iterable[DataSet]) -> RenderableType:
    """Return what an import found, what it did, and what the data set holds now."""
    made = table("what", "files")
    made.add_row("metadata", f"{len(done.metadata):,}")
    for folder, count in sorted(done.videos.items()):
        made.add_row(f"{folder}/", f"{count:,}")
    made.add_row("not WLASL's, left alone", f"{done.others:,}")
    said = titled("Found", made)
    ways = ", ".join(f"{count:,} {way}" for way, count in sorted(done.done.items()) if count)
    said += [_line(f"Videos into {done.root}: {ways}.")] if ways else []
    said += [_line(text) for text in _import_warnings(done)]
    return Group(*said, *_now(coverage))


def _import_warnings(done: Imported) -> Iterable[str]:
    """Yield a sentence for each thing that an import left undone, or that one should know of it."""
    if done.done["linked"]:
        yield "Linked files take no space: they are the copy's own files, and changing one changes both."
    if done.others:
        yield f"Left alone, for example: {_few(done.examples)}"
    if done.kept:
        yield f"Another file lay at the place, and was kept (--replace takes the new one): {_few(done.kept)}"
    if done.links:
        yield f"Symbolic links are not followed; import the folder they lead to: {_few(done.links)}"
    if done.damaged:
        reasons = [f"{name} ({reason})" for name, reason in done.damaged.items()]
        yield f"Damaged in the copy, and left out: {_few(reasons)}"


def _now(coverage: Iterable[DataSet]) -> list[RenderableType]:
    """Return the table of what each subset has now, where the metadata says what it should have."""
    made = table("subset", "clips", "with a file", "share")
    for dataset in coverage:
        clips, here = dataset.subset.clips, dataset.available()
        made.add_row(
            title(dataset.subset.name),
            f"{len(clips):,}",
            f"{len(here):,}",
            percent(Count(len(here), len(clips))),
        )
    if made.row_count:
        return titled("Now at hand", made)
    return [_line("Metadata is still missing: bring in WLASL_v0.3.json and the nslt files too.")]
