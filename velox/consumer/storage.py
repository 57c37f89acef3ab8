"""What is stored, and where: detections, image files and images for review, and their removal."""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing
from dataclasses import dataclass

from velox.consumer.stages.candidates import Candidates
from velox.consumer.sweeper import DAY_S, Sweeper
from velox.monitoring.metrics import Metrics
from velox.settings.consumer import ConsumerSettings
from velox.stores.choice import Stores, open_image_files
from velox.stores.image_files import ImageFiles
from velox.stores.interface import Store
from velox.stores.review_interface import ReviewStore


@dataclass(frozen=True, slots=True)
class Storage:
    """Where things are stored.

    Attributes:
        store: of the detections; it is not open yet.
        files: of the matched images.
        review: of the images for review, None where none are kept; it is not open yet.
        sweeper: removes what is too old; it is not started yet.
    """

    store: Store
    files: ImageFiles
    review: ReviewStore | None
    sweeper: Sweeper


def open_storage(
    settings: ConsumerSettings, opened: ExitStack, kind: type[ImageFiles] = ImageFiles
) -> Storage:
    """What the settings ask for, with that kind of image files; whoever opened it closes it."""
    stores = stores_of(settings)
    files = open_image_files(
        settings.storage_path,
        keep=settings.max_stored_files,
        topic=settings.kafka_topic,
        sync=settings.sync_files,
        kind=kind,
    )
    sweeper = Sweeper(
        removal=stores.removal(),
        gone=files.gone,
        folder=settings.storage_path,
        keep_s=settings.keep_days * DAY_S,
    )
    # Closed after the files, which have the last to be removed then.
    opened.enter_context(closing(sweeper))
    opened.enter_context(closing(files))
    store = opened.enter_context(closing(stores.detections()))
    review = opened.enter_context(closing(stores.review())) if settings.review else None
    return Storage(store, files, review, sweeper)


def stores_of(settings: ConsumerSettings) -> Stores:
    """The stores that the settings ask for."""
    return Stores(
        mongo_uri=settings.mongo_uri,
        database=settings.db_name,
        storage_path=settings.storage_path,
    )


def candidates_of(
    settings: ConsumerSettings, store: ReviewStore | None, metrics: Metrics, abort: threading.Event
) -> Candidates | None:
    """What keeps images for review, if anything does."""
    if store is None:
        return None
    return Candidates(
        store,
        settings.review_share,
        settings.review_per_hour,
        settings.review_keep,
        metrics=metrics,
        abort=abort,
    )
