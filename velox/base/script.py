"""How a script begins: `--help`, settings, logging, and the stop event of its signals."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self, TypeVar

from velox.base import logs
from velox.base.errors import SettingError, VeloxError

EXIT_FAILURE = 1
EXIT_BAD_SETTING = 2
EXIT_INCOMPLETE = 3


class SettingsClass(Protocol):
    """What a script's settings offer (see `velox.settings.declare.Settings`)."""

    @property
    def log_level(self) -> str: ...  # noqa: D102

    @classmethod
    def from_environment(cls) -> Self: ...  # noqa: D102

    @classmethod
    def help(cls) -> str: ...  # noqa: D102


log = logging.getLogger(__name__)

S = TypeVar("S", bound=SettingsClass)


def parser(settings_class: type[SettingsClass], description: str | None) -> argparse.ArgumentParser:
    """A command line whose `--help` lists every variable the script reads."""
    return argparse.ArgumentParser(
        description=description,
        epilog=settings_class.help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def run(
    settings_class: type[S],
    description: str | None,
    body: Callable[[S, threading.Event], int],
    argv: Sequence[str] | None = None,
    *,
    doubts: Callable[[], str | None] = lambda: None,
) -> int:
    """Read the command line and the settings, then run the body of a script.

    Args:
        settings_class: read from the environment.
        description: the script's docstring, shown by `--help`.
        body: called with the settings and an event that SIGTERM and SIGINT set; returns the
            exit code.
        argv: the command line; that of the process by default.
        doubts: what is odd in the environment, in words; logged.

    Returns:
        The exit code: 2 for a bad setting, 1 for an error of Velox's own or a lack of memory, each
        said in one line.
    """
    parser(settings_class, description).parse_args(argv)
    try:
        settings = settings_class.from_environment()
        logs.setup(settings.log_level)
        if (doubt := doubts()) is not None:
            log.warning("%s", doubt)
        return body(settings, stop_event())
    except SettingError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_BAD_SETTING
    except VeloxError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAILURE
    except MemoryError as error:
        print(
            f"error: out of memory, raise the memory limit of this process: {error}",
            file=sys.stderr,
        )
        return EXIT_FAILURE


def stop_event() -> threading.Event:
    """An event that SIGTERM and SIGINT set, and do no more than that."""
    event = threading.Event()

    def stop(_signal: int, _frame: Any) -> None:
        event.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return event
