"""`--evaluate-on`: how well embeddings tell signs apart that the network was never trained on.

Nothing is trained: the training clips of the other signs are embedded and serve as the gallery, and each test
clip is given the sign of the nearest centroid, of the nearest clip, or of most of its 5 nearest clips. A
classifier takes part with what it sees just before its last layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from benchmarks import retrieval
from benchmarks.finished import taken_up
from benchmarks.inputs import Inputs, loader, prepared
from benchmarks.recipe import restored, revised
from benchmarks.recipe_base import Recipe
from benchmarks.recipe_landmarks import LandmarkRecipe
from benchmarks.records import write_record
from benchmarks.retrieval import Gallery
from benchmarks.run import Machine, Outcome, Places
from benchmarks.schema import ZeroShot
from benchmarks.zero_shot_signs import unseen
from models import zoo
from utils.errors import BenchError
from wlasl.clips import PARTS, Part
from wlasl.subsets import DataSet, family, load

if TYPE_CHECKING:
    from benchmarks.torch_engine import TorchEngine

KINDS = ("embedding", "spoter")
"""The kinds of systems whose networks embed a clip."""


@dataclass(frozen=True)
class Target:
    """Signs to tell apart without training.

    Attributes:
        name: what was asked for.
        inputs: their clips: train is the gallery, test is asked about.
        unseen: whether the network was trained on none of these signs, nor were the runs it starts from.
    """

    name: str
    inputs: Inputs
    unseen: bool


@dataclass(frozen=True)
class Around:
    """What targets are found by.

    Attributes:
        data: the folder of the data set that was trained on; None for the usual places.
        store: where prepared landmarks lie.
        machine: device and progress.
        places: where the run's record goes, and those of the runs before it lie.
    """

    data: Path | None
    store: Path
    machine: Machine
    places: Places


def targets(names: Sequence[str], recipe: Recipe, trained: Inputs, around: Around) -> list[Target]:
    """Find everything that `--evaluate-on` names, before anything is trained.

    Raises:
        BenchError: a system that embeds nothing, several processes, no epochs, an unknown data set, no clips.
    """
    if not names:
        return []
    if zoo.system(recipe.model).kind not in KINDS or not isinstance(recipe, LandmarkRecipe):
        known = ", ".join(row.name for row in zoo.ROWS if row.kind in KINDS)
        raise BenchError(f"--evaluate-on needs a system that embeds clips: {known}. {recipe.model} does not.")
    if around.machine.devices > 1:
        raise BenchError("--evaluate-on runs in one process: leave --devices at 1.")
    if recipe.epochs == 0:
        raise BenchError("--evaluate-on needs weights that a run keeps: set epochs to 1 or more.")
    return [_target(name, recipe, trained, around) for name in dict.fromkeys(names)]


def _target(name: str, recipe: LandmarkRecipe, trained: Inputs, around: Around) -> Target:
    """Find one data set, `SPLIT` or `SPLIT:LANDMARKS`, and leave out the signs that were trained on."""
    split, _, source = name.partition(":")
    kin = family(split) == family(recipe.split)
    source = source or (recipe.landmarks if kin else "true" if split == "sample" else "mediapipe")
    progress = around.machine.progress
    dataset = load(split, around.data if kin else None, progress)
    asked = revised(recipe, split=split, landmarks=source)
    inputs = prepared(asked, dataset, around.store, progress=progress)
    others = unseen(dataset, trained.dataset, recipe, around.places)
    if not others and source == recipe.landmarks:
        advice = "Name a larger subset, or other landmarks: SPLIT:LANDMARKS"
        raise BenchError(f"{recipe.split} was trained on every sign of {split}. {advice}.")
    target = Target(name, _narrowed(inputs, others or dataset.subset.glosses), unseen=bool(others))
    roles: dict[Part, str] = {"train": "the gallery", "test": "asked about"}
    for part, role in roles.items():
        if not target.inputs.clips(part):
            raise BenchError(f"--evaluate-on {name}: no {part} clip of these signs is at hand ({role}).")
    return target


def _narrowed(inputs: Inputs, glosses: Sequence[str]) -> Inputs:
    """Return the clips of these signs alone, labelled in their order."""
    labels = {gloss: label for label, gloss in enumerate(glosses)}
    subset = inputs.dataset.subset
    clips = tuple(replace(clip, label=labels[clip.gloss]) for clip in subset.clips if clip.gloss in labels)
    kept = replace(subset, glosses=tuple(glosses), clips=clips)
    dataset = DataSet(kept, inputs.dataset.root, inputs.dataset.files)
    ids = {clip.id for part in PARTS for clip in kept.part(part)}
    reasons = {clip: reason for clip, reason in inputs.reasons.items() if clip in ids}
    return Inputs(dataset, inputs.store, reasons)


def evaluated(
    outcome: Outcome, found: Sequence[Target], trained: Inputs, places: Places, machine: Machine
) -> Outcome:
    """Evaluate a finished run on every target and write what came out into its record.

    Raises:
        BenchError: the run's weights are gone, or are of another network.
    """
    record = outcome.record
    missing = [target for target in found if not _is_there(target, record.zero_shot.get(target.name))]
    if not missing:
        return outcome
    recipe = restored(record.recipe)
    engine = cast("TorchEngine", taken_up(recipe, recipe.id, trained, places, machine))
    results = {target.name: _measured(recipe, engine, target, machine) for target in missing}
    record = record.model_copy(update={"zero_shot": {**record.zero_shot, **results}})
    return replace(outcome, record=record, path=write_record(places.results, record))


def _is_there(target: Target, known: ZeroShot | None) -> bool:
    """Say whether a record holds what a target would give: the same clips, found the same way."""
    return known is not None and known.clips == target.inputs.content()


def _measured(recipe: Recipe, engine: TorchEngine, target: Target, machine: Machine) -> ZeroShot:
    """Embed the gallery and the clips asked about, and measure how well they are found."""
    from benchmarks.torch_embedding import embedded  # noqa: PLC0415 - torch, where it is at hand already

    inputs, vectors = target.inputs, {}
    parts = {part: loader(recipe, inputs, part) for part in ("train", "test")}
    machine.progress.begin(f"embedding {target.name}", sum(part.steps() for part in parts.values()))
    for name, part in parts.items():
        vectors[name] = embedded(engine.learner, part)
    classes = len(inputs.dataset.subset.glosses)
    gallery = Gallery(vectors["train"], parts["train"].labels, classes)
    found = retrieval.measured(gallery, vectors["test"], parts["test"].labels)
    machine.progress.end(headline(found))
    return ZeroShot(
        split=inputs.dataset.subset.name,
        landmarks=inputs.coverage().landmarks,
        unseen=target.unseen,
        gallery=len(parts["train"].clips),
        clips=inputs.content(),
        metrics=found,
    )


def headline(found: dict[str, Any]) -> str:
    """Say in a few words how well clips are found."""
    rates = ", ".join(f"{rule} {found[f'{rule}_top1']:.1%}" for rule in retrieval.RULES)
    chance = f"chance {1 / found['classes']:.1%}"
    return f"top-1 of {found['clips']} clips of {found['classes']} signs: {rates} ({chance})"
