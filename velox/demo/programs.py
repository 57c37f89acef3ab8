"""The programs that the demo runs, each a process that ends with the demo, whatever happens."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from velox.base.errors import VeloxError
from velox.base.terminal import Display
from velox.base.waiting import Stopped
from velox.demo.broker import PARTITIONS
from velox.monitoring import snapshot
from velox.monitoring.snapshot import Figures

STORAGE = "discoveries"
TRAINING_TIMEOUT_S = 86_400
END_TIMEOUT_S = 15.0
READER_TIMEOUT_S = 2.0
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


class ConsumerProgram:
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


class ProducerProgram:
    """The producer's process, and what it says it sent."""

    def __init__(self, environment: dict[str, str], display: Display) -> None:
        self.acknowledged = 0
        self.failed = 0
        self._held = False
        self._display = display
        # The port is the consumer's.
        own = {**environment, "METRICS_PORT": "0"}
        self.child = Child("producer.py", own, on_line=self._on_line)

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


def environment_of_parts(
    *, folder: Path, bootstrap: str, port: int, interval: float, images: int
) -> dict[str, str]:
    """The environment of every part: the user's, with the demo's own places and addresses.

    Args:
        folder: of the model and of what is found.
        bootstrap: the embedded broker's address.
        port: of the metrics and the live page.
        interval: seconds between images.
        images: to send; 0 for no end.
    """
    return {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVER": bootstrap,
        "KAFKA_CONFIG": "",
        "KAFKA_GROUP_PROTOCOL": "classic",
        "KAFKA_PARTITIONS": str(PARTITIONS),
        "MONGO_URI": "",
        "MODEL_PATH": str(folder / "model.pth"),
        "CLASSES_PATH": str(folder / "classes.json"),
        "STORAGE_PATH": str(folder / STORAGE),
        "METRICS_ADDRESS": "127.0.0.1",
        "METRICS_PORT": str(port),
        "LIVE_PAGE": "1",
        # The consumer starts first, to have its page there while the model is trained.
        "STARTUP_TIMEOUT_S": str(TRAINING_TIMEOUT_S),
        "PRODUCER_INTERVAL": str(interval),
        "PRODUCER_IMAGES": str(images),
    }


def free_port(wanted: int) -> int:
    """The port if nothing listens there, else any that is free."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    raise VeloxError("no port of 127.0.0.1 is free")
