"""A judgement for people: a report as text, and the confusion matrix as a PNG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from velox.base.names import on_one_line, shown
from velox.training.doubt import Doubt
from velox.training.judgement import SURE, Judgement
from velox.training.look import Look
from velox.training.thresholds import Promise, Threshold

# Labels that may be wrong, of which a text names no more: who has many looks at their pictures.
MOST_DOUBTS = 20
_CELL, _MARGIN = 44, 12
_MOST_NUMBERED = 40
_FONT, _SCALE, _BLACK, _WHITE = cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), (255, 255, 255)


def as_text(
    found: Judgement,
    across: Judgement | None,
    *,
    facts: Mapping[str, str],
    look: Look | None,
    doubts: Sequence[Doubt] | None,
) -> str:
    """The report.

    Args:
        found: the figures.
        across: those of a cross-validation, where test images are few.
        facts: what else belongs at its head, in order.
        look: what was found in the images, where they are the user's own.
        doubts: images whose labels are likely to be wrong, the surest first; None where none were
            looked for.
    """
    head = {**facts, **figures(found)}
    lines = [f"{name:<20} {value}" for name, value in head.items()]
    lines += ["", *_by_label(found)]
    if across:
        lines += ["", f"Cross-validation: {crossing(across)}", *_by_label(across)]
    if found.promise:
        lines += ["", *_promised(found, found.promise)]
    cell = max(len(str(found.confusion.max())), len(str(len(found.labels)))) + 1
    lines += ["", "Confusion matrix: true label in rows, predicted label in columns"]
    lines += ["     " + "".join(f"{index:>{cell}}" for index in range(len(found.labels)))]
    lines += [
        f"{index:>4} " + "".join(f"{count:>{cell}}" for count in row)
        for index, row in enumerate(found.confusion.tolist())
    ]
    if look and look.remarks():
        lines += ["", "Images", *(f"- {each}" for each in look.remarks())]
    if doubts:
        lines += ["", f"Labels that may be wrong, by cross-validation: {len(doubts)}"]
        lines += [f"{each.name}: {each.words()}" for each in doubts[:MOST_DOUBTS]]
        if len(doubts) > MOST_DOUBTS:
            lines += [f"and {len(doubts) - MOST_DOUBTS} more"]
    if look and look.skipped:
        lines += ["", f"Files left out: {len(look.skipped)}"]
        lines += [f"{shown(str(path))}: {reason}" for path, reason in look.skipped.items()]
    return "\n".join(map(on_one_line, lines)) + "\n"


def figures(found: Judgement) -> dict[str, str]:
    """The figures of all test images, by name."""
    before, after = found.calibration_error
    return {
        "test images": f"{found.images}, used neither to train nor to choose the epoch",
        "accuracy": f"{found.accuracy:.4f}; of other images like these {found.interval} (95 %)",
        "without a model": _without(found),
        "temperature": f"{found.temperature:.3f}, fitted on the validation images",
        "calibration error": f"{after:.4f} (ECE over 15 bins), {before:.4f} before the temperature",
        f"confidence >= {SURE:.2f}": (
            f"{found.sure:.4f} of the images, of which {found.sure_right:.4f} are right"
            if found.sure
            else "none of the images"
        ),
        **(found.novelty.figures() if found.novelty else {}),
    }


def promised(promise: Promise) -> str:
    """What thresholds are for, in words."""
    return (
        f"from this confidence on, at least {promise.precision:g} of a label's matches are right, "
        "with 95 % certainty (TARGET_PRECISION); CONFIDENCE_THRESHOLD=auto uses it"
    )


def matched(found: Judgement, label: int) -> str:
    """What of the test images is matched, in words."""
    images, right = found.matched[label].tolist()
    called = int(found.confusion[:, label].sum())
    return f"{images} of {called}, {right} right" if images else f"none of {called}"


def at(threshold: Threshold) -> str:
    """A threshold, or a dash."""
    return "-" if threshold.at is None else f"{threshold.at:.4f}"


def _promised(found: Judgement, promise: Promise) -> list[str]:
    labels = [on_one_line(each) for each in found.labels]
    wide = max(len("label"), *map(len, labels))
    lines = [f"Thresholds: {promised(promise)}"]
    lines += [f"{'':>4} {'label':<{wide}} {'threshold':>10}   test images matched"]
    rows = enumerate(zip(labels, promise.thresholds, strict=True))
    lines += [
        f"{index:>4} {label:<{wide}} {at(each):>10}   {matched(found, index)}; {each.words()}"
        for index, (label, each) in rows
    ]
    return lines


def _without(found: Judgement) -> str:
    label, share = found.commonest
    better = "the model is surely better" if found.better else "the model may be no better"
    return f"{share:.4f}, by always answering {label!r}; {better}"


def crossing(across: Judgement) -> str:
    """What a cross-validation found, in words."""
    return (
        "a last layer on the features of the weights that training starts from gets "
        f"{across.accuracy:.4f} of {across.images} images right, {across.interval} of others "
        "(95 %); each was judged by a layer that had not learned from it. Without a model: "
        f"{_without(across)}"
    )


def share(value: float) -> str:
    """A share with four digits; of nothing, as the precision of a label never given, a dash."""
    return "-" if math.isnan(value) else f"{value:.4f}"


def _by_label(found: Judgement) -> list[str]:
    labels = [on_one_line(each) for each in found.labels]
    wide = max(len("label"), *map(len, labels))
    head_of_table = f"{'label':<{wide}} {'images':>8} {'precision':>10} {'recall':>10}"
    lines = [f"{'':>4} {head_of_table}   95 % of recall"]
    rows = zip(
        labels,
        found.confusion.sum(axis=1),
        found.precision,
        found.recall,
        found.recall_intervals,
        strict=True,
    )
    lines += [
        f"{index:>4} {label:<{wide}} {images:>8} {share(precision):>10} {share(recall):>10}"
        f"   {interval}"
        for index, (label, images, precision, recall, interval) in enumerate(rows)
    ]
    return lines


def as_png(found: Judgement) -> bytes:
    """The confusion matrix as a picture: the darker, the larger the share of the true label."""
    names = [_name(index, label) for index, label in enumerate(found.labels)]
    count = len(names)
    left = max(_width(name) for name in names) + 2 * _MARGIN
    cell = _CELL if count <= _MOST_NUMBERED else max(2, _CELL * _MOST_NUMBERED // count)
    top = left
    image = np.full((top + count * cell + _MARGIN, left + count * cell + _MARGIN, 3), 255, np.uint8)
    if cell == _CELL:
        _write_names(image, names, left, top)
    shares = found.confusion / np.maximum(1, found.confusion.sum(axis=1, keepdims=True))
    for (row, column), share in np.ndenumerate(shares):
        x, y = left + column * cell, top + row * cell
        color = (255 - 40 * share, 255 - 150 * share, 255 - 225 * share)
        cv2.rectangle(image, (x, y), (x + cell - 1, y + cell - 1), color, cv2.FILLED)
        if cell == _CELL:
            cv2.rectangle(image, (x, y), (x + cell, y + cell), (200, 200, 200))
            text = str(found.confusion[row, column])
            place = (x + (cell - _width(text)) // 2, y + cell // 2 + 4)
            cv2.putText(
                image, text, place, _FONT, _SCALE, _WHITE if share > 0.5 else _BLACK, 1, cv2.LINE_AA
            )
    return cv2.imencode(".png", image)[1].tobytes()


def _name(index: int, label: str) -> str:
    # OpenCV's fonts have no other characters.
    return f"{index} {label}" if label.isascii() and label.isprintable() else str(index)


def _width(text: str) -> int:
    return int(cv2.getTextSize(text, _FONT, _SCALE, 1)[0][0])


def _write_names(image: NDArray[np.uint8], names: Sequence[str], left: int, top: int) -> None:
    """True labels at the left; predicted ones above, turned by a quarter."""
    above = np.full((len(names) * _CELL, top, 3), 255, np.uint8)
    for index, name in enumerate(names):
        line = index * _CELL + _CELL // 2 + 4
        cv2.putText(image, name, (_MARGIN, top + line), _FONT, _SCALE, _BLACK, 1, cv2.LINE_AA)
        cv2.putText(above, name, (_MARGIN, line), _FONT, _SCALE, _BLACK, 1, cv2.LINE_AA)
    turned = cv2.rotate(above, cv2.ROTATE_90_COUNTERCLOCKWISE)
    image[:top, left : left + len(names) * _CELL] = turned[:, ::1]
