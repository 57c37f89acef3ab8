"""Targets that are no labels of the model: they never match, which is said in one line."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Collection, Sequence

_MOST_NAMED = 5


def unknown_targets(targets: Collection[str], labels: Sequence[str]) -> str | None:
    """What to say of the targets that no image can ever have, None where there are none.

    Args:
        targets: the labels of TARGET_LABELS.
        labels: those of the model.
    """
    unknown = sorted(set(targets) - set(labels))
    if not unknown:
        return None
    named = ", ".join(_with_nearest(each, labels) for each in unknown[:_MOST_NAMED])
    more = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
    none = "; so nothing will match" if len(unknown) == len(set(targets)) else ""
    return f"the model has no label {named}{more}{none}"


def _with_nearest(target: str, labels: Sequence[str]) -> str:
    for label in labels:
        if _composed(label) == _composed(target):
            # They look the same, so they are shown by their code points.
            return f"{target!a} (its {label!a} has another Unicode form)"
    by_folded = {_folded(each): each for each in labels}
    near = difflib.get_close_matches(_folded(target), by_folded, n=1)
    return f"{target!r} (the nearest is {by_folded[near[0]]!r})" if near else repr(target)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
