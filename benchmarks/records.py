"""One file per run, written once and whole: the record that every table is printed from.

A record lies at `<results>/<subset>/<model>/<id>.json` and holds the checksum of its own body, so that one
that was changed by hand is known for it. What a record holds is in `benchmarks.schema`; what a run predicted,
in `benchmarks.scores`.
"""

from __future__ import annotations

import contextlib
import gc
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from benchmarks.asked import asked_of
from benchmarks.recipe_base import Recipe
from benchmarks.schema import FORMAT, Record, run_id
from benchmarks.seals import is_intact, read_unsealed, unsealed, without_seals, write_sealed
from utils.errors import BenchError
from utils.files import write_text
from utils.names import is_safe_id


def record_path(results: Path, record: Record | Recipe) -> Path:
    """Return where a record lies, or that of a recipe's run.

    Raises:
        BenchError: the subset, model or id cannot be part of a path.
    """
    for name in (record.split, record.model, record.id):
        if not is_safe_id(name):
            raise BenchError(
                f"{name!r} cannot be part of a file's name: use letters, digits, '.', '_' and '-'."
            )
    return results / record.split / record.model / f"{record.id}.json"


def write_record(results: Path, record: Record) -> Path:
    """Write a record whole, with the checksum of its body, and return its path.

    A record of the same run is replaced; but a failure never replaces a result that is done and unaltered.

    Raises:
        BenchError: the folder cannot be written to.
    """
    if record.id != run_id(record.recipe):
        raise AssertionError("a record's id is its recipe's")
    path = record_path(results, record)
    if record.status != "done" and path.exists() and _is_good(path):
        return path
    write_sealed(path, record.model_dump(mode="json"))
    return path


def _is_good(path: Path) -> bool:
    """Say whether a finished, unaltered record lies at `path`."""
    try:
        stored = read_record(path)
    except BenchError:
        return False
    return stored.record.status == "done" and not stored.altered


def put_aside(path: Path, folder: Path) -> None:
    """Move a record, if there is one, into its run's folder: it counts no longer, and is not lost.

    Raises:
        BenchError: one of both cannot be written to.
    """
    if path.is_file():
        kept = folder / f"replaced-{time.strftime('%Y%m%d-%H%M%S')}.json"
        write_text(kept, path.read_text(encoding="utf-8"))
        path.unlink()


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as found on the disk.

    Attributes:
        record: what it says.
        path: where it lies.
        altered: how one can tell that it was changed after the run; empty where it was not.
    """

    record: Record
    path: Path
    altered: str = ""


@dataclass(frozen=True, slots=True)
class Shelf:
    """All records of a results folder.

    Attributes:
        records: in the order of their paths.
        unreadable: a sentence per file that is not a record.
    """

    records: tuple[Stored, ...]
    unreadable: tuple[str, ...]


def read_record(path: Path) -> Stored:
    """Read one record and say whether it is as it was written.

    Raises:
        BenchError: the file is missing or is not a record.
    """
    record = _intact(path)
    return _looked_at(path) if record is None else Stored(record, path, _copied(path, record))


def _intact(path: Path) -> Record | None:
    """Return a record whose file is byte for byte as it was written; None says nothing more."""
    try:
        content = path.read_bytes()
        if not is_intact(content):
            return None
        record = Record.model_validate_json(without_seals(content))
    except (OSError, ValidationError):
        return None
    return None if record.format > FORMAT else record


def _looked_at(path: Path) -> Stored:
    """Read a record that is laid out anew, altered, older than the checksum of its file, or none at all."""
    body, altered = read_unsealed(path, FORMAT, "is not a run's record")
    try:
        record = Record.model_validate(body)
    except ValidationError as error:
        raise BenchError(f"{path} is not a run's record: {_first(error)}.") from error
    return Stored(record, path, altered or _misplaced(path, record))


def _misplaced(path: Path, record: Record) -> str:
    """Say how a record shows that it is a copy of another run's; empty where it does not."""
    return "its id is not that of its recipe" if record.id != run_id(record.recipe) else _copied(path, record)


def _copied(path: Path, record: Record) -> str:
    """Say of a record whose id is its recipe's that it is a copy of another run's; empty where it is not."""
    if path.parts[-3:] != (record.split, record.model, f"{record.id}.json"):
        return f"a copy of run {record.id}"
    return ""


def _first(error: ValidationError) -> str:
    """Return the first thing that is wrong with a record, in a few words."""
    detail = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(step) for step in detail["loc"])
    return f"{place}: {detail['msg']}" if place else detail["msg"]


def read_records(results: Path) -> Shelf:
    """Read every record under a results folder; a file that is none is a sentence, and reading goes on."""
    records, unreadable = [], []
    with _no_collection():
        for path in _files(results):
            try:
                records.append(read_record(path))
            except BenchError as error:  # noqa: PERF203 - each file is as good as it is
                unreadable.append(str(error))
    return Shelf(tuple(records), tuple(unreadable))


@dataclass(frozen=True, slots=True)
class Found:
    """The record of something that was asked for.

    Attributes:
        id: of the run.
        status: done, or why not.
        reason: a sentence, for every status but done.
        path: where the record lies.
        top1: on test; None where it was not scored.
    """

    id: str
    status: str
    reason: str
    path: Path
    top1: float | None


def index(results: Path) -> dict[str, Found]:
    """Return the records of a results folder by their key (`benchmarks.asked`): 10,000 within two seconds.

    What was changed after it was written, or is no record, is left out. Of several records of one key (other
    clips were at hand) one that is done is returned before any other.
    """
    found: dict[str, Found] = {}
    for key, one in keyed(results):
        if key not in found or one.status == "done":
            found[key] = one
    return found


def keyed(results: Path) -> list[tuple[str, Found]]:
    """Return every record that `index` looks at with its key, which several may share."""
    with _no_collection():
        looked_up = [_looked_up(path) for path in _files(results)]
    return [(key, one) for key, one in looked_up if one is not None]


def _looked_up(path: Path) -> tuple[str, Found | None]:
    """Return a record's key and what matters of it; None where it is no good."""
    try:
        content = path.read_bytes()
        body = json.loads(content)
        altered = "" if is_intact(content) else unsealed(path, body)
        top1 = body["metrics"].get("test", {}).get("top1")
        one = Found(body["id"], body["status"], body["reason"], path, top1)
        return asked_of(body["recipe"]), None if altered else one
    except (OSError, BenchError, AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return "", None


def _files(results: Path) -> list[Path]:
    """Return the files that records lie in, in the order of their paths."""
    return [path for path in sorted(results.glob("*/*/*.json"), key=str) if not path.name.startswith(".")]


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Hold the garbage collector: records form no cycles, and walking them took half of the reading time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        # What was read is set aside, or the very next collection would walk it after all.
        gc.freeze()
        if was_on:
            gc.enable()
