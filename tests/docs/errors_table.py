"""docs/errors.md, made from velox/base/sink_errors.py; run as a module, it writes it."""

from __future__ import annotations

from pathlib import Path

from velox.base.sink_errors import FILES, KAFKA, MONGO, SQLITE, Table, Verdict

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
SINKS: dict[str, Table] = {
    "MongoDB": MONGO,
    "SQLite": SQLITE,
    "Results and dead letters": KAFKA,
    "Image files": FILES,
}
NOTES = {
    "Results and dead letters": """
The numbers are those of Kafka and, below 0, of its client librdkafka. Of a batch that is refused
each message is sent alone before it is blamed. *Not this one*: a result's record becomes a dead
letter of the stage `results`, while its document and image stay as stored; a dead letter is sent
again with less in it, down to place and reason alone, and where even that is refused
`velox_dead_letters_lost_total` counts it, the log names the record, and the others go on.
""",
    "Image files": """
A match never waits for its image: its document is stored with `file_path` null, the reason is
logged and `velox_image_write_errors_total` counts it. *Not now*: the next image is written as soon
as that is possible again. *Not this one*: the others are written meanwhile. An error that is not
listed is treated alike. A folder that cannot be used stops the start.
""",
}
HEAD = """# Which errors of a sink mean what

What Velox does when a sink does not take what it is given. The numbers are the sink's own, and the
tables those of `velox/base/sink_errors.py`: a test keeps this page equal to them.

- **Not now**: tried again for as long as it takes. Nothing is refused and nothing committed; the
  log, `/healthz` and the counters of retries say so.
- **Not this one**: this record alone is refused, with the reason. Its neighbours are stored.
- **Not at all**: whatever comes would be refused. The process ends with exit code 1 and a line that
  says what to do. Nothing is committed, so nothing is lost.

An error without a number (no connection, a time-out, no primary, a write concern that was not met)
means *not now*. One with a number that is in no table means *not this one*, but only after several
tries alone.
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
