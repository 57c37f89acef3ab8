"""Remove everything that is held of one source: documents, image files, images for review.

    python -m velox.forget --source line-3                       # everything
    python -m velox.forget --source line-3 --before 2026-01-31   # what was captured before (UTC)
    python -m velox.forget --source line-3 --dry-run             # only say what would go
    python -m velox.forget --lost-files                          # see below
    python -m velox.forget --help                                # every variable too

The source is that of the documents: the record's header `source`, or its key. Consumers may be at
work meanwhile, and it may be interrupted and begun again. What Kafka still has of the source stays
until retention takes it: the last lines say where and for how long. Exit code 3: files are left
that could not be removed, with their documents.

--lost-files removes nothing: documents whose image file somebody has deleted say null from then on.
"""

from __future__ import annotations

import argparse
import logging
import sys
import threading
from contextlib import closing
from functools import partial
from pathlib import Path

from velox.base import logs, script
from velox.base.errors import BrokerUnavailable, SettingError
from velox.base.moments import moment_ms
from velox.base.records import DEAD_LETTERS, PARKED
from velox.kafka.retention import kept_by
from velox.kafka.topics import Topics
from velox.settings.programs import ForgetSettings
from velox.settings.unknown import unknown_variables
from velox.stores.choice import Stores
from velox.stores.forgetting import Forgetting, Forgotten
from velox.stores.lost_files import clear_lost
from velox.stores.removal import Removal
from velox.stores.sqlite import SQLITE_FILE

log = logging.getLogger("forget")


def main() -> int:
    """Forget a source; returns the exit code."""
    logs.capture_native_stderr()
    arguments = script.parser(ForgetSettings, __doc__)
    what = arguments.add_mutually_exclusive_group(required=True)
    what.add_argument("--source", help="as the documents have it")
    what.add_argument(
        "--lost-files", action="store_true", help="let documents forget files that are not there"
    )
    arguments.add_argument(
        "--before", type=moment_ms, metavar="T", help="only what was captured before that moment"
    )
    arguments.add_argument("--dry-run", action="store_true", help="remove nothing, only count")
    chosen = arguments.parse_args()
    if chosen.source == "":
        arguments.error("--source is empty: name it as the documents have it")
    if not _is_text(chosen.source or ""):
        arguments.error(
            "--source is not UTF-8, and no document has such a source: name the key of its records"
        )
    if chosen.lost_files and chosen.before is not None:
        arguments.error("--before goes with --source")
    return script.run(
        ForgetSettings, __doc__, partial(forget, chosen), [], doubts=unknown_variables
    )


def forget(chosen: argparse.Namespace, settings: ForgetSettings, stop: threading.Event) -> int:
    """Remove what the store and the folder hold, then say what Kafka holds."""
    folder = settings.storage_path
    if not folder.is_dir():
        raise SettingError(
            f"STORAGE_PATH={str(folder)!r} is no folder: name that of the consumers, where the "
            "images of matches are"
        )
    if not settings.mongo_uri and not (folder / SQLITE_FILE).exists():
        raise SettingError(
            f"MONGO_URI is empty, and STORAGE_PATH={str(folder)!r} holds no {SQLITE_FILE}: set the "
            "one with which the consumers store"
        )
    stores = Stores(mongo_uri=settings.mongo_uri, database=settings.db_name, storage_path=folder)
    with closing(stores.removal()) as removal:
        if chosen.lost_files:
            return _forget_lost_files(removal, folder, chosen.dry_run, stop)
        forgetting = Forgetting(removal, folder, chosen.source, chosen.before, dry=chosen.dry_run)
        done = forgetting.run(until=stop.is_set)
        _say(done, chosen, removal.name)
    if stop.is_set():
        return _interrupted()
    _say_what_stays(settings)
    return script.EXIT_INCOMPLETE if done.left else 0


def _is_text(text: str) -> bool:
    """Whether what came from the command line was UTF-8 (PEP 383)."""
    return not any("\udc80" <= each <= "\udcff" for each in text)


def _forget_lost_files(removal: Removal, folder: Path, dry: bool, stop: threading.Event) -> int:
    named, lost = clear_lost(removal, folder, dry=dry, until=stop.is_set)
    log.info(
        "looked for lost files documents_with_file=%d file_missing=%d set_to_null=%d folder=%s "
        "store=%s",
        named,
        lost,
        0 if dry else lost,
        folder,
        removal.name,
    )
    return _interrupted() if stop.is_set() else 0


def _interrupted() -> int:
    log.warning("interrupted before the end; run it again")
    return script.EXIT_INCOMPLETE


def _say(done: Forgotten, chosen: argparse.Namespace, store: str) -> None:
    documents = " ".join(f"{name}={count}" for name, count in done.documents.items())
    log.info(
        "%s source=%r %s files=%d store=%s",
        "would remove" if chosen.dry_run else "removed",
        chosen.source,
        documents,
        done.files,
        store,
    )
    if done.elsewhere:
        log.warning(
            "%d documents named a file that is not in STORAGE_PATH: removed before, or in another "
            "folder of other consumers",
            done.elsewhere,
        )
    if done.left:
        log.error(
            "%d documents stay, because their files cannot be removed: %s; mend it and run again",
            done.left,
            done.reason,
        )


def _say_what_stays(settings: ForgetSettings) -> None:
    topics = Topics(bootstrap=settings.kafka_bootstrap_server, extra=settings.kafka_config)
    named = (
        settings.kafka_topic,
        settings.kafka_topic + DEAD_LETTERS,
        settings.kafka_topic + PARKED,
        settings.kafka_results_topic,
    )
    wanted = [topic for topic in named if topic]
    try:
        there = [topic for topic in wanted if topics.partitions(topic) > 0]
        kept = {topic: kept_by(topics, topic) for topic in there}
    except BrokerUnavailable as error:
        log.warning(
            "not known how long Kafka keeps it topics=%s reason=%r", ",".join(wanted), str(error)
        )
        return
    for topic in there:
        log.info(
            "in Kafka its records stay topic=%s %s",
            topic,
            kept[topic] or "for as long as the broker keeps them, which it does not say",
        )


if __name__ == "__main__":
    sys.exit(main())
