"""The table as Markdown: `results/README.md`, generated whole, with how to read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import table_text as text
from benchmarks.probe_names import PLAIN, PROBES
from benchmarks.published import Published
from benchmarks.records import Stored
from benchmarks.table import SUBSETS, Board, Row, Section, Table, title
from utils.files import write_text

_NAME = "README.md"

_INTRODUCTION = """\
# Results

Printed by `bench table` from the records in this folder, one JSON file per run. Do not edit this page.
`bench show RUN` prints one run in full.

How these numbers come about:

- A system is trained on train, its checkpoint is chosen on val, and test is scored once, with that one.
  The code that trains has no argument for the test part. Published systems often chose on test: see below.
- Every system sees the same clips, prepared by the same code, and every number is computed from its scores
  by the same code. Top-k is per instance, in percent: of all test clips, those whose gloss is among the k
  highest scores; ties count against the system. Per class is the mean over the classes that have test clips.
- `(57.9-69.6)` is Wilson's 95 % interval of a single run; `± 0.41` is the standard deviation over seeds.
  Where two intervals overlap widely, the order of two systems is not settled.
- WLASL's videos vanish from the web, so machines hold different clips. Runs are ranked only among those that
  scored the very same test clips (same fingerprint); each table says how many of the official ones they are.
- A run that chose its checkpoint on test, as only the reproduction of a paper that did so may, is badged
  **chosen on test**, and so is one that starts from such a run. It stands below the others without a rank,
  and is averaged with none of them.
- Recipe is the nearest of the model's named recipes (`as-published` has its authors' defects, `fixed` has
  not), then every field that differs from it. A row that is nearest to what its model does when no recipe is
  named has no name there: only fields in which the model's rows differ.
- Landmarks is what found the joints that a network saw, or by which hands and face were cut out beside the
  frame (H&HT); a dash is a network of plain pixels. It alone moves this task by tens of points. Networks of
  landmarks and of pixels are ranked together only over the same clips.
- A failed run is listed with its reason. A record that was changed after its run is listed, and averaged
  nowhere.
- Params are trainable, in millions; GMACs are 10⁹ multiply-adds for one view. Weights are where training
  started from; starts that differ by their seeds alone share a row. A commit with `+` had changes in no
  commit. Time is of the whole run.
"""

_ABOUT_PROBES = """\
- Shuffled and the columns after it are probes (`bench probe RUN`): top-1 of the very same weights on test
  clips that were changed. Nothing is trained, chosen or tuned on them. Frames come in random order (mean of
  3), from last to first, as the middle one throughout, with a random half lost (mean of 3), or with left and
  right exchanged; of landmarks, neither hand is seen, or not the left, or not the right one. Order change is
  the largest change of any log-probability when frames are shuffled, in double precision where single leaves
  open whether it is rounding: below 1e-5 a network is blind to order.
  Pairs are the sample's clips of signs that are another one's reversal, told from that one: half is chance.
"""

_ABOUT_ZERO_SHOT = """\
- Zero-shot (`--evaluate-on`) is of signs of another data set or subset that the network was never trained on:
  the share of their test clips whose embedding is nearest to the mean of its own sign's training clips.
"""

_ABOUT_EXTRA = """\
- Extra data are the data sets that a run builds on besides its own, first to last: it started from the
  chosen weights of a run on each (`--weights RUN`). "12 test clips seen!" says that the run before was
  trained on 12 of the test clips of this one.
"""

_ABOUT_VIEWS = """\
- Input is what a network sees of a clip at once. "3 views": at test the probabilities of three such views are
  averaged. "Whole at test": there it sees all of the clip, however long.
"""

_ABOUT_PUBLISHED = """\
As printed, in percent, from `published.csv`, which also holds the quoted text and notes. Only numbers that
were read in the original are here. They are not ranked with ours: protocols differ. `n` is the official
number of test clips that the decimals fit (`cut`: only if digits were cut off, not rounded); where it is
empty, the number is not of one run over the official test clips. `Chosen on` is the part that chose the
checkpoint.
"""


def readme(table: Table) -> str:
    """Return `results/README.md` whole; the same records give the same text on any day and machine."""
    probed = any(row.probes.runs for row in rows_of(table))
    untrained = any(record.zero_shot for row in rows_of(table) for record in row.records)
    chained = any(text.extras(row) != text.NONE for row in rows_of(table))
    viewed = any(text.views(row.first.recipe) for row in rows_of(table))
    about = _ABOUT_VIEWS * viewed + _ABOUT_EXTRA * chained
    about += _ABOUT_PROBES * probed + _ABOUT_ZERO_SHOT * untrained
    parts = [_INTRODUCTION + about]
    if not table.sections:
        parts.append("No runs yet: `bench run --model movinet-a3 --split sample` makes the first one.\n")
    parts += [_section(section) for section in table.sections]
    if table.unreadable:
        count = len(table.unreadable)
        parts.append(f"{count} file{'s' if count > 1 else ''} in this folder could not be read as records.\n")
    parts.append(_published(table.published))
    return "\n".join(parts)


def is_current(table: Table, results: Path) -> bool:
    """Say whether README.md in a results folder is what the records there say."""
    try:
        return (results / _NAME).read_text(encoding="utf-8") == readme(table)
    except (FileNotFoundError, UnicodeDecodeError):
        return False


def write_readme(table: Table, results: Path) -> bool:
    """Bring README.md in a results folder up to date, and return whether it was not.

    Raises:
        BenchError: the folder cannot be written to.
    """
    if is_current(table, results):
        return False
    write_text(results / _NAME, readme(table))
    return True


def _section(section: Section) -> str:
    """Write one subset."""
    parts = [f"## {title(section.subset)}\n"]
    for board in section.boards:
        parts.append(f"{text.caption(board)}. {text.warning(board, len(section.boards) - 1)}".strip() + "\n")
        parts.append(_board(board))
    if not section.boards:
        parts.append("No finished runs.\n")
    if section.unfinished:
        parts += ["### Not finished\n", _listed(section.unfinished, lambda one: one.record.reason)]
    if section.altered:
        parts += [
            "### Altered, and so in no number above\n",
            _listed(section.altered, lambda one: one.altered),
        ]
    return "\n".join(parts)


def rows_of(table: Table) -> list[Row]:
    """Return every row of a table."""
    return [row for section in table.sections for board in section.boards for row in board.rows]


def summary(table: Table) -> str:
    """Say how many rows there are, how many of them have no rank and why, and how many were probed."""
    rows = rows_of(table)
    on_test, probed = sum(row.on_test for row in rows), sum(row.probes.runs > 0 for row in rows)
    ranked = f"{len(rows) - on_test} rows ranked"
    return f"{ranked}, {on_test} {text.BADGE} and so without a rank, {probed} probed"


def _model(row: Row) -> str:
    """Write a row's model, with a badge where its checkpoint was chosen on test."""
    return text.model(row) + (f"<br>**{text.BADGE}**" if row.on_test else "")


def _cited(row: Published) -> str:
    """Write a published number with a link to its source, and how its checkpoint was chosen."""
    source = f"[{row.source}]({row.url})" if row.url else row.source
    return f"{text.rates(row)} ({source}{', chosen on test' if row.chosen_on == 'test' else ''})"


Cell = Callable[[Row], str]


def _probe(name: str) -> Cell:
    """Return what writes the cell of a probe."""
    return lambda row: text.probed(row, name)


_COLUMNS: tuple[tuple[str, Cell], ...] = (
    ("#", text.rank),
    ("Model", _model),
    ("Recipe", lambda row: text.recipe(row) or text.NONE),
    ("Input", lambda row: text.shape(row.first)),
    ("Landmarks", text.sources),
    ("Params", lambda row: text.millions(row.first)),
    ("GMACs", lambda row: text.gmacs(row.first)),
    ("Top-1", lambda row: text.measure(row.top[1])),
    ("Top-2", lambda row: text.measure(row.top[2])),
    ("Top-5", lambda row: text.measure(row.top[5])),
    ("Top-10", lambda row: text.measure(row.top[10])),
    ("Per class top-1", text.per_class),
    ("Loss", lambda row: text.loss(row.loss)),
    *((probe.heading, _probe(name)) for name, probe in PROBES.items() if name != PLAIN),
    ("Order change", lambda row: text.change(row.probes.change)),
    ("Pairs", text.pairs),
    ("Zero-shot", text.zero_shot),
    ("Seeds", text.seeds),
    ("Weights", text.starts),
    ("Extra data", text.extras),
    ("Time", text.mean_duration),
    ("Device", text.devices),
    ("Commit", text.commits),
    ("Run", lambda row: " ".join(f"`{record.id}`" for record in row.records)),
    ("Published top-1 / top-5", lambda row: "; ".join(map(_cited, row.published)) or text.NONE),
)
_LEFT = frozenset(
    {
        "Model",
        "Recipe",
        "Landmarks",
        "Weights",
        "Extra data",
        "Device",
        "Commit",
        "Run",
        "Published top-1 / top-5",
    }
)
_WHERE_NEEDED = frozenset({"Recipe", "Landmarks", "Extra data", "Order change", "Pairs", "Zero-shot"}) | {
    probe.heading for name, probe in PROBES.items() if name != PLAIN
}
"""Columns that a board has only where one of its rows has something to say there."""


def _board(board: Board) -> str:
    """Write the rows over one set of test clips."""
    columns = {name: [cell(row) for row in board.rows] for name, cell in _COLUMNS}
    names = [name for name in columns if name not in _WHERE_NEEDED or set(columns[name]) != {text.NONE}]
    return grid(names, list(zip(*(columns[name] for name in names), strict=True)), _LEFT)


def _listed(stored: Sequence[Stored], why: Callable[[Stored], str]) -> str:
    """Write a list of single runs, each with a reason."""
    lines = [_single(one, why(one)) for one in stored]
    return grid(["Model", "Seed", "Run", "Status", "Why", "Commit"], lines, _SINGLE_LEFT)


_SINGLE_LEFT = frozenset({"Model", "Run", "Status", "Why", "Commit"})


def _single(stored: Stored, why: str) -> list[str]:
    """Write one run that is in no mean."""
    record = stored.record
    seed = str(record.recipe.get("seed", text.NONE))
    return [record.model, seed, f"`{stored.path.stem}`", record.status, why, text.commit(record)]


def _published(rows: Sequence[Published]) -> str:
    """Write the published numbers that were read in the original, per subset."""
    parts = ["## Published\n", _ABOUT_PUBLISHED]
    for subset in SUBSETS:
        lines = [_published_line(row) for row in rows if row.verified and row.subset == subset]
        if lines:
            parts += [f"### {title(subset)}, published\n", grid(_PUBLISHED_COLUMNS, lines, _PUBLISHED_LEFT)]
    return "\n".join(parts)


_PUBLISHED_COLUMNS = (
    *("System", "Our row", "Sees", "Year", "Top-1", "Top-5", "Top-10"),
    *("Per class top-1", "top-5", "n", "Chosen on", "Extra training data", "Source"),
)
_PUBLISHED_LEFT = frozenset({"System", "Our row", "Sees", "Chosen on", "Extra training data", "Source"})


def _published_line(row: Published) -> list[str]:
    """Write one published row."""
    source = f"[{row.source}]({row.url})" if row.url else row.source
    cells = [row.name, row.system, row.modality, row.year, row.top1, row.top5, row.top10]
    return [*cells, row.pc_top1, row.pc_top5, row.n, row.chosen_on, row.extra, source]


def grid(names: Sequence[str], lines: Sequence[Sequence[str]], left: frozenset[str]) -> str:
    """Write a Markdown table; columns not in `left` are aligned to the right."""
    rule = ["---" if name in left else "--:" for name in names]
    rows = [_line(names), "|".join(["", *rule, ""]), *map(_line, lines)]
    return "\n".join(rows) + "\n"


def _line(cells: Sequence[str]) -> str:
    """Write one line of a Markdown table; what a cell holds cannot end it."""
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(value: str) -> str:
    """Make a text fit into one cell of a Markdown table."""
    return " ".join(value.split()).replace("|", "\\|")
