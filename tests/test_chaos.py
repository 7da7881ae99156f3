"""The chaos test in small: what is broken is mended, and what is wrong is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from random import Random

import pytest

from benchmarks import chaos, chaos_local, chaos_nodes, chaos_slurm, chaos_submit
from benchmarks.chaos_audit import Audit
from benchmarks.chaos_row import Row, table
from benchmarks.chaos_scene import Scene, Size
from slurm.asking import Answer
from utils.errors import BenchError

HOME = Path(__file__).resolve().parent.parent


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def scene(tmp_path: Path, told: list[str]):
    """A function that sets a stage of some size."""

    def make(*size, **fields):
        return Scene(tmp_path, Size(*size), Random(7), told.append, profile=chaos.JOB, **fields)

    return make


def clean(row: Row) -> None:
    assert row.met, table([row])
    assert row.audit.runs > 0


def test_workers_and_their_pool_are_killed_and_nothing_is_lost(tmp_path: Path, capsys):
    chaos.main(short=True, seed=7, only=["workers"], folder=tmp_path, as_json=True)
    said = json.loads(capsys.readouterr().out)
    (row,) = said["rows"]
    assert said["seed"] == 7
    assert row["met"]
    assert row["audit"]["runs"] == 40
    assert row["faults"].startswith("10 kill -9")


def test_runs_that_are_programs_of_their_own_are_killed_and_nothing_is_lost(scene):
    clean(chaos_local.killed_workers(scene(3, 4, 0.05), 1, forked=False))


@pytest.mark.parametrize("play", [chaos_local.full_disk, chaos_local.read_only])
def test_a_disk_goes_away_and_comes_back(scene, tmp_path: Path, play):
    reason = chaos_local.why_not()
    if reason:
        pytest.skip(reason)
    with chaos_local.small_disk(tmp_path / "disk", 2) as disk:
        clean(play(scene(12, results=disk / "results"), forked=True))


def test_jobs_of_slurm_are_killed_and_requeued_and_nothing_is_lost(scene, slurm):
    assert slurm.nodes
    row = chaos_slurm.faults(scene(4, 8, 0.15), 2, 0, chaos_slurm.KINDS[:2])
    clean(row)
    assert row.faults.startswith("1 KILL, 1 requeue, 0 scancel")


def test_a_submitter_is_killed_around_sbatch_and_nothing_is_submitted_twice(scene, slurm):
    assert slurm.nodes
    clean(chaos_submit.killed_submitter(scene(4, 2, 0.0), 1))


class Nodes:
    """Stands for sinfo and scontrol: two nodes, of which Slurm has drained some."""

    def __init__(self, **states):
        self.states, self.asked, self.answers = states, [], True

    def __call__(self, command):
        if not self.answers:
            return None
        self.asked.append(list(command))
        if command[0] == "sinfo":
            rows = [f"{node}|{state}|{why}" for node, (state, why) in self.states.items()]
            return Answer(0, "".join(f"{row}\n" for row in rows), "")
        node = command[2].removeprefix("NodeName=")
        self.states[node] = ("idle", "none")
        return Answer(0, "", "")


def test_drained_nodes_are_said_and_brought_back(monkeypatch):
    monkeypatch.setattr(chaos_nodes, "_EVERY", 0.0)
    slurm = Nodes(node1=("drained", "Kill task failed"), node2=("draining*", "Prolog error"))
    said = []
    nurse = chaos_nodes.Nurse(said.append, slurm)
    assert chaos_nodes.out(slurm) == {
        "node1": "drained (Kill task failed)",
        "node2": "draining* (Prolog error)",
    }
    assert nurse.while_waiting(lambda: True)() is True
    assert chaos_nodes.out(slurm) == {}
    assert said == [
        "node1 is drained (Kill task failed): resumed",
        "node2 is draining* (Prolog error): resumed",
    ]
    assert nurse.note() == "nodes resumed: 1 drained (Kill task failed), 1 draining* (Prolog error)"
    assert ["scontrol", "update", "NodeName=node2", "State=RESUME"] in slurm.asked


def test_sound_nodes_and_a_silent_controller_are_left_alone(monkeypatch):
    monkeypatch.setattr(chaos_nodes, "_EVERY", 0.0)
    slurm = Nodes(node1=("idle", "none"), node2=("down*", "Not responding"))
    nurse = chaos_nodes.Nurse(print, slurm)
    nurse.look()
    slurm.answers = False
    nurse.look()
    assert (nurse.note(), [words[0] for words in slurm.asked]) == ("", ["sinfo"])


def test_nobody_asks_for_the_nodes_all_the_time():
    slurm = Nodes(node1=("idle", "none"))
    nurse = chaos_nodes.Nurse(print, slurm)
    for _ in range(50):
        nurse.look()
    assert len(slurm.asked) == 1


def test_a_row_that_is_wrong_says_so():
    rows = [
        Row("one", "a fault", Audit(10, cuts=2, redone=8)),
        Row("two", "a fault", Audit(10, cuts=2, redone=9)),
        Row("three", "a fault", Audit(10, lost=(3, 4), corrupt=("x.json is no record",))),
        Row("four", "a fault", Audit(10), sound=False, note="it never came back"),
        Row("five", "", Audit(0), skipped="no Slurm answers"),
    ]
    assert [row.met for row in rows] == [True, False, False, False, True]
    text = table(rows)
    assert text.count("MISSED") == 3
    assert "lost: seeds 3, 4; x.json is no record" in text
    assert "it never came back" in text
    assert "no Slurm answers" in text


def test_a_play_that_breaks_misses_the_bar_and_ends_the_command(tmp_path: Path, monkeypatch, capsys):
    def broken(_scene: Scene) -> Row:
        raise BenchError("Waited 1 s for nothing, in vain.")

    act = chaos.Act("broken", broken, Size(2))
    skipped = chaos.Act("skipped", broken, Size(2), lambda: "only root can crash nodes")
    monkeypatch.setattr(chaos, "acts", lambda **_: [act, skipped])
    with pytest.raises(BenchError, match="Missed: broken"):
        chaos.main(short=True, seed=1, folder=tmp_path)
    said = capsys.readouterr().out
    assert "in vain" in said
    assert "only root can crash nodes" in said
    assert "seed 1; short" in said


def test_every_row_has_a_size_of_its_own():
    for short in (True, False):
        names = [act.name for act in chaos.acts(short=short)]
        assert names == ["workers", "disk", "read-only", "slurm", "submitter", "controller"]
    assert chaos.acts(short=False)[0].size.runs == 1000


def test_the_reaper_ends_a_program_at_the_moment_that_it_is_told(tmp_path: Path):
    (tmp_path / "program.py").write_text(
        "import pathlib, sys\nfor name in 'abc':\n    pathlib.Path(sys.argv[1], name).write_text(name)\n"
    )
    folder = tmp_path / "out"
    folder.mkdir()
    reap = partial(
        subprocess.run, capture_output=True, text=True, check=False, cwd=HOME,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    words = [str(folder), "program", str(folder)]
    done = reap([sys.executable, "-m", "benchmarks.chaos_kill", "0", *words])
    assert (done.returncode, done.stderr.strip()) == (0, "moments: 3")
    for path in folder.iterdir():
        path.unlink()
    assert reap([sys.executable, "-m", "benchmarks.chaos_kill", "2", *words]).returncode == -9
    assert [path.name for path in folder.iterdir()] == ["a"]
