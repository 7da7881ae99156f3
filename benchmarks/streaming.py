"""A finished streaming MoViNet frame by frame: how much of a sign it needs, and what a frame costs.

Nothing is trained, chosen or tuned here. The network sees the run's own frames in their order, each once;
what it knows of the past is in its states. Which frames these are is the recipe's choice, made of the whole
clip: `uniform` and `centre` know its length before it has ended. With `start`, nothing looks ahead at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import metrics
from benchmarks.finished import Request, check_run, inputs_of_run, taken_up
from benchmarks.inputs import Inputs, loader
from benchmarks.recipe import restored, revised
from benchmarks.recipe_base import Recipe
from benchmarks.records import Stored
from benchmarks.schema import Record
from benchmarks.streaming_records import (
    Seen,
    StoredStreams,
    Streamed,
    StreamRecord,
    read_streams,
    streams_path,
    write_streams,
)
from benchmarks.where import where
from models import zoo
from utils.clock import now
from utils.errors import BenchError
from wlasl.clips import Part

if TYPE_CHECKING:
    from benchmarks.streaming_network import Streams

PARTS: tuple[Part, ...] = ("test", "val")
"""What can be streamed: training clips say nothing."""

_KEPT = ("clips", "hits1", "top1", "top1_low", "top1_high", "hits5", "top5", "loss")


def stream(run: Stored, request: Request, part: Part = "test") -> StoredStreams:
    """Stream one part of a finished run, or recognise that it has been, and return all that was found.

    Raises:
        BenchError: the run has no result, cannot stream, or its weights or its clips are gone or are others.
    """
    record = run.record
    check_run(run, request.places)
    recipe = restored(record.recipe)
    check_streams(recipe)
    results = request.places.results
    before = _known(run, request)
    if part in before and not request.again:
        request.machine.progress.say(f"{part} of run {record.id} is streamed already; --again does it anew")
    else:
        inputs = inputs_of_run(recipe, record, request)
        before = {**before, part: _carried_out(recipe, record, inputs, request, part)}
        made = StreamRecord(
            id=record.id, model=record.model, split=record.split, of=record.finished, parts=before
        )
        write_streams(streams_path(results, record), made)
    found = read_streams(results, record)
    if found is None:
        raise AssertionError("what was written is there")
    return found


def check_streams(recipe: Recipe) -> None:
    """Refuse a network that cannot take a clip frame by frame.

    Raises:
        BenchError: it sees later frames too, or runs under TensorFlow.
    """
    streams = [name for name in zoo.ZOO if name.endswith("-stream")]
    if recipe.model not in streams:
        raise BenchError(
            f"{recipe.model} sees a clip as a whole and cannot stream. These can: {', '.join(streams)}."
        )
    if recipe.engine != "torch":
        raise BenchError(
            f"bench stream carries out torch networks. Train {recipe.model} with --engine torch, or stream"
            " the official TensorFlow network as models/movinet_tf.py builds it (external_states)."
        )


def _known(run: Stored, request: Request) -> dict[str, Streamed]:
    """Return the parts of a run that were streamed before, if their file is there and is to be trusted."""
    try:
        found = read_streams(request.places.results, run.record)
    except BenchError:
        return {}
    return {} if found is None or found.stale else dict(found.record.parts)


def _carried_out(recipe: Recipe, record: Record, inputs: Inputs, request: Request, part: Part) -> Streamed:
    """Take up the run's weights and stream one part."""
    from benchmarks.streaming_network import Streamer, cost  # noqa: PLC0415 - it brings torch

    started, machine = now(), request.machine
    # In single precision, whatever the run was trained in: parity is a matter of the network alone.
    single = revised(recipe, precision="fp32", compile=False)
    engine: Any = taken_up(single, record.id, inputs, request.places, machine)
    network, inputs_of = engine.learner.network.eval(), engine.learner.inputs
    batches = loader(single, inputs, part)
    if not len(batches.clips):
        raise BenchError(
            f"None of the {part} clips of {recipe.split} can be read: there is nothing to stream."
        )
    machine.progress.begin(f"streaming {part}", batches.steps())
    shape = (len(batches.clips), len(inputs.dataset.subset.glosses))
    found = Streamer(network, inputs_of, shape).run(batches, machine.progress)
    (few,) = inputs_of(next(iter(batches.epoch(0))))
    price = cost(network, few, record.cost.gmacs)
    seen = seen_of(found, batches.labels)
    machine.progress.end(f"top-1 {seen[-1].metrics['top1'] or 0:.1%} at the end")
    return Streamed(
        clips=inputs.fingerprint(part),
        seen=seen,
        settled=float(found.settled.mean()),
        parity=found.parity,
        cost=price,
        where=where(recipe.engine, engine.facts()),
        started=started,
        finished=now(),
    )


def seen_of(found: Streams, labels: Any) -> tuple[Seen, ...]:  # noqa: ANN401 - int64 [clips]
    """Return what was right after each tenth of the clips."""
    every = []
    for tenth, chances in enumerate(found.chances, start=1):
        with np.errstate(divide="ignore"):
            whole = metrics.evaluate(np.log(chances).astype(np.float32), labels)
        kept = {name: whole[name] for name in _KEPT}
        frames = float(found.frames[tenth - 1].mean())
        every.append(Seen(share=tenth / len(found.chances), frames=frames, metrics=kept))
    return tuple(every)
