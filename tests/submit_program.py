"""A run in miniature, which tests submit in place of `bench run`: steps, a checkpoint, signals, an end.

Usage: submit_program.py FOLDER KEY STEPS [SECONDS [MODE]]; a mode is what goes wrong in the first attempts.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

ASKED = []


def main() -> None:
    """Take the steps that an earlier attempt left."""
    folder, key, steps = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    told = [*sys.argv[4:], "0", ""][: max(2, len(sys.argv) - 4)]
    seconds, mode = float(told[0]), told[1]
    for number in (signal.SIGTERM, signal.SIGUSR2):
        signal.signal(number, lambda *_: ASKED.append(1))
    folder.mkdir(parents=True, exist_ok=True)
    attempt = len(list(folder.glob(f"{key}.started.*")))
    (folder / f"{key}.started.{attempt}").write_text(json.dumps(dict(os.environ)))
    checkpoint = folder / f"{key}.ckpt"
    done = int(checkpoint.read_text()) if checkpoint.exists() else 0
    print(f"from step {done}", flush=True)  # noqa: T201 - goes into its log
    if mode == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    for step in range(done, steps):
        with (folder / f"{key}.steps").open("a") as log:
            log.write(f"{step}\n")
        time.sleep(seconds)
        save(checkpoint, step + 1)
        if ASKED:
            sys.exit(130)
        if mode.startswith("kill") and step == steps // 2 and attempt < int(mode[4:]):
            os.kill(os.getpid(), signal.SIGKILL)
        if mode == "fail":
            sys.exit("ValueError: no")
    save(folder / f"{key}.done", steps)


def save(path: Path, number: int) -> None:
    """Write a number whole."""
    draft = path.with_suffix(".tmp")
    draft.write_text(str(number))
    draft.replace(path)


main()
