"""consumer.py on one core, that of BENCH_CORE, as on a machine of its own."""

from __future__ import annotations

import os
import sys

os.sched_setaffinity(0, {int(os.environ["BENCH_CORE"])})

import consumer  # noqa: E402 - the threads of what it imports belong on that core too

if __name__ == "__main__":
    sys.exit(consumer.main())
