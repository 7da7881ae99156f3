"""How many trials keras-tuner's Hyperband has in one sweep over its brackets (Li et al. 2018, 1603.06560)."""

from __future__ import annotations

import math

FACTOR = 3
"""Of three trials of a round, one goes on, for three times the epochs."""


def sweep(epochs: int) -> int:
    """Return the number of trials of one sweep; one that goes on from another counts too."""
    brackets = 0
    while epochs / FACTOR**brackets >= 1:
        brackets += 1
    last = math.ceil(1 + math.log(epochs, FACTOR))
    return sum(
        math.ceil(last / (bracket + 1) * FACTOR ** (bracket - number))
        for bracket in range(brackets)
        for number in range(bracket + 1)
    )
