"""Which errors of a sink mean what: not now, not this one, not at all.

Each sink has one table, by its plain numbers, beside what writes to it; `docs/errors.md` shows
them to users. Of an error that is in no table nobody knows whose fault it is: its batch is taken
apart, and what fails alone too is tried a few times more before it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple


class Verdict(Enum):
    """What a failed write says of its records."""

    NOT_NOW = "try again"
    NOT_THIS_ONE = "refuse this one"
    NOT_AT_ALL = "stop"


class Known(NamedTuple):
    """An error that is known: what it means, and what its sink calls it."""

    verdict: Verdict
    name: str


Table = Mapping[int, Known]


def verdict_of(table: Table, code: int | None) -> Verdict | None:
    """What an error means, None if it is of no known kind."""
    known = table.get(code) if code is not None else None
    return known.verdict if known is not None else None


def known_as(verdict: Verdict, names: Mapping[int, str]) -> dict[int, Known]:
    """A part of a table: errors that mean the same, by what their sink calls them."""
    return {code: Known(verdict, name) for code, name in names.items()}
