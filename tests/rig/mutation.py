"""Change the modules that must not be wrong, one thing at a time; show what no test notices.

    python -m tests.rig.mutation                     # all of MODULES
    python -m tests.rig.mutation velox/consumer/polling/ledger.py     # one of them

A change that survives is either a hole in the tests or makes no difference; which one, a reader has
to judge. Each mutant runs in a process of its own.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType

import confluent_kafka  # noqa: F401 - here, so that no process of a mutant has to import it
import prometheus_client  # noqa: F401
import pytest

from tests.rig.mutants import Mutant, mutants

ROOT = Path(__file__).parents[2]
MODULES = {
    "velox/consumer/stages/batch.py": ["tests/unit/consumer/stages/test_batch.py"],
    "velox/consumer/polling/commits.py": ["tests/unit/consumer/polling/test_commits.py"],
    "velox/settings/consumer.py": ["tests/unit/settings"],
    "velox/settings/declare.py": ["tests/unit/settings"],
    "velox/settings/parsers.py": ["tests/unit/settings"],
    "velox/settings/programs.py": ["tests/unit/settings"],
    "velox/settings/shared.py": ["tests/unit/settings"],
    "velox/settings/training.py": ["tests/unit/settings"],
    "velox/consumer/polling/ledger.py": ["tests/unit/consumer/polling/test_ledger.py"],
}
# A mutant that makes a wait endless is noticed by this, in times of the unchanged module's tests.
LIMIT = 5.0
LOOK_EVERY_S = 0.02


class _Instead(MetaPathFinder, Loader):
    """Gives a module the source of a mutant."""

    def __init__(self, name: str, code: CodeType) -> None:
        self._name, self._code = name, code

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)  # noqa: S102


def survivors(module: str, made: list[Mutant]) -> Iterator[Mutant]:
    """The mutants of a module with which its tests pass.

    Raises:
        RuntimeError: when they fail without a mutant.
    """
    started = time.monotonic()
    if not passes(module, (ROOT / module).read_text(), limit=3600):
        raise RuntimeError(f"the tests of {module} fail")
    limit = LIMIT * (time.monotonic() - started)
    yield from (each for each in made if passes(module, each.source, limit))


def passes(module: str, source: str, limit: float) -> bool:
    """Whether the tests pass, within a limit in seconds, with a source in the module's place."""
    child = os.fork()
    if child == 0:
        _run(module, source)
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(LOOK_EVERY_S)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _run(module: str, source: str) -> None:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    name = module.removesuffix(".py").replace("/", ".")
    sys.meta_path.insert(0, _Instead(name, compile(source, str(ROOT / module), "exec")))
    os._exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--noconftest", *MODULES[module]]))


def main() -> int:
    """Run all mutants of the modules; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modules", nargs="*", help=f"of {', '.join(MODULES)}")
    os.chdir(ROOT)
    for module in parser.parse_args().modules or MODULES:
        made = mutants((ROOT / module).read_text())
        survived = 0
        for each in survivors(module, made):
            survived += 1
            print(f"{module}:{each.line}: {each.before!r} -> {each.after!r}", flush=True)
        print(f"{module}: mutants={len(made)} survived={survived}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
