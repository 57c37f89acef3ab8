"""What an engine says when memory is short, and what helps."""

from __future__ import annotations

from velox.base.errors import EngineOutOfMemory


def out_of_memory(count: int, *, cuda: bool) -> EngineOutOfMemory:
    """The error of a batch for which there is no memory.

    Args:
        count: images in the batch.
        cuda: whether it is the memory of a CUDA device; else it is that of the machine.
    """
    larger = "GPU_MEMORY_FRACTION" if cuda else "the container's memory limit"
    return EngineOutOfMemory(
        f"no memory for a batch of {count} images: lower BATCH_SIZE or raise {larger}"
    )
