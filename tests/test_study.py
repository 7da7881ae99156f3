"""A study under fire: torn and spoilt journals, dead workers, several of them, and what must not be lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from studies import SPACE, carried_out, made, worth

from benchmarks.study import FINISHED, Settings, Study, Trial, begin_study, open_study
from utils.errors import BenchError
from utils.lease import HeldElsewhereError

optuna = pytest.importorskip("optuna")

from benchmarks import study_claim, study_journal  # noqa: E402 - where there is Optuna
from benchmarks.study_claim import TRIES, claimed, known_values, left  # noqa: E402
from benchmarks.study_journal import journal, mend  # noqa: E402

HERE = Path(__file__).resolve().parent


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _file: None)


def one(study: Study) -> Trial | None:
    with claimed(study) as claim:
        if claim is None:
            return None
        carried_out(claim)
        return claim.record


def finish(study: Study) -> dict[int, Trial]:
    while one(study) is not None:
        pass
    return study.all()


def abandoned(study: Study, epochs: int = 2) -> Trial:
    """Begin a trial and die, as a worker does that is killed: its lease is left, and its process is gone."""
    code = (
        "import os, sys; sys.path[:0] = sys.argv[2:4]\n"
        "from pathlib import Path\n"
        "from benchmarks.study import open_study\n"
        "from benchmarks.study_claim import claimed\n"
        "with claimed(open_study(Path(sys.argv[1]), 'made')) as claim:\n"
        f"    claim.told([0.1] * {epochs}, 3.0)\n"
        "    print(claim.record.number, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    runs = study.folder.parent.parent
    ran = subprocess.run(
        [sys.executable, "-c", code, str(runs), str(HERE.parent), str(HERE)],
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    found = study.read(int(ran.stdout))
    assert found is not None
    return found


def told(study: Study) -> list[optuna.trial.FrozenTrial]:
    return journal(study).get_trials(deepcopy=False)


@pytest.mark.parametrize("tuner", ["random", "tpe", "bayesian"])
def test_a_study_has_as_many_trials_as_were_asked_for_and_the_journal_says_the_same(
    tmp_path: Path, tuner: str
):
    study = made(tmp_path, tuner=tuner)
    trials = finish(study)
    assert [trial.state for trial in trials.values()] == ["complete"] * 6
    assert {trial.values["val_top1"] for trial in trials.values()} == {
        worth(t.parameters) for t in trials.values()
    }
    assert len({tuple(trial.parameters.values()) for trial in trials.values()}) == 6
    assert [one.values[0] for one in told(study)] == [trial.values["val_top1"] for trial in trials.values()]
    assert all(set(trial.parameters) == set(SPACE) for trial in trials.values())


def test_the_same_seed_proposes_the_same_parameters_and_a_cut_study_the_same_as_one_that_was_not(
    tmp_path: Path,
):
    whole = finish(made(tmp_path / "a", tuner="tpe"))
    cut = made(tmp_path / "b", tuner="tpe")
    for _ in range(3):
        one(cut)
    again = finish(open_study(tmp_path / "b", "made"))
    assert [trial.parameters for trial in again.values()] == [trial.parameters for trial in whole.values()]
    other = finish(made(tmp_path / "c", tuner="tpe", seed=7))
    assert [trial.parameters for trial in other.values()] != [trial.parameters for trial in whole.values()]


def test_hyperband_ends_bad_trials_early(tmp_path: Path):
    study = made(tmp_path, tuner="hyperband", pruner="hyperband", trials=30)
    trials = finish(study)
    pruned = [trial for trial in trials.values() if trial.state == "pruned"]
    assert pruned
    assert all(1 <= trial.epochs < 9 for trial in pruned)
    assert not any(trial.values for trial in pruned)
    best = max((t for t in trials.values() if t.state == "complete"), key=lambda t: t.values["val_top1"])
    assert best.values["val_top1"] > max(max(trial.curve) for trial in pruned) - 0.2


def test_several_objectives_are_searched_at_once(tmp_path: Path):
    from benchmarks.tune_best import front  # noqa: PLC0415

    study = made(tmp_path, objectives=("val_top1", "latency"), trials=12, tuner="tpe")
    trials = finish(study)
    told_of = [list(one.values) for one in told(study)]
    assert told_of == [[trial.values["val_top1"], trial.values["latency"]] for trial in trials.values()]
    study_journal.rebuild(study)
    assert [list(one.values) for one in told(study)] == told_of
    assert not list(study.folder.glob("journal.*-*.log"))
    best = front(study, trials.values())
    assert 1 <= len(best) < 12
    for trial in best:
        worse = [t for t in trials.values() if t.values["latency"] <= trial.values["latency"]]
        assert max(t.values["val_top1"] for t in worse) == trial.values["val_top1"]


def test_a_killed_workers_trial_is_noticed_at_once_and_tried_again_with_its_parameters(tmp_path: Path):
    study = made(tmp_path)
    lost = abandoned(study)
    assert lost.state == "running"
    again = one(study)
    assert again is not None
    assert again.parameters == lost.parameters
    assert (again.retry_of, again.root, again.began, again.retries) == (lost.number, lost.number, 2, 0)
    assert study.work(again) == study.work(lost)
    assert study.read(lost.number).state == "lost"
    trials = finish(study)
    assert sum(trial.state == "complete" for trial in trials.values()) == 6
    assert len(trials) == 7


def test_a_trial_whose_workers_die_again_and_again_fails_and_the_study_ends(tmp_path: Path):
    study = made(tmp_path, trials=1)
    for _ in range(TRIES + 1):
        abandoned(study, epochs=0)
    assert left(study) == (0, 0)
    trials = study.all()
    assert [trial.state for trial in trials.values()] == ["lost"] * TRIES + ["failed"]
    assert trials[TRIES].reason == f"its worker died {TRIES + 1} times"


def test_a_trial_that_gets_further_each_time_is_tried_as_often_as_it_takes(tmp_path: Path):
    study = made(tmp_path, trials=1)
    for epochs in (0, 1, 1, 2, 2, 3):
        abandoned(study, epochs)
    assert left(study) == (1, 0)
    assert one(study).root == 0
    assert [trial.retries for trial in study.all().values()] == [0, 1, 0, 1, 0, 1, 0]


def test_a_stopped_trial_goes_on_without_being_counted_as_lost(tmp_path: Path):
    study = made(tmp_path, trials=1)
    for attempt in range(TRIES + 2):
        with claimed(study) as claim:
            assert claim is not None
            assert claim.record.retries == 0, attempt
            claim.end(state="stopped")
    assert one(study).root == 0
    assert left(study) == (0, 0)


def test_a_worker_that_died_between_its_own_file_and_the_journal_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    study = made(tmp_path, trials=2)
    with monkeypatch.context() as patched, claimed(study) as claim:
        patched.setattr(study_claim, "tell", lambda *_: None)
        carried_out(claim)
    assert journal(study).get_trials(deepcopy=False)[0].state == optuna.trial.TrialState.RUNNING
    assert left(study) == (1, 0)
    assert told(study)[0].values == [study.read(0).values["val_top1"]]
    assert len(finish(study)) == 2


def test_a_worker_that_died_between_asking_and_writing_it_down_costs_no_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    study = made(tmp_path, trials=3)
    with monkeypatch.context() as patched:
        patched.setattr(Study, "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt), claimed(study):
            pass
    trials = finish(study)
    assert sum(trial.state == "complete" for trial in trials.values()) == 3


def test_a_process_that_was_stopped_for_long_does_not_overwrite_what_became_of_its_trial(tmp_path: Path):
    study = made(tmp_path, trials=1)
    with claimed(study) as slow:
        study.lease(0).unlink()
        again = one(study)
        assert again.retry_of == 0
        with pytest.raises(HeldElsewhereError, match="Trial 0 was given up"):
            slow.told([0.5], 1.0)
        assert study.read(0).state == "lost"
        slow.end(state="complete", values={"val_top1": 0.99})
    assert study.read(0).state == "lost"
    assert left(study) == (0, 0)
    assert [trial.number for trial in study.all().values() if trial.values] == [1]


def test_the_very_same_parameters_are_not_trained_twice(tmp_path: Path):
    study = made(tmp_path, trials=2)
    first = one(study)
    assert known_values(study, dict(first.parameters)).number == 0
    assert known_values(study, {**first.parameters, "layers": 99}) is None


DAMAGE = {
    "torn last line": lambda text: text[:-20],
    "half a line glued on": lambda text: text + b'{"op_code":5,"worker',
    "a NUL block": lambda text: text[:200] + bytes(64) + text[264:],
    "garbage in the middle": lambda text: text[: len(text) // 2] + b"\xff\xfe<html>" + text[len(text) // 2 :],
    "a line gone": lambda text: b"".join(
        text.splitlines(keepends=True)[:3] + text.splitlines(keepends=True)[4:]
    ),
    "an edited value": lambda text: text.replace(b'"values":[0.', b'"values":[9.', 1),
    "empty": lambda _: b"",
    "another study's": lambda text: text.replace(b'"made"', b'"other"'),
}


@pytest.mark.parametrize("damage", DAMAGE, ids=str)
def test_a_damaged_journal_is_mended_from_the_trials_and_the_study_goes_on(tmp_path: Path, damage: str):
    study = made(tmp_path)
    for _ in range(3):
        one(study)
    before = study.all()
    spoilt = DAMAGE[damage](study.journal.read_bytes())
    assert spoilt != study.journal.read_bytes()
    study.journal.write_bytes(spoilt)
    trials = finish(study)
    assert {number: trials[number] for number in before} == before
    assert sum(trial.state == "complete" for trial in trials.values()) == 6
    finished = [one for one in told(study) if one.state == optuna.trial.TrialState.COMPLETE]
    assert [one.values[0] for one in finished] == [trial.values["val_top1"] for trial in trials.values()]
    if spoilt:
        assert [path for path in study.folder.glob("journal.*-*.log") if path.read_bytes() == spoilt]


def test_a_journal_that_is_gone_is_written_anew(tmp_path: Path):
    study = made(tmp_path)
    one(study)
    study.journal.unlink()
    assert len(finish(study)) == 6


def test_a_journal_rebuilt_under_a_running_trial_is_opened_again(tmp_path: Path):
    study = made(tmp_path, tuner="hyperband", pruner="hyperband", trials=3)
    with claimed(study) as claim:
        assert not claim.told([0.1], 0.1)
        study.journal.write_bytes(b"<html>")
        study_journal.journal(study)
        claim.told([0.1, 0.2], 0.2)
        carried_out(claim)
    assert told(study)[0].state.is_finished()
    assert left(study)[0] == 2


@pytest.mark.parametrize("size", [0, 1, 70, 200_000])
def test_mending_cuts_back_to_the_last_whole_line_and_nothing_else(tmp_path: Path, size: int):
    path = tmp_path / "journal.log"
    whole = b'{"a":1}\n' * 3
    path.write_bytes(whole + b"x" * size)
    assert mend(path) == (size > 0)
    assert path.read_bytes() == whole
    assert len(list(tmp_path.glob("journal.torn-*.log"))) == (size > 0)


def test_every_cut_of_a_journal_can_be_gone_on_from(tmp_path: Path):
    study = made(tmp_path, trials=2)
    finish(study)
    whole = study.journal.read_bytes()
    cuts = random.Random(5).sample(range(len(whole)), 25)
    for cut in cuts:
        study.journal.write_bytes(whole[:cut])
        assert left(study) == (0, 0), cut
        assert len(told(study)) == 2
    assert len(cuts) == 25


def test_a_lock_that_a_dead_process_left_is_free_within_15_seconds(tmp_path: Path):
    study = made(tmp_path, trials=2)
    one(study)
    Path(f"{study.journal}.lock").touch()
    since = time.monotonic()
    assert one(study) is not None
    assert time.monotonic() - since < 15


def worker(study: Study, pause: float = 0.01) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": f"{HERE.parent}{os.pathsep}{HERE}"}
    line = [sys.executable, str(HERE / "studies.py"), str(study.folder.parent.parent), "made", str(pause)]
    return subprocess.Popen(line, env=environment)


@pytest.mark.slow
def test_four_workers_killed_again_and_again_lose_nothing_and_repeat_no_trial(tmp_path: Path):
    study = made(tmp_path, trials=40, tuner="tpe")
    rng, kills = random.Random(11), 0
    # Trials that last, or a fast machine is done before many workers were killed.
    workers = [worker(study, pause=0.2) for _ in range(4)]
    acknowledged: dict[int, Trial] = {}
    while left(study) != (0, 0):
        time.sleep(rng.uniform(0.2, 1.0))
        if kills < 12:
            victim = rng.randrange(4)
            workers[victim].kill()
            workers[victim].wait()
            kills += 1
        acknowledged |= {n: t for n, t in study.all().items() if t.state in FINISHED}
        workers = [one if one.poll() is None else worker(study, pause=0.2) for one in workers]
    for process in workers:
        assert process.wait(60) == 0
    trials = study.all()
    assert kills >= 6
    assert {number: trials[number] for number in acknowledged} == acknowledged
    ended = [trial for trial in trials.values() if trial.state in FINISHED]
    assert len(ended) == 40
    assert len({trial.root for trial in ended}) == 40


def test_a_study_of_this_name_that_searches_something_else_is_refused_and_more_trials_are_not(tmp_path: Path):
    made(tmp_path)
    with pytest.raises(BenchError, match="tuner 'random', now 'tpe'"):
        made(tmp_path, tuner="tpe")
    with pytest.raises(BenchError, match=r"space\.lr"):
        made(tmp_path, space={**SPACE, "lr": "1e-5..1e-2:log"})
    assert made(tmp_path, trials=9).settings.trials == 9
    assert made(tmp_path, trials=3).settings.trials == 9
    assert open_study(tmp_path, "made").settings.trials == 9


def test_a_name_that_is_no_study_is_answered_with_the_nearest(tmp_path: Path):
    with pytest.raises(BenchError, match="There is none yet"):
        open_study(tmp_path, "mad")
    study = made(tmp_path)
    with pytest.raises(BenchError, match="Did you mean made"):
        open_study(tmp_path, "mad")
    (study.folder / "study.json").write_text("{}")
    with pytest.raises(BenchError, match="holds no settings"):
        open_study(tmp_path, "made")
    settings = Settings(study="../../etc", recipe=study.settings.recipe, space=SPACE)
    with pytest.raises(BenchError, match="cannot be called"):
        begin_study(tmp_path, settings)


def test_a_trial_file_that_is_damaged_is_as_if_it_were_not_there(tmp_path: Path):
    study = made(tmp_path, trials=2)
    finish(study)
    (study.trials / "0.json").write_text('{"number": 0, "state": "comp')
    assert list(study.all()) == [1]
    assert left(study) == (0, 0)
