"""Random numbers that depend on what they are for, never on the order in which work happens to run."""

from __future__ import annotations

import numpy as np


def generator(*key: int) -> np.random.Generator:
    """Return the generator of one purpose, for example of (seed, epoch, clip).

    The same key gives the same numbers on any machine, in any thread and after any restart. Keys of
    different lengths differ: NumPy alone fills short ones up with zeros, so (7, 3) would equal (7, 3, 0).
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((len(key), *key))))
