"""What runs beside the model in use, as the settings of `consumer.py` ask for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from velox.consumer.engines import Engines
from velox.consumer.opening import Parts, engines_of, rulings_of
from velox.consumer.shadow.comparison import Shadow
from velox.consumer.shadow.gate import Gate
from velox.consumer.shadow.judged import JudgedImages, Verdicts
from velox.consumer.shadow.lane import Lane
from velox.consumer.shadow.side import Side
from velox.consumer.shadow.trial import Making, Trial
from velox.consumer.stages.candidates import Candidates
from velox.consumer.stages.decider import Decider
from velox.consumer.stages.decoder import Decoder
from velox.consumer.stages.inference import Show, to_nobody
from velox.consumer.stages.model_slot import ModelSlot, ModelWatch
from velox.consumer.storage import stores_of
from velox.images.pixels import decode
from velox.models.engine.interface import Engine
from velox.models.files import ModelFiles
from velox.monitoring.metrics import Metrics
from velox.monitoring.shadow_metrics import COMPARISON
from velox.settings.consumer import ConsumerSettings
from velox.settings.shadow import SwapGate

log = logging.getLogger(__name__)


def beside(
    settings: ConsumerSettings,
    metrics: Metrics,
    parts: Parts,
    models: ModelSlot,
    candidates: Candidates | None,
    stop: threading.Event,
    opened: ExitStack,
) -> Show:
    """Look for new models from now on, in the way that the settings ask for.

    Args:
        settings: of the consumer.
        metrics: updated as it goes.
        parts: of the start.
        models: where a new one goes.
        candidates: keeps what a shadow decides otherwise, if anything is kept.
        stop: ends what waits.
        opened: closes what is opened.

    Returns:
        What is to be shown each batch that was decided.
    """
    if settings.swap_gate is None:
        rulings_of(settings).forget()
        watch_models(settings, metrics, parts, models, opened)
        if settings.shadow_model_path is None:
            return to_nobody
    lane = opened.enter_context(closing(Lane(metrics.shadow, candidates)))
    # One thread, which leaves the others their cores.
    decoder = opened.enter_context(
        closing(Decoder(decode, max_pixels=settings.max_image_pixels, threads=1))
    )
    shadowing = _Shadowing(settings, metrics, parts, lane, decoder, stop)
    if settings.swap_gate is not None:
        opened.enter_context(closing(shadowing.gate(models, settings.swap_gate))).start()
    if settings.shadow_model_path is not None:
        side = shadowing.side(settings.shadow_model_path)
        opened.enter_context(closing(side)).start()
    lane.start()
    return lane.offer


@dataclass(frozen=True)
class _Shadowing:
    """Makes what runs in the lane."""

    settings: ConsumerSettings
    metrics: Metrics
    parts: Parts
    lane: Lane
    decoder: Decoder
    stop: threading.Event

    def gate(self, models: ModelSlot, asked: SwapGate) -> Gate:
        """What lets in a new model at MODEL_PATH."""
        settings, engines = self.settings, engines_of(self.settings, self.parts.sources)
        making = Making(
            load=engines.load,
            engine_of=engines.later,
            kept_engine=partial(_kept_engine, engines),
            shadow_of=lambda engine, beside: self._shadow(engine, beside=beside, most=asked.images),
        )
        rulings = rulings_of(settings)
        return Gate(
            models,
            files=self.parts.model_files,
            making=making,
            rulings=rulings,
            trial=Trial(rulings, self.lane, making, self._judged()),
            share=asked.share,
            metrics=self.metrics,
            interval=settings.model_reload,
        )

    def side(self, path: Path) -> Side:
        """What runs the model of SHADOW_MODEL_PATH."""
        classes = path.with_name(self.settings.classes_path.name)
        own = engines_of(self.settings, self.parts.sources)
        engines = replace(own, model_path=path, classes_path=classes)
        for each in (path, classes):
            if not each.exists():
                log.warning("SHADOW_MODEL_PATH: waiting for %s", each)
        return Side(
            self.lane,
            files=ModelFiles(path, classes),
            load=engines.load,
            engine_of=engines.later,
            shadow_of=partial(self._shadow, role=COMPARISON),
            interval=self.settings.model_reload or 10.0,
        )

    def _shadow(self, engine: Engine, **what: object) -> Shadow:
        return Shadow(
            engine,
            decide=Decider(self.settings.target_labels),
            decoder=self.decoder,
            metrics=self.metrics.shadow,
            **what,  # type: ignore[arg-type]
        )

    def _judged(self) -> JudgedImages | None:
        if not self.settings.review:
            return None
        return JudgedImages(
            opened=self._verdicts,
            decoder=self.decoder,
            sources=lambda: self.parts.sources.current,
            stop=self.stop,
        )

    @contextmanager
    def _verdicts(self) -> Iterator[Verdicts]:
        with closing(stores_of(self.settings).verdicts()) as store:
            store.open_to_read()
            yield store


def watch_models(
    settings: ConsumerSettings,
    metrics: Metrics,
    parts: Parts,
    models: ModelSlot,
    opened: ExitStack,
) -> None:
    """Take each new model at MODEL_PATH into use, if new ones are looked for."""
    if settings.model_reload <= 0:
        return
    engines = engines_of(settings, parts.sources)
    watch = ModelWatch(
        models,
        files=parts.model_files,
        load=engines.load,
        engine_of=engines.later,
        metrics=metrics,
        interval=settings.model_reload,
    )
    opened.enter_context(closing(watch)).start()


def _kept_engine(engines: Engines, model_path: Path, classes_path: Path) -> Engine:
    kept = replace(engines, model_path=model_path, classes_path=classes_path)
    return kept.later(kept.load())
