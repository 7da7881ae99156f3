"""A worker: takes one trial of a study after the other until there is none to begin."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.inputs import prepared
from benchmarks.progress import Bars
from benchmarks.study import Study, said, told
from benchmarks.study_claim import claimed, is_silent, known_values
from benchmarks.tune_trial import Around, carry_out, parent_process
from utils.errors import FAILURE, BenchError
from utils.stopping import interruptible
from wlasl.subsets import load

_POLL = 5.0
HOPELESS = 5
"""A study whose first trials fail so often ends: every other one would fail alike."""


def work(study: Study, data: Path | None, store: Path, device: str = "auto") -> int:
    """Carry out trials until all are done or begun; return how many this process did.

    Args:
        study: whose.
        data: the data set's folder; None for the usual places.
        store: where prepared clips lie.
        device: auto, cpu or cuda.

    Raises:
        BenchError: nothing can be trained, or the first trials all failed.
        KeyboardInterrupt: somebody asked to stop; the trial at hand goes on from its checkpoint next time.
    """
    with interruptible(), Bars() as bars:
        base = study.settings.base
        inputs = prepared(base, load(base.split, data, bars), store, progress=bars)
        inputs.check(base)
        around = Around(inputs, device, bars, parent_process(), study.folder.parents[1])
        done = 0
        while True:
            if _one(study, around, bars):
                done += 1
            elif is_silent(study):
                time.sleep(_POLL)  # that trial's worker may be gone, and then it is to be tried again
            else:
                return done


def _one(study: Study, around: Around, bars: Bars) -> bool:
    """Carry out the next trial; say whether there was one."""
    with claimed(study) as claim:
        if claim is None:
            return False
        bars.say(f"trial {claim.record.number}: {told(claim.record.parameters)}")
        twin = known_values(study, claim.record.parameters)
        if twin is not None:
            ended = claim.end(state="complete", values=twin.values, curve=twin.curve, same_as=twin.number)
        else:
            ended = carry_out(claim, around)
    bars.say(f"trial {ended.number}: {said(ended)}")
    _is_hopeless(study)
    return True


def _is_hopeless(study: Study) -> None:
    """End a study whose first trials all failed.

    Raises:
        BenchError: with the reason of the last of them.
    """
    trials = study.all().values()
    failed = [trial for trial in trials if trial.state == "failed"]
    if len(failed) >= HOPELESS and not any(trial.state in {"complete", "pruned"} for trial in trials):
        raise BenchError(
            f"The first {len(failed)} trials all failed. The last of them: {failed[-1].reason}",
            exit_code=FAILURE,
        )
