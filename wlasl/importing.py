"""`bench data import`: bring a copy of WLASL, in any of the layouts that people have, into one layout.

    <root>/WLASL_v0.3.json, nslt_*.json, missing.txt, wlasl_class_list.txt
    <root>/videos/<video_id>.mp4       one clip per file, usually cut already
    <root>/raw_videos/<name>.*         whole videos as published; YouTube's under YouTube's names

A file's place follows from its name alone, never from the folders that the copy gives it, so that nothing can
be written outside the root. What is there already stays; the same command again continues a broken import.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from utils.errors import FAILURE, BenchError
from utils.files import write_whole
from wlasl.metadata import INSTANCES, read_instances, read_nslt
from wlasl.root import VIDEO_SUFFIXES, youtube_name
from wlasl.sources import DamagedError, Item, Source, free_space, open_source

RAW_FOLDERS = ("raw_videos", "raw_videos_mp4")
"""Folders of whole videos as published; a copy's file in any other folder is taken for a cut clip."""

_METADATA = re.compile(r"WLASL_v0\.3\.json|nslt_\d+\.json|missing\.txt|wlasl_class_list\.txt")
_METADATA_LIMIT = 256 << 20
_WLASL_ID = re.compile(r"\d{5}")

Track = Callable[[Sequence["Planned"]], Iterable["Planned"]]


@dataclass(frozen=True)
class Planned:
    """A file of the copy and the place it gets under the root."""

    item: Item
    place: PurePosixPath


@dataclass
class Imported:
    """What an import found and did.

    Attributes:
        root: where the data set lies now.
        metadata: the metadata files found in the copy.
        videos: how many videos the copy has for each folder of the root.
        done: how many files were linked, copied, unpacked, or there already.
        kept: places where another file of the same name lay, which was kept.
        damaged: files that could not be read, and why.
        links: symbolic links, which are not followed.
        others: how many files of the copy are not WLASL's.
        examples: the names of a few of them.
    """

    root: Path
    metadata: tuple[str, ...] = ()
    videos: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    kept: list[str] = field(default_factory=list)
    damaged: dict[str, str] = field(default_factory=dict)
    links: tuple[str, ...] = ()
    others: int = 0
    examples: tuple[str, ...] = ()


def import_copy(path: Path, root: Path, *, replace: bool = False, track: Track = iter) -> Imported:
    """Bring the copy at `path` into `root`.

    Args:
        path: a folder or a zip.
        root: the data set's folder; made where there is none.
        replace: put the copy's file in the place of another one of the same name.
        track: passes the planned files through, for a progress bar.

    Raises:
        BenchError: nothing of WLASL's there, an unsafe archive, other metadata, no room, or nowhere to write.
    """
    with open_source(path.expanduser()) as source:
        _apart(source.path, root)
        metadata = _bring_metadata(source, root, replace=replace)
        planned = _plan(source.items, _known(root))
        if not (metadata or planned):
            raise BenchError(
                f"{path} holds nothing of WLASL's: no {INSTANCES}, no nslt file, and no video named as "
                "WLASL's are (such as videos/00335.mp4)."
            )
        report = _report(source, root, metadata, planned)
        _room(source, root, [one.item for one in planned if not _is_there(one, root)])
        for one in track(planned):
            report.done[_put(source, one, report, replace=replace)] += 1
    return report


def _apart(copy: Path, root: Path) -> None:
    """Refuse a copy that is the root itself, or lies around it or in it."""
    here, there = root.expanduser().resolve(), copy.resolve()
    if here == there:
        raise BenchError(f"{copy} is the data set's folder itself; there is nothing to import.")
    if there.is_dir() and (there in here.parents or here in there.parents):
        raise BenchError(f"{copy} and the data set's folder {root} lie in one another; give another --data.")


def _bring_metadata(source: Source, root: Path, *, replace: bool) -> tuple[str, ...]:
    """Check the copy's metadata files, then put them into the root; return their names."""
    items = {PurePosixPath(item.name).name: item for item in reversed(source.items)}
    items = {name: item for name, item in items.items() if _METADATA.fullmatch(name)}
    texts = {name: _text(source, item) for name, item in sorted(items.items())}
    _check(source.path, texts)
    if not replace:
        for name, text in texts.items():
            _agrees(root / name, text, source.path)
    for name, text in texts.items():
        if replace or not (root / name).exists():
            write_whole(root / name, lambda file, text=text: file.write(text))  # type: ignore[misc]
    return tuple(texts)


def _text(source: Source, item: Item) -> bytes:
    """Read a metadata file of the copy, which is never large."""
    if item.size > _METADATA_LIMIT:
        raise BenchError(
            f"{source.path}: {item.name} states {item.size} bytes, which no metadata of WLASL's has."
        )
    buffer = io.BytesIO()
    try:
        source.write(item, buffer)
    except DamagedError as error:
        raise BenchError(f"{source.path}: {item.name} cannot be read: {error}.") from error
    return buffer.getvalue()


def _check(copy: Path, texts: dict[str, bytes]) -> None:
    """Read the metadata files as the benchmark will, so that a bad one is never brought in."""
    for name, text in texts.items():
        if name == INSTANCES:
            read_instances(copy / name, text)
        elif name.endswith(".json"):
            read_nslt(copy / name, text)


def _agrees(path: Path, text: bytes, copy: Path) -> None:
    """Refuse a copy whose metadata is not the root's."""
    if not path.exists() or path.read_bytes().split() == text.split():
        return
    raise BenchError(
        f"{path.name} in {copy} is not the one in {path.parent}. Import it into another folder with --data, "
        "or put it in the place of the other with --replace."
    )


@dataclass(frozen=True)
class _Known:
    """The names that videos of WLASL have: clip ids, and YouTube's names of whole videos.

    Where no metadata is at hand yet, five digits are taken for an id, as all of WLASL's are.
    """

    ids: Collection[str] = ()
    youtube: Collection[str] = ()

    def place(self, name: str) -> PurePosixPath | None:
        """Return the place of a file of the copy, or None where it is not WLASL's."""
        path = PurePosixPath(name)
        folder = path.parent.name if path.parent.name in RAW_FOLDERS else "videos"
        if path.suffix.lower() not in VIDEO_SUFFIXES:
            return None
        if path.stem in self.youtube:
            return PurePosixPath(folder if folder in RAW_FOLDERS else "raw_videos", path.name)
        ours = path.stem in self.ids if self.ids else _WLASL_ID.fullmatch(path.stem)
        return PurePosixPath(folder, path.name) if ours else None


def _known(root: Path) -> _Known:
    """Read the names from the root's metadata."""
    clips = read_instances(root / INSTANCES).clips if (root / INSTANCES).exists() else {}
    listed = {id_ for path in root.glob("nslt_*.json") for id_ in read_nslt(path)}
    names = (youtube_name(clip.url) for clip in clips.values())
    return _Known(listed.union(clips), {name for name in names if name})


def _plan(items: Iterable[Item], known: _Known) -> list[Planned]:
    """Give each video of the copy its place; of two for one place the first stays."""
    plan: dict[PurePosixPath, Planned] = {}
    for item in items:
        if place := known.place(item.name):
            plan.setdefault(place, Planned(item, place))
    return list(plan.values())


def _report(source: Source, root: Path, metadata: tuple[str, ...], planned: Sequence[Planned]) -> Imported:
    """Begin the report with what the copy holds."""
    taken = {one.item.name for one in planned}
    others = [
        i.name for i in source.items if i.name not in taken and PurePosixPath(i.name).name not in metadata
    ]
    return Imported(
        root=root,
        metadata=metadata,
        videos=Counter(one.place.parent.name for one in planned),
        links=source.links,
        others=len(others),
        examples=tuple(others[:3]),
    )


def _room(source: Source, root: Path, items: Sequence[Item]) -> None:
    """Refuse to begin what the disk has no room for, by the sizes that the copy states."""
    needed, free = sum(item.size for item in items), free_space(root)
    if source.costs(root) and needed > free:
        raise BenchError(
            f"{source.path} needs {needed / 1e9:,.1f} GB in {root}, and {free / 1e9:,.1f} GB are free there. "
            "Free some space, or choose another folder with --data.",
            exit_code=FAILURE,
        )


def _is_there(one: Planned, root: Path) -> bool:
    """Say whether a file of the same name and size lies at the place already."""
    target = root / one.place
    return target.is_file() and target.stat().st_size == one.item.size


def _put(source: Source, one: Planned, report: Imported, *, replace: bool) -> str:
    """Put one file at its place, and say how."""
    target = report.root / one.place
    if not replace and _is_there(one, report.root):
        return "there already"
    if not replace and target.exists():
        report.kept.append(str(one.place))
        return "kept"
    try:
        return source.place(one.item, target)
    except DamagedError as error:
        report.damaged[one.item.name] = str(error)
        return "damaged"
