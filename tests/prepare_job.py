"""A job that prepares clips slowly, for tests that kill it: prepare_job.py ROOT STORES COUNT SECONDS."""

import sys
import time
from pathlib import Path

import videos

from wlasl import prepare
from wlasl.view import View


def main(root: str, stores: str, count: str, seconds: str) -> None:
    encode, started = prepare.encode_clip, Path(stores).with_suffix(".started")

    def slowly(path, clip, view):
        with started.open("a") as file:
            file.write(f"{clip.id}\n")
        time.sleep(float(seconds))
        return encode(path, clip, view)

    prepare.encode_clip = slowly
    prepare.apart = lambda work, *told: work(*told)  # a call before this one was killed, not the clip's fault
    done = prepare.prepare(videos.dataset(Path(root), int(count)), View(size=16), Path(stores), workers=2)
    sys.stdout.write(f"{done.done} {len(done.store.ids)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
