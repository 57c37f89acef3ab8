#!/usr/bin/env python3
"""Look at the images that the model is unsure of, and say what they show.

    REVIEW_TOKEN=... python review.py             # the page, at REVIEW_PORT
    REVIEW_TOKEN=... python review.py --export verdicts   # what was said, with the images
    python review.py --help                       # every variable, its default and its meaning

The consumer keeps the images (REVIEW=1). A verdict is in the database before the page says so.
"""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import ExitStack, closing
from pathlib import Path

from velox.base import logs, script
from velox.base.errors import SettingError, StoreUnavailable
from velox.base.waiting import Stopped, until_done, until_told
from velox.monitoring.health import Health, VitalSigns
from velox.monitoring.review_metrics import ReviewMetrics
from velox.monitoring.server import answers, serving
from velox.monitoring.watchdog import Watchdog
from velox.review.access import Access
from velox.review.archive import write_folder
from velox.review.board import Board
from velox.review.judging import Judging
from velox.review.labels import ModelLabels
from velox.review.page import ReviewPage
from velox.review.pictures import Pictures
from velox.settings.review import ReviewSettings
from velox.settings.unknown import unknown_variables
from velox.stores.choice import Stores
from velox.stores.review_interface import Verdicts

log = logging.getLogger("review")


def main() -> int:
    """Serve the page, or export; returns the exit code."""
    logs.capture_native_stderr()
    parser = script.parser(ReviewSettings, __doc__)
    parser.add_argument("--export", metavar="FOLDER", type=Path, help="write all verdicts there")
    folder: Path | None = parser.parse_args().export

    def body(settings: ReviewSettings, stop: threading.Event) -> int:
        return serve(settings, stop) if folder is None else export(settings, folder)

    return script.run(ReviewSettings, __doc__, body, argv=(), doubts=unknown_variables)


def serve(settings: ReviewSettings, stop: threading.Event) -> int:
    """Serve the page until told to stop."""
    metrics, health = ReviewMetrics(), Health()
    with ExitStack() as opened:
        store = opened.enter_context(closing(store_of(settings)))
        pictures = Pictures(store, max_pixels=settings.max_image_pixels)
        board = Board(store, pictures, ModelLabels(settings.classes_path), metrics)
        judging = Judging(store, max_pixels=settings.max_image_pixels)
        page = ReviewPage(Access(settings.review_token), board, pictures, store, judging)
        where = opened.enter_context(
            serving(
                answers(metrics.registry, health),
                address=settings.metrics_address,
                port=settings.review_port,
                page=page,
                named="REVIEW_PORT",
            )
        )
        log.info("page address=%s store=%s", where, store.name)
        try:
            until_done(
                store.open,
                retryable=StoreUnavailable,
                stop=stop,
                on_failure=lambda error: log.warning("waiting for the store reason=%r", str(error)),
            )
        except Stopped:
            return 0
        opened.enter_context(closing(board)).start()
        health.look_at(
            VitalSigns(poll_age=board.turn_age, paused=board.trouble, joined=lambda: board.has_read)
        )
        opened.enter_context(closing(Watchdog(health))).start()
        until_told(stop)
    log.info("stopped")
    return 0


def export(settings: ReviewSettings, folder: Path) -> int:
    """Write the verdicts, and their images, but for what `velox.review.judging` leaves out."""
    with closing(store_of(settings)) as store:
        store.open()
        left_out = Judging(store, max_pixels=settings.max_image_pixels).now()
        try:
            images, verdicts = write_folder(store, folder, without=left_out.ids)
        except OSError as error:
            raise SettingError(f"--export {folder}: {error.strerror or error}") from None
    log.info("exported folder=%s images=%d verdicts=%d", folder, images, verdicts)
    return 0


def store_of(settings: ReviewSettings) -> Verdicts:
    """The store of the images for review."""
    stores = Stores(
        mongo_uri=settings.mongo_uri,
        database=settings.db_name,
        storage_path=settings.storage_path,
    )
    return stores.verdicts()


if __name__ == "__main__":
    sys.exit(main())
