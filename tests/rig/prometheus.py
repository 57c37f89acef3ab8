"""A real Prometheus, and its rule checker."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.rig import need
from tests.rig.ports import HOST, free_port
from tests.rig.server import Server

HOW = "apt-get install prometheus"
CHECK_LIMIT_S = 60


def promtool(*arguments: str | Path) -> str:
    """Run promtool; its output. An error of it is an error of the test."""
    done = subprocess.run(
        [need.program("promtool", HOW), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=CHECK_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, f"promtool {arguments}: {done.stdout}{done.stderr}"
    return done.stdout


class Prometheus(Server):
    """A Prometheus on a free loopback port.

    Args:
        folder: its data and its log.
        config: its configuration file.
    """

    name = "prometheus"

    def __init__(self, folder: Path, config: Path) -> None:
        super().__init__(folder)
        self._binary = need.program("prometheus", HOW)
        self._config = config
        self.port = free_port()

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}"

    def command(self) -> Sequence[str | Path]:
        return [
            self._binary,
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address={HOST}:{self.port}",
        ]

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/-/ready", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The instant vector of an expression."""
        text = urllib.parse.urlencode({"query": expression})
        address = f"{self.address}/api/v1/query?{text}"
        with urllib.request.urlopen(address, timeout=CHECK_LIMIT_S) as answer:  # noqa: S310
            body = json.load(answer)
        assert body["status"] == "success", body
        result: list[dict[str, Any]] = body["data"]["result"]
        return result
