"""A moment as a person writes it on a command line: ISO 8601, or a time since the epoch."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime

from velox.base.records import usable_timestamp

# Eight digits are a date. With nine or more, seconds are of 1973 to 5138, and milliseconds too.
_SECONDS = re.compile(r"[0-9]{9,11}(\.[0-9]+)?")
_MILLISECONDS = re.compile(r"[0-9]{12,14}")


def moment_ms(text: str) -> int:
    """Milliseconds since the epoch; what names no time zone is in UTC.

    Args:
        text: a date or time of ISO 8601, or seconds (9 to 11 digits) or milliseconds (12 to 14)
            since the epoch.

    Raises:
        ArgumentTypeError: when it is no such moment, for argparse to tell.
    """
    milliseconds = _milliseconds(text)
    if usable_timestamp(milliseconds):
        return milliseconds
    raise argparse.ArgumentTypeError(
        f"{text!r} is no date or time; write 2026-01-31, 2026-01-31T12:00 (UTC), "
        "2026-01-31T12:00+02:00, or seconds or milliseconds since 1970"
    )


def _milliseconds(text: str) -> int:
    """The moment, 0 if it is none."""
    if _MILLISECONDS.fullmatch(text):
        return int(text)
    if _SECONDS.fullmatch(text):
        return round(float(text) * 1000)
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return 0
