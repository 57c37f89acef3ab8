"""Names of files as text that can go anywhere, and the labels that folders give."""

from __future__ import annotations

import os
import unicodedata

# Ends of lines, and what makes a terminal move, paint or beep.
_ESCAPED = {
    code: repr(chr(code))[1:-1] for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
}


def shown(name: str) -> str:
    r"""A file name as valid text: bytes that are no UTF-8 become `\xNN`, so names stay distinct."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def label_named(name: str) -> str:
    """The label that a folder's name gives, in training and in serving.

    In Unicode's composed form (NFC): macOS gives names in the decomposed one, keyboards do not.
    """
    return unicodedata.normalize("NFC", shown(name))


def on_one_line(text: str) -> str:
    r"""A text whose ends of lines and control characters are escaped, as `\n` and `\x1b`."""
    return text.translate(_ESCAPED)
