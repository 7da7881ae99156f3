"""The `bench` command's door: the one module here whose name no other distribution uses.

The five packages beside it (`benchmarks`, `models`, `slurm`, `utils`, `wlasl`) have common names.
This module puts its own folder first on the path before it imports any of them, so that ours are found.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Run the `bench` command line with this project's packages first on the path."""
    home = str(Path(__file__).resolve().parent)
    sys.path[:] = [home, *(entry for entry in sys.path if entry != home)]
    from benchmarks.cli import main as command_line  # noqa: PLC0415 - the path must be set first

    command_line()


if __name__ == "__main__":
    main()
