"""How thresholds are written in a setting: `0.9,LABEL=0.55`, or `auto,LABEL=0.55`."""

from __future__ import annotations

from typing import Any

from velox.base.thresholds import Thresholds
from velox.settings.parsers import NotAllowed, Parser, auto_or, number, parts

_NUMBER = number(0, 1)
_GENERAL = auto_or(_NUMBER, auto=None)


def _thresholds(value: str) -> Thresholds:
    r"""A comma in a label is written `\,`; an `=` needs nothing, as no number holds one."""
    first, *others = parts(value)
    general = _converted(_GENERAL, first, "comes first and")
    of_label: dict[str, float] = {}
    for part in others:
        label, equals, own = (each.strip() for each in part.rpartition("="))
        if not (label and equals):
            raise _wrong(f"{part!r} has no label and =")
        if label in of_label:
            raise _wrong(f"{label!r} stands there twice")
        of_label[label] = _converted(_NUMBER, own, f"of {label!r}")
    return Thresholds(general, of_label)


def _converted(parser: Parser, text: str, where: str) -> Any:
    try:
        return parser.convert(text.strip())
    except ValueError:
        raise _wrong(f"{text.strip()!r} {where} is not {parser.allowed}") from None


def _wrong(what: str) -> NotAllowed:
    return NotAllowed(f"{what}; allowed is {_ALLOWED}")


_ALLOWED = (
    f"{_GENERAL.allowed}; after it, for some labels, their own as LABEL=NUMBER, separated by "
    r"commas (a comma in a label: \,)"
)
THRESHOLDS = Parser(_thresholds, _ALLOWED)
