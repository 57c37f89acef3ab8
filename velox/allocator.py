"""The C allocator, told when to keep large buffers and when to return them to the kernel."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

_KEPT_BYTES = 2**30
# Parameters of mallopt(3) in glibc's malloc.h, by the variable that sets them from outside.
_SETTINGS = {
    "MALLOC_ARENA_MAX": (-8, 1),
    "MALLOC_MMAP_THRESHOLD_": (-3, _KEPT_BYTES),
    "MALLOC_TRIM_THRESHOLD_": (-1, _KEPT_BYTES),
}


def keep_large_buffers() -> bool:
    """Let freed buffers up to a GiB be used again; returns False where the C library is another.

    glibc maps each buffer above 32 MiB at most afresh and unmaps it when freed, so a model's
    activations are paged in and zeroed by the kernel again for every batch. Threads get arenas of
    64 MiB, which cannot hold them either: they are to share the main one, so this must come before
    there are threads. What the environment sets stays.
    """
    mallopt = _function("mallopt")
    return mallopt is not None and all(
        mallopt(*setting) for name, setting in _SETTINGS.items() if name not in os.environ
    )


def release_free_memory() -> bool:
    """Return all that is free now to the kernel; False where the C library is another."""
    trim = _function("malloc_trim")
    return trim is not None and bool(trim(0))


def _function(name: str) -> Callable[..., int] | None:
    try:
        found: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return None
    return found
