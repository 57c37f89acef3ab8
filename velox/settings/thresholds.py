"""How thresholds are written in a setting: `0.9,LABEL=0.55`, or `auto,LABEL=0.55`."""

from __future__ import annotations

from velox.base.thresholds import Thresholds
from velox.settings.parsers import Parser, auto_or, number, parts

_NUMBER = number(0, 1)
_GENERAL = auto_or(_NUMBER, auto=None)


def _thresholds(value: str) -> Thresholds:
    r"""A comma in a label is written `\,`; an `=` needs nothing, as no number holds one."""
    first, *others = parts(value)
    of_label: dict[str, float] = {}
    for part in others:
        label, equals, own = (each.strip() for each in part.rpartition("="))
        if not (label and equals) or label in of_label:
            raise ValueError
        of_label[label] = _NUMBER.convert(own)
    return Thresholds(_GENERAL.convert(first.strip()), of_label)


THRESHOLDS = Parser(
    _thresholds,
    f"{_GENERAL.allowed}; after it, for some labels, their own as LABEL=NUMBER, separated by "
    r"commas (a comma in a label: \,)",
)
