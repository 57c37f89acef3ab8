"""Parsers of settings: what a variable's text must look like, and the value it stands for.

A parser says in words what it allows: for the error that names a bad value, for `--help` and for
the documents' table.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class NotAllowed(ValueError):
    """A value that is not allowed, with the reason in words; of a secret they hold no part."""


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


def parts(value: str) -> list[str]:
    r"""What commas separate, as it stands; `\,` is a comma inside a part."""
    return [part.replace("\\,", ",") for part in re.split(r"(?<!\\),", value)]


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


def auto_or(parser: Parser, *, auto: float | None = 0) -> Parser:
    """As the parser, or `auto`, which becomes what is given, by default 0: who reads it decides."""
    return Parser(
        lambda value: auto if value == "auto" else parser.convert(value),
        f"auto, or {parser.allowed}",
    )


def _path(value: str) -> Path:
    if not value or "\0" in value:
        raise ValueError
    return Path(value)


def _switch(value: str) -> bool:
    return {"1": True, "0": False}[value]


def _color(value: str) -> tuple[int, int, int]:
    red, green, blue = (_of_255.convert(part.strip()) for part in value.split(","))
    return red, green, blue


_of_255 = integer(0, 255)
COLOR = Parser(_color, "red,green,blue, each a whole number from 0 to 255")
PATH = Parser(_path, "a path")
SWITCH = Parser(_switch, "0 or 1")
OPTIONAL_PATH = Parser(lambda value: _path(value) if value else None, "a path, or empty")
