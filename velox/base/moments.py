"""A moment as a person writes it on a command line: a date or a time of ISO 8601."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from velox.base.records import usable_timestamp


def moment_ms(text: str) -> int:
    """Milliseconds since the epoch; what names no time zone is in UTC.

    Raises:
        ArgumentTypeError: when it is no such moment, for argparse to tell.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is not None:
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        milliseconds = round(moment.timestamp() * 1000)
        if usable_timestamp(milliseconds):
            return milliseconds
    raise argparse.ArgumentTypeError(
        f"{text!r} is no date or time; write 2026-01-31, 2026-01-31T12:00 (UTC) or "
        "2026-01-31T12:00+02:00"
    )
