"""AUTSL: 226 Turkish signs by 43 people; a list of `signerX_sampleY,class` per part, videos `..._color.mp4`.

The parts are those of the ChaLearn challenge of 2021: no signer is in two of them. Names of the lists and
depths of the folders differ between copies, so that both are looked for. Depth videos are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from utils.errors import BenchError
from wlasl.clips import PARTS, Clip, Part, Subset
from wlasl.datasets.form import Found, Kind, listed, revision
from wlasl.datasets.tables import Faults, rows, whole
from wlasl.datasets.videos import videos_under

NAME = "autsl"
CLASSES = 226

_FOLDERS: dict[Part, tuple[str, ...]] = {
    "train": ("train",),
    "val": ("val", "validation"),
    "test": ("test",),
}
"""What the folder of a part is called, or begins with."""
_ENDINGS = ("_labels.csv", "-labels.csv", "_ground_truth.csv", ".csv")
_GLOSSES = "SignList_ClassId_TR_EN.csv"
_SAMPLE = re.compile(r"signer(\d{1,4})_sample(\d{1,5})")
_COLOUR = "_color"


def read(root: Path) -> Found:
    """Read AUTSL from its folder.

    Raises:
        BenchError: a list is missing or has bad rows; the sentence names their lines.
    """
    tables = {part: _labels(_list_of(root, part)) for part in PARTS}
    glosses = _glosses(root, max(label for rows_ in tables.values() for label in rows_.values()))
    clips = tuple(
        _clip(sample, part, label, glosses) for part in PARTS for sample, label in tables[part].items()
    )
    _check_parts(tables)
    there = {path.stem: path for path in videos_under(root) if path.stem.endswith(_COLOUR)}
    files = {clip.id: there[clip.id + _COLOUR] for clip in clips if clip.id + _COLOUR in there}
    strays = tuple(path for stem, path in there.items() if stem.removesuffix(_COLOUR) not in files)
    return Found(Subset(NAME, glosses, clips, revision(NAME, glosses, clips)), root, files, strays)


def _list_of(root: Path, part: Part) -> Path:
    """Return the file of a part's labels, wherever a copy keeps it."""
    names = [f"{folder}{ending}" for folder in _FOLDERS[part] for ending in _ENDINGS]
    folders = [f"{folder}{more}" for folder in _FOLDERS[part] for more in ("", "_labels", "-labels", "_set")]
    tried = [root / name for name in names]
    tried += [root / "labels" / name for name in names]
    tried += [root / folder / name for folder in folders for name in ("ground_truth.csv", *names)]
    found = next((path for path in tried if path.is_file()), None)
    if found is None:
        raise BenchError(f"There is no list of the {part} clips: {tried[0]} is missing. {KIND.needs}")
    return found


def _labels(path: Path) -> dict[str, int]:
    """Return the class of each sample of a list."""
    faults = Faults(path)
    labels: dict[str, int] = {}
    for row in rows(path, faults, least=2):
        sample, text = row.cells
        label = whole(text)
        if not _SAMPLE.fullmatch(sample):
            faults.add(row.line, f"{sample!r} is no signerX_sampleY")
        elif label is None or label >= CLASSES:
            faults.add(row.line, f"{text!r} is no class of 0 to {CLASSES - 1}")
        elif labels.setdefault(sample, label) != label:
            faults.add(row.line, f"{sample} has class {labels[sample]} already")
    faults.check("Mend these rows, or fetch the list again.")
    if not labels:
        raise BenchError(f"{path} lists no clip. Fetch it again.")
    return labels


def _check_parts(tables: Mapping[Part, Mapping[str, int]]) -> None:
    """Refuse a sample that is in two parts."""
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        both = tables[one].keys() & tables[other].keys()  # type: ignore[index]
        if both:
            raise BenchError(
                f"{listed(sorted(both))} of AUTSL are in the lists of {one} and of {other}. Fetch them again."
            )


def _glosses(root: Path, highest: int) -> tuple[str, ...]:
    """Return the classes' names in English, each once; numbered where the list of names is absent."""
    places = (root, root / "class_ids", root / "classes", root / "labels")
    path = next((place / _GLOSSES for place in places if (place / _GLOSSES).is_file()), None)
    if path is None:
        return tuple(f"sign {label}" for label in range(max(CLASSES, highest + 1)))
    faults = Faults(path)
    names: dict[int, str] = {}
    for row in rows(path, faults, columns=("ClassId", "EN")):
        label = whole(row.cells[0])
        if label is None or label >= CLASSES or label in names:
            faults.add(row.line, f"{row.cells[0]!r} is no class of 0 to {CLASSES - 1}, or is there twice")
        else:
            names[label] = row.cells[1] or f"sign {label}"
    faults.check("Mend these rows, or delete the file: classes are then numbered.")
    return _told_apart([names.get(label, f"sign {label}") for label in range(CLASSES)])


def _told_apart(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names with the class behind those that several classes have."""
    return tuple(f"{name} ({label})" if names.count(name) > 1 else name for label, name in enumerate(names))


def _clip(sample: str, part: Part, label: int, glosses: Sequence[str]) -> Clip:
    """Return the clip of a sample, which names its signer."""
    match = _SAMPLE.fullmatch(sample)
    return Clip(sample, glosses[label], label, part, signer=int(match[1]) if match else None, fps=30.0)


KIND = Kind(
    name=NAME,
    title="AUTSL",
    variable="AUTSL_ROOT",
    read=read,
    language="tsm",
    parts="official parts of the ChaLearn challenge; no signer is in two of them",
    clips={"train": 28_142, "val": 4_418, "test": 3_741},
    classes=CLASSES,
    signers={"train": 31, "val": 6, "test": 6},
    needs=(
        "Its folder holds train_labels.csv, val_labels.csv and test_labels.csv (or ground_truth.csv in the"
        " folder of a part), SignList_ClassId_TR_EN.csv, and signerX_sampleY_color.mp4 in train/, val/ and"
        " test/."
    ),
    url="chalearnlap.cvc.uab.es/dataset/40",
)
