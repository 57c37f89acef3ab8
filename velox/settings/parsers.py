"""Parsers of settings: what a variable's text must look like, and the value it stands for.

A parser says in words what it allows: for the error that names a bad value, for `--help` and for
the documents' table.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from velox.settings.kafka_properties import GUARDED, why_not

# Velox's guarantees rest on these; see there for what they may say.
PROTECTED_PROPERTIES = frozenset(GUARDED)


class NotAllowed(ValueError):
    """A value that is not allowed, with the reason in words that hold no part of it."""


class Parser(NamedTuple):
    """Text to value; `allowed` says in words what `convert` accepts (it raises ValueError)."""

    convert: Callable[[str], Any]
    allowed: str


def integer(low: int, high: int) -> Parser:
    """A whole number in [low, high]."""

    def convert(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]+", text):
            raise ValueError
        value = int(text)
        _require(low <= value <= high)
        return value

    return Parser(convert, f"a whole number from {low} to {high}")


def number(low: float, high: float) -> Parser:
    """A finite decimal number in [low, high]."""

    def convert(text: str) -> float:
        value = float(text)
        _require(low <= value <= high)
        return value

    return Parser(convert, f"a number from {low:g} to {high:g}")


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError


def text(pattern: str, allowed: str) -> Parser:
    """Text that matches a whole regular expression."""

    def convert(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError
        return value

    return Parser(convert, allowed)


def choice(*names: str) -> Parser:
    """One of some words."""

    def convert(value: str) -> str:
        if value not in names:
            raise ValueError
        return value

    return Parser(convert, "one of " + ", ".join(names))


def choices(*names: str) -> Parser:
    """A comma-separated list, without repeats, of some words."""

    def convert(value: str) -> tuple[str, ...]:
        parts = tuple(part.strip() for part in value.split(","))
        if any(part not in names for part in parts) or len(set(parts)) < len(parts):
            raise ValueError
        return parts

    return Parser(convert, "a comma-separated list of " + ", ".join(names))


def some(*names: str) -> Parser:
    """As `choices`, or nothing."""
    listed = choices(*names)
    return Parser(
        lambda value: listed.convert(value) if value else (), f"{listed.allowed}, or empty"
    )


def _labels(value: str) -> frozenset[str]:
    parts = [part.strip() for part in value.split(",")] if value else []
    if any(not part for part in parts):
        raise ValueError
    return frozenset(parts)


def _path(value: str) -> Path:
    if not value or "\0" in value:
        raise ValueError
    return Path(value)


def _entries(value: str) -> tuple[str, ...]:
    r"""`a,b,c` without empty parts; a comma inside a part is written `\,`."""
    parts = tuple(part.strip().replace("\\,", ",") for part in _split(value))
    if not all(parts) or "\0" in value:
        raise ValueError
    return parts


def _split(value: str) -> list[str]:
    return re.split(r"(?<!\\),", value)


def _switch(value: str) -> bool:
    return {"1": True, "0": False}[value]


def _kafka_config(value: str) -> dict[str, str]:
    r"""`name=value,name=value`; a comma inside a value is written `\,`."""
    properties: dict[str, str] = {}
    for part in _split(value) if value else ():
        name, equals, content = part.replace("\\,", ",").partition("=")
        name = name.strip()
        if not equals or not re.fullmatch(r"[a-z][a-z0-9._]*", name):
            raise ValueError
        if (reason := why_not(name, content)) is not None:
            raise NotAllowed(reason)
        properties[name] = content
    return properties


PATH = Parser(_path, "a path")
SOURCES = Parser(
    _entries,
    r"synthetic, a path, a camera's number, an address, or - for a tar archive on standard input; "
    r"several separated by commas (a comma in one: \,), each LOCATION or NAME=LOCATION",
)
SWITCH = Parser(_switch, "0 or 1")
LABELS = Parser(_labels, "a comma-separated list of labels, or empty for all")
KAFKA_CONFIG = Parser(
    _kafka_config,
    r"name=value pairs of librdkafka, separated by commas (a comma in a value: \,), but for those "
    "on which the guarantees rest",
)
TOPIC = text(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,245}", "1 to 245 of a-z A-Z 0-9 . _ -")
OPTIONAL_TOPIC = text(
    r"|(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}", "1 to 249 of a-z A-Z 0-9 . _ -, or empty"
)
NAME = text(r"[^\s\0/\\.$\"]{1,63}", '1 to 63 characters without spaces or / \\ . $ "')
OPTIONAL_PATH = Parser(lambda value: _path(value) if value else None, "a path, or empty")
SERVERS = text(r"[^\s,]+:[0-9]{1,5}(,[^\s,]+:[0-9]{1,5})*", "host:port, separated by commas")
MONGO = text(r"|mongodb(\+srv)?://\S+", "a mongodb:// or mongodb+srv:// address, or empty")
DEVICE = text(r"auto|cpu|cuda(:[0-9]+)?", "auto, cpu, cuda or cuda:N")
IDENTIFIER = text(r"[a-z][a-z0-9_]*", "the name of a classifier in torchvision.models")
