"""Into how many parts a batch is cut, so that all cores work on it."""

from __future__ import annotations

FLOAT32, BFLOAT16, INT8 = "fp32", "bf16", "int8"

# A part's activations are a small multiple of its input, and should stay in the core's cache as far
# as they can. Smaller parts lose more to the start of each operation than they gain by that.
_PART_INPUT_BYTES = 5_000_000
_ITEM_BYTES = {FLOAT32: 4, BFLOAT16: 2, INT8: 1}


def part_size(size: int, precision: str) -> int:
    """How many images of this height and width a core should be given at once at most."""
    return max(1, _PART_INPUT_BYTES // (3 * size**2 * _ITEM_BYTES[precision]))


def parts_of(count: int, cores: int, most: int) -> int:
    """Into how many parts to cut a batch, so that no core waits for another's last part.

    Args:
        count: images in the batch.
        cores: that work on it.
        most: images in a part at most.
    """
    rounds = -(-count // (cores * most))
    return min(count, cores * rounds)
