"""What tests of engines on the CPU share: which instructions it has, and one thread of PyTorch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from velox.models.engine import int8

_FOUND = torch.cpu.get_capabilities()

needs_bf16 = pytest.mark.skipif(
    not _FOUND.get("avx512_bf16") and not _FOUND.get("amx_bf16"),
    reason="needs a CPU with instructions for bfloat16",
)
needs_int8 = pytest.mark.skipif(
    not int8.supported(), reason="needs a CPU with instructions for 8-bit integers"
)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """In each file that imports it: more threads than idle cores wait longer than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
