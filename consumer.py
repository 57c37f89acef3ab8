#!/usr/bin/env python3
"""Classify the images of a Kafka topic and store the matches.

    python consumer.py             # against the broker, database and model that the variables name
    python consumer.py --help      # every variable, its default and its meaning

Images flow in one direction: poll, batch, decode, infer, store, commit. An offset is committed only
when every record up to it is stored, known not to match, or acknowledged by the dead-letter topic.
SIGTERM finishes what is in flight, commits and exits with 0.
"""

from __future__ import annotations

import gc
import logging
import sys
import threading
from contextlib import ExitStack

from velox.base import logs, script
from velox.base.ending import ended
from velox.base.machine import keep_large_buffers
from velox.base.waiting import Stopped
from velox.settings.consumer import ConsumerSettings
from velox.settings.unknown import unknown_variables

log = logging.getLogger("consumer")


def main() -> int:
    """Run the consumer; returns the exit code."""
    keep_large_buffers()
    logs.capture_native_stderr()
    return ended(lambda: script.run(ConsumerSettings, __doc__, consume, doubts=unknown_variables))


def consume(settings: ConsumerSettings, stop: threading.Event) -> int:
    """Open everything, run the pipeline until told to stop, close everything."""
    # PyTorch takes seconds to import: a mistyped setting is told before.
    from velox.consumer.assembly import join_stages, open_parts
    from velox.consumer.monitoring import open_monitoring

    with ExitStack() as opened:
        # What the imports made stays to the end: a collection that looks at it stops every thread
        # for 0.2 s.
        gc.freeze()
        opened.callback(gc.unfreeze)
        monitoring = open_monitoring(
            opened,
            address=settings.metrics_address,
            port=settings.metrics_port,
            stall_timeout=settings.stall_timeout,
            live_page=settings.live_page,
            max_pixels=settings.max_image_pixels,
        )
        try:
            parts = open_parts(settings, stop, monitoring.health, opened)
        except Stopped as stopped:
            log.info("%s", stopped)
            return 0
        join_stages(settings, monitoring, parts, opened).run(stop)
    log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
