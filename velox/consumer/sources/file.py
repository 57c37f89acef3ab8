"""The file of SOURCES_PATH: what it may say, and where it says something else.

{
"door": {"expect_s": 10},
"line-1/*": {
"thresholds": {"*": 0.95, "defect": 0.55},
"targets": ["defect", "scratch"],
"crop": {"left": 0.1, "top": 0.2, "right": 0.9, "bottom": 1}
}
}
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from velox.base.errors import CANNOT_BE_READ, SettingError
from velox.base.json_places import Placed, parsed
from velox.base.records import LONGEST_TEXT
from velox.consumer.sources.pattern import ANY, fits
from velox.consumer.sources.rules import Rule, Sources
from velox.images.cropping import Crop

# A ConfigMap holds as much.
MOST_BYTES = 1_048_576
MOST_RULES = 1000
LONGEST_EXPECT_S = 604_800.0

_SIDES = ("left", "top", "right", "bottom")


def content(path: Path) -> bytes:
    """What the file holds now.

    Raises:
        SettingError: when it cannot be read.
    """
    try:
        with open(path, "rb", opener=_at_once) as file:
            found = file.read(MOST_BYTES + 1) or b""
    except OSError as error:
        raise SettingError(f"SOURCES_PATH: {path} {CANNOT_BE_READ}: {error.strerror}") from None
    if len(found) > MOST_BYTES:
        raise SettingError(f"SOURCES_PATH: {path} has more than {MOST_BYTES} bytes")
    return found


def _at_once(path: str, flags: int) -> int:
    """Open a file; one that is a pipe, whose writer may never come, is not waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


def sources_of(found: bytes, path: Path) -> Sources:
    """The rules that a file's content states.

    Args:
        found: the content.
        path: of the file, for the error.

    Raises:
        SettingError: naming the first line that cannot be used, and the field in it.
    """
    try:
        return Sources(_rules(parsed(found.decode("utf-8-sig"))))
    except UnicodeDecodeError as error:
        line = found.count(b"\n", 0, error.start) + 1
        raise SettingError(f"SOURCES_PATH: {path} line {line}: it is not in UTF-8") from None
    except json.JSONDecodeError as error:
        raise SettingError(f"SOURCES_PATH: {path} line {error.lineno}: {error.msg}") from None


def _rules(file: Placed) -> dict[str, Rule]:
    members = _object(file, "the file", "an object of a name or pattern for each source")
    if len(members) > MOST_RULES:
        raise file.wrong(f"it has {len(members)} entries; at most {MOST_RULES} are allowed")
    rules: dict[str, Rule] = {}
    for pattern, entry in members.items():
        if not 0 < len(pattern) <= LONGEST_TEXT:
            raise entry.wrong(f"a source's name has 1 to {LONGEST_TEXT} characters")
        if (before := next((each for each in rules if fits(each, pattern)), None)) is not None:
            raise entry.wrong(
                f"{pattern!r} is never used, as {before!r} above it takes all of it: the first "
                "that fits counts"
            )
        rules[pattern] = _rule(pattern, entry)
    return rules


def _rule(pattern: str, entry: Placed) -> Rule:
    found: dict[str, Any] = {}
    for name, value in _object(entry, repr(pattern), "an object of fields").items():
        where = f"{pattern!r} {name}"
        if name not in _FIELDS:
            near = difflib.get_close_matches(name, _FIELDS, n=1)
            meant = f"{near[0]} is probably meant" if near else f"there are {', '.join(_FIELDS)}"
            raise value.wrong(f"{where}: there is no such field; {meant}")
        found.update(_FIELDS[name](where, value))
    return Rule(**found)


def _thresholds(where: str, value: Placed) -> dict[str, Any]:
    if not isinstance(value.value, dict):
        words = "a number from 0 to 1, or an object of a number for each label"
        return {"threshold": _number(where, value, 0, 1, words)}
    of_label = {
        label: _number(f"{where}.{label}", each, 0, 1) for label, each in value.value.items()
    }
    general = of_label.pop(ANY, None)
    return {"threshold": general, "of_label": of_label}


def _targets(where: str, value: Placed) -> dict[str, Any]:
    labels = value.value
    if not isinstance(labels, list) or not labels:
        raise value.wrong(
            f"{where}={_shown(value)} is not allowed: a list of labels, of at least one"
        )
    for each in labels:
        if not isinstance(each.value, str) or not each.value:
            raise each.wrong(f"{where} holds {_shown(each)}, which is no label in quotes")
    return {"targets": frozenset(each.value for each in labels)}


def _crop(where: str, value: Placed) -> dict[str, Any]:
    words = "an object of left, top, right and bottom, each a fraction of the image's side"
    found = {}
    for side, each in _object(value, where, words).items():
        if side not in _SIDES:
            raise each.wrong(f"{where}.{side}: no such side; there are {', '.join(_SIDES)}")
        found[side] = _number(f"{where}.{side}", each, 0, 1)
    crop = Crop(**found)
    for begin, end in (("left", "right"), ("top", "bottom")):
        if getattr(crop, begin) >= getattr(crop, end):
            raise value.wrong(
                f"{where}: {begin}={getattr(crop, begin):g} must be less than "
                f"{end}={getattr(crop, end):g}: both count from the {begin}"
            )
    return {"crop": crop}


def _expect_s(where: str, value: Placed) -> dict[str, Any]:
    return {"expect_s": _number(where, value, 1, LONGEST_EXPECT_S)}


_FIELDS: Mapping[str, Callable[[str, Placed], dict[str, Any]]] = {
    "thresholds": _thresholds,
    "targets": _targets,
    "crop": _crop,
    "expect_s": _expect_s,
}


def _object(value: Placed, where: str, allowed: str) -> dict[str, Placed]:
    if not isinstance(value.value, dict):
        raise value.wrong(f"{where}={_shown(value)} is not allowed: {allowed}")
    return value.value


def _number(where: str, value: Placed, low: float, high: float, allowed: str = "") -> float:
    found = value.value
    if isinstance(found, bool) or not isinstance(found, int | float) or not low <= found <= high:
        allowed = allowed or f"a number from {low:g} to {high:g}"
        raise value.wrong(f"{where}={_shown(value)} is not allowed: {allowed}")
    return float(found)


def _shown(value: Placed) -> str:
    text = json.dumps(value.plain, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}..."
