"""Fetches official weights once, checks them, and keeps them in `data/weights`."""

from __future__ import annotations

import hashlib
import http.client
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO

from models.weights_files import refuse_page
from models.zoo import KINETICS, Weights, system
from utils.errors import FAILURE, BenchError
from utils.files import sha256, write_text, write_whole

TIMEOUT = 30.0
"""Seconds without an answer after which a server counts as out of reach."""
_BLOCK = 1 << 20
_NAMED = re.compile(r"-([0-9a-f]{8,64})\.")  # torch's files carry the first digits of their SHA-256


def weights_folder() -> Path:
    """Return where downloads are kept: `data/weights` of the working copy."""
    return Path(__file__).resolve().parent.parent / "data" / "weights"


def kinetics(model: str, folder: Path | None = None) -> Path:
    """Return the official weights of a row, downloaded if they are not there yet, and checked either way.

    Raises:
        BenchError: the row has none, the network or the disk fails, or the file is not the one it should be.
    """
    weights = system(model).weights.get(KINETICS)
    if weights is None:
        raise BenchError(f"{model} has no official weights. Start without, or from a file: --weights FILE")
    return fetch(weights, weights_folder() if folder is None else folder)


def _tell(sentence: str) -> None:
    """Say a sentence to the person at the terminal."""
    sys.stderr.write(f"{sentence}\n")


def fetch(weights: Weights, folder: Path, say: Callable[[str], None] = _tell) -> Path:
    """Return a file of weights in `folder`, downloaded if it is not there yet, and checked either way.

    Where nobody states the file's SHA-256, that of the first download is kept beside it and holds from then.

    Raises:
        BenchError: as `kinetics`.
    """
    path = folder / weights.url.rpartition("/")[2]
    stated = _stated(weights, path)
    if path.is_file():
        found = sha256(path)
        _check(path.name, stated, found, f"Delete {path} to download it again.")
    else:
        say(f"Downloading {weights.url} ({weights.note})")
        found = _download(weights.url, path, stated)
    if weights.sha256 is None and not _record(path).is_file():
        write_text(_record(path), f"{found}  {path.name}\n")
        say(f"{path.name} has the SHA-256 {found}; it is kept in {_record(path).name} and holds from now on.")
    return path


def _record(path: Path) -> Path:
    """Return where the SHA-256 of a first download is kept, as `sha256sum -c` reads it."""
    return path.with_name(f"{path.name}.sha256")


def _stated(weights: Weights, path: Path) -> str:
    """Return what the file's SHA-256 must begin with; nothing where nobody knows."""
    if weights.sha256 is not None:
        return weights.sha256
    if path.is_file() and _record(path).is_file():
        return _record(path).read_text(encoding="utf-8").partition(" ")[0]
    named = _NAMED.search(path.name)
    return named[1] if named else ""


def _check(name: str, stated: str, found: str, advice: str) -> None:
    """Refuse a file whose SHA-256 is not the stated one."""
    if not found.startswith(stated):
        what = f"its SHA-256 begins {found[:16]}, not {stated[:16]}"
        raise BenchError(f"{name} is not the official file: {what}. {advice}", exit_code=FAILURE)


def _download(url: str, path: Path, stated: str) -> str:
    """Download a file, check it before it takes its name, and return its SHA-256."""
    digest = hashlib.sha256()
    with _answer(url) as answer:

        def write(file: IO[bytes]) -> None:
            got = 0
            while block := _read(answer, url):
                if got == 0:
                    refuse_page(url, block[:1024])
                digest.update(block)
                file.write(block)
                got += len(block)
            _check_length(url, got, answer.headers.get("Content-Length"))
            _check(path.name, stated, digest.hexdigest(), f"It came from {url}.")

        write_whole(path, write)
    return digest.hexdigest()


def _answer(url: str) -> http.client.HTTPResponse:
    """Ask a server for a file."""
    request = urllib.request.Request(url, headers={"User-Agent": "wlasl-bench"})  # noqa: S310 - from the zoo's table
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310 - as above
    except urllib.error.HTTPError as error:
        raise _unreachable(url, f"the server answered {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise _unreachable(url, getattr(reason, "strerror", None) or str(reason) or "no answer") from error
    return answer


def _read(answer: http.client.HTTPResponse, url: str) -> bytes:
    """Read the next block of an answer."""
    try:
        return answer.read(_BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(url, f"the connection broke off ({error})") from error


def _check_length(url: str, got: int, promised: str | None) -> None:
    """Refuse an answer that is empty or shorter than was promised."""
    if got == 0 or (promised is not None and promised.isdigit() and got != int(promised)):
        raise _unreachable(url, f"the download ended after {got} of {promised or 'unknown'} bytes")


def _unreachable(url: str, reason: str) -> BenchError:
    """Say that a download failed and what to do without a network."""
    return BenchError(
        f"Cannot download {url}: {reason}. Without a network, bring it and give it with --weights FILE.",
        exit_code=FAILURE,
    )
