"""The end of a process, whatever its threads are doing.

The interpreter waits at its end for the threads of pools and what is queued for them, and stops
daemon threads by unwinding them, which C++ code answers with an abort. Both are waited for a
moment, and then left to the kernel.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from velox.base.script import EXIT_FAILURE

GRACE_S = 0.5


def ended(body: Callable[[], int]) -> int:
    """Run a script to its end: nothing of it is left to do when the body returns.

    Args:
        body: returns the exit code; what it raises is printed, and the code is 1.

    Returns:
        The exit code. Where threads are left at work it does not return: the process ends here,
        with that code.
    """
    try:
        code = body()
    except Exception:
        traceback.print_exc()
        code = EXIT_FAILURE
    if _threads_left():
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)
    return code


@contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    """Where the body takes longer, print what each thread does and end the process with 1.

    The watch needs nothing of the interpreter: it ends a process too in which a library waits for
    ever and lets no thread of Python run. Not to be nested.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=sys.stderr)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _threads_left() -> bool:
    """Whether any but this thread is still there after a moment."""
    deadline = time.monotonic() + GRACE_S
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))
    return threading.active_count() > 1
