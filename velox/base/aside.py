"""Work that holds up no exit: what runs in a library cannot be told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from velox.base.waiting import Stopped

LOOK_EVERY_S = 0.1

T = TypeVar("T")


def aside(work: Callable[[], T], *, stop: threading.Event) -> T:
    """Do work in a thread of its own, and leave it there once told to stop.

    Args:
        work: may take long.
        stop: ends the wait; what is left is for the process's end (see `velox.base.ending`).

    Raises:
        Stopped: when told to stop before the work is done.
        BaseException: as the work does.
    """
    done = threading.Event()
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)
        finally:
            done.set()

    threading.Thread(target=run, name="aside", daemon=True).start()
    while not done.wait(LOOK_EVERY_S):
        if stop.is_set():
            raise Stopped("stopped while a model was loaded and tried")
    if errors:
        raise errors[0]
    return results[0]
