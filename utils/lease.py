"""One worker at a time: a lock file whose holder shows that it lives, so that a dead one's is taken over.

The lock saves work, it is not what keeps files right: a holder that was stopped for minutes and wakes up may
find another at work. Whatever is done under a lease must be right even then, and at worst be done twice.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from utils.files import spoken


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take, in seconds.

    Attributes:
        beat: the holder touches the file this often.
        stale: a file untouched for so long, by the watcher's own clock, has lost its holder.
        poll: one who waits looks this often.
    """

    beat: float = 5.0
    stale: float = 60.0
    poll: float = 0.5


@contextlib.contextmanager
def lease(
    path: Path, waiting: Callable[[str], object] = lambda _: None, patience: Patience | None = None
) -> Iterator[None]:
    """Hold the lock file `path` for the length of the block, waiting for it as long as its holder lives.

    Args:
        path: the lock file; its folder exists.
        waiting: called once with the holder's name when somebody else holds it.
        patience: how often to beat and to look.

    Raises:
        BenchError: the folder cannot be written.
    """
    patience = patience or Patience()
    token = uuid.uuid4().hex
    _take(path, token, waiting, patience)
    stop = threading.Event()
    heart = threading.Thread(target=_beat, args=(path, stop, patience.beat), daemon=True, name="lease")
    heart.start()
    try:
        yield
    finally:
        stop.set()
        heart.join()
        if _holder(path).get("token") == token:
            path.unlink(missing_ok=True)


def _take(path: Path, token: str, waiting: Callable[[str], object], patience: Patience) -> None:
    """Create the lock file, once nobody who lives holds it."""
    seen, since, told = -1, time.monotonic(), False
    while not _create(path, token):
        beat = _last_beat(path)
        if beat != seen:
            seen, since = beat, time.monotonic()
        if time.monotonic() - since > patience.stale or _died_here(path):
            # Rename first: of several who see a dead holder, one gets the file and the others find none.
            with contextlib.suppress(FileNotFoundError):
                gone = path.with_name(f".{path.name}.{token}")
                path.rename(gone)
                gone.unlink()
            continue
        if not told:
            told = True
            waiting(_holder(path).get("name", "another job"))
        time.sleep(patience.poll)


def _create(path: Path, token: str) -> bool:
    """Create the lock file if there is none; say whether it is ours."""
    host = socket.gethostname()
    who = {"token": token, "host": host, "pid": os.getpid(), "name": f"process {os.getpid()} on {host}"}
    draft = path.with_name(f".{path.name}.{token}")
    with spoken(path):
        draft.write_text(json.dumps(who))
        try:
            _put(draft, path)
        except FileExistsError:
            return False
        finally:
            draft.unlink(missing_ok=True)
    return True


def _put(draft: Path, path: Path) -> None:
    """Make `path` of a finished draft, unless it is there: then FileExistsError."""
    try:
        # A link appears whole or not at all, also on network file systems.
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems have no links.
        with path.open("x", encoding="utf-8") as file:
            file.write(draft.read_text(encoding="utf-8"))


def _beat(path: Path, stop: threading.Event, seconds: float) -> None:
    """Touch the lock file until told to stop."""
    while not stop.wait(seconds):
        with contextlib.suppress(OSError):
            os.utime(path)


def _last_beat(path: Path) -> int:
    """Return when the file was last touched, by its server's clock; 0 where it is gone."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _holder(path: Path) -> dict[str, str]:
    """Return what the holder wrote of itself; nothing where the file is gone or not of this kind."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _died_here(path: Path) -> bool:
    """Say whether the holder was a process of this machine that is no more."""
    holder = _holder(path)
    pid = holder.get("pid", "")
    if holder.get("host") != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
