"""The C allocator, told to keep large buffers instead of returning them to the kernel."""

from __future__ import annotations

import ctypes

# Parameters of mallopt(3) in glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

_KEPT_BYTES = 2**30


def keep_large_buffers() -> bool:
    """Let freed buffers up to a GiB be used again; returns False where the C library is another.

    glibc maps each buffer above 32 MiB at most afresh and unmaps it when freed, so a model's
    activations are paged in and zeroed by the kernel again for every batch. Threads get arenas of
    64 MiB, which cannot hold them either: those that start from now on share the main one.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return all(
        [
            mallopt(_M_ARENA_MAX, 1),
            mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES),
            mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES),
        ]
    )
