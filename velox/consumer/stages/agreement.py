"""Documents agree with the image files on disk, whoever removes files at the same moment."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from velox.base.records import Detection
from velox.stores.gone import Gone
from velox.stores.interface import Rejected


def store_agreeing(
    detections: Sequence[Detection],
    gone: Gone,
    store: Callable[[Sequence[Detection]], Rejected],
) -> Rejected:
    """Store detections; none of them names a file that is not there.

    Who removes a file tells the store, but that may have happened before the document was there,
    and more than once where others read the same records: so files are looked at afterwards, before
    anything is committed.

    Args:
        detections: one or more.
        gone: removes the file of what is refused: no document would lead to it.
        store: makes them durable; returns those that are refused for good.
    """
    first = [_as_it_is(each) for each in detections]
    refused = store(first)
    lost = {each.id for each, _ in refused}
    if files := [os.path.basename(each.file_path) for each, _ in refused if each.file_path]:
        gone.remove(files)
    kept = [each for each in first if each.id not in lost]
    if changed := [now for each in kept if (now := _as_it_is(each)) is not each]:
        store(changed)
    return refused


def _as_it_is(detection: Detection) -> Detection:
    path = detection.file_path
    if path is None or os.path.lexists(path):
        return detection
    return replace(detection, file_path=None)
