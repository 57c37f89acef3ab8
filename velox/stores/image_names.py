"""The names of the matched images' files: made of a record's id, and known again by their form."""

from __future__ import annotations

import hashlib
from functools import cache

from velox.base.records import Record
from velox.images.header import extension

# Leaves room for three numbers, an extension, and what a temporary name has besides.
LONGEST_TOPIC = 160


def file_name(record: Record) -> str:
    """`<topic>-<partition>-<offset>-<timestamp ms>` and an extension read from the bytes.

    A file system takes names of 255 bytes and a topic may have 249, so a long one is clipped.
    """
    name = record.id.replace(":", "-") + extension(record.value or b"")
    if len(record.topic) > LONGEST_TOPIC:
        return _clipped(record.topic) + name.removeprefix(record.topic)
    return name


@cache
def _clipped(topic: str) -> str:
    """The beginning of a topic's name, and what tells it from others that begin alike."""
    rest = hashlib.blake2b(topic.encode(), digest_size=8).hexdigest()
    return f"{topic[: LONGEST_TOPIC - len(rest) - 1]}_{rest}"


def is_ours(name: str) -> bool:
    """Whether a name has the form that `file_name` gives; other files are never touched."""
    parts = name.rpartition(".")[0].rsplit("-", 3)
    return len(parts) == 4 and all(part.isdecimal() for part in parts[1:])
