"""Logins and rights on a mongod that asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from tests.rig.mongod import CLIENT_TIMEOUT_MS, binary
from tests.rig.ports import HOST, free_port
from tests.rig.server import Server
from tests.rig.waiting import eventually
from tests.unit.fakes import detection
from velox.base.errors import StoreRefuses, StoreUnavailable
from velox.stores.interface import DETECTIONS
from velox.stores.mongo import MongoStore

DATABASE = "rights"
PASSWORD = "of-a-test"  # noqa: S105 - of a server that lives for a test
# mongod may keep a user's rights for a moment.
LIMIT_S = 60


class GuardedMongod(Server):
    """A mongod that asks for a login, with an administrator."""

    name = "guarded-mongod"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()
        (folder / "data").mkdir()

    def command(self) -> Sequence[str | Path]:
        return [
            binary(),
            *("--bind_ip", HOST, "--port", str(self.port), "--nounixsocket", "--auth"),
            *("--dbpath", self.folder / "data", "--wiredTigerCacheSizeGB", "0.25", "--quiet"),
        ]

    def uri(self, user: str, password: str = PASSWORD) -> str:
        return f"mongodb://{user}:{password}@{HOST}:{self.port}/?authSource={DATABASE}"

    def client(self, uri: str) -> MongoClient[dict[str, Any]]:
        return MongoClient(uri, timeoutMS=CLIENT_TIMEOUT_MS, directConnection=True)

    def administrator(self) -> MongoClient[dict[str, Any]]:
        return self.client(f"mongodb://root:{PASSWORD}@{HOST}:{self.port}/")

    def answers(self) -> bool:
        """Whether the administrator can log in, whom mongod may have made without an answer."""
        with self.client(f"mongodb://{HOST}:{self.port}/") as first:
            try:
                first.admin.command("createUser", "root", pwd=PASSWORD, roles=["root"])
            except OperationFailure:
                pass
            except PyMongoError:
                return False
        with self.administrator() as client:
            try:
                return bool(client.admin.command("ping")["ok"])
            except PyMongoError:
                return False


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedMongod]:
    node = GuardedMongod(tmp_path_factory.mktemp("guarded-mongod"))
    node.start()
    with node.administrator() as client:
        database = client[DATABASE]
        least = {
            "resource": {"db": DATABASE, "collection": DETECTIONS},
            "actions": ["insert", "update"],
        }
        database.command("createRole", "least", privileges=[least], roles=[])
        for user, role in (("reader", "read"), ("writer", "readWrite"), ("least", "least")):
            database.command("createUser", user, pwd=PASSWORD, roles=[role])
    yield node
    node.stop()


def store(uri: str) -> MongoStore:
    return MongoStore(uri=uri, database=DATABASE)


def test_to_insert_and_to_update_is_enough(guarded: GuardedMongod) -> None:
    made = store(guarded.uri("least"))
    made.open()
    assert made.write([detection(1)]) == []
    assert made.write([detection(1), detection(2)]) == []
    made.close()


@pytest.mark.parametrize(
    ("user", "password", "said"),
    [
        ("reader", PASSWORD, "give the user of MONGO_URI the role readWrite"),
        ("writer", "wrong", "check user, password and options of MONGO_URI"),
        ("nobody", PASSWORD, "check user, password and options of MONGO_URI"),
    ],
)
def test_what_may_still_be_set_up_is_waited_for_and_said(
    guarded: GuardedMongod, user: str, password: str, said: str
) -> None:
    made = store(guarded.uri(user, password))
    with pytest.raises(StoreUnavailable, match=said):
        made.open()
    made.close()


def test_a_right_that_is_taken_away_refuses_everything(guarded: GuardedMongod) -> None:
    made = store(guarded.uri("writer"))
    made.open()
    assert made.write([detection(1)]) == []
    with guarded.administrator() as client:
        client[DATABASE].command("revokeRolesFromUser", "writer", roles=["readWrite"])

    def refused() -> str | None:
        try:
            made.write([detection(1)])
        except StoreRefuses as error:
            return str(error)
        return None

    said = eventually(refused, LIMIT_S, "a refusal")
    assert "MongoDB error 13" in said
    assert PASSWORD not in said
    made.close()
