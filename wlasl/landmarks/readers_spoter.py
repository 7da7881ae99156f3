"""Reader of SPOTER's CSV files, and of those that spoter-embeddings makes in the same form.

A row is a clip. A column is one coordinate of a joint and holds a list over the frames as text: `nose_X`,
`rightEar_Y`, and of the hands `indexTip_left_X` (or `_0_` for left, `_1_` for right: every slot has its
side). Image coordinates; 0 means unseen. SPOTER's come from Apple's Vision, whose y grows up;
spoter-embeddings' come from MediaPipe, whose y grows down: the reader looks on which side of the shoulders
the nose lies. `labels` is the class, from 0, or from 1 where the last one is the number of glosses; width,
height and frame rate of the video may be there. SPOTER's rows have no ids: `wlasl.landmarks.rows` says which
clip each is.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from utils.errors import BenchError
from wlasl.clips import PARTS, Clip, Subset
from wlasl.landmarks.form import LandmarkError, Landmarks, Points
from wlasl.landmarks.joints import SPOTER
from wlasl.landmarks.rows import Row, assigned

_PEEKED = 20
"""So many rows of a file say which way y grows."""
_SIDES = {"left": ("left", "Left", "0"), "right": ("right", "Right", "1")}
_PARTS_OF_HANDS = {"dip": "DIP", "pip": "PIP", "mcp": "MCP", "ip": "IP", "cmc": "CMC", "tip": "Tip"}
_NUMBERS = {
    "width": ("video_size_width", "video_width"),
    "height": ("video_size_height", "video_height"),
    "fps": ("video_fps", "fps"),
}
_ID, _LABEL, _PART = ("video_id", "id"), ("labels", "label"), ("split", "subset")

Table = Iterator[list[str]]


class SpoterFiles:
    """One or several CSV files, such as those of the parts.

    Args:
        paths: the files.
        subset: whose clips the rows are.

    Attributes:
        kind: what found the landmarks: `vision` where y grows up, `mediapipe-holistic` where it grows down.
        joints: SPOTER's, without the neck where no column has it.
        notes: how many rows became clips, and how.

    Raises:
        BenchError: a file cannot be read, lacks a column, or its rows cannot be told apart.
    """

    whole = True

    def __init__(self, paths: Sequence[Path], subset: Subset) -> None:
        """Read ids, labels and lengths, not the coordinates."""
        self.paths = tuple(paths)
        headers = [_header(path) for path in self.paths]
        self.joints = _joints(self.paths, headers)
        rows = [row for path, header in zip(self.paths, headers, strict=True) for row in _rows(path, header)]
        self._rows, self.notes = assigned(rows, subset)
        ups = {_grows_up(path, header) for path, header in zip(self.paths, headers, strict=True)}
        if len(ups) > 1:
            raise BenchError(
                f"In some of {_named(self.paths)} y grows up, in others down: read them one by one."
            )
        self._up = ups == {True}
        self.kind = "vision" if self._up else "mediapipe-holistic"

    def ids(self) -> tuple[str, ...]:
        """Return the ids of the clips that have a row."""
        return tuple(self._rows)

    def place(self, clip: Clip) -> str:
        """Return which row a clip is."""
        row = self._rows[clip.id]
        return f"{row.path.name}:{row.number}"

    def read(self, clip: Clip) -> Landmarks:
        """Return one clip's landmarks.

        Raises:
            LandmarkError: the clip has no row, or its lists are of no use.
        """
        if clip.id not in self._rows:
            raise LandmarkError("missing", f"no row of {_named(self.paths)} is this clip")
        row = self._rows[clip.id]
        found = self._points[row.path, row.number]
        if isinstance(found, LandmarkError):
            raise found
        points, (width, height, fps) = found
        size = (round(width), round(height)) if width > 0 and height > 0 else None
        y: Literal["up", "down"] = "up" if self._up else "down"
        return Landmarks(points, self.joints, self.kind, y, size=size, fps=fps if fps > 0 else None)

    @cached_property
    def _points(self) -> Mapping[tuple[Path, int], tuple[Points, tuple[float, float, float]] | LandmarkError]:
        """Return the coordinates of all rows, and their videos' width, height and frame rate (0: unknown)."""
        found: dict[tuple[Path, int], tuple[Points, tuple[float, float, float]] | LandmarkError] = {}
        for path in self.paths:
            header = _header(path)
            lists = [at for joint in self.joints for at in _columns(header, joint)]
            told = [_first(header, names) for names in _NUMBERS.values()]
            for number, cells in enumerate(_table(path), 1):
                width, height, fps = (_number(cells, at) for at in told)
                points = _tried(cells, lists)
                found[path, number] = (
                    points if isinstance(points, LandmarkError) else (points, (width, height, fps))
                )
        return found


def _named(paths: Sequence[Path]) -> str:
    """Return the names of files."""
    return ", ".join(path.name for path in paths)


def _table(path: Path) -> Table:
    """Yield the rows below a file's header as cells.

    Raises:
        BenchError: the file cannot be read, or is no CSV.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            next(file, None)
            yield from (_cells(line) for line in _whole(file) if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"{path} cannot be read ({error}).") from error


def _whole(lines: Iterator[str]) -> Iterator[str]:
    """Yield rows: a cell may go on over lines, and then a quote is still open."""
    for line in lines:
        whole = line
        while whole.count('"') % 2 and (more := next(lines, "")):
            whole += more
        yield whole


def _cells(line: str) -> list[str]:
    """Split a row into its cells: five times as fast as the csv module, which has to look at each letter."""
    pieces = line.rstrip("\r\n").split('"')
    last, cells = len(pieces) - 1, list[str]()
    for at, piece in enumerate(pieces):
        if at % 2:
            cells.append(piece)
        elif piece and (piece != "," or at in {0, last}):
            # Cells without quotes, and the commas between them and the quoted ones beside them.
            cells += piece[at > 0 : len(piece) - (at < last)].split(",")
    return cells


def _header(path: Path) -> dict[str, int]:
    """Return the position of each column."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return {name.strip(): at for at, name in enumerate(next(csv.reader(file), []))}
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise BenchError(f"{path} cannot be read ({error}).") from error


def _joints(paths: Sequence[Path], headers: Sequence[Mapping[str, int]]) -> tuple[str, ...]:
    """Return the joints that all files have.

    Raises:
        BenchError: one of SPOTER's is missing, other than the neck.
    """
    lacking = {
        joint: path
        for path, header in zip(paths, headers, strict=True)
        for joint in SPOTER
        if not _columns(header, joint)
    }
    lost = sorted(lacking.keys() - {"neck"})
    if lost:
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        raise BenchError(f"{lacking[lost[0]]} has no columns for {lost[0]}{more}: it is not SPOTER's CSV.")
    return tuple(joint for joint in SPOTER if joint not in lacking)


def _columns(header: Mapping[str, int], joint: str) -> tuple[int, int] | tuple[()]:
    """Return the positions of a joint's x and y; nothing where a file lacks it."""
    for name in _spellings(joint):
        if f"{name}_X" in header and f"{name}_Y" in header:
            return header[f"{name}_X"], header[f"{name}_Y"]
    return ()


def _spellings(joint: str) -> tuple[str, ...]:
    """Return how SPOTER may write a joint: `left_hand_index_tip` is indexTip_left or indexTip_0."""
    side, hand, rest = joint.partition("_hand_")
    if not hand:
        first, _, second = joint.partition("_")
        return (first + second.capitalize(),)
    finger, _, part = rest.partition("_")
    part = "mp" if rest == "thumb_mcp" else part
    written = finger + ("MP" if part == "mp" else _PARTS_OF_HANDS.get(part, ""))
    return tuple(f"{written}_{word}" for word in _SIDES[side])


def _first(header: Mapping[str, int], names: Sequence[str]) -> int | None:
    """Return the position of the first of these columns that is there."""
    return next((header[name] for name in names if name in header), None)


def _rows(path: Path, header: Mapping[str, int]) -> Iterator[Row]:
    """Yield what is known of each row of a file besides its coordinates.

    Raises:
        BenchError: there is no column of labels, or a label is no number.
    """
    label, named, part = (_first(header, names) for names in (_LABEL, _ID, _PART))
    if label is None:
        raise BenchError(f"{path} has no column named labels: it is not SPOTER's CSV.")
    lists = header["nose_X"]
    usual = [word for word in PARTS if word in path.stem.lower()]
    for number, cells in enumerate(_table(path), 1):
        if len(cells) < len(header):
            raise BenchError(
                f"Row {number} of {path} has {len(cells)} of {len(header)} cells: it is cut off."
            )
        try:
            class_ = int(float(cells[label]))
        except ValueError as error:
            raise BenchError(f"Row {number} of {path}: the label is {cells[label]!r}, no number.") from error
        known = cells[part] if part is not None else usual[0] if len(usual) == 1 else ""
        yield Row(
            path,
            number,
            class_,
            known,
            cells[named] if named is not None else "",
            cells[lists].count(",") + 1,
        )


def _grows_up(path: Path, header: Mapping[str, int]) -> bool:
    """Say whether y grows up: the nose of a person who stands lies above the shoulders."""
    joints = ("nose", "left_shoulder", "right_shoulder")
    lists = [at for joint in joints for at in _columns(header, joint)]
    above: list[float] = []
    for _, cells in zip(range(_PEEKED), _table(path), strict=False):
        points = _tried(cells, lists)
        if not isinstance(points, LandmarkError):
            above += (points[:, 0, 1] - points[:, 1:, 1].mean(axis=1)).tolist()
    seen = np.array(above)[~np.isnan(above)] if above else np.zeros(0)
    return bool(len(seen)) and bool(np.median(seen) > 0)


def _number(cells: Sequence[str], at: int | None) -> float:
    """Return a cell's number; 0 where there is none."""
    try:
        number = float(cells[at]) if at is not None else 0.0
    except ValueError:
        return 0.0
    return number if np.isfinite(number) else 0.0


def _tried(cells: Sequence[str], lists: Sequence[int]) -> Points | LandmarkError:
    """Return a row's points, or why it has none."""
    try:
        return _parsed(cells, lists)
    except LandmarkError as error:
        return error


def _parsed(cells: Sequence[str], lists: Sequence[int]) -> Points:
    """Return the points [T, J, 2] of lists of x and y in turns, NaN where both are 0.

    Raises:
        LandmarkError: a list is empty or of another length, or holds something else than numbers.
    """
    texts = [cells[at].strip().removeprefix("[").removesuffix("]") for at in lists]
    counts = {text.count(",") + 1 if text.strip() else 0 for text in texts}
    if counts == {0}:
        raise LandmarkError("empty", "its lists are empty")
    if len(counts) > 1:
        raise LandmarkError("shape", f"its lists have {min(counts)} to {max(counts)} frames")
    try:
        with np.errstate(over="ignore"):
            numbers = np.array(json.loads(f"[{','.join(texts).replace('nan', 'NaN')}]"), np.float32)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise LandmarkError("unreadable", f"a list holds something else than numbers ({error})") from error
    frames = counts.pop()
    if numbers.shape != (len(lists) * frames,):
        raise LandmarkError("unreadable", "a list holds other lists")
    points = numbers.reshape(-1, 2, frames).transpose(2, 0, 1).copy()
    points[(points == 0).all(axis=2)] = np.nan
    return points
