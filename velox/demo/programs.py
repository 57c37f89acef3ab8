"""Child processes that end with their parent's block, whatever happens in it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

END_TIMEOUT_S = 15.0
READER_TIMEOUT_S = 2.0
_ROOT = Path(__file__).parents[2]


class Child:
    """One of the project's scripts as a process, a context manager.

    A session of its own keeps a Ctrl-C of the terminal from it: the parent ends its children in
    the order that loses nothing.

    Args:
        script: file name in the project's root.
        environment: all of its environment variables.
        on_line: called in a thread with each line of its log; without it, its standard error
            is the parent's.
        arguments: of its command line.
    """

    def __init__(
        self,
        script: str,
        environment: Mapping[str, str],
        *,
        on_line: Callable[[str], None] | None = None,
        arguments: tuple[str, ...] = (),
    ) -> None:
        self.name = script
        self._process = subprocess.Popen(
            [sys.executable, str(_ROOT / script), *arguments],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE if on_line else None,
            text=True,
            start_new_session=True,
        )
        self._reader: threading.Thread | None = None
        if on_line:
            self._reader = threading.Thread(target=self._read, args=(on_line,), daemon=True)
            self._reader.start()

    def _read(self, on_line: Callable[[str], None]) -> None:
        for line in self._process.stderr or ():
            on_line(line.rstrip("\n"))

    @property
    def exit_code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.poll()

    def hold(self) -> None:
        """Freeze it."""
        self._process.send_signal(signal.SIGSTOP)

    def release(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def wait(self, timeout: float) -> bool:
        """Wait at most so many seconds for its end; whether it has ended, its log read."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        if self._reader:
            self._reader.join(READER_TIMEOUT_S)
        return True

    def end(self) -> None:
        """End it with SIGTERM, or with SIGKILL if that takes too long."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self.release()
            if not self.wait(END_TIMEOUT_S):
                self._process.kill()
        self.wait(END_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()
