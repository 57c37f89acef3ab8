"""Verdicts for other programs: images in folders of their labels, a CSV, and two kinds of JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from velox.base.candidates import Judged
from velox.review.labels import CSV, FIFTYONE, LABEL_STUDIO, as_file_name
from velox.stores.review_interface import Verdicts

COLUMNS = (
    *("id", "file", "label", "judged_by", "judged_at", "predicted_label", "confidence", "outcome"),
    *("reason", "random", "model", "source", "timestamp", "ground_truth"),
)


@dataclass(frozen=True, slots=True)
class Exported:
    """A verdict, and where its image lies.

    Attributes:
        judged: the verdict.
        file: `LABEL/NAME`; '' where nobody can tell a label, or the image is left out.
    """

    judged: Judged
    file: str


def place_of(judged: Judged) -> str:
    """Where an image goes: in its label's folder, as its id and with its format's extension."""
    if judged.label is None:
        return ""
    identity, form = judged.candidate.id.replace(":", "-"), judged.candidate.extension
    return f"{as_file_name(judged.label)}/{as_file_name(identity + form)}"


def without_images(store: Verdicts, *, without: frozenset[str]) -> list[Exported]:
    """All verdicts, in the order of their ids.

    Args:
        store: of the verdicts.
        without: ids whose images are left out.
    """
    return [
        Exported(judged, "" if judged.candidate.id in without else place_of(judged))
        for judged in store.judged()
    ]


def with_images(
    store: Verdicts, *, without: frozenset[str]
) -> Iterator[tuple[Exported, bytes | None]]:
    """The same with the images."""
    for judged in store.judged():
        wanted = judged.label is not None and judged.candidate.id not in without
        image = store.image(judged.candidate.id) if wanted else None
        yield Exported(judged, "" if image is None else place_of(judged)), image


def tables(found: Sequence[Exported]) -> dict[str, bytes]:
    """The files beside the images, by name."""
    return {
        CSV: as_csv(found),
        LABEL_STUDIO: as_json(label_studio(found)),
        FIFTYONE: as_json(fiftyone(found)),
    }


def as_csv(found: Sequence[Exported]) -> bytes:
    """One line a verdict, as RFC 4180 has it, in UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for each in found:
        known = each.judged.candidate
        row = {
            **known.document(),
            "id": known.id,
            "file": each.file,
            "label": each.judged.label,
            "judged_by": each.judged.by,
            "judged_at": each.judged.at,
            "random": int(known.random),
        }
        writer.writerow([_harmless(row[column]) for column in COLUMNS])
    return text.getvalue().encode("utf-8", "replace")


def label_studio(found: Sequence[Exported]) -> list[dict[str, object]]:
    """Tasks as Label Studio imports them, for Choices named `choice` of an Image named `image`.

    The images are read from its local storage, with the folder of the export as its root.
    """
    return [
        {
            "data": {
                "image": f"/data/local-files/?d={quote(each.file)}",
                "id": each.judged.candidate.id,
            },
            "annotations": [{"result": [_choice(each.judged.label or "")]}],
            "predictions": [
                {
                    "model_version": each.judged.candidate.model,
                    "score": each.judged.candidate.confidence,
                    "result": [_choice(each.judged.candidate.predicted_label)],
                }
            ],
        }
        for each in found
        if each.file
    ]


def fiftyone(found: Sequence[Exported]) -> dict[str, object]:
    """The labels of a FiftyOneImageClassificationDataset: index of the class, by file."""
    shown = [(each.file.rpartition(".")[0], each.judged.label) for each in found if each.file]
    classes = sorted({label for _, label in shown if label is not None})
    index = {label: number for number, label in enumerate(classes)}
    return {
        "classes": classes,
        "labels": {file: index[label] for file, label in shown if label is not None},
    }


def as_json(content: object) -> bytes:
    """As UTF-8; what is no text in Unicode stays escaped."""
    return json.dumps(content, allow_nan=False, indent=1).encode()


def _choice(label: str) -> dict[str, object]:
    return {
        "from_name": "choice",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": [label]},
    }


def _harmless(value: object) -> object:
    """A text that a spreadsheet would take for a formula is marked as text by an apostrophe.

    OWASP, "CSV Injection". Numbers are none.
    """
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
