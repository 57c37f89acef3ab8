"""Which graph of a model runs: the one in integers, where it decides the same and is faster."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import numpy as np

from velox.base.machine import processor
from velox.models.engine.check import (
    Answer,
    Bounds,
    NotNow,
    Refused,
    require_enough,
    require_same_decisions,
    say_refused,
)
from velox.models.engine.graphs import Graphs
from velox.models.engine.interface import Images, Predictions
from velox.models.engine.onnx_form import OnnxForm
from velox.models.engine.parts import FLOAT32, INT8
from velox.models.engine.trial_images import noise

AUTO = "auto"
# Instructions that multiply bytes into 32 bits at once, by the kernel's names: without, integers
# are slower, and the intermediate sums of older instructions can overflow.
_BYTE_PRODUCTS = {"avx512_vnni", "avx_vnni", "asimddp"}

_CHECK_BATCH = 32
_TRIAL_BATCH = 16
_TRIAL_ROUNDS = 5
# Longest check, in seconds, that `auto` makes for integers that may yet be refused.
_AUTO_CHECK_SECONDS = 5.0

Make = Callable[[bytes, str], OnnxForm]

log = logging.getLogger(__name__)


def best(
    make: Make,
    graphs: Graphs,
    *,
    precision: str,
    bounds: Bounds,
) -> tuple[OnnxForm, bool]:
    """The faster form of a precision, of float32 where that precision is refused.

    Args:
        make: makes a form of a graph in a precision.
        graphs: the model.
        precision: auto, fp32 or int8.
        bounds: what images are decided by.

    Returns:
        It, and whether it would be the same another time: what a machine that was busy with
        something else decided is no answer for good.
    """
    full = make(graphs.fp32, FLOAT32)
    if precision == FLOAT32:
        return full, True
    images, samples = noise(graphs.input_size, _TRIAL_BATCH), graphs.samples
    try:
        _require_possible(graphs)
        seconds = len(samples) * _seconds(full, images, 1) / _TRIAL_BATCH
        if precision == AUTO and seconds > _AUTO_CHECK_SECONDS:
            raise NotNow(f"checking it would take {seconds:.0f} s")
        narrow, pixels = make(graphs.int8, INT8), samples.pixels()
        found, expected = (_on_samples(form, pixels) for form in (narrow, full))
        require_same_decisions(found, expected, samples.targets, bounds)
    except Refused as reason:
        say_refused(precision, [INT8], reason, FLOAT32)
        return full, not isinstance(reason, NotNow)
    chosen = _faster(full, narrow, images) if precision == AUTO else narrow
    return chosen, chosen is narrow


def has_byte_products() -> bool:
    """Whether this CPU has instructions for 8-bit integers."""
    described = processor()
    flags = f"{described.get('flags')} {described.get('Features')}".split()
    return not _BYTE_PRODUCTS.isdisjoint(flags)


def _require_possible(graphs: Graphs) -> None:
    require_enough(len(graphs.samples))
    if not graphs.int8:
        raise Refused(graphs.reason)
    if not has_byte_products():
        raise Refused("this CPU has no instructions for it")


def _on_samples(form: OnnxForm, pixels: Images) -> Answer:
    """The form's answer for all samples."""
    batches = np.split(pixels, range(_CHECK_BATCH, len(pixels), _CHECK_BATCH))
    answers: list[Predictions] = [form.predict(each) for each in batches]
    return tuple(
        np.concatenate([getattr(each, name) for each in answers])
        for name in ("indices", "confidences", "novelty")
    )


def _faster(full: OnnxForm, narrow: OnnxForm, images: Images) -> OnnxForm:
    times = {form: _seconds(form, images, _TRIAL_ROUNDS) for form in (full, narrow)}
    rates = " ".join(
        f"{form.precision}-onnx={len(images) / each:.0f}/s" for form, each in times.items()
    )
    chosen = min(times, key=lambda form: times[form])
    log.info("forms tried %s", rates)
    return chosen


def _seconds(form: OnnxForm, images: Images, rounds: int) -> float:
    """The best time of a batch: what else the machine does can only add to it."""

    def once() -> float:
        start = time.perf_counter()
        form.predict(images)
        return time.perf_counter() - start

    once()
    return min(once() for _ in range(rounds))
