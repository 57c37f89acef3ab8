"""docs/errors.md, made from the tables of errors; run as a module, it writes it."""

from __future__ import annotations

from pathlib import Path

from velox.base.sink_errors import Table, Verdict
from velox.kafka.delivery_errors import KAFKA
from velox.stores.file_errors import FILES
from velox.stores.mongo_codes import MONGO
from velox.stores.sqlite_errors import SQLITE

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
SINKS: dict[str, Table] = {
    "MongoDB": MONGO,
    "SQLite": SQLITE,
    "Results and dead letters": KAFKA,
    "Image files": FILES,
}
NOTES = {
    "Results and dead letters": """
The numbers are those of Kafka and, below 0, of its client librdkafka. If a batch is refused, each
message is sent alone before it is blamed. *Not this one* means:

- for a result: its record becomes a dead letter of the stage `results`; its document and image
  stay as they are stored;
- for a dead letter: it is sent again with less in it, down to place and reason. If even that is
  refused, `velox_dead_letters_lost_total` counts it, the log names the record, and the others go
  on.
""",
    "Image files": """
A match never waits for its image. Its document is stored with `file_path` null, the log gives the
reason, and `velox_image_write_errors_total` counts it. *Not now*: the next image is written as
soon as that is possible again. *Not this one*: the other images are written meanwhile. An error
that is not listed is treated like *not now*. A process whose folder cannot be used does not start.
""",
}
HEAD = """# What each error of a store or a topic means

This page says what Velox does when a database, a topic or a disk does not take what it is given.
The numbers are those that the database, the client or the system gives. The tables come from
`velox/stores/mongo_codes.py`, `velox/stores/sqlite_errors.py`, `velox/stores/file_errors.py` and
`velox/kafka/delivery_errors.py`, and a test keeps this page equal to them.

- **Not now**: Velox tries again for as long as it takes. Nothing is refused and nothing is
  committed. The log, `/healthz` and the counters of retries say so.
- **Not this one**: only this record is refused, with the reason. Its neighbours are stored.
- **Not at all**: everything that comes would be refused. The process ends with exit code 1 and a
  line that says what to do. Nothing is committed, so nothing is lost.

An error without a number means *not now*: no connection, a time-out, no primary, a write concern
that was not met. An error with a number that is in no table means *not this one*, but only after
several attempts with this record alone.
"""


def page() -> str:
    """The page as Markdown."""
    parts = [HEAD]
    for sink, table in SINKS.items():
        parts += [f"\n## {sink}\n", NOTES.get(sink, "")]
        parts.append("\n| What it means | Errors |\n| --- | --- |\n")
        for verdict in Verdict:
            errors = [
                f"{code} {known.name}"
                for code, known in sorted(table.items())
                if known.verdict is verdict
            ]
            if errors:
                parts.append(f"| {_words(verdict)} | {'; '.join(errors)} |\n")
    return "".join(parts)


def _words(verdict: Verdict) -> str:
    return verdict.name.lower().replace("_", " ")


if __name__ == "__main__":
    PAGE.write_text(page())
