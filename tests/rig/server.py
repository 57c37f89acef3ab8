"""A server under test: started, stopped, killed, frozen, and started again on the same data."""

from __future__ import annotations

import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from tests.rig.processes import Child
from tests.rig.waiting import eventually


class Server(ABC):
    """One server process with its port and data, which outlive the process.

    Args:
        folder: its data and its log.
    """

    name: str
    start_limit = 90.0
    stop_limit = 30.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._child: Child | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @abstractmethod
    def command(self) -> Sequence[str | Path]:
        """Program and arguments."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server does its work; called once its process runs."""

    @property
    def child(self) -> Child:
        assert self._child is not None, f"{self.name} was never started"
        return self._child

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    def launch(self) -> None:
        """Start the process without waiting for it."""
        assert not self.running, f"{self.name} runs already"
        self._child = Child(
            self.command(),
            log=self.folder / f"{self.name}.log",
            env=dict(os.environ),
            cwd=self.folder,
        )

    def wait_until_ready(self) -> None:
        def ready() -> bool:
            assert self.running, f"{self.name} ended at its start: {self._child}"
            return self.answers()

        eventually(ready, self.start_limit, lambda: f"{self.name} ready: {self._child}", every=0.2)

    def start(self) -> None:
        """Start the process and wait until it does its work."""
        self.launch()
        self.wait_until_ready()

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        self.thaw()
        self.child.terminate(self.stop_limit)

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        self.child.kill()

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, nothing answers, once all its threads stand still."""
        self.child.signal(signal.SIGSTOP)
        eventually(self._stands_still, self.stop_limit, f"{self.name} stands still", every=0.01)

    def _stands_still(self) -> bool:
        threads = Path(f"/proc/{self.child.pid}/task").glob("*/stat")
        return all(each.read_text().rpartition(")")[2].split()[0] == "T" for each in threads)

    def thaw(self) -> None:
        """SIGCONT."""
        self.child.signal(signal.SIGCONT)

    def ensure_running(self) -> None:
        """Undo what a test did to it."""
        if self.running:
            self.thaw()
            self.wait_until_ready()
        else:
            self.start()
