"""A module that stands where another would be imported."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType


def stand_in(name: str, **contents: object) -> None:
    """Put a module where the import of the real one, and of all that it imports, would be."""
    module = ModuleType(name)
    module.__dict__.update(contents)
    sys.modules[name] = module


def stand_in_for_the_engine(engine: Callable[..., object]) -> None:
    """Let a consumer that is imported from now on run without a model, and without torch.

    Args:
        engine: made instead of the real one, with its arguments, and, without any, for what
            stands for a checkpoint.
    """
    stand_in("velox.models.device", select_device=lambda _device: None)
    stand_in("velox.models.engine.graphs", Graphs=type(None), PRECISIONS=())
    stand_in("velox.models.engine.torch_engine", TorchEngine=engine)
    stand_in("velox.models.checkpoint", Checkpoint=object, load=lambda *_: engine())
