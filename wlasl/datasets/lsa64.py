"""LSA64: 64 Argentinian signs by 10 people, 5 times each; a file's name says all: `SSS_PPP_RRR.mp4`.

Its authors made no parts. Ours are by signer, so that nobody who is tested was seen in training: signers 1 to
8 are train, 9 is val, 10 is test, as some other benchmarks have it. They are part of the revision.
"""

from __future__ import annotations

import re
from pathlib import Path

from utils.errors import BenchError
from wlasl.clips import Clip, Part, Subset
from wlasl.datasets.form import Found, Kind, revision
from wlasl.datasets.videos import videos_under

NAME = "lsa64"
SIGNERS, TIMES = 10, 5
GLOSSES = (
    *("opaque", "red", "green", "yellow", "bright", "light-blue", "colors", "red (8)", "women", "enemy"),
    *("son", "man", "away", "drawer", "born", "learn", "call", "skimmer", "bitter", "sweet milk", "milk"),
    *("water", "food", "argentina", "uruguay", "country", "last name", "where", "mock", "birthday"),
    *("breakfast", "photo", "hungry", "map", "coin", "music", "ship", "none", "name", "patience"),
    *("perfume", "deaf", "trap", "rice", "barbecue", "candy", "chewing-gum", "spaghetti", "yogurt"),
    *("accept", "thanks", "shut down", "appear", "to land", "catch", "help", "dance", "bathe", "buy"),
    *("copy", "run", "realize", "give", "find"),
)
"""The signs in the order of their numbers, as its page lists them: it calls two of them red."""

_NAME = re.compile(r"(\d{3})_(\d{3})_(\d{3})")


def read(root: Path) -> Found:
    """Read LSA64 from the folder that its videos lie under.

    Raises:
        BenchError: no video of it lies there.
    """
    there: dict[str, Path] = {}
    strays = []
    for path in sorted(videos_under(root), key=_rank):
        match = _NAME.fullmatch(path.stem)
        sign, signer, time = map(int, match.groups()) if match else (0, 0, 0)
        if not (1 <= sign <= len(GLOSSES) and 1 <= signer <= SIGNERS and 1 <= time <= TIMES):
            strays.append(path)
        else:
            there.setdefault(path.stem, path)
    if not there:
        raise BenchError(f"{root} holds no video of LSA64. {KIND.needs}")
    clips = tuple(
        Clip(_id(label, signer, time), GLOSSES[label], label, part_of(signer), signer=signer, fps=60.0)
        for label in range(len(GLOSSES))
        for signer in range(1, SIGNERS + 1)
        for time in range(1, TIMES + 1)
    )
    notes = {
        KIND.parts: (),
        "its page gives two signs the name red: numbers 2 and 8": (),
    }
    subset = Subset(NAME, GLOSSES, clips, revision(NAME, GLOSSES, clips), notes)
    return Found(subset, root, there, tuple(strays))


def part_of(signer: int) -> Part:
    """Return the part that a signer's clips are in."""
    return "train" if signer <= SIGNERS - 2 else "val" if signer == SIGNERS - 1 else "test"


def _id(label: int, signer: int, time: int) -> str:
    """Return a clip's id, the stem of its file's name."""
    return f"{label + 1:03}_{signer:03}_{time:03}"


def _rank(path: Path) -> tuple[int, Path]:
    """Return what videos are sorted by: those in a folder of cut ones first."""
    return (0 if "cut" in path.parent.name.lower() or "cut" in path.parent.parent.name.lower() else 1, path)


KIND = Kind(
    name=NAME,
    title="LSA64",
    variable="LSA64_ROOT",
    read=read,
    official=False,
    language="aed",
    parts="its authors made no parts; ours are by signer: 1 to 8 train, 9 val, 10 test",
    clips={"train": 2_560, "val": 320, "test": 320},
    classes=len(GLOSSES),
    signers={"train": 8, "val": 1, "test": 1},
    needs="Its folder holds videos named SSS_PPP_RRR.mp4: sign, person, repetition.",
    url="facundoq.github.io/datasets/lsa64",
)
