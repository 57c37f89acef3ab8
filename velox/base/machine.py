"""What the machine lets this process use: cores, and memory by way of the C allocator."""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Callable
from pathlib import Path

# https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_PROCESSOR = Path("/proc/cpuinfo")
# What tells two kinds of processor apart, on x86 and on ARM.
_KIND = (
    *("vendor_id", "cpu family", "model", "model name", "stepping", "flags"),
    *("CPU implementer", "CPU variant", "CPU part", "Features"),
)
_KEPT_BYTES = 2**30
_HEAP_BYTES = 2**26
# Parameters of mallopt(3) in glibc's malloc.h, by the variable that sets them from outside.
_SETTINGS = {
    "MALLOC_TRIM_THRESHOLD_": (-1, _KEPT_BYTES),
    "MALLOC_TOP_PAD_": (-2, _HEAP_BYTES),
    "MALLOC_MMAP_THRESHOLD_": (-3, _KEPT_BYTES),
}


def usable_cores(quota: Path = _QUOTA) -> int:
    """The cores of the machine that the process may run on, within its cgroup's quota.

    A container's share is often less than the machine.

    Args:
        quota: the cgroup's `cpu.max`, `<microseconds or max> <period>`; it need not exist.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        share, period = quota.read_text().split()
        allowed = math.ceil(int(share) / int(period))
    except (OSError, ValueError):
        return cores or 1
    return max(1, min(cores or 1, allowed))


def processor(description: Path = _PROCESSOR) -> dict[str, str]:
    """What kind the first core is, in the kernel's words: its maker, model and `flags`.

    Args:
        description: `/proc/cpuinfo`; it need not exist.
    """
    try:
        first = description.read_text().strip().partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    found = {name.strip(): value.strip() for name, _, value in pairs}
    return {name: value for name, value in found.items() if name in _KIND}


def share_cores() -> None:
    """Let threads of OpenMP sleep while they wait for each other; call before PyTorch is imported.

    GNU's library lets them spin, which costs others their cores. Where these are busy, who spins
    holds up the very thread that is waited for: a training beside other work took many times as
    long. (OMP_WAIT_POLICY in the OpenMP specification, GOMP_SPINCOUNT in libgomp's manual.) What
    the environment sets stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def keep_large_buffers() -> bool:
    """Let freed buffers be used again; returns False where the C library is another.

    glibc maps each buffer above 32 MiB at most afresh and unmaps it when freed, so a model's
    activations are paged in and zeroed by the kernel again for every batch. A thread's arena is
    made of heaps of 64 MiB, each unmapped once it is free unless the padding is as large. (One
    arena for all threads would need no such care, but they would wait for its lock: small models
    took twice as long.) What the environment sets stays.
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
