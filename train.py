#!/usr/bin/env python3
"""Train a classifier and save its checkpoint.

    python train.py                         # on synthetic shapes, from scratch, within a minute
    python train.py --if-missing            # the same, unless there is a usable checkpoint
    DATASET_PATH=photos python train.py     # on own images: photos/LABEL/*.jpg
    python train.py --from-review           # the same, and what was said of images (review.py)
    python train.py --use-refused           # use the model that was refused last
    python train.py --help                  # every variable, its default and its meaning

The model is judged by images that decided nothing in training. One that is not good enough
(MIN_ACCURACY) is kept beside MODEL_PATH under another name. Processes that share MODEL_PATH train
one after the other.
"""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from velox.base import logs, script
from velox.base.ending import ended
from velox.base.errors import SettingError
from velox.base.machine import keep_large_buffers, share_cores
from velox.base.records import utc_text
from velox.review.archive import write_folder
from velox.review.judging import Judging
from velox.settings.training import TrainSettings
from velox.settings.unknown import unknown_variables
from velox.stores.choice import Stores

log = logging.getLogger("train")


def main() -> int:
    """Train; returns the exit code."""
    keep_large_buffers()
    share_cores()
    logs.capture_native_stderr()
    parser = script.parser(TrainSettings, __doc__)
    options = parser.add_mutually_exclusive_group()
    options.add_argument("--if-missing", action="store_true", help="keep a usable checkpoint")
    options.add_argument("--from-review", action="store_true", help="train on verdicts as well")
    options.add_argument("--use-refused", action="store_true", help="train nothing")
    arguments = parser.parse_args()

    def train(settings: TrainSettings, stop: threading.Event) -> int:
        # PyTorch takes seconds to import: a mistyped setting is told before.
        from velox.training import run

        if arguments.use_refused:
            return run.accept_refused(settings, stop)
        if arguments.from_review:
            settings = export_verdicts(settings)
        return run.train(settings, stop, if_missing=arguments.if_missing)

    return ended(
        lambda: script.run(TrainSettings, __doc__, train, argv=(), doubts=unknown_variables)
    )


def export_verdicts(settings: TrainSettings) -> TrainSettings:
    """Write the verdicts to REVIEW_EXPORT, or beside the model, but for images that judge it.

    Returns:
        The settings, which name the folder.

    Raises:
        SettingError: when it cannot be written.
    """
    folder = settings.review_export or settings.model_path.with_name("review")
    stores = Stores(
        mongo_uri=settings.mongo_uri,
        database=settings.db_name,
        storage_path=settings.storage_path,
    )
    with closing(stores.verdicts()) as store:
        store.open()
        judging = Judging(store, max_pixels=settings.max_image_pixels)
        left_out = judging.now(made_at(settings.model_path))
        try:
            images, said = write_folder(store, folder, without=left_out.ids)
        except OSError as error:
            raise SettingError(
                f"REVIEW_EXPORT={str(folder)!r} cannot be written: {error.strerror or error}"
            ) from None
    log.info(
        "verdicts=%d images=%d judging=%d alike=%d folder=%s",
        said,
        images,
        len(left_out.judging),
        len(left_out.alike),
        folder,
    )
    return replace(settings, review_export=folder)


def made_at(model_path: Path) -> str | None:
    """When the model there was made, as text like a record's timestamp; None without one."""
    try:
        return utc_text(int(1000 * model_path.stat().st_mtime))
    except OSError:
        return None


if __name__ == "__main__":
    sys.exit(main())
