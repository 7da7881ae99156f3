"""What was submitted, on disk: a folder per submission under `<runs>/jobs` (`slurm.submission`).

Everything is written whole, and intentions before deeds: a submitting command that is killed at any moment
leaves either nothing, or a list of job names by which Slurm can be asked what it got.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from slurm.plan import Plan, write_plan
from slurm.submission import Chunk, Submission, listed, write_chunks
from utils.errors import BenchError
from utils.files import spoken, write_json, write_text
from utils.lease import lease
from utils.names import is_safe_id

Cluster = Literal["slurm", "local", "debug"]
CLUSTERS: tuple[Cluster, ...] = ("slurm", "local", "debug")
Names = Callable[[Iterable[str]], "dict[str, str] | None"]
"""Job numbers by job name, as `slurm.cluster.by_name` knows them; None where Slurm does not answer."""

NEVER_ARRIVED = "the submitting command ended before Slurm had it"


class Ledger:
    """All submissions of a runs folder.

    Args:
        runs: folder of checkpoints.
    """

    def __init__(self, runs: Path) -> None:
        """Note where they lie."""
        self.runs, self.folder = runs, runs / "jobs"

    def submissions(self) -> list[Submission]:
        """Return the submissions, the oldest first."""
        found = [Submission(self.folder / name) for name in sorted(listed(self.folder)) if is_safe_id(name)]
        return [one for one in found if (one.folder / "plan.json").is_file()]

    def submission(self, name: str) -> Submission:
        """Return a submission by its id.

        Raises:
            BenchError: there is none of that id.
        """
        found = Submission(self.folder / name)
        if not is_safe_id(name) or not (found.folder / "plan.json").is_file():
            raise BenchError(f"There is no submission {name!r} under {self.folder}.")
        return found

    @contextlib.contextmanager
    def held(self, waiting: Callable[[str], object] = lambda _: None) -> Iterator[None]:
        """Keep other submitting commands out for the length of the block.

        Raises:
            BenchError: the folder cannot be written to.
        """
        with spoken(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        with lease(self.folder / "submit.lock", waiting):
            yield

    def new(self, plan: Plan, cluster: Cluster, size: int | None = None) -> Submission:
        """Write a submission down, with what is intended, before anything is started.

        Args:
            plan: its tasks, all of which are to be started.
            cluster: where.
            size: tasks per job array, for Slurm.

        Raises:
            BenchError: the folder cannot be written to.
        """
        for path, text in plan.files.items():
            if not Path(path).exists():
                write_text(Path(path), text)
        now = datetime.now(timezone.utc)
        name = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        # Under another name until it is whole: nobody reads half a submission.
        draft, folder = self.folder / f".{name}", self.folder / name
        write_plan(draft / "plan.json", plan)
        write_json(draft / "submission.json", {"cluster": cluster, "made": now.isoformat(timespec="seconds")})
        if cluster == "slurm":
            write_chunks(draft, _cut(name, [task.key for task in plan.tasks], size))
        with spoken(folder):
            for part in ("logs", "ends", "cancelled"):
                (draft / part).mkdir(exist_ok=True)
            os.rename(draft, folder)
        return Submission(folder)

    def heal(self, names: Names) -> bool:
        """Find out what became of job arrays whose submission was cut; call it while holding the ledger.

        Args:
            names: asks Slurm for job numbers by names; called once, and only where there is a question.

        Returns:
            False where Slurm does not answer, so that what was intended may or may not be in its queue.
        """
        open_ends = [
            (one, [chunk for chunk in one.chunks() if chunk.state == "intended"])
            for one in self.submissions()
        ]
        wanted = [chunk.name for _, chunks in open_ends for chunk in chunks]
        known = names(wanted) if wanted else {}
        if known is None:
            return False
        for one, chunks in open_ends:
            if chunks:
                one.note(*(_healed(chunk, known) for chunk in chunks))
        return True


def _healed(chunk: Chunk, known: Mapping[str, str]) -> Chunk:
    """Return a job array as Slurm knows it."""
    if chunk.name in known:
        return replace(chunk, job=known[chunk.name], state="submitted")
    return replace(chunk, state="refused", why=NEVER_ARRIVED)


def _cut(name: str, keys: Sequence[str], size: int | None) -> list[Chunk]:
    """Cut tasks into job arrays."""
    size = size or max(1, len(keys))
    return [
        Chunk(f"bench-{name}-{number}", tuple(keys[first : first + size]))
        for number, first in enumerate(range(0, len(keys), size))
    ]
