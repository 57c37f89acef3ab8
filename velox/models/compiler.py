"""PyTorch's compiler, left out where nothing is compiled: its import takes seconds, and 140 MB."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo"


class _LeftOut(ModuleType):
    """Stands where a module of the compiler would, until somebody asks it for more."""

    def __init__(self, name: str, known: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__(name)
        vars(self).update(known)

    def __getattr__(self, name: str) -> Any:
        # `inspect` asks every module for its file; who imports a part of the package, for its path.
        if name.startswith("__") and (self.__name__, name) != (COMPILER, "__path__"):
            raise AttributeError(name)
        return getattr(self.imported(), name)

    def imported(self) -> ModuleType:
        """The module itself."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return importlib.import_module(self.__name__)


@contextmanager
def left_out(
    name: str, *, known: Mapping[str, Callable[..., Any]] | None = None, called: Sequence[str] = ()
) -> Iterator[None]:
    """Whoever imports this module of the compiler is given another that imports nothing.

    Args:
        name: of the module.
        known: functions of it that do without the compiler.
        called: functions that import it when they are called. Whatever else is asked for imports
            it at once.
    """
    left: _LeftOut

    def on_call(function: str) -> Callable[..., Any]:
        return lambda *arguments: getattr(left.imported(), function)(*arguments)

    left = _LeftOut(name, {**(known or {}), **{each: on_call(each) for each in called}})
    sys.modules.setdefault(name, left)
    try:
        yield
    finally:
        if sys.modules.get(name) is left:
            del sys.modules[name]


@contextmanager
def not_for_optimisers() -> Iterator[None]:
    """Optimisers import it only to tell it what not to compile (`torch/optim/optimizer.py`)."""
    known: dict[str, Callable[..., Any]] = {
        "disable": lambda function, *_, **__: function,
        "graph_break": lambda *_: None,
    }
    with left_out(COMPILER, known=known):
        yield
