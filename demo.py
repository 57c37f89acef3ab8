#!/usr/bin/env python3
"""Run the whole pipeline on this machine: embedded broker, training, producer, consumer, SQLite.

    python demo.py                 # until Ctrl-C
    IMAGES=500 python demo.py      # ends by itself, with a summary
    python demo.py --help          # every variable, its default and its meaning

The parts are the ordinary scripts, each a process. They read their own variables too, so that
SHAPES=circle,star, BATCH_SIZE=32 or SOURCE=photos can be tried here.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections import deque
from contextlib import ExitStack, closing
from pathlib import Path

from velox.base import script
from velox.base.errors import SettingError, VeloxError
from velox.base.terminal import Display
from velox.base.waiting import Stopped
from velox.demo import broker
from velox.demo.programs import (
    STORAGE,
    Child,
    ConsumerProgram,
    ProducerProgram,
    environment_of_parts,
    free_port,
)
from velox.demo.text import live_line, rate, summary
from velox.monitoring.snapshot import Figures
from velox.producer.sources.kind import Kind
from velox.producer.sources.place import locate
from velox.report.page import write_report
from velox.settings.programs import DemoSettings
from velox.stores.sqlite import SQLITE_FILE
from velox.stores.sqlite_reader import SQLiteReader

REPORT = "report.html"
REPORT_IMAGES = 48
# The embedded broker lets an empty fetch wait its full time even when an image comes meanwhile.
FETCH_WAIT_MS = 20
READ_EVERY_S = 0.5
STALL_TIMEOUT_S = 60.0
LAST_TIMEOUT_S = 10.0
RATE_OVER_READINGS = 7


def main() -> int:
    """Run the demo; returns the exit code."""
    return script.run(DemoSettings, __doc__, run)


def run(settings: DemoSettings, stop: threading.Event) -> int:
    """Start the parts one after the other, show what they do, end them, sum up."""
    check_source(settings)
    display = Display(sys.stderr)
    signal.signal(signal.SIGHUP, lambda *_: stop.set())
    port = free_port(settings.metrics_port)
    address = f"http://127.0.0.1:{port}"
    display.line(f"live page   {address}/")
    try:
        with ExitStack() as opened:
            bootstrap = opened.enter_context(broker.running())
            display.line(f"broker      {bootstrap} (embedded)")
            environment = environment_of_parts(
                folder=settings.demo_path,
                bootstrap=bootstrap,
                port=port,
                interval=settings.producer_interval,
                images=settings.images,
            )
            fetching = {"KAFKA_CONFIG": f"fetch.wait.max.ms={FETCH_WAIT_MS}"}
            consumer = ConsumerProgram(environment | fetching, address, display)
            opened.enter_context(consumer.child)
            train(environment, consumer, stop)
            consumer.wait_until_ready(stop)
            display.line(f"metrics     {address}/metrics")
            producer = ProducerProgram(environment, display)
            opened.enter_context(producer.child)
            last = follow(consumer, producer, settings.images, display, stop)
    except Stopped:
        display.line("stopped")
        return 0
    display.end_live()
    storage = settings.demo_path / STORAGE
    report = report_of(storage, settings.demo_path / REPORT)
    print(summary(last, producer.acknowledged, storage, report), flush=True)
    return 0 if last.finished >= producer.acknowledged and not producer.failed else 1


def check_source(settings: DemoSettings) -> None:
    """Refuse a SOURCE that cannot be read before a model is trained for it.

    Raises:
        SettingError: naming what is wrong with it.
    """
    places = locate(settings.source, loop=settings.source_loop)
    if any(place.kind is Kind.TAR and not place.location for place in places):
        raise SettingError(
            "SOURCE=- is not allowed in the demo: unpack the archive, or give its path"
        )


def train(environment: dict[str, str], consumer: ConsumerProgram, stop: threading.Event) -> None:
    """Train a model unless there is one, while the consumer waits for it.

    Raises:
        VeloxError: when training fails or the consumer ends.
        Stopped: when told to stop.
    """
    with Child("train.py", environment, arguments=("--if-missing",)) as trainer:
        while not trainer.wait(READ_EVERY_S):
            if stop.is_set():
                raise Stopped("stopped while training")
            consumer.require_alive()
    if trainer.exit_code != 0:
        # A Ctrl-C of the terminal may reach it before it has a session of its own.
        if stop.is_set():
            raise Stopped("stopped while training")
        raise VeloxError(f"train.py ended with exit code {trainer.exit_code}")


def follow(
    consumer: ConsumerProgram,
    producer: ProducerProgram,
    images: int,
    display: Display,
    stop: threading.Event,
) -> Figures:
    """Show live figures until every image is accounted for, or none moves; the last ones.

    When told to stop, the producer is ended first and what it sent is waited for.

    Raises:
        VeloxError: when the consumer ends.
    """
    last = Figures()
    readings: deque[tuple[float, int]] = deque(maxlen=RATE_OVER_READINGS)
    moved = time.monotonic()
    while True:
        if stop.is_set():
            producer.child.end()
        ended = producer.child.wait(0)
        consumer.require_alive()
        now = time.monotonic()
        if (read := consumer.read()) is not None:
            moved = now if read.finished > last.finished else moved
            last = read
            readings.append((now, read.finished))
            display.live(live_line(read, rate(readings), images))
            producer.keep_within(read.lag)
        if ended and last.finished >= producer.acknowledged:
            return last
        if now - moved > (LAST_TIMEOUT_S if stop.is_set() else STALL_TIMEOUT_S):
            return last
        time.sleep(READ_EVERY_S)


def report_of(storage: Path, path: Path) -> str:
    """Write the report; where it is, or why there is none."""
    try:
        with closing(SQLiteReader(storage / SQLITE_FILE)) as reader:
            write_report(path, reader=reader, folder=storage, images=REPORT_IMAGES)
    except (VeloxError, OSError) as error:
        return f"not written: {error}"
    return str(path)


if __name__ == "__main__":
    sys.exit(main())
