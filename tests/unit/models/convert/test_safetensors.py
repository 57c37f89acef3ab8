"""The format as github.com/huggingface/safetensors describes it, and what breaks it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
import torch

from velox.models.convert import safetensors


def written(header: Any, body: bytes = b"", *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + body


def entry(dtype: str, shape: Any, begin: Any, end: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("F64", torch.float64), ("F32", torch.float32), ("F16", torch.float16),
     ("BF16", torch.bfloat16), ("I64", torch.int64), ("U8", torch.uint8)],
)  # fmt: skip
def test_each_type_of_number_is_read(name: str, dtype: torch.dtype) -> None:
    expected = torch.tensor([[1, 2, 3], [4, 5, 250]]).to(dtype)
    body = bytes(expected.view(torch.uint8).flatten().tolist())
    found = safetensors.read(written({"w": entry(name, [2, 3], 0, len(body))}, body))
    assert found["w"].dtype == dtype
    assert torch.equal(found["w"], expected)


def test_scalars_empty_tensors_metadata_and_spaces_are_of_the_format() -> None:
    header = {
        "__metadata__": {"format": "pt"},
        "later": entry("U8", [3], 8, 11),
        "count": entry("I64", [], 0, 8),
        "none": entry("F32", [0, 4], 8, 8),
    }
    text = json.dumps(header).encode() + b"   "
    found = safetensors.read(written(text, (7).to_bytes(8, "little") + b"abc"))
    assert int(found["count"]) == 7
    assert found["later"].tolist() == [97, 98, 99]
    assert found["none"].shape == (0, 4)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "cut short"),
        (b"\1\0\0\0", "cut short"),
        (written({}, length=100), "cut short"),
        (written({}, length=2**63), "cut short"),
        (written(b"{" + b" " * 10_000_001), "more than 10000000"),
        (written(b"[]"), "no JSON object"),
        (written(b" {}"), "no JSON object"),
        (written(b"{'a'}"), "no JSON"),
        (written(b"\xff{}"), "no JSON"),
        (written(b"{" + b'"a":[' * 100_000), "no JSON"),
        (written(b'{"a": {}, "a": {}}'), "names something twice"),
        (written({"w": 3}), "has not dtype"),
        (written({"w": {"dtype": "F32", "shape": [1]}}), "has not dtype"),
        (written({"w": entry("F4", [1], 0, 4)}, b"abcd"), "of type 'F4'"),
        (written({"w": entry(["F32"], [1], 0, 4)}, b"abcd"), "of type"),  # type: ignore[arg-type]
        (written({"w": entry("F32", [-1], 0, -4)}), "whole numbers"),
        (written({"w": entry("F32", [1.0], 0, 4)}, b"abcd"), "whole numbers"),
        (written({"w": entry("F32", [True], 0, 4)}, b"abcd"), "whole numbers"),
        (written({"w": entry("F32", "1", 0, 4)}, b"abcd"), "whole numbers"),
        (written({"w": entry("F32", [1] * 9, 0, 4)}, b"abcd"), "9 axes"),
        (written({"w": entry("F32", [2], 0, 4)}, b"abcd"), "takes 8 bytes and has 4"),
        (written({"w": entry("U8", [2**40, 2**40], 0, 4)}, b"abcd"), "and has 4"),
        (written({"w": entry("U8", [4], 4, 8)}, b"abcdefgh"), "begins at 4"),
        (
            written({"a": entry("U8", [4], 0, 4), "b": entry("U8", [4], 2, 6)}, b"abcdef"),
            "'b' begins at 2",
        ),
        (
            written({"a": entry("U8", [4], 0, 4), "b": entry("U8", [4], 0, 4)}, b"abcd"),
            "'b' begins at 0",
        ),
        (written({"w": entry("U8", [4], 0, 4)}, b"abcdef"), "4 bytes and the file 6"),
        (written({"w": entry("U8", [4], 0, 4)}, b"abc"), "4 bytes and the file 3"),
    ],
)
def test_what_breaks_the_format_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        safetensors.read(data)


def test_spoilt_files_are_refused_or_read_and_nothing_else() -> None:
    header = {"a": entry("F32", [2, 2], 0, 16), "b": entry("I64", [1], 16, 24)}
    good, chance = written(header, bytes(24)), random.Random(0)
    for _ in range(2000):
        bad = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        try:
            safetensors.read(bytes(bad))
        except ValueError:
            continue
