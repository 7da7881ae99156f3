"""A job that prepares landmarks slowly, for tests that kill it: landmark_job.py ROOT STORES COUNT SECONDS."""

import sys
import time
from pathlib import Path

import landmark_files as files

from wlasl.landmarks.prepare import prepare_landmarks
from wlasl.landmarks.source_kinds import FileSource


def main(root: str, stores: str, count: str, seconds: str) -> None:
    read, started = FileSource.read, Path(stores).with_suffix(".started")

    def slowly(self, clip):
        with started.open("a") as file:
            file.write(f"{clip.id}\n")
        time.sleep(float(seconds))
        return read(self, clip)

    FileSource.read = slowly
    dataset = files.dataset(Path(root), [f"{at:05d}" for at in range(int(count))])
    done = prepare_landmarks(dataset, str(Path(root) / "npz"), Path(stores))
    sys.stdout.write(f"{done.done} {len(done.store.ids)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
