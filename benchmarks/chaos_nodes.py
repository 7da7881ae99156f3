"""The nodes of the chaos test's Slurm: crashed, started, and brought back when Slurm has taken them out."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

from benchmarks.chaos_scene import Scene, until
from slurm.asking import Runner, ask
from slurm.plan import DOOR
from utils.errors import FAILURE, BenchError

LAB = DOOR.parent / ".ci" / "slurm"
_OUT = ("drain", "fail")
"""In the state of a node that gets no jobs until somebody resumes it."""
_EVERY = 5.0
"""Seconds between two looks at the nodes."""


def states(run: Runner = ask) -> dict[str, tuple[str, str]]:
    """Return the state of each node, and why it is so where Slurm says; nothing where it does not answer."""
    answer = run(["sinfo", "-h", "-N", "-o", "%N|%T|%E"])
    rows = [line.split("|", 2) for line in answer.out.splitlines()] if answer and not answer.code else []
    return {row[0]: (row[1], row[2]) for row in rows if len(row) == 3}  # noqa: PLR2004 - as asked for


def out(run: Runner = ask) -> dict[str, str]:
    """Return the nodes that Slurm has taken out of service, and why: `drained (Kill task failed)`."""
    found = states(run).items()
    return {node: f"{state} ({why})" for node, (state, why) in found if any(word in state for word in _OUT)}


class Nurse:
    """Looks after the nodes during a row: says which are out of service, and brings them back.

    A node whose job does not die within UnkillableStepTimeout is drained ("Kill task failed"), which happens
    on a busy machine; jobs then wait for ever, since only a person resumes it.

    Args:
        say: hears of it.
        run: asks Slurm.
    """

    def __init__(self, say: Callable[[str], object], run: Runner = ask) -> None:
        """Begin to look."""
        self._say, self._run = say, run
        self._next = 0.0
        self.healed: dict[str, int] = {}

    def look(self) -> None:
        """Bring back what is out of service, if it is time to look."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _EVERY
        for node, why in out(self._run).items():
            answer = self._run(["scontrol", "update", f"NodeName={node}", "State=RESUME"])
            done = answer is not None and not answer.code
            self._say(f"{node} is {why}: {'resumed' if done else 'Slurm does not resume it'}")
            self.healed[why] = self.healed.get(why, 0) + done

    def while_waiting(self, condition: Callable[[], bool]) -> Callable[[], bool]:
        """Return a condition that looks after the nodes whenever somebody asks whether it holds."""

        def asked() -> bool:
            """Look, then ask."""
            self.look()
            return condition()

        return asked

    def note(self) -> str:
        """Say how many nodes were brought back, and what had become of them; empty where none was."""
        told = ", ".join(f"{count} {why}" for why, count in sorted(self.healed.items()))
        return f"nodes resumed: {told}" if told else ""


def crash(scene: Scene, node: int) -> None:
    """Cut a node's power, wait until Slurm has noticed, and bring the node back."""
    scene.say(lab("crash-node", str(node)))
    until(lambda: "down" in _state(node), 90, f"Slurm to miss node{node}")
    lab("start-node", str(node))
    until(lambda: "down" not in (_state(node) or "down"), 60, f"node{node} to come back")
    scene.say(f"node{node} is back")


def _state(node: int) -> str:
    """Return a node's state; empty where Slurm does not say."""
    return states().get(f"node{node}", ("", ""))[0]


def lab(*words: str) -> str:
    """Do something to the tests' own Slurm, and return what `.ci/slurm` said.

    Raises:
        BenchError: it failed.
    """
    done = subprocess.run([str(LAB), *words], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode:
        raise BenchError(f".ci/slurm {' '.join(words)}: {done.stderr.strip()}", exit_code=FAILURE)
    return done.stdout.strip()
