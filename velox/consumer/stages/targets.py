"""Labels of settings that are no labels of the model: they decide nothing, which is said."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Collection, Sequence

_MOST_NAMED = 5


def unknown_labels(asked: Collection[str], labels: Sequence[str]) -> str | None:
    """What to say of the labels that no image can ever have, None where there are none.

    Args:
        asked: the labels of a setting.
        labels: those of the model.
    """
    unknown = sorted(set(asked) - set(labels))
    if not unknown:
        return None
    named = ", ".join(_with_nearest(each, labels) for each in unknown[:_MOST_NAMED])
    more = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
    return f"the model has no label {named}{more}"


def unknown_targets(targets: Collection[str], labels: Sequence[str]) -> str | None:
    """The same of TARGET_LABELS, without any of which nothing matches."""
    said = unknown_labels(targets, labels)
    return f"{said}; so nothing will match" if said and not set(targets) & set(labels) else said


def _with_nearest(target: str, labels: Sequence[str]) -> str:
    for label in labels:
        if _composed(label) == _composed(target):
            # They look the same, so they are shown by their code points.
            return f"{target!a} (its {label!a} has another Unicode form)"
        if label.strip() == target.strip():
            return (
                f"{target!r} (its {label!r} has a space at its end or beginning, which only "
                "SOURCES_PATH can name; better rename that label's folder and train once more)"
            )
    by_folded = {_folded(each): each for each in labels}
    near = difflib.get_close_matches(_folded(target), by_folded, n=1)
    return f"{target!r} (the nearest is {by_folded[near[0]]!r})" if near else repr(target)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
