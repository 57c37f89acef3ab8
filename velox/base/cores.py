"""How many cores this process may use: a container's share is often less than the machine."""

from __future__ import annotations

import math
import os
from pathlib import Path

# https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores(quota: Path = _QUOTA) -> int:
    """The cores of the machine that the process may run on, within its cgroup's quota.

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
