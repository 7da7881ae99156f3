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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from utils.errors import BenchError
from utils.files import spoken

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

ELSEWHERE = 75
"""Exit code of work that another live process is doing (EX_TEMPFAIL of sysexits.h)."""


class HeldElsewhereError(BenchError):
    """Somebody else holds the lease, or has taken it over."""

    def __init__(self, message: str) -> None:
        """Keep the sentence."""
        super().__init__(message, exit_code=ELSEWHERE)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take, in seconds.

    Attributes:
        beat: the holder touches the file this often.
        stale: a file untouched for so long, by the watcher's own clock, has lost its holder.
        poll: one who waits looks this often.
    """

    beat: float = 5.0
    stale: float = 45.0
    poll: float = 0.5


@dataclass(frozen=True)
class Claim:
    """Who asks for a lease, and how.

    Attributes:
        facts: what the lock file says of the holder besides host, process and name.
        succeeds: says of another holder's facts that it is a dead predecessor of this one.
        wait: wait for a live holder; otherwise raise HeldElsewhereError.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    succeeds: Callable[[Mapping[str, str]], bool] = lambda _: False
    wait: bool = True


@contextlib.contextmanager
def lease(
    path: Path,
    waiting: Callable[[str], object] = lambda _: None,
    patience: Patience | None = None,
    claim: Claim | None = None,
) -> Iterator[threading.Event]:
    """Hold the lock file `path` for the length of the block, waiting for it as long as its holder lives.

    Args:
        path: the lock file; its folder exists.
        waiting: called once with the holder's name when somebody else holds it.
        patience: how often to beat and to look.
        claim: who asks, and whether to wait.

    Yields:
        What is set once somebody else has taken the lease over, because this process was stopped for long.

    Raises:
        BenchError: the folder cannot be written.
        HeldElsewhereError: a live process holds it, and the claim is not to wait.
    """
    patience, claim = patience or Patience(), claim or Claim()
    token = uuid.uuid4().hex
    _take(path, _Asking(token, waiting, patience, claim))
    stop, lost = threading.Event(), threading.Event()
    heart = threading.Thread(
        target=_beat, args=(path, token, (stop, lost), patience.beat), daemon=True, name="lease"
    )
    heart.start()
    try:
        yield lost
    finally:
        stop.set()
        heart.join()
        if _holder(path).get("token") == token:
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Asking:
    """One who asks for the lock file."""

    token: str
    waiting: Callable[[str], object]
    patience: Patience
    claim: Claim


def _take(path: Path, asking: _Asking) -> None:
    """Create the lock file, once nobody who lives holds it."""
    seen, since, told = -1, time.monotonic(), False
    while not _create(path, asking.token, asking.claim.facts):
        beat = _last_beat(path)
        if beat != seen:
            seen, since = beat, time.monotonic()
        holder = _holder(path)
        silent = time.monotonic() - since
        if not asking.claim.wait:  # nor stays to watch
            silent = max(silent, _age(path, asking.token))
        if silent > asking.patience.stale or _died_here(holder, asking.claim):
            _bury(path, holder, asking.token)
            continue
        name = holder.get("name", "another job")
        # One without a name was caught while its file system, which has no links, was writing it.
        if not asking.claim.wait and (holder or time.monotonic() - since > asking.patience.beat):
            raise HeldElsewhereError(f"{name[:1].upper()}{name[1:]} is at work on it.")
        if not told:
            told = True
            asking.waiting(name)
        time.sleep(asking.patience.poll)


def _bury(path: Path, dead: Mapping[str, str], token: str) -> None:
    """Take a dead holder's file away.

    Of several who see a dead holder one gets the file by renaming it. Another may by then have put its own in
    its place, and rename that: where the file system can tell who is first, nobody does; elsewhere whoever
    finds a live one's file in its hands puts it back.
    """
    gone = path.with_name(f".{path.name}.{token}")
    with _first(path.parent):
        if _holder(path) != dead:
            return
        try:
            path.rename(gone)
        except FileNotFoundError:
            return
        if _holder(gone) != dead:
            with contextlib.suppress(OSError):
                os.link(gone, path)
        gone.unlink()


@contextlib.contextmanager
def _first(folder: Path) -> Iterator[None]:
    """Let one process at a time into the block, by a lock on the folder that ends with the process.

    Some file systems have no such lock for folders, or none that other machines see: then it lets all in.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if fcntl is not None:
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _create(path: Path, token: str, facts: Mapping[str, str] | None = None) -> bool:
    """Create the lock file if there is none; say whether it is ours."""
    host = socket.gethostname()
    name = f"process {os.getpid()} on {host}"
    who = {**(facts or {}), "token": token, "host": host, "pid": os.getpid(), "name": name}
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


def _beat(path: Path, token: str, told: tuple[threading.Event, threading.Event], seconds: float) -> None:
    """Touch the lock file until told to stop, or until it is another's."""
    stop, lost = told
    while not stop.wait(seconds):
        holder = _holder(path)
        if holder and holder.get("token") != token:
            lost.set()
            return
        if holder:
            with contextlib.suppress(OSError):
                os.utime(path)


def _last_beat(path: Path) -> int:
    """Return when the file was last touched, by its server's clock; 0 where it is gone."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _age(path: Path, token: str) -> float:
    """Return how many seconds ago the file was touched, by its server's clock; 0 where it is gone."""
    probe = path.with_name(f".{path.name}.{token}")
    try:
        probe.touch()
        return probe.stat().st_mtime - path.stat().st_mtime
    except OSError:
        return 0.0
    finally:
        probe.unlink(missing_ok=True)


def _holder(path: Path) -> dict[str, str]:
    """Return what the holder wrote of itself; nothing where the file is gone or not of this kind."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _died_here(holder: Mapping[str, str], claim: Claim) -> bool:
    """Say whether the holder is known to be no more: a process of this machine, or a predecessor."""
    if holder and claim.succeeds(holder):
        return True
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
