"""What stands in the cells of a table, as plain text: the same words in Markdown and on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmarks.metrics import spread
from benchmarks.published import Published
from benchmarks.schema import Link, Record
from benchmarks.table import Board, Measure, Row, title
from wlasl.datasets.kinds import kind_of
from wlasl.landmarks.joints import SKELETONS

NONE = "-"
"""What stands where there is no number."""

_COMMIT_DIGITS = 7


def percent(value: float | None) -> str:
    """Write a fraction as percent with two decimals."""
    return NONE if value is None else f"{100 * value:.2f}"


def measure(value: Measure | None) -> str:
    """Write a rate over seeds: `63.95 (57.9-69.6)` for one seed, `63.95 ± 0.41` for several."""
    if value is None:
        return NONE
    if value.spread is not None:
        return f"{percent(value.mean)} ± {100 * value.spread:.2f}"
    if value.low is None or value.high is None:
        return percent(value.mean)
    return f"{percent(value.mean)} {interval(value.low, value.high)}"


def interval(low: float, high: float) -> str:
    """Write a 95 % interval of fractions as percent, one decimal."""
    return f"({100 * low:.1f}-{100 * high:.1f})"


def loss(value: Measure | None) -> str:
    """Write a cross-entropy, with its spread where there are several seeds."""
    if value is None:
        return NONE
    return f"{value.mean:.3f}" + (f" ± {value.spread:.3f}" if value.spread is not None else "")


def per_class(row: Row) -> str:
    """Write per-class top-1, and over how many classes where some have no test clip."""
    test = row.first.metrics["test"]
    scored, classes = test.get("classes_scored"), test.get("classes")
    text = measure(row.per_class[1])
    return text if scored == classes else f"{text} ({scored} of {classes} classes)"


def seeds(row: Row) -> str:
    """Write how many seeds a row is the mean of, and of how many runs where some failed or were altered."""
    done = len(row.records)
    return str(done) if done == row.attempted else f"{done} of {row.attempted}"


def shape(record: Record) -> str:
    """Write what the network saw of a clip: frames x size² of pixels and its views, or frames x joints."""
    recipe = record.recipe
    joints = SKELETONS.get(str(recipe.get("skeleton")))
    if joints is None:
        seen = " H&HT" if recipe.get("crop") == "hht" else ""
        return f"{recipe.get('frames', NONE)}x{recipe.get('size', NONE)}²{seen}{views(recipe)}"
    frames = recipe.get("frames")
    return f"all x {len(joints)}" if frames is None else f"{frames}x{len(joints)}"


def views(recipe: Mapping[str, object]) -> str:
    """Write what a clip of pixels is at test besides one view of so many frames; empty where it is that."""
    if recipe.get("test_sampling") == "whole":
        return ", whole at test"
    count = recipe.get("views", 1)
    return "" if count == 1 else f", {count} views"


def sources(row: Row) -> str:
    """Write what found the landmarks that a row's runs saw: mediapipe-hands, true, ...; a dash for pixels."""
    return several(record.clips.landmarks for record in row.records)


def zero_shot(row: Row) -> str:
    """Write how well embeddings tell signs apart untrained: per data set, top-1 of the nearest centroid."""
    cells = []
    for name in dict.fromkeys(name for record in row.records for name in record.zero_shot):
        found = [record.zero_shot[name] for record in row.records if name in record.zero_shot]
        rates = [float(one.metrics.get("centroid_top1") or 0.0) for one in found]
        mean, deviation = spread(rates)
        about = "" if deviation is None else f" ± {100 * deviation:.2f}"
        cells.append(f"{name}: {percent(mean)}{about} ({found[0].metrics.get('classes')} signs)")
    return "; ".join(cells) or NONE


def rank(row: Row) -> str:
    """Write a row's rank; a dash where its checkpoint was chosen on test."""
    return NONE if row.rank is None else str(row.rank)


BADGE = "chosen on test"
"""What stands beside a system whose checkpoint was chosen on test."""


def recipe(row: Row, most: int | None = None) -> str:
    """Write a row's recipe: the nearest named one, then what differs from it, so many fields at most."""
    told = [row.recipe] * bool(row.recipe) + list(row.differs[:most])
    left = len(row.differs) - len(row.differs[:most])
    return (
        ", ".join(told) + (f" and {left} more" if left else "") + (f" ({tuned(row)})" if tuned(row) else "")
    )


def tuned(row: Row) -> str:
    """Write what the study took that a row's recipe came from; nothing for a recipe that somebody wrote."""
    found = next((record.tuning for record in row.records if record.tuning is not None), None)
    if found is None:
        return ""
    return f"tuned: {found.tuner}, {found.trials} trials, {duration(3600 * found.hours)}"


def probed(row: Row, probe: str, *, digits: int = 2) -> str:
    """Write the mean top-1 of a row's runs under a probe, with its spread; a dash where there is none."""
    found = row.probes.top1.get(probe)
    if found is None:
        return NONE
    mean, deviation = found
    few = f" ({row.probes.runs} of {len(row.records)} runs)" if row.probes.runs < len(row.records) else ""
    return (
        f"{100 * mean:.{digits}f}" + ("" if deviation is None else f" ± {100 * deviation:.{digits}f}") + few
    )


def pairs(row: Row) -> str:
    """Write how many clips of reversed signs were told from the other sign, of how many."""
    found = row.probes.pairs
    return NONE if found is None else f"{found[0] * found[1]:.3g} of {found[1]}"


def change(value: float | None) -> str:
    """Write the largest change of a log-probability."""
    if not value:
        return NONE if value is None else "0"
    return f"{value:.1e}" if value < 0.01 else f"{value:.2f}"  # noqa: PLR2004


def millions(record: Record) -> str:
    """Write the network's parameters in millions."""
    count = record.cost.parameters
    return NONE if count is None else f"{count / 1e6:.2f}"


def gmacs(record: Record) -> str:
    """Write the multiply-adds of one view in 10^9, with three digits that mean something."""
    value = record.cost.gmacs
    if value is None:
        return NONE
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - 111, 18.4, 2.71


def weights(record: Record) -> str:
    """Write where training started from: random, kinetics, a file and its checksum's beginning, or a run."""
    source, digest = record.weights.source, record.weights.sha256
    if source == "none":
        return "random"
    if record.weights.chain:
        first = record.weights.chain[0].initial
        return f"{'random' if first == 'none' else first} > {source.replace(':', ' ')}"
    name = source.replace("\\", "/").rpartition("/")[2]
    return name if source == "kinetics" or digest is None else f"{name} {digest[:8]}"


def starts(row: Row) -> str:
    """Write where a row's runs started from."""
    return several(map(weights, row.records))


def extra_links(record: Record) -> tuple[Link, ...]:
    """Return the runs before, first to last, where they bring more than the subset's own training part.

    A run that starts from no other has none, whatever its file of weights was trained on: that is in Weights.
    Nor has one that builds on runs of its own subset alone.
    """
    chain = record.weights.chain
    return () if all(link.split == record.split and link.test_seen == 0 for link in chain) else chain


def extra_data(record: Record) -> str:
    """Write which data sets the runs before were trained on, first to last, and the test clips among them."""
    found = []
    for link in extra_links(record):
        seen = f" ({link.test_seen} test clips seen!)" if link.test_seen else ""
        found.append(title(link.split) + (" (test clips seen?)" if link.test_seen is None else seen))
    return " > ".join(found) or NONE


def extras(row: Row) -> str:
    """Write which data sets a row's runs build on besides the subset itself."""
    return several(told for record in row.records if (told := extra_data(record)) != NONE)


def duration(seconds: float | None) -> str:
    """Write a time as people say it: 48 s, 12 min, 3 h 05 min."""
    if seconds is None:
        return NONE
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"  # noqa: PLR2004


def mean_duration(row: Row) -> str:
    """Write the mean time of a row's runs."""
    times = [record.cost.seconds for record in row.records if record.cost.seconds is not None]
    return duration(sum(times) / len(times)) if times else NONE


def device(record: Record) -> str:
    """Write what a run ran on: the accelerator, or the processor by its model."""
    where = record.where
    return (where.cpu or where.device) if where.device in {"", "cpu"} else where.device


def devices(row: Row) -> str:
    """Write what a row's runs ran on."""
    return several(device(record) for record in row.records)


def commit(record: Record) -> str:
    """Write the commit that a run ran from; `+` says that the working copy had other changes."""
    where = record.where
    return where.commit[:_COMMIT_DIGITS] + ("+" if where.dirty else "")


def commits(row: Row) -> str:
    """Write the commits that a row's runs ran from."""
    return several(commit(record) for record in row.records)


def several(texts: Iterable[str]) -> str:
    """Join the texts that differ, in the order of their first appearance."""
    return ", ".join(differing(texts)) or NONE


def differing(texts: Iterable[str | None]) -> list[str]:
    """Return the texts that differ, in the order of their first appearance; empty ones count for nothing."""
    return list(dict.fromkeys(text for text in texts if text))


def model(row: Row) -> str:
    """Write a row's model, with its engine where that is not torch."""
    engine = row.first.recipe.get("engine", "torch")
    return row.first.model if engine == "torch" else f"{row.first.model} ({engine})"


def rates(published: Published) -> str:
    """Write what was published for a system: top-1 / top-5."""
    return " / ".join(value for value in (published.top1, published.top5) if value)


def caption(board: Board) -> str:
    """Say which test clips a board is over."""
    return (
        f"{board.clips} of {board.official} {_official(board)}test clips (fingerprint {board.test or NONE})"
    )


def _official(board: Board) -> str:
    """Return what test clips are called before the word: nothing where their authors made no parts."""
    kind = kind_of(board.rows[0].first.split)
    return "official " if kind is None or kind.official else ""


def warning(board: Board, others: int) -> str:
    """Say what a board's numbers cannot be compared with; empty where there is nothing to say.

    Args:
        board: the board.
        others: how many other boards its subset has.
    """
    words = []
    size, _, labels = board.rows[0].first.split.partition("-")
    if size.isdigit() and labels:
        words.append(f"Other labels ({labels}): not comparable with {title(size)}.")
    if board.clips < board.official:
        words.append(
            f"{board.official - board.clips} {_official(board)}test clips were not at hand:"
            " these numbers are not comparable with published ones."
        )
    if others:
        words.append("Ranked apart from runs over other test clips.")
    return " ".join(words)
