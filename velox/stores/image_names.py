"""The names of the matched images' files: made of a record's id, and known again by their form."""

from __future__ import annotations

import hashlib
import re
from functools import cache

from velox.base.records import Record, usable_timestamp
from velox.images.header import EXTENSIONS, extension

# Leaves room for three numbers, an extension, and what a temporary name has besides.
LONGEST_TOPIC = 160
_NUMBER = "-(?:0|[1-9][0-9]*)"
_STEM = re.compile(f".+{3 * _NUMBER}", re.DOTALL)
# `report-2026-12-31` has that form too, and whoever put it there wants to keep it.
_ENDS_IN_A_DATE = re.compile("-(?:19|20)[0-9]{2}-1[0-2]-[123][0-9]$")


def file_name(record: Record) -> str:
    """`<topic>-<partition>-<offset>-<timestamp ms>` and an extension read from the bytes.

    A file system takes names of 255 bytes and a topic may have 249, so a long one is clipped.
    """
    return _stem(record.id) + extension(record.value or b"")


def names_of(identity: str) -> list[str]:
    """Every name that the file of a record's image may have, by the record's id."""
    stem = _stem(identity)
    return [stem + each for each in EXTENSIONS]


def is_ours(name: str) -> bool:
    """Whether a name has the form that `file_name` gives; other files are never touched."""
    stem, dot, form = name.rpartition(".")
    if dot + form not in EXTENSIONS or _STEM.fullmatch(stem) is None:
        return False
    return _ENDS_IN_A_DATE.search(stem) is None


def id_of(name: str, topic: str) -> str:
    """The id of the record that a file of ours is of.

    Args:
        name: of the file.
        topic: the one to which a clipped name belongs if it can.
    """
    found, *numbers = name.rpartition(".")[0].rsplit("-", 3)
    if len(topic) > LONGEST_TOPIC and found == _clipped(topic):
        found = topic
    return ":".join((found, *numbers))


def captured_ms(name: str) -> int | None:
    """The record's timestamp by the name of its file, None where the record had no usable one."""
    moment = int(name.rpartition(".")[0].rpartition("-")[2])
    return moment if usable_timestamp(moment) else None


def _stem(identity: str) -> str:
    topic, *numbers = identity.rsplit(":", 3)
    if len(topic) > LONGEST_TOPIC:
        topic = _clipped(topic)
    return "-".join((topic, *numbers))


@cache
def _clipped(topic: str) -> str:
    """The beginning of a topic's name, and what tells it from others that begin alike."""
    rest = hashlib.blake2b(topic.encode(), digest_size=8).hexdigest()
    return f"{topic[: LONGEST_TOPIC - len(rest) - 1]}_{rest}"
