"""Pictures of a study: history, importance, parallel coordinates, the front; PNG, and HTML beside it."""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.search_space import Choice
from benchmarks.study import UPWARDS, Study, Trial
from benchmarks.tune_best import best_of, front
from utils.files import write_text, write_whole
from utils.imports import optional

_DPI = 110
_BEST, _OTHER, _PRUNED = "C3", "C0", "0.7"
_FEWEST = 4
"""Of so many trials something can be said about importance."""


def draw_study(study: Study, trials: Sequence[Trial]) -> list[Path]:
    """Draw every picture that a study's trials suffice for; return their paths.

    Raises:
        BenchError: one cannot be written.
    """
    drawn = [_png(study, "history", lambda axes: _history(axes, study, trials))]
    weights = importance(study, trials)
    if weights:
        drawn.append(_png(study, "importance", lambda axes: _bars(axes, study, weights)))
    drawn.append(_png(study, "parallel", lambda axes: _parallel(axes, study, trials)))
    if len(study.settings.objectives) > 1:
        drawn.append(_png(study, "pareto", lambda axes: _front(axes, study, trials)))
    return [*drawn, *_html(study, trials)]


def _png(study: Study, name: str, draw: Callable[[Any], None]) -> Path:
    """Write one picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - takes half a second
    from matplotlib.figure import Figure  # noqa: PLC0415 - likewise

    width = 2.0 + 1.25 * len(study.settings.space) if name == "parallel" else 6.4
    canvas = Figure(figsize=(max(6.4, width), 4.2), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(canvas)
    canvas.suptitle(f"{study.settings.study}: {_TITLES[name]}")
    draw(canvas.subplots())
    path = study.folder / f"{name}.png"
    write_whole(path, lambda file: canvas.savefig(file, format="png", metadata={"Software": None}))
    return path


_TITLES = {
    "history": "how the trials went",
    "importance": "which parameter decides who is among the best",
    "parallel": "the trials' parameters, the better the darker",
    "pareto": "what cannot be had for less",
}


def words(objective: str) -> str:
    """Return what an axis says of an objective."""
    return {
        "val_top1": "top-1 on val",
        "val_loss": "loss on val, nats",
        "latency": "latency of one clip, ms",
        "parameters": "parameters",
    }[objective]


def _history(axes: Any, study: Study, trials: Sequence[Trial]) -> None:  # noqa: ANN401 - matplotlib's
    """Draw each trial's value, the best so far, and where pruned trials stood."""
    name = study.settings.objectives[0]
    done = [trial for trial in trials if trial.state == "complete"]
    axes.plot([t.number for t in done], [t.values[name] for t in done], "o", color=_OTHER, label="complete")
    pruned = [trial for trial in trials if trial.state == "pruned" and trial.curve]
    if pruned and name.startswith("val_"):
        best = max if name in UPWARDS else min
        shown = [best(trial.curve) for trial in pruned]
        axes.plot([t.number for t in pruned], shown, "x", color=_PRUNED, label="pruned, best epoch")
    best_so_far = [best_of(study, done[: count + 1]) for count in range(len(done))]
    steps = [one.values[name] for one in best_so_far if one is not None]
    axes.step([t.number for t in done], steps, where="post", color=_BEST, label="best so far")
    axes.set(xlabel="trial", ylabel=words(name))
    axes.xaxis.get_major_locator().set_params(integer=True)
    _plain(axes)
    axes.legend(frameon=False)


def _plain(axes: Any) -> None:  # noqa: ANN401
    """Take away what no plot here needs."""
    axes.grid(visible=True, color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def importance(study: Study, trials: Sequence[Trial]) -> dict[str, float]:
    """Return the share of each parameter in who is among the best (PED-ANOVA); nothing for too few trials."""
    done = [trial for trial in trials if trial.state == "complete"]
    if len(done) < _FEWEST or len({trial.values[study.settings.objectives[0]] for trial in done}) == 1:
        return {}
    optional("optuna", "tune")
    import optuna  # noqa: PLC0415 - takes a second

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that low values are looked for: so they are, by `_cost_of`
        found = optuna.importance.get_param_importances(_remembered(study, trials), target=_cost_of(study))
    return {key: float(value) for key, value in found.items()}


def _cost_of(study: Study) -> Callable[[Any], float]:
    """Return what makes of an Optuna trial its first objective, the better the lower."""
    sign = -1.0 if study.settings.objectives[0] in UPWARDS else 1.0
    return lambda trial: sign * float(trial.values[0])


def _remembered(study: Study, trials: Sequence[Trial]) -> Any:  # noqa: ANN401 - Optuna's study
    """Return an Optuna study of the finished trials, whoever searched."""
    import optuna  # noqa: PLC0415 - takes a second

    from benchmarks.study_journal import directions, frozen  # noqa: PLC0415

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    made = optuna.create_study(directions=directions(study))
    made.add_trials(
        [frozen(trial, study.settings) for trial in trials if trial.state in {"complete", "pruned"}]
    )
    return made


def _bars(axes: Any, study: Study, weights: dict[str, float]) -> None:  # noqa: ANN401
    """Draw how much each parameter decides."""
    names = sorted(weights, key=lambda name: weights[name])
    axes.barh(names, [100 * weights[name] for name in names], color=_OTHER)
    axes.set(xlabel=f"importance for {words(study.settings.objectives[0])}, %")
    _plain(axes)


def _parallel(axes: Any, study: Study, trials: Sequence[Trial]) -> None:  # noqa: ANN401
    """Draw a line per complete trial through its parameters and its value."""
    from matplotlib import colormaps  # noqa: PLC0415

    name, space = study.settings.objectives[0], study.settings.dimensions
    done = [trial for trial in trials if trial.state == "complete"]
    heights = {key: _heights([t.parameters[key] for t in done], _scale(space[key])) for key in space}
    heights[name] = _heights([trial.values[name] for trial in done], "")
    shade = [y if name in UPWARDS else 1 - y for y in heights[name][0]]
    for index in sorted(range(len(done)), key=lambda index: shade[index]):
        line = [ys[index] for ys, _ in heights.values()]
        axes.plot(range(len(line)), line, color=colormaps["Blues"](0.15 + 0.85 * shade[index]), linewidth=1.4)
    for column, (_, marks) in enumerate(heights.values()):
        axes.axvline(column, color="0.8", linewidth=1, zorder=0)
        for height, text in marks:
            axes.annotate(
                text,
                (column, height),
                (3, 0),
                textcoords="offset points",
                fontsize=8,
                va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8},
            )
    axes.set_xticks(range(len(heights)), list(heights), rotation=20)
    axes.set(ylim=(-0.06, 1.06), xlim=(-0.2, len(heights) - 0.5), yticks=[])
    axes.spines[:].set_visible(False)


def _scale(dimension: Any) -> str:  # noqa: ANN401 - a dimension
    """Say how a dimension is laid out: by its log, as a list, or as it is."""
    return "list" if isinstance(dimension, Choice) else "log" if dimension.log else ""


def _heights(values: Sequence[Any], scale: str) -> tuple[list[float], list[tuple[float, str]]]:
    """Return values as heights of 0..1, and what is written at which height."""
    if scale == "list":
        order = sorted(set(values), key=lambda value: (isinstance(value, str), value))
        numbers = [float(order.index(value)) for value in values]
        marks = {float(place): str(value) for place, value in enumerate(order)}
    else:
        numbers = [math.log(value) if scale == "log" else float(value) for value in values]
        marks = {
            number: f"{value:.3g}"
            for number, value in sorted(zip(numbers, values, strict=True))
            if number in {min(numbers), max(numbers)}
        }
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    wide = (high - low) or 1.0
    place = [(number - low) / wide if high > low else 0.5 for number in numbers]
    return place, [((at - low) / wide if high > low else 0.5, text) for at, text in marks.items()]


def _front(axes: Any, study: Study, trials: Sequence[Trial]) -> None:  # noqa: ANN401
    """Draw the second objective against the first, with the trials that nothing beats in both."""
    first, second = study.settings.objectives[:2]
    done = [trial for trial in trials if trial.state == "complete"]
    best = front(study, trials)
    axes.plot(
        [t.values[second] for t in done], [t.values[first] for t in done], "o", color=_OTHER, label="trial"
    )
    points = sorted((trial.values[second], trial.values[first]) for trial in best)
    axes.plot(*zip(*points, strict=True), "o-", drawstyle="steps-post", color=_BEST, label="front")
    for trial in best:
        at = (trial.values[second], trial.values[first])
        axes.annotate(str(trial.number), at, (4, 4), textcoords="offset points", fontsize=8)
    axes.set(xlabel=words(second), ylabel=words(first))
    _plain(axes)
    axes.legend(frameon=False)


def _html(study: Study, trials: Sequence[Trial]) -> list[Path]:
    """Write the same pictures as one page that can be hovered over, where plotly is installed."""
    if importlib.util.find_spec("plotly") is None or importlib.util.find_spec("optuna") is None:
        return []
    from optuna import visualization as pictures  # noqa: PLC0415 - takes a second

    made, several = _remembered(study, trials), len(study.settings.objectives) > 1
    name = words(study.settings.objectives[0])
    shown: dict[str, Any] = {"target": lambda trial: trial.values[0]} if several else {}
    drawn = [
        draw(made, **shown, target_name=name)
        for draw in (
            pictures.plot_optimization_history,
            pictures.plot_parallel_coordinate,
            pictures.plot_slice,
        )
    ]
    if several:
        drawn.append(pictures.plot_pareto_front(made, target_names=[*map(words, study.settings.objectives)]))
    parts = [one.to_html(full_html=False, include_plotlyjs=first == 0) for first, one in enumerate(drawn)]
    head = f"<!doctype html><meta charset='utf-8'><title>{study.settings.study}</title>"
    path = study.folder / "study.html"
    write_text(path, head + "\n".join(parts))
    return [path]
