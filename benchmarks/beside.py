"""Files beside a run's record: what was found of the run since, one file per run and kind, written whole.

The record `<results>/<subset>/<model>/<id>.json` has its probes, say, at `.../<model>/probes/<id>.json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ValidationError

from benchmarks.records import record_path
from benchmarks.schema import Frozen, Record
from benchmarks.seals import read_unsealed, sealed
from utils.errors import BenchError
from utils.files import write_json


class Beside(Frozen):
    """What every file beside a record says.

    Attributes:
        id: the run's.
        model: the run's.
        split: the run's.
        of: when the run finished; what was found of an earlier run of the same recipe is out of date.
    """

    id: str
    model: str
    split: str
    of: str


Body = TypeVar("Body", bound=Beside)


# No slots: with them Python makes no frozen `Stored[ProbeRecord](...)`, which `StoredProbes(...)` is.
@dataclass(frozen=True)
class Stored(Generic[Body]):
    """A file beside a record, as found on the disk.

    Attributes:
        record: what the file says.
        path: where it lies.
        stale: why it does not count; empty where it does.
    """

    record: Body
    path: Path
    stale: str = ""


@dataclass(frozen=True, slots=True)
class Files(Generic[Body]):
    """All files of one kind.

    Attributes:
        kind: the name of their folder, and what they hold, such as probes.
        body: what one says.
        format: the version of its schema; newer ones are refused in words.
    """

    kind: str
    body: type[Body]
    format: int

    def path(self, results: Path, run: Record) -> Path:
        """Return where the file of a run lies."""
        path = record_path(results, run)
        return path.parent / self.kind / path.name

    def write(self, path: Path, record: Body) -> None:
        """Write a file whole, with the checksum of its body.

        Raises:
            BenchError: the folder cannot be written to.
        """
        write_json(path, sealed(record.model_dump(mode="json")))

    def read(self, results: Path, run: Record) -> Stored[Body] | None:
        """Read the file of a run; None where there is none.

        Raises:
            BenchError: the file is no such file, or of a newer version.
        """
        path = self.path(results, run)
        if not path.is_file():
            return None
        otherwise = f"holds no {self.kind} of a run"
        body, altered = read_unsealed(path, self.format, otherwise)
        try:
            record = self.body.model_validate(body)
        except ValidationError as error:
            raise BenchError(f"{path} {otherwise}: {error.errors()[0]['msg']}.") from error
        return Stored(record, path, altered or self._outdated(record, run))

    def _outdated(self, record: Body, run: Record) -> str:
        """Say why a file is not of this run; empty where it is."""
        if record.id != run.id:
            return f"these are the {self.kind} of run {record.id}"
        return "" if record.of == run.finished else "the run was trained anew since"
