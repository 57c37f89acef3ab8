"""Weights in the safetensors format, read with the standard library and every offset checked.

Eight bytes with the length of a header, the header in JSON, then the tensors' bytes without a gap.
The format, and what its own library refuses: github.com/huggingface/safetensors, README.md
("Format") and safetensors/src/tensor.rs. The header's bound is lower here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

_LENGTH_BYTES = 8
# The format allows 100 MB; that of the largest classifier has 100 kB.
_MOST_HEADER_BYTES = 10_000_000
_MOST_AXES = 8
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_METADATA = "__metadata__"


class _Entry(NamedTuple):
    name: str
    dtype: torch.dtype
    shape: list[int]
    begin: int
    end: int


def read(data: bytes) -> dict[str, Tensor]:
    """All tensors by name.

    Args:
        data: all of the file.

    Raises:
        ValueError: with the reason, where anything is not as the format says.
    """
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    if len(data) < _LENGTH_BYTES or length > len(data) - _LENGTH_BYTES:
        raise ValueError("its header is cut short")
    if length > _MOST_HEADER_BYTES:
        raise ValueError(f"its header has {length} bytes, more than {_MOST_HEADER_BYTES}")
    header, body = data[_LENGTH_BYTES:][:length], memoryview(data)[_LENGTH_BYTES + length :]
    entries = [
        _entry(name, content) for name, content in _parsed(header).items() if name != _METADATA
    ]
    _require_no_gap(entries, len(body))
    # Tensors of their own: a view would keep all the file, and lie where its bytes happen to.
    return {each.name: _tensor(each, body) for each in entries}


def _parsed(header: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(header, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError):
        raise ValueError("its header is no JSON, or names something twice") from None
    if not isinstance(content, dict) or not header.startswith(b"{"):
        raise ValueError("its header is no JSON object")
    return content


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _entry(name: str, content: Any) -> _Entry:
    """An entry of the header, checked but for its place among the others."""
    shown = name[:80]
    try:
        dtype, shape, (begin, end) = (content[key] for key in ("dtype", "shape", "data_offsets"))
        numbers = [*shape, begin, end]
    except (TypeError, KeyError, ValueError):
        raise ValueError(f"its entry of {shown!r} has not dtype, shape and data_offsets") from None
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise ValueError(
            f"{shown!r} is of type {str(dtype)[:20]!r}, not one of {', '.join(_DTYPES)}"
        )
    if not isinstance(shape, list) or not all(type(each) is int and each >= 0 for each in numbers):
        raise ValueError(f"the shape or the place of {shown!r} is no list of whole numbers")
    if len(shape) > _MOST_AXES:
        raise ValueError(f"{shown!r} has {len(shape)} axes, more than {_MOST_AXES}")
    needed = math.prod(shape) * _DTYPES[dtype].itemsize
    if end - begin != needed:
        raise ValueError(f"{shown!r} takes {needed} bytes and has {end - begin}")
    return _Entry(name, _DTYPES[dtype], shape, begin, end)


def _require_no_gap(entries: list[_Entry], size: int) -> None:
    """Refuse tensors that overlap, leave bytes between them, or end before or after the file."""
    at = 0
    for each in sorted(entries, key=lambda entry: (entry.begin, entry.end)):
        if each.begin != at:
            raise ValueError(
                f"{each.name[:80]!r} begins at {each.begin}, not where the one before ends"
            )
        at = each.end
    if at != size:
        raise ValueError(f"its tensors have {at} bytes and the file {size}")


def _tensor(entry: _Entry, body: memoryview) -> Tensor:
    if entry.begin == entry.end:
        return torch.empty(entry.shape, dtype=entry.dtype)
    part = bytearray(body[entry.begin : entry.end])
    return torch.frombuffer(part, dtype=entry.dtype).reshape(entry.shape)
