#!/usr/bin/env python3
"""Train a classifier and save its checkpoint.

    python train.py                         # on synthetic shapes, from scratch, within a minute
    python train.py --if-missing            # the same, unless there is a usable checkpoint
    DATASET_PATH=photos python train.py     # on own images: photos/LABEL/*.jpg
    python train.py --help                  # every variable, its default and its meaning

The model is judged by images that decided nothing in training. One that gets fewer of them right
than MIN_ACCURACY is not written. Processes that share MODEL_PATH train one after the other.
"""

from __future__ import annotations

import sys
import threading

from velox.base import script
from velox.base.ending import ended
from velox.base.machine import keep_large_buffers
from velox.settings.programs import TrainSettings


def main() -> int:
    """Train; returns the exit code."""
    keep_large_buffers()
    parser = script.parser(TrainSettings, __doc__)
    parser.add_argument("--if-missing", action="store_true", help="keep a usable checkpoint")
    if_missing = parser.parse_args().if_missing

    def train(settings: TrainSettings, stop: threading.Event) -> int:
        # PyTorch takes seconds to import: a mistyped setting is told before.
        from velox.training import run

        return run.train(settings, stop, if_missing=if_missing)

    return ended(lambda: script.run(TrainSettings, __doc__, train, argv=()))


if __name__ == "__main__":
    sys.exit(main())
