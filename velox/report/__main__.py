"""Write one HTML page of what was found: latest matches, counts, confidence, truth, models.

    python -m velox.report           # from the store and images that the variables name
    python -m velox.report --help    # every variable, its default and its meaning

The page holds all it shows, images included, and loads nothing: it can be mailed or archived.
Nothing in the store is changed, and a consumer may be at work meanwhile.
"""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import closing

from velox.base import logs, script
from velox.base.accuracy import Figures, figures_of
from velox.base.errors import SettingError, VeloxError
from velox.report.page import write_report
from velox.settings.programs import ReportSettings
from velox.settings.unknown import unknown_variables
from velox.stores.choice import Stores

log = logging.getLogger("report")


def main() -> int:
    """Write the report; returns the exit code."""
    logs.capture_native_stderr()
    return script.run(ReportSettings, __doc__, report, doubts=unknown_variables)


def report(settings: ReportSettings, _stop: threading.Event) -> int:
    """Read the store and the images, write the page."""
    path = settings.report_path
    with closing(stores_of(settings).reader()) as reader:
        try:
            totals = write_report(
                path,
                reader=reader,
                folder=settings.storage_path,
                images=settings.report_images,
                accuracy=accuracy_of(settings),
            )
        except OSError as error:
            reason = error.strerror or error
            raise SettingError(f"REPORT_PATH={str(path)!r} cannot be written: {reason}") from None
    log.info("report path=%s matches=%d store=%s", path, totals.detections, reader.name)
    return 0


def accuracy_of(settings: ReportSettings) -> Figures | None:
    """How often the running model is right; None where nobody looked at a random share."""
    with closing(stores_of(settings).verdicts()) as store:
        try:
            store.open_to_read()
            model = store.newest_model()
            found = figures_of(model, store.tally(model)) if model else None
        except VeloxError as error:
            log.debug("no images for review reason=%r", str(error))
            return None
    return found if found and found.accuracy.images else None


def stores_of(settings: ReportSettings) -> Stores:
    """The stores that the settings ask for."""
    return Stores(
        mongo_uri=settings.mongo_uri,
        database=settings.db_name,
        storage_path=settings.storage_path,
    )


if __name__ == "__main__":
    sys.exit(main())
