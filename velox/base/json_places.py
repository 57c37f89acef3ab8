"""JSON whose values know where they stand: what is wrong with one can be told by its line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

_SPACE = re.compile(r"[ \t\n\r]*")
# An escape can write half of a pair (RFC 8259, section 8.2), which no page of metrics can hold.
_SURROGATE = re.compile("[\ud800-\udfff]")
# Nobody writes deeper by hand, and Python's own stack has an end.
_DEEPEST = 20


def _constant(name: str) -> NoReturn:
    raise ValueError(name)


_SCALAR = json.JSONDecoder(parse_constant=_constant)


@dataclass(frozen=True, slots=True)
class Placed:
    """A value and where it begins in its text.

    Attributes:
        value: text, a number, a truth value or None; or a dict or list of `Placed`.
        text, at: the whole text, and the index in it.
        named_at: where the name begins under which an object holds it; else as `at`.
    """

    value: Any
    text: str
    at: int
    named_at: int

    def wrong(self, reason: str) -> json.JSONDecodeError:
        """An error that says something of this value; it knows the line as `lineno`."""
        return json.JSONDecodeError(reason, self.text, self.named_at)

    @property
    def plain(self) -> Any:
        """The value alone, for messages."""
        if isinstance(self.value, dict):
            return {name: each.plain for name, each in self.value.items()}
        if isinstance(self.value, list):
            return [each.plain for each in self.value]
        return self.value


def parsed(text: str) -> Placed:
    """The one value that a text holds.

    Raises:
        json.JSONDecodeError: when it is no JSON, when an object has a name twice, for numbers that
            JSON has not, and for text that cannot be written as UTF-8.
    """
    start = _after_space(text, 0)
    if start == len(text):
        raise json.JSONDecodeError("it is empty", text, 0)
    found, end = _value(text, start, 0)
    end = _after_space(text, end)
    if end < len(text):
        raise json.JSONDecodeError("there is more after the end", text, end)
    return found


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int, depth: int, named_at: int | None = None) -> tuple[Placed, int]:
    named_at = at if named_at is None else named_at
    if depth > _DEEPEST:
        raise json.JSONDecodeError("it is nested too deep", text, at)
    if text.startswith("{", at):
        members: dict[str, Placed] = {}
        end = at
        for begin in (parts := _Parts(text, at, "}")):
            name, value, parts.end = _member(text, begin, depth)
            if name in members:
                raise json.JSONDecodeError(f"{name!r} is there twice", text, begin)
            members[name] = value
        return Placed(members, text, at, named_at), parts.end
    if text.startswith("[", at):
        items: list[Placed] = []
        for begin in (parts := _Parts(text, at, "]")):
            item, parts.end = _value(text, begin, depth + 1)
            items.append(item)
        return Placed(items, text, at, named_at), parts.end
    plain, end = _scalar(text, at)
    return Placed(plain, text, at, named_at), end


def _scalar(text: str, at: int) -> tuple[Any, int]:
    try:
        plain, end = _SCALAR.raw_decode(text, at)
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        raise json.JSONDecodeError(f"{error} is no number of JSON", text, at) from None
    if isinstance(plain, str) and (half := _SURROGATE.search(plain)) is not None:
        raise json.JSONDecodeError(f"{half[0]!r} is half of a character", text, at)
    return plain, end


def _member(text: str, at: int, depth: int) -> tuple[str, Placed, int]:
    if not text.startswith('"', at):
        raise json.JSONDecodeError('a name in "quotes" is missing', text, at)
    name, end = _scalar(text, at)
    colon = _after_space(text, end)
    if not text.startswith(":", colon):
        raise json.JSONDecodeError(f"a : is missing after {name!r}", text, colon)
    value, end = _value(text, _after_space(text, colon + 1), depth + 1, at)
    return name, value, end


class _Parts:
    """Where the parts between two brackets begin.

    Attributes:
        end: where the part ends that was given last; at the end of all, after the bracket.
    """

    def __init__(self, text: str, at: int, closing: str) -> None:
        self._text, self._closing = text, closing
        self.end = at + 1

    def __iter__(self) -> Iterator[int]:
        at = _after_space(self._text, self.end)
        if self._text.startswith(self._closing, at):
            self.end = at + 1
            return
        while True:
            yield at
            at = _after_space(self._text, self.end)
            if self._text.startswith(self._closing, at):
                self.end = at + 1
                return
            if not self._text.startswith(",", at):
                reason = f"a , or {self._closing} is missing"
                raise json.JSONDecodeError(reason, self._text, at)
            comma, at = at, _after_space(self._text, at + 1)
            if self._text.startswith(self._closing, at):
                reason = f"a , before {self._closing} is too much"
                raise json.JSONDecodeError(reason, self._text, comma)
