"""ASL Citizen: 2,731 signs by 52 people at home; `splits/{train,val,test}.csv` beside `videos/`.

Each list has the columns Participant ID, Video file, Gloss and ASL-LEX Code. No participant is in two parts.
Classes are numbered as the authors' code does it: by their first appearance in the lists, train before val
before test, without the spaces around a gloss. What a file's name says of its gloss is not to be relied on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from utils.errors import BenchError
from wlasl.clips import PARTS, Clip, Part, Subset
from wlasl.datasets.form import Found, Kind, revision, safe_ids
from wlasl.datasets.tables import Faults, Row, rows
from wlasl.datasets.videos import videos_under

COLUMNS = ("Participant ID", "Video file", "Gloss", "ASL-LEX Code")
NAME = "asl-citizen"

_PERSON = re.compile(r"[Pp]?(\d{1,6})")


def read(root: Path) -> Found:
    """Read ASL Citizen from the folder that holds `splits` and `videos`, or from the one above it.

    Raises:
        BenchError: a list is missing or has bad rows; the sentence names their lines.
    """
    root = next((at for at in (root, root / "ASL_Citizen") if (at / "splits").is_dir()), root)
    found = {part: _rows(root / "splits" / f"{part}.csv") for part in PARTS}
    glosses = tuple(dict.fromkeys(row.cells[2] for part in PARTS for row in found[part]))
    labels = {gloss: label for label, gloss in enumerate(glosses)}
    ids = safe_ids(Path(row.cells[1]).stem for part in PARTS for row in found[part])
    people = _numbers(row.cells[0] for part in PARTS for row in found[part])
    clips: dict[str, Clip] = {}
    wanted: dict[str, str] = {}
    for part in PARTS:
        faults = Faults(root / "splits" / f"{part}.csv")
        for row in found[part]:
            clip = _clip(row, part, ids, labels, people)
            if clips.setdefault(clip.id, clip) != clip:
                known = clips[clip.id]
                faults.add(row.line, f"{row.cells[1]} is in {known.part} already, as {known.gloss}")
            wanted[clip.id] = Path(row.cells[1]).name
        faults.check("A video has one part and one gloss. Fetch the lists again.")
    ordered = tuple(clips.values())
    subset = Subset(NAME, glosses, ordered, revision(NAME, glosses, ordered), _notes(ordered))
    return Found(subset, root, *_files(root, wanted))


def _rows(path: Path) -> list[Row]:
    """Return the rows of one part's list, checked."""
    if not path.is_file():
        raise BenchError(f"There is no {path}. {KIND.needs}")
    faults = Faults(path)
    found = []
    for row in rows(path, faults, columns=COLUMNS):
        person, video, gloss, _ = row.cells
        if not (person and video and gloss):
            faults.add(row.line, "a participant, a video and a gloss are needed")
        elif Path(video).name != video or not Path(video).suffix:
            faults.add(row.line, f"{video!r} is no name of a video in `videos`")
        else:
            found.append(row)
    faults.check("Mend these rows, or fetch the list again.")
    if not found:
        raise BenchError(f"{path} lists no clip. Fetch it again.")
    return found


def _clip(
    row: Row, part: Part, ids: Mapping[str, str], labels: Mapping[str, int], people: Mapping[str, int]
) -> Clip:
    """Return the clip of a row."""
    person, video, gloss, _ = row.cells
    return Clip(ids[Path(video).stem], gloss, labels[gloss], part, signer=people[person], fps=0.0)


def _numbers(people: Iterable[str]) -> dict[str, int]:
    """Return a number per participant: that in P12, or their place by name where one has none."""
    names = sorted(set(people))
    matches = {name: _PERSON.fullmatch(name) for name in names}
    numbers = {name: int(match[1]) for name, match in matches.items() if match}
    if len(set(numbers.values())) < len(names):
        return {name: place for place, name in enumerate(names)}
    return numbers


def _notes(clips: Iterable[Clip]) -> dict[str, tuple[str, ...]]:
    """Say which glosses train lacks: a network cannot learn them."""
    taught: set[str] = set()
    asked: dict[str, Part] = {}
    for clip in clips:
        if clip.part == "train":
            taught.add(clip.gloss)
        else:
            asked.setdefault(clip.gloss, clip.part)
    lacking = tuple(gloss for gloss in asked if gloss not in taught)
    return {"glosses that train does not have": lacking} if lacking else {}


def _files(root: Path, wanted: Mapping[str, str]) -> tuple[dict[str, Path], tuple[Path, ...]]:
    """Return the video of each clip that has one, and the videos that no list names."""
    folder = root / "videos"
    there = {path.name: path for path in videos_under(folder, 1)} if folder.is_dir() else {}
    files = {clip: there[name] for clip, name in wanted.items() if name in there}
    named = set(wanted.values())
    return files, tuple(path for name, path in there.items() if name not in named)


KIND = Kind(
    name=NAME,
    title="ASL Citizen",
    variable="ASL_CITIZEN_ROOT",
    read=read,
    language="ase",
    parts="official parts; no signer is in two of them",
    clips={"train": 40_154, "val": 10_304, "test": 32_941},
    classes=2_731,
    signers={"train": 35, "val": 6, "test": 11},
    needs="Its folder holds splits/train.csv, splits/val.csv, splits/test.csv and videos/.",
    url="microsoft.com/research/project/asl-citizen",
)
