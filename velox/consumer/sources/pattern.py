"""Names of sources, and patterns that they fit."""

from __future__ import annotations

from velox.base.records import LONGEST_TEXT, Record

ANY = "*"


def source_of(record: Record) -> str | None:
    """Where a record comes from: its header `source`, or its key where it has no such header.

    None if neither is text.
    """
    if (name := record.header("source")) is not None:
        return name
    if record.key is None:
        return None
    try:
        return record.key.decode()[:LONGEST_TEXT]
    except UnicodeDecodeError:
        return None


def fits(pattern: str, name: str) -> bool:
    """Whether a name is as a pattern says, in which `*` stands for any text, also for none.

    A name that others choose must not take long: each part is looked for once.
    """
    first, *others = pattern.split(ANY)
    if not others:
        return name == pattern
    *middle, last = others
    at, end = len(first), len(name) - len(last)
    if at > end or not (name.startswith(first) and name.endswith(last)):
        return False
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
