"""Writing to a store until every detection is durable or refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from velox.base.errors import DocumentRejected, StoreUnavailable, StoreUnclear
from velox.base.records import Detection
from velox.base.waiting import until_done
from velox.stores.interface import Rejected, Store

# With the delays between them a little over a second: an error of no known kind may still be the
# store's own and pass, but whoever can cause it must not hold up the others for long.
TRIES_ALONE = 5
# What a slow store does not manage as a whole within its limit of time, it may in parts.
DETECTIONS_IN_A_PART = 16


def write_patiently(
    store: Store,
    detections: Sequence[Detection],
    *,
    stop: threading.Event,
    on_failure: Callable[[Exception], None],
) -> Rejected:
    """Write all detections; what the store cannot take now is tried again for as long as it takes.

    What it could not take together is tried again in parts. After an error that is in no table each
    detection is tried alone, so that nobody pays for another, and refused if it fails so a few
    times.

    Args:
        store: where to.
        detections: one or more.
        stop: ends the tries.
        on_failure: called with each error after which it is tried again.

    Returns:
        Those that are refused for good, with the reason; all others are durable.

    Raises:
        StoreRefuses: when the store would refuse whatever comes.
        Stopped: when told to stop before all were durable.
    """

    def patiently(some: Sequence[Detection]) -> Rejected:
        return until_done(
            lambda: store.write(some),
            retryable=StoreUnavailable,
            stop=stop,
            on_failure=on_failure,
        )

    def alone(one: Detection) -> Rejected:
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

    def together() -> Rejected:
        try:
            return store.write(detections)
        except StoreUnavailable as error:
            on_failure(error)
        return [
            refused
            for first in range(0, len(detections), DETECTIONS_IN_A_PART)
            for refused in patiently(detections[first : first + DETECTIONS_IN_A_PART])
        ]

    try:
        return together()
    except StoreUnclear as error:
        on_failure(error)
        return [refused for one in detections for refused in alone(one)]
