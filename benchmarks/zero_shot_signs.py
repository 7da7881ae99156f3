"""Which signs a network was trained on, itself or by the runs that it started from; the others are unseen.

Signs are compared by name: within a data set as they are written there, between data sets of one language
without regard to case. The signs of two languages are never the same, whatever they are called. A folder's
language is not known; its names count as of every language.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import chain
from benchmarks.recipe_base import Recipe
from benchmarks.run import Places
from benchmarks.schema import Link
from benchmarks.scores import read_scores
from utils.errors import BenchError
from wlasl.subsets import DataSet, family, language, load


def unseen(dataset: DataSet, trained: DataSet, recipe: Recipe, places: Places) -> list[str]:
    """Return the glosses of a data set that a run will not have been trained on, in label order.

    Args:
        dataset: the signs to be told apart.
        trained: what the run is trained on.
        recipe: says which run it starts from, if any.
        places: where the records and the scores of runs lie.

    Raises:
        BenchError: nobody knows any more which signs a run before was trained on.
    """
    before = chain.links(recipe, places.results)
    taught = [(link.split, _glosses(link, trained, places)) for link in before]
    taught.append((recipe.split, trained.subset.glosses))
    known = [_Names(dataset.subset.name, split, glosses) for split, glosses in taught]
    return [gloss for gloss in dataset.subset.glosses if not any(gloss in names for names in known)]


class _Names:
    """The glosses of one data set, to look those of another up in."""

    def __init__(self, mine: str, theirs: str, glosses: Sequence[str]) -> None:
        """Note whether names of `mine` and of `theirs` can mean the same sign."""
        self._exact = family(mine) == family(theirs)
        languages = {language(mine), language(theirs)}
        strangers = not self._exact and len(languages) > 1 and "" not in languages
        self._names = frozenset() if strangers else frozenset(map(self._written, glosses))

    def _written(self, gloss: str) -> str:
        """Return a gloss as it is compared."""
        return gloss if self._exact else gloss.casefold()

    def __contains__(self, gloss: str) -> bool:
        """Say whether a gloss of the other data set is one of these."""
        return self._written(gloss) in self._names


def _glosses(link: Link, trained: DataSet, places: Places) -> Sequence[str]:
    """Return the glosses that a run before was trained on: as it kept them, else as its subset has them."""
    try:
        return read_scores(places.runs / link.id / "scores.npz").glosses
    except BenchError:
        pass
    try:
        kin = family(link.split) == family(trained.subset.name)
        return load(link.split, trained.root if kin else None).subset.glosses
    except BenchError as error:
        raise BenchError(
            f"--evaluate-on cannot tell which signs are new: run {link.id} ({link.model} on {link.split}),"
            f" which this one builds on, was trained on signs that are not known here. {error}"
        ) from error
