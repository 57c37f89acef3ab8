"""Why an engine does not run in the precision that it was asked for."""

from __future__ import annotations

import torch

from velox.models.engine.onnx_choice import has_byte_products


def why(precision: str) -> str:
    """The reason on this machine, in words: instructions that it lacks, or else other answers."""
    return lacking(precision) or f"{precision} is refused, it does not decide as fp32 does"


def lacking(precision: str) -> str:
    """Which instructions a precision needs that this CPU lacks, in words; empty if it has them."""
    found = torch.cpu.get_capabilities()
    if precision == "int8" and not has_byte_products():
        return "this CPU has no instructions for 8-bit integers"
    if precision == "bf16" and not (found.get("avx512_bf16") or found.get("amx_bf16")):
        return "this CPU has no instructions for bfloat16"
    return ""
