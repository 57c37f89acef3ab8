"""Patterns that names of sources fit."""

from __future__ import annotations

ANY = "*"


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
