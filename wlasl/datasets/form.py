"""What a reader of a data set gives back, and what is known of the data set as its authors published it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from utils.errors import BenchError
from utils.files import short_hash
from utils.names import is_safe_id
from wlasl.clips import Clip, Part, Subset
from wlasl.root import project_folder


@dataclass(frozen=True)
class Found:
    """A data set as it lies on this machine.

    Attributes:
        subset: every clip that its lists name, whether its video is here or not.
        root: the folder that it was read from.
        files: the video of each clip that has one.
        strays: videos that no list names.
    """

    subset: Subset
    root: Path
    files: Mapping[str, Path]
    strays: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Kind:
    """A data set that `--split` can name.

    Attributes:
        name: what `--split` takes.
        title: what people call it.
        variable: the environment variable that says where it lies.
        read: reads it from its folder.
        parts: who made its parts, and how, in a sentence.
        clips: how many clips each part has by its authors; none where there is no such number.
        classes: how many classes it has by its authors; None likewise.
        signers: how many signers each part has by its authors; none where they do not say.
        needs: what its folder must hold, in a sentence.
        official: whether the parts are its authors'.
        url: where it is published.
        language: ISO 639-3 code of its sign language; empty where that is not known.
    """

    name: str
    title: str
    variable: str
    read: Callable[[Path], Found]
    parts: str
    needs: str
    official: bool = True
    url: str = ""
    language: str = ""
    clips: Mapping[Part, int] = field(default_factory=dict)
    classes: int | None = None
    signers: Mapping[Part, int] = field(default_factory=dict)

    def root(self, data: Path | None, one: str = "") -> Path:
        """Return the folder of the data set: `data`, else its variable, else data/<name>.

        Args:
            data: what `--data` says.
            one: the name of one of several, whose folder is looked for in there first.

        Raises:
            BenchError: there is no such folder.
        """
        told = os.environ.get(self.variable)
        usual = Path(told).expanduser() if told else project_folder() / "data" / self.name
        usual = usual / one if one != self.name and (usual / one).is_dir() else usual
        root = data.expanduser() if data is not None else usual
        if not root.is_dir():
            where = f" ({self.url})" if self.url else ""
            raise BenchError(
                f"There is no folder {root}. Say where {self.title}{where} lies with --data DIR or"
                f" {self.variable}. {self.needs}"
            )
        return root


def safe_ids(names: Iterable[str]) -> dict[str, str]:
    """Return a clip id per name, fit to be part of a file's name: the name itself where it is, and alone.

    Other characters become `_`, and a hash of the name follows, so that no two names share an id.
    """
    ids: dict[str, str] = {}
    for name in dict.fromkeys(names):
        if is_safe_id(name):
            ids[name] = name
        else:
            kept = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)
            ids[name] = f"x{kept[:80]}-{short_hash(name, 8)}"
    return ids


def revision(name: str, glosses: Iterable[str], clips: Iterable[Clip]) -> str:
    """Return the fingerprint of all that shapes a clip: 16 hexadecimal digits."""
    rows = [[c.id, c.label, c.part, c.signer] for c in sorted(clips, key=lambda clip: clip.id)]
    return short_hash([name, list(glosses), rows], 16)


def listed(names: Iterable[str], most: int = 3) -> str:
    """Name some of many: `a, b, c and 12 more`."""
    all_ = list(names)
    return ", ".join(all_[:most]) + (f" and {len(all_) - most} more" if len(all_) > most else "")
