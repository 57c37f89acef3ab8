#!/usr/bin/env python3
"""Classify the images of a Kafka topic and store the matches.

    python consumer.py                            # against the broker, database and model of the
                                                  # variables, until it is told to stop
    python consumer.py --redrive --dry-run        # dead letters: how many there are, and why
    python consumer.py --redrive                  # ... classified again
    python consumer.py --replay --from 2026-01-31 # a stretch of the topic, with today's model
    python consumer.py --help                     # every argument and variable with its meaning

Images flow in one direction: poll, batch, decode, infer, store, commit. An offset is committed only
when every record up to it is stored, known not to match, or acknowledged by the dead-letter topic.
SIGTERM finishes what is in flight, commits and exits with 0.
"""

from __future__ import annotations

import argparse
import gc
import logging
import sys
import threading
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from velox.base import logs, script
from velox.base.ending import ended
from velox.base.machine import keep_large_buffers
from velox.base.waiting import Stopped
from velox.consumer.command_line import parsed
from velox.settings.consumer import ConsumerSettings
from velox.settings.unknown import unknown_variables

if TYPE_CHECKING:
    from velox.consumer.monitoring import Monitoring

log = logging.getLogger("consumer")


def main() -> int:
    """Run the consumer; returns the exit code."""
    keep_large_buffers()
    logs.capture_native_stderr()
    chosen = parsed(ConsumerSettings, __doc__)
    body = partial(consume, chosen)
    return ended(lambda: script.run(ConsumerSettings, __doc__, body, [], doubts=unknown_variables))


def consume(chosen: argparse.Namespace, settings: ConsumerSettings, stop: threading.Event) -> int:
    """Open everything, run the pipeline to its end, close everything; returns the exit code."""
    # PyTorch takes seconds to import: a mistyped setting is told before.
    from velox.consumer.monitoring import open_monitoring
    from velox.consumer.redriving import redrive
    from velox.consumer.replaying import replay

    once_more = redrive if chosen.redrive else replay if chosen.replay else None

    with ExitStack() as opened:
        # What the imports made stays to the end: a collection that looks at it stops every thread
        # for 0.2 s.
        gc.freeze()
        opened.callback(gc.unfreeze)
        monitoring = open_monitoring(
            opened,
            address=settings.metrics_address,
            # Beside a consumer that has the port already.
            port=0 if once_more else settings.metrics_port,
            stall_timeout=settings.stall_timeout,
            live_page=settings.live_page,
            max_pixels=settings.max_image_pixels,
        )
        try:
            if once_more:
                return once_more(chosen, settings, monitoring, stop, opened)
            live(settings, monitoring, stop, opened)
        except Stopped as stopped:
            log.info("%s", stopped)
            return script.EXIT_INCOMPLETE if once_more else 0
    log.info("stopped")
    return 0


def live(
    settings: ConsumerSettings, monitoring: Monitoring, stop: threading.Event, opened: ExitStack
) -> None:
    """Classify the images as they come, until told to stop."""
    from velox.consumer.assembly import join_stages
    from velox.consumer.opening import open_parts
    from velox.consumer.task import live_task

    parts = open_parts(settings, stop, monitoring.health, opened)
    task = live_task(settings, opened)
    join_stages(settings, monitoring, parts, task, opened).run(stop)


if __name__ == "__main__":
    sys.exit(main())
