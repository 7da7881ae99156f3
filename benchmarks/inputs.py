"""What a recipe needs of this machine: its clips as batches, and the weights that it starts from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from benchmarks import chain
from benchmarks.engine import Batches, Job
from benchmarks.published_pixels import check_published
from benchmarks.recipe import revised
from benchmarks.recipe_base import Recipe
from benchmarks.recipe_clips import ClipRecipe
from benchmarks.recipe_landmarks import LandmarkRecipe
from benchmarks.schema import Clips, Coverage
from models import weights
from models.weights_files import is_tensorflow
from models.zoo import Input, system
from utils.errors import BenchError
from utils.files import short_hash
from utils.progress import Progress
from utils.threads import allotted_cores
from wlasl.augment import Crop
from wlasl.clips import PARTS, Clip, Part, fingerprint
from wlasl.loader import ClipLoader, LoaderOptions
from wlasl.prepare import prepare
from wlasl.randaugment import RandAugment
from wlasl.sampling import Sampling
from wlasl.store import ClipStore
from wlasl.subsets import DataSet
from wlasl.view import View

if TYPE_CHECKING:
    from wlasl.landmarks.store import LandmarkStore


@dataclass(frozen=True)
class Inputs:
    """The clips of a run that can be read, and why the others cannot.

    Attributes:
        dataset: the subset and its files.
        store: the prepared clips, or their landmarks.
        reasons: per clip that is not there, why.
        parts: the landmarks that hands and face of prepared clips were cut out by; None for other clips.
        notes: what one should know of the landmarks before anything is trained on them.
    """

    dataset: DataSet
    store: ClipStore | LandmarkStore
    reasons: Mapping[str, str]
    parts: LandmarkStore | None = None
    notes: tuple[str, ...] = ()

    @property
    def landmarks(self) -> LandmarkStore | None:
        """Return the landmarks that decide what a network sees; None for plain pixels."""
        return self.parts if isinstance(self.store, ClipStore) else self.store

    def clips(self, part: Part) -> tuple[Clip, ...]:
        """Return the clips of a part that can be read, in the metadata's order."""
        ids = frozenset(self.store.ids)
        return tuple(clip for clip in self.dataset.subset.part(part) if clip.id in ids)

    def only(self, clips: Iterable[Clip]) -> Inputs:
        """Return these inputs with some clips alone, each in the part that it names."""
        subset = replace(self.dataset.subset, clips=tuple(clips))
        return replace(self, dataset=replace(self.dataset, subset=subset))

    def fingerprint(self, *parts: Part) -> str:
        """Return the fingerprint of the readable clips of these parts (all where none is named)."""
        chosen = [clip for part in parts or PARTS for clip in self.clips(part)]
        return fingerprint(chosen, self.dataset.subset.revision)

    def content(self) -> str:
        """Return the fingerprint of the clips and, for landmarks, of their numbers."""
        found, landmarks = self.fingerprint(), self.landmarks
        if landmarks is None:
            return found
        return short_hash([found, landmarks.digest(self.store.ids)])

    def coverage(self) -> Clips:
        """Return, per part, how many of the official clips can be read, and why the others cannot."""
        parts: dict[str, Coverage] = {}
        for part in PARTS:
            official, scored = len(self.dataset.subset.part(part)), len(self.clips(part))
            parts[part] = Coverage(scored=scored, missing=official - scored, official=official)
        reasons = dict(sorted(Counter(self.reasons.values()).items()))
        source = "" if self.landmarks is None else self.landmarks.source
        return Clips(parts=parts, test=self.fingerprint("test"), missing_reasons=reasons, landmarks=source)

    def untrained(self) -> tuple[str, ...]:
        """Return the glosses that have no training clip here."""
        seen = {clip.label for clip in self.clips("train")}
        return tuple(gloss for label, gloss in enumerate(self.dataset.subset.glosses) if label not in seen)

    def check(self, recipe: Recipe) -> None:
        """Refuse to start where a part that is needed has no readable clip, or the recipe cannot be.

        Raises:
            BenchError: says which part, and how to see what is missing; or which fields.
        """
        check_published(recipe, len(self.dataset.subset.glosses))
        val = not (recipe.select == "last" or recipe.chosen_on_test)
        needed: tuple[Part, ...] = PARTS if val else ("train", "test")
        for part in needed:
            if not self.clips(part):
                official = len(self.dataset.subset.part(part))
                what = f"None of the {official} {part} clips of {recipe.split} can be read"
                how = f"`bench data doctor --split {recipe.split}` lists what is missing and why."
                raise BenchError(f"{what} under {self.dataset.root}. {how}")


def prepared(recipe: Recipe, dataset: DataSet, store: Path, *, progress: Progress | None = None) -> Inputs:
    """Bring what the recipe's network sees of a data set into its store, and return it.

    Raises:
        BenchError: nothing can be read, or the store cannot be written.
    """
    if isinstance(recipe, LandmarkRecipe):
        from benchmarks.landmark_report import in_short  # noqa: PLC0415 - pixels need none of it
        from wlasl.landmarks.prepare import prepare_landmarks  # noqa: PLC0415

        found = prepare_landmarks(dataset, recipe.landmarks, store, progress=progress)
        return Inputs(dataset, found.store, found.skipped, notes=in_short(found))
    seen = cast("ClipRecipe", recipe)
    if seen.crop == "hht":
        from wlasl.hht_prepare import prepare_canvases  # noqa: PLC0415 - other pixels need none of it

        both = prepare_canvases(dataset, view(seen), seen.landmarks, store, progress=progress)
        return Inputs(dataset, both.clips.store, both.clips.skipped, both.landmarks)
    ready = prepare(dataset, view(seen), store, progress=progress)
    return Inputs(dataset, ready.store, ready.skipped)


def view(recipe: ClipRecipe) -> View:
    """Return how the recipe's clips are stored; which landmarks cut them out is filled in by preparing."""
    return View(
        crop=recipe.crop,
        margin=recipe.margin,
        size=recipe.store_size,
        quality=recipe.quality,
        codec=recipe.codec,
        canvas=recipe.canvas(),
    )


def loader(
    recipe: Recipe, inputs: Inputs, part: Part, *, train: bool = False, watched: bool = False
) -> Batches:
    """Return one part's batches: shuffled and augmented in training, whole and in order otherwise.

    `watched` batches are those that training is judged by.
    """
    if isinstance(recipe, LandmarkRecipe):
        from benchmarks.inputs_landmarks import landmark_loader  # noqa: PLC0415 - pixels need none of it

        return landmark_loader(recipe, inputs, part, train=train, watched=watched)
    return _clip_loader(cast("ClipRecipe", recipe), inputs, part, train=train)


def trained_on(recipe: Recipe, inputs: Inputs) -> tuple[Clip, ...]:
    """Return the clips that a recipe is trained on: train's, and val's where a published code does so."""
    more = isinstance(recipe, ClipRecipe) and recipe.train_on_val
    return inputs.clips("train") + (inputs.clips("val") if more else ())


def _clip_loader(recipe: ClipRecipe, inputs: Inputs, part: Part, *, train: bool) -> ClipLoader:
    """Return one part's batches of pixels."""
    sampling = Sampling(
        frames=recipe.frames,
        stride=recipe.stride,
        train=recipe.sampling,
        test=recipe.test_sampling,
        pad=recipe.pad,
        views=recipe.views,
        once=recipe.start_once,
        random_test=recipe.random_test_start,
        speed=recipe.speed,
        least=cast("Input", system(recipe.model).input).min_frames,
    )
    ratio = recipe.crop_ratio_max
    crop = Crop(
        size=recipe.size,
        scale=(recipe.crop_scale_min, recipe.crop_scale_max),
        ratio=(1 / ratio, ratio),
        hflip=recipe.hflip,
        middle=recipe.test_crop,
    )
    options = LoaderOptions(
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        train=train,
        threads=allotted_cores(),
        randaugment=_randaugment(recipe),
        whole=train and recipe.augment_on == "device",
        tiles=recipe.hht_layout if recipe.crop == "hht" and recipe.hht_flip == "parts" else None,
    )
    clips = trained_on(recipe, inputs) if train and part == "train" else inputs.clips(part)
    return ClipLoader(cast("ClipStore", inputs.store), clips, sampling, crop, options)


def _randaugment(recipe: ClipRecipe) -> RandAugment | None:
    """Return how a recipe changes pictures in training; None for not at all."""
    if not recipe.randaugment:
        return None
    return RandAugment(recipe.randaugment, recipe.randaugment_magnitude, recipe.randaugment_std)


def complete(recipe: Recipe, inputs: Inputs, weights_file: Path | None) -> Recipe:
    """Fill in what only this machine knows: the clips at hand and the weights' SHA-256.

    A file's name stands in the recipe, never its folder: a record holds no path of a machine.
    """
    changes: dict[str, object] = {"clips": inputs.content()}
    landmarks = getattr(recipe, "landmarks", "")
    if landmarks:
        from wlasl.landmarks.sources import short_name  # noqa: PLC0415 - pixels need none of it

        changes["landmarks"] = short_name(landmarks)
    if weights_file is not None:
        # What is known by a name keeps it: the same line asks for the same run before and after.
        told = recipe.weights == "kinetics" or chain.is_run(recipe.weights)
        name = recipe.weights if told else weights_file.name
        changes.update(weights=name, weights_sha256=weights.digest(weights_file))
    return revised(recipe, **changes)


def job_of(recipe: Recipe, inputs: Inputs, folder: Path, runs: Path | None, weights_file: Path | None) -> Job:
    """Return what an engine needs of a recipe and its clips; what it may use of the machine is added to it.

    Args:
        recipe: says where training starts from.
        inputs: whose glosses are told apart.
        folder: for its checkpoints.
        runs: where runs keep their weights; None for `runs` in the project's folder.
        weights_file: what `initial_weights` found.
    """
    glosses = inputs.dataset.subset.glosses
    head = chain.keeps_head(recipe, runs, glosses)
    return Job(len(glosses), system(recipe.model).input, folder, weights_file, head)


def initial_weights(recipe: Recipe, runs: Path | None = None) -> Path | None:
    """Return the file that training starts from: None for random weights.

    Args:
        recipe: says which.
        runs: where runs keep their weights; None for `runs` in the project's folder.

    Raises:
        BenchError: the file is missing, or the official one cannot be downloaded.
    """
    if recipe.weights == "none":
        return None
    if recipe.weights == "kinetics":
        return weights.kinetics(recipe.model)
    if chain.is_run(recipe.weights):
        return chain.weights_of(recipe, runs)
    path = Path(recipe.weights).expanduser()
    if not (path.exists() or is_tensorflow(path)):
        raise BenchError(
            f"There is no weights file {path}. --weights takes none, kinetics, a checkpoint file, or a run."
        )
    return path
