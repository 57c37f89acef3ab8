"""The demo's consumer and producer: their processes, and what these say of themselves."""

from __future__ import annotations

import re
import threading
import time
import urllib.error
import urllib.request

from velox.base.errors import VeloxError
from velox.base.terminal import Display
from velox.base.waiting import Stopped
from velox.demo.programs import Child
from velox.monitoring import snapshot
from velox.monitoring.snapshot import Figures

LOOK_EVERY_S = 0.5
REQUEST_TIMEOUT_S = 5.0
READY_TIMEOUT_S = 120.0
# The embedded broker keeps 5 MiB a partition: hold the producer before images are dropped.
LAG_TO_HOLD = 240
LAG_TO_RELEASE = 80
# CONFWARN: a property of one kind of Kafka client that another kind leaves aside.
SHOWN = re.compile(
    r"MATCH: .*| (WARNING|ERROR) (?!CONFWARN).*|^error: .*|^Traceback.*|^\S*Error: .*"
)


class Consumer:
    """The consumer's process, and its metrics page at `address`."""

    def __init__(self, environment: dict[str, str], address: str, display: Display) -> None:
        self._address = address
        self._display = display
        self.child = Child("consumer.py", environment, on_line=self._on_line)

    def _on_line(self, line: str) -> None:
        if found := SHOWN.search(line):
            self._display.line(found[0].strip())

    def wait_until_ready(self, stop: threading.Event) -> None:
        """Wait until it has its model and its partitions.

        Raises:
            VeloxError: when it ends, or is not ready in time.
            Stopped: when told to stop.
        """
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            if stop.wait(LOOK_EVERY_S):
                raise Stopped("stopped while the consumer started")
            self.require_alive()
            if self._get("/readyz") is not None:
                return
        raise VeloxError(f"consumer.py was not ready after {READY_TIMEOUT_S:g} s")

    def require_alive(self) -> None:
        """Raise a VeloxError if it has ended."""
        if self.child.wait(0):
            raise VeloxError(f"consumer.py ended with exit code {self.child.exit_code}")

    def read(self) -> Figures | None:
        """Its figures now, None if it does not answer."""
        page = self._get("/metrics")
        return snapshot.read(page) if page is not None else None

    def _get(self, path: str) -> str | None:
        try:
            with urllib.request.urlopen(  # noqa: S310 - the consumer's own address
                self._address + path, timeout=REQUEST_TIMEOUT_S
            ) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, OSError):
            return None


class Producer:
    """The producer's process, and what it says it sent."""

    def __init__(self, environment: dict[str, str], display: Display) -> None:
        self.acknowledged = 0
        self.failed = 0
        self._held = False
        self._display = display
        self.child = Child("producer.py", environment, on_line=self._on_line)

    def _on_line(self, line: str) -> None:
        if found := re.search(r"acknowledged=(\d+) failed=(\d+)", line):
            self.acknowledged, self.failed = int(found[1]), int(found[2])
        elif found := SHOWN.search(line):
            self._display.line(found[0].strip())

    def keep_within(self, lag: int) -> None:
        """Hold it while the consumer is far behind."""
        if not self._held and lag > LAG_TO_HOLD:
            self.child.hold()
            self._held = True
        elif self._held and lag < LAG_TO_RELEASE:
            self.child.release()
            self._held = False
