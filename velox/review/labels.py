"""The labels that there are, what a new one may be, and a name that any folder can have."""

from __future__ import annotations

import hashlib
import json
import logging
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from velox.base.logs import ThinnedLog

LONGEST = 100
# The tables of an export lie beside the folders of the labels.
CSV, LABEL_STUDIO, FIFTYONE = TABLES = ("verdicts.csv", "label-studio.json", "fiftyone.json")
# What is left as it stands in the name of a file or folder, on any system.
_PLAIN = " !#$&'()+,-.;=@[]^_`{}~"
# Hidden, an option, or what a spreadsheet takes for a formula; an empty name is none.
_NEVER_FIRST = ("", *".-=+@ ")
# File systems take 255 bytes.
LONGEST_NAME = 200

log = logging.getLogger(__name__)


def why_not(label: str) -> str | None:
    """Why a new label is not allowed, None where it is: it has to be a folder's name too."""
    if not label or label != label.strip():
        return "a label is not empty, and has no space at its ends"
    if len(label) > LONGEST or len(label.encode("utf-8", "replace")) > LONGEST_NAME:
        return f"a label has at most {LONGEST} characters, and {LONGEST_NAME} bytes in UTF-8"
    if "/" in label or label.startswith(".") or not label.isprintable():
        return "a label has no slash, no control character, and no dot at its beginning"
    if unicodedata.normalize("NFC", label) != label:
        return "a label is in Unicode's composed form (NFC)"
    if label.casefold() in TABLES:
        return f"a label cannot be {label!r}: every export has a file of that name"
    return None


def as_file_name(text: str) -> str:
    """Any text as the name of one file or folder, which tells it from every other text.

    What no name may hold, could lead elsewhere, or is one of `TABLES`, is percent-encoded (RFC
    3986).
    """
    kept = "".join(
        each if each.isalnum() or each in _PLAIN else quote(each, safe="", errors="replace")
        for each in text
    )
    if kept[:1] in _NEVER_FIRST or text.casefold() in TABLES:
        kept = f"%{ord(kept[0]):02X}{kept[1:]}" if kept else "%"
    if len(kept.encode()) > LONGEST_NAME:
        rest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
        kept = f"{kept.encode()[: LONGEST_NAME - 17].decode(errors='ignore')}_{rest}"
    return kept


class ModelLabels:
    """The labels beside the model, read again when their file changes.

    Args:
        path: CLASSES_PATH; it may be missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[int, int] | None = None
        self._labels: list[str] = []
        self._trouble = ThinnedLog(log, per_second=0.1)

    def now(self) -> Sequence[str]:
        """In the order of the model's outputs; none without a file that can be used."""
        try:
            found = self._path.stat()
            if (found.st_mtime_ns, found.st_size) != self._read:
                self._labels = _labels(json.loads(self._path.read_text(encoding="utf-8")))
                self._read = (found.st_mtime_ns, found.st_size)
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            self._trouble.warning("labels not read path=%s reason=%r", self._path, str(error))
        return self._labels


def _labels(content: object) -> list[str]:
    if not isinstance(content, dict) or not all(isinstance(each, str) for each in content.values()):
        raise ValueError("it is no JSON object of labels")
    return [content[key] for key in sorted(content, key=lambda key: (len(key), key))]
