"""Writing to a store until all of it is durable or refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from velox.base.errors import DocumentRejected, StoreUnavailable, StoreUnclear
from velox.base.waiting import until_done

# With the delays between them a little over a second: an error of no known kind may still be the
# store's own and pass, but whoever can cause it must not hold up the others for long.
TRIES_ALONE = 5
# What a slow store does not manage as a whole within its limit of time, it may in parts.
ITEMS_IN_A_PART = 16

T = TypeVar("T")
Item = TypeVar("Item")


class Writer(Protocol[Item]):
    """What a store of detections and one of images for review have in common."""

    def write(self, items: Sequence[Item], /) -> list[tuple[Item, DocumentRejected]]:
        """Make all durable; see `velox.stores.interface.Store.write`."""


def write_patiently(
    store: Writer[T],
    items: Sequence[T],
    *,
    stop: threading.Event,
    on_failure: Callable[[Exception], None],
) -> list[tuple[T, DocumentRejected]]:
    """Write all items; what the store cannot take now is tried again for as long as it takes.

    What it could not take together is tried again in parts. After an error that is in no table each
    is tried alone, so that nobody pays for another, and refused if it fails so a few
    times.

    Args:
        store: where to.
        items: one or more.
        stop: ends the tries.
        on_failure: called with each error after which it is tried again.

    Returns:
        Those that are refused for good, with the reason; all others are durable.

    Raises:
        StoreRefuses: when the store would refuse whatever comes.
        Stopped: when told to stop before all were durable.
    """

    def patiently(some: Sequence[T]) -> list[tuple[T, DocumentRejected]]:
        return until_done(
            lambda: store.write(some),
            retryable=StoreUnavailable,
            stop=stop,
            on_failure=on_failure,
        )

    def alone(one: T) -> list[tuple[T, DocumentRejected]]:
        try:
            return until_done(
                lambda: patiently([one]),
                retryable=StoreUnclear,
                stop=stop,
                on_failure=on_failure,
                tries=TRIES_ALONE,
            )
        except StoreUnclear as error:
            return [(one, DocumentRejected(f"{error} (tried {TRIES_ALONE} times alone)"))]

    def together() -> list[tuple[T, DocumentRejected]]:
        try:
            return store.write(items)
        except StoreUnavailable as error:
            on_failure(error)
        return [
            refused
            for first in range(0, len(items), ITEMS_IN_A_PART)
            for refused in patiently(items[first : first + ITEMS_IN_A_PART])
        ]

    try:
        return together()
    except StoreUnclear as error:
        on_failure(error)
        return [refused for one in items for refused in alone(one)]
