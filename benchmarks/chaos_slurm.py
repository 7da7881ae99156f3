"""The chaos test on Slurm: jobs killed, requeued, cancelled, nodes that crash, a controller gone."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.chaos_nodes import Nurse, crash, lab
from benchmarks.chaos_row import Row
from benchmarks.chaos_scene import Scene, at_work, kill, until
from benchmarks.pulse import pulses
from slurm.asking import ask
from slurm.ledger import Ledger

PATIENCE = 600.0
"""Seconds after which what is missing counts as lost."""
WAITS = "wlasl_bench.py"
"""In the command line of the process that waits for a run in a job."""


def why_not() -> str:
    """Say why there is no Slurm to break here; empty where there is one that exists for that."""
    answer = ask(["scontrol", "show", "config"])
    if answer is None or answer.code:
        return "no Slurm answers (.ci/slurm start)"
    if not any(name in answer.out for name in ("= wlasl-bench\n", "= lab\n")):
        return "the Slurm here is not the tests' own"
    return "" if os.geteuid() == 0 else "only root can crash nodes"


KINDS = ("kill", "requeue", "scancel", "kill", "requeue", "scancel", "kill")
"""Faults in turn. A run that was cancelled is submitted again once its sign of life is old: in a minute."""


def faults(scene: Scene, count: int, crashes: int, kinds: Sequence[str] = KINDS) -> Row:
    """Submit a sweep twice at once, and meet it with faults of every kind while it runs."""
    scene.plan()
    twice = [threading.Thread(target=scene.submit, args=("slurm",)) for _ in range(2)]
    for thread in twice:
        thread.start()
    for thread in twice:
        thread.join()
    again = len(jobs(scene)) - scene.size.runs
    done = dict.fromkeys(("kill", "requeue", "scancel", "crash"), 0)
    nurse = Nurse(scene.say)
    end = time.monotonic() + PATIENCE
    while scene.done() < scene.size.runs and time.monotonic() < end:
        while active(scene) and scene.done() < scene.size.runs:
            nurse.look()
            time.sleep(scene.random.uniform(0.3, 1.2))
            kind = _due(scene, done, (count, crashes, kinds))
            if kind and _hit(scene, kind, sum(done.values())):
                done[kind] += 1
        scene.submit("slurm")
        time.sleep(2)
    finish(scene, nurse)
    told = f"{done['kill']} KILL, {done['requeue']} requeue, {done['scancel']} scancel"
    told += f", {done['crash']} node crashes, submitted twice at once ({again} jobs too many)"
    enough = sum(done.values()) >= count + crashes
    return Row("Slurm: faults of all kinds", told, scene.audit(), enough and again == 0, nurse.note())


def _due(scene: Scene, done: Mapping[str, int], wanted: tuple[int, int, Sequence[str]]) -> str:
    """Return the fault that is due: evenly over the sweep, crashes too; empty where none is."""
    count, crashes, kinds = wanted
    share = (scene.done() + 1) / scene.size.runs
    if done["crash"] < crashes and share > (done["crash"] + 1) / (crashes + 2):
        return "crash"
    faults_so_far = sum(done.values()) - done["crash"]
    return (
        kinds[faults_so_far % len(kinds)] if faults_so_far < count and faults_so_far <= count * share else ""
    )


def _hit(scene: Scene, kind: str, number: int) -> bool:
    """Bring one fault upon one running job, or upon a node; say whether it was met."""
    if kind == "crash":
        crash(scene, 1 + number % 2)
        return True
    working = _at_work(scene)
    if not working:
        return False
    process, job = scene.random.choice(working)
    if kind == "kill":
        # In turn the run itself, whoever waits for it in the job, and Slurm's own step daemon.
        victims = (process, *_above(process, WAITS), *_above(process, "slurmstepd"))
        victim = victims[number // 3 % len(victims)]
        scene.say(f"kill -9 of {_name(victim)} {victim} of job {job}")
        return kill(victim)
    command = ["scancel", job] if kind == "scancel" else ["scontrol", "requeue", job]
    answer = ask(command)
    scene.say(f"{' '.join(command)}: {'done' if answer and not answer.code else 'refused'}")
    return answer is not None and answer.code == 0


def _at_work(scene: Scene) -> list[tuple[int, str]]:
    """Return the runs that hold their lease and train, each with its job."""
    found = []
    for beat in pulses(scene.places.runs):
        process, job = int(beat.facts["pid"]), beat.facts["job"]
        if beat.alive and job and at_work(process):
            found.append((process, f"{job['array']}_{job['task']}"))
    return found


def _above(process: int, name: str) -> list[int]:
    """Return the nearest process above one whose command line has a name, if there is one."""
    while process > 1:
        try:
            words = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            process = int(words[1])
            line = Path(f"/proc/{process}/cmdline").read_bytes()
        except OSError:
            return []
        if name.encode() in line:
            return [process]
    return []


def _name(process: int) -> str:
    """Return what a process is called."""
    try:
        return Path(f"/proc/{process}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return "nobody"


def controller_away(scene: Scene, seconds: float) -> Row:
    """Stop the controller in the middle of a sweep; submit and look while it is away; start it again."""
    scene.plan()
    nurse = Nurse(scene.say)
    scene.submit("slurm")
    until(nurse.while_waiting(lambda: scene.done() >= scene.size.runs // 4), 240, "the first results")
    until(nurse.while_waiting(lambda: bool(_at_work(scene))), 120, "runs at work", poll=0.02)
    before, wrong = scene.done(), 0
    lab("stop-controller")
    scene.say("the controller is away")
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        scene.submit("slurm")
        told = scene.bench("status", "--json", *scene.where())
        wrong += told.returncode != 0 or '"failed"' in told.stdout
        time.sleep(seconds / 6)
    lab("start-controller")
    scene.say(f"the controller is back; {scene.done() - before} results came meanwhile")
    finish(scene, nurse)
    notes = [f"status was wrong {wrong} times" if wrong else "", nurse.note()]
    note = "; ".join(filter(None, notes))
    return Row("Slurm: controller away", f"{seconds:.0f} s without", scene.audit(), not wrong, note)


def finish(scene: Scene, nurse: Nurse | None = None) -> None:
    """Submit what is missing until all is there, and wait for the queue to be empty.

    Nodes that Slurm has taken out of service meanwhile are said and brought back: nobody else does it.
    """
    end = time.monotonic() + PATIENCE
    watched = (nurse or Nurse(scene.say)).while_waiting
    while scene.done() < scene.size.runs and time.monotonic() < end:
        until(watched(partial(_idle, scene)), 300, "the sweep to end")
        if scene.done() < scene.size.runs:
            scene.submit("slurm")
            time.sleep(2)
    until(watched(lambda: not active(scene)), 240, "the queue to be empty")


def _idle(scene: Scene) -> bool:
    """Say whether Slurm has nothing left to do for this scene, or all is there."""
    return not active(scene) or scene.done() >= scene.size.runs


def active(scene: Scene) -> bool:
    """Say whether Slurm still has something to do for this scene; a controller that is silent may have."""
    busy = {"PENDING", "RUNNING", "COMPLETING", "CONFIGURING"}
    return not busy.isdisjoint(jobs(scene).values())


def jobs(scene: Scene) -> dict[str, str]:
    """Return the states of all jobs of this scene that the controller remembers."""
    names = {chunk.name for one in Ledger(scene.places.runs).submissions() for chunk in one.chunks()}
    answer = ask(["squeue", "-h", "--array", "--states=all", "-o", "%i|%T|%j"])
    if answer is None or answer.code:
        return {"?": "PENDING"}
    rows = (line.split("|", 2) for line in answer.out.splitlines())
    return {job: state for job, state, name in rows if name in names}
