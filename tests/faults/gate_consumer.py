"""consumer.py with models that are text, so that a test says what each makes of an image.

A model's file is JSON: `wrong`, the share of images that it calls by another colour; `seconds`, how
long it takes for a batch; `memory`, whether it has some. Its digest is that of the file, as of any
checkpoint. With HOOKS of `{"kill_after_ruling": true}` the process that decides on a model kills
itself as soon as its decision is written down.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.faults.hooked_consumer import HOOKS, ColourEngine
from tests.rig.pictures import COLOURS
from tests.rig.stand_in import stand_in, stand_in_for_the_engine
from velox.base.errors import CheckpointError, EngineOutOfMemory
from velox.models.description import digest
from velox.models.engine.interface import Predictions


class TextModel(ColourEngine):
    """Tells the colour of an image, but for a share that is always the same."""

    def __init__(self, checkpoint: Any = None, **_: object) -> None:
        super().__init__()
        self.said = checkpoint.said
        self.digest = checkpoint.digest

    def predict(self, batch: NDArray[np.uint8]) -> Predictions:
        if not self.said.get("memory", True):
            raise EngineOutOfMemory(f"no memory for {len(batch)} images")
        time.sleep(self.said.get("seconds", 0))
        found = super().predict(batch)
        # Which of them are wrong depends on nothing but their pixels.
        drawn = batch.sum(axis=(1, 2, 3), dtype=np.int64) % 1000
        found.indices[drawn < 1000 * self.said.get("wrong", 0), 0] += 1
        found.indices[:] %= len(COLOURS)
        return found


class Said:
    """Stands for a checkpoint."""

    labels = COLOURS
    novelty = None
    thresholds = None
    reference = None

    def __init__(self, path: Path) -> None:
        try:
            data = path.read_bytes()
            self.said = json.loads(data)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{path}: {error}") from error
        self.digest = digest(data)


def main() -> int:
    stand_in_for_the_engine(TextModel)
    stand_in(
        "velox.models.checkpoint", Checkpoint=object, load=lambda model_path, _: Said(model_path)
    )
    stand_in("velox.consumer.stages.acceptance", accept=lambda *_: None)

    import consumer
    from velox.consumer.shadow.rulings import Rulings, State

    write = Rulings.write

    def write_and_die(rulings: Rulings, state: State) -> None:
        write(rulings, state)
        if state.rulings:
            os.kill(os.getpid(), signal.SIGKILL)

    if HOOKS.get("kill_after_ruling"):
        Rulings.write = write_and_die  # type: ignore[method-assign, assignment]
    return consumer.main()


if __name__ == "__main__":
    sys.exit(main())
