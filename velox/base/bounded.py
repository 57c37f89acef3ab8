"""Calls that may hang in a client library, given a limit."""

from __future__ import annotations

import threading
from collections.abc import Callable


def call_within(limit: float, call: Callable[[], object]) -> bool:
    """Run a call in a thread of its own and wait for it at most `limit` seconds.

    Returns:
        Whether it ended in time; if not, it goes on in the background until the process ends.
    """
    worker = threading.Thread(target=call, name=f"bounded-{call.__name__}", daemon=True)
    worker.start()
    worker.join(limit)
    return not worker.is_alive()
