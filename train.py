#!/usr/bin/env python3
"""Train a classifier and save its checkpoint.

    python train.py                         # on synthetic shapes, from scratch, within a minute
    python train.py --if-missing            # the same, unless there is a usable checkpoint
    DATASET_PATH=photos python train.py     # on own images: photos/LABEL/*.jpg
    python train.py --use-refused           # use the model that was refused last
    python train.py --help                  # every variable, its default and its meaning

The model is judged by images that decided nothing in training. One that is not good enough
(MIN_ACCURACY) is kept beside MODEL_PATH under another name. Processes that share MODEL_PATH train
one after the other.
"""

from __future__ import annotations

import sys
import threading

from velox.base import logs, script
from velox.base.ending import ended
from velox.base.machine import keep_large_buffers, share_cores
from velox.settings.programs import TrainSettings
from velox.settings.unknown import unknown_variables


def main() -> int:
    """Train; returns the exit code."""
    keep_large_buffers()
    share_cores()
    logs.capture_native_stderr()
    parser = script.parser(TrainSettings, __doc__)
    options = parser.add_mutually_exclusive_group()
    options.add_argument("--if-missing", action="store_true", help="keep a usable checkpoint")
    options.add_argument("--use-refused", action="store_true", help="train nothing")
    arguments = parser.parse_args()

    def train(settings: TrainSettings, stop: threading.Event) -> int:
        # PyTorch takes seconds to import: a mistyped setting is told before.
        from velox.training import run

        if arguments.use_refused:
            return run.accept_refused(settings, stop)
        return run.train(settings, stop, if_missing=arguments.if_missing)

    return ended(
        lambda: script.run(TrainSettings, __doc__, train, argv=(), doubts=unknown_variables)
    )


if __name__ == "__main__":
    sys.exit(main())
