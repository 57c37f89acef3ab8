"""(k) What a shadow takes from the model in use: with and without one, in turns.

The model in use has all that it can decide, which no stream of images gives it: so whatever the
shadow takes shows. On one thread of several cores others are idle; on all of them none is.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from bench.checkpoints import PIXELS, Checkpoints
from bench.images import shapes
from bench.measure import figure
from bench.results import Results
from velox.base.machine import usable_cores
from velox.base.records import Record
from velox.base.thresholds import Thresholds
from velox.consumer.engines import Engines
from velox.consumer.shadow.comparison import Shadow
from velox.consumer.shadow.lane import Lane
from velox.consumer.sources.rules import NO_RULES
from velox.consumer.stages.batch import Batch
from velox.consumer.stages.decider import Decider
from velox.consumer.stages.decoder import Decoder
from velox.consumer.stages.inference import decisions
from velox.consumer.stages.predictor import BisectingPredictor
from velox.images.pixels import decode
from velox.models.engine.interface import Engine
from velox.monitoring.metrics import Metrics

CASE = "shadow"
SIZE, BATCH = 96, 8
# Long beside the rests of a shadow, which go on from one turn to the next.
TURNS, TURN_S = 8, 4.0
LEAST = 0.95


def run(results: Results, checkpoints: Checkpoints) -> None:
    """Measure."""
    model = checkpoints.of_size(SIZE)
    for threads in sorted({1, usable_cores()}):
        with _threads(threads):
            measure(results, threads, model.path, model.classes)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let engines that are made now use so many."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(count)
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


def measure(results: Results, threads: int, model: Path, classes: Path) -> None:
    """One model in use on so many threads, and another beside it."""
    in_use, beside = (_engine(model, classes) for _ in range(2))
    metrics, decider = Metrics(), Decider()
    decoder = Decoder(decode, max_pixels=PIXELS, threads=1)
    lane = Lane(metrics.shadow)
    lane.start()
    batch = _batch(in_use, decoder, decider)
    rates: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(2 * TURNS):
        with_shadow = turn % 2 == 1
        if with_shadow:
            lane.try_out(Shadow(beside, decide=decider, decoder=decoder, metrics=metrics.shadow))
        rates[with_shadow].append(_rate(batch, lane))
        lane.end_trial(keep=True)
    lane.close()
    for engine in (in_use, beside):
        engine.close()
    seen = sum(_value(metrics, each) for each in ("yes", "no")) / (TURNS * TURN_S)
    name = f"threads={threads} of {usable_cores()} cores"
    results.add(
        CASE,
        {
            f"{name}, alone": figure(rates[False], "images/s"),
            f"{name}, with a shadow": figure(rates[True], "images/s"),
            f"{name}, seen by the shadow": figure([seen], "images/s"),
        },
    )
    ratio = results.median(CASE, f"{name}, with a shadow") / results.median(CASE, f"{name}, alone")
    results.bar(CASE, f"{name}, with a shadow / alone", ratio, LEAST)


def _engine(model: Path, classes: Path) -> Engine:
    engines = Engines(
        model_path=model,
        classes_path=classes,
        device="cpu",
        precision="auto",
        compiled=False,
        memory_fraction=1.0,
        batch_size=BATCH,
        top=1,
        thresholds=Thresholds(general=0.5),
    )
    return engines.later(engines.load())


def _batch(engine: Engine, decoder: Decoder, decider: Decider) -> Batch:
    records = [
        Record("images", 0, number, 1, None, data, (), 0)
        for number, data in enumerate(shapes(SIZE, BATCH))
    ]
    batch = Batch(records, BisectingPredictor(engine))
    batch.images, batch.classifiable, _ = decoder.decode(
        records, engine.input_size, engine.preprocessing
    )
    found = engine.predict(batch.images)
    batch.predictions = decisions(engine, records, NO_RULES, decider, found)
    return batch


def _rate(batch: Batch, lane: Lane) -> float:
    """Images a second that two threads get from the model in use, as those of the pipeline do."""
    done = [0, 0]
    end = time.monotonic() + TURN_S

    def infer(number: int) -> None:
        while time.monotonic() < end:
            batch.predictor.predict(np.ascontiguousarray(batch.images))
            lane.offer(batch, ())
            done[number] += len(batch.images)

    threads = [threading.Thread(target=infer, args=(number,)) for number in range(len(done))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return sum(done) / TURN_S


def _value(metrics: Metrics, agreed: str) -> float:
    found = metrics.registry.get_sample_value("velox_shadow_images_total", {"agreed": agreed})
    return found or 0.0
