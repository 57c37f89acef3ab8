"""The list of labels beside a model, in the order of its outputs."""

from __future__ import annotations

import json
from pathlib import Path

from velox.base.errors import CheckpointError


def read(data: bytes, path: Path) -> tuple[str, ...]:
    """The labels of `{"0": "red_circle", "1": ...}`.

    Args:
        data: all of the file.
        path: its name, for the error.

    Raises:
        CheckpointError: when it is no such list.
    """
    try:
        classes = json.loads(data)
        labels = tuple(classes[str(index)] for index in range(len(classes)))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckpointError(
            f'{path} is not a list of labels like {{"0": "red_circle"}}'
        ) from error
    if not all(isinstance(label, str) and label for label in labels):
        raise CheckpointError(f"{path} has a label that is not text")
    for label in labels:
        try:
            label.encode()
        except UnicodeEncodeError:
            # JSON can hold what no database, metric or topic takes.
            raise CheckpointError(f"{path} has a label that is not UTF-8: {label!a}") from None
    return labels


def written(labels: tuple[str, ...]) -> bytes:
    """As `read` reads them."""
    classes = {str(index): label for index, label in enumerate(labels)}
    return (json.dumps(classes, indent=2) + "\n").encode()
