"""What a study found: its best trials in a table, and pictures of how it got there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.study import UPWARDS, Study, Trial, open_study, told
from benchmarks.study_plots import draw_study
from benchmarks.tune_best import best_of, front, hours, tuning

_ROWS = 10
"""So many of the best trials are printed."""


def show(runs: Path, name: str) -> None:
    """Print a study's best trials, draw its pictures, and say how to look closer.

    Raises:
        BenchError: there is no such study, or a picture cannot be written.
    """
    study = open_study(runs, name)
    trials = list(study.all().values())
    console = Console(soft_wrap=True, highlight=False)
    _say(console, study, trials)
    if best_of(study, trials) is None:
        console.print("No trial is complete yet.")
        return
    console.print(_table(study, trials))
    for path in draw_study(study, trials):
        console.print(f"Wrote {path}", markup=False)
    if study.best.is_file():
        console.print(f"Best recipe: {study.best}", markup=False)
    if study.settings.library == "optuna":
        console.print(f"Look closer: optuna-dashboard {study.journal}", markup=False)


def _say(console: Console, study: Study, trials: list[Trial]) -> None:
    """Say what was searched, and how far it is."""
    settings, found = study.settings, tuning(study)
    counts = Counter(trial.state for trial in trials)
    states = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    goal = " and ".join(settings.objectives)
    console.print(f"{found.study}: {found.tuner} for {goal}", markup=False)
    console.print(f"{found.trials} of {settings.trials} trials ({states}), {hours(trials):.2f} h of training")
    for name, words in settings.space.items():
        console.print(f"  {name:<20} {words}", markup=False)


def _table(study: Study, trials: list[Trial]) -> Table:
    """Lay out the best trials, or the front where there are several objectives."""
    names = study.settings.objectives
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for column in ("trial", *names, "epochs", "parameters"):
        table.add_column(column, justify="left" if column == "parameters" else "right", overflow="fold")
    for trial in ranked(study, trials)[:_ROWS]:
        values = (f"{trial.values[name]:.4g}" for name in names)
        table.add_row(str(trial.number), *values, str(trial.epochs), told(trial.parameters))
    return table


def ranked(study: Study, trials: list[Trial]) -> list[Trial]:
    """Return the complete trials, best first; with several objectives the front alone."""
    if len(study.settings.objectives) > 1:
        return front(study, trials)
    name = study.settings.objectives[0]
    sign = -1 if name in UPWARDS else 1
    done = [trial for trial in trials if trial.state == "complete"]
    return sorted(done, key=lambda trial: (sign * trial.values[name], trial.number))
