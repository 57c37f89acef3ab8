"""mongo/users.js on a mongod: the consumers' user may do its work, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from pymongo.errors import OperationFailure, PyMongoError

from tests.rig.mongo_shell import Client, Shell, connected
from tests.rig.mongod import binary
from tests.rig.ports import HOST, free_port
from tests.rig.server import Server
from tests.unit.fakes import detection
from velox.images import known_good
from velox.settings.consumer import ConsumerSettings
from velox.stores.interface import DETECTIONS
from velox.stores.mongo import MongoStore

SCRIPT = Path(__file__).parents[2] / "mongo/users.js"
DATABASE = ConsumerSettings.load({}).db_name
ROOT, OWN, OTHER = "of-the-administrator", "of-the-consumers", "of-somebody-else"
# What the image, Compose and Kubernetes give the container.
PASSWORDS = {
    "MONGO_INITDB_ROOT_USERNAME": "root",
    "MONGO_INITDB_ROOT_PASSWORD": ROOT,
    "MONGO_PASSWORD": OWN,
}
BEFORE = {"_id": "before"}
SAID = f"velox may read and write {DATABASE} alone; root administers"


class LockableMongod(Server):
    """A mongod that asks for a login when it is told to."""

    name = "lockable-mongod"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.locked = False
        (folder / "data").mkdir()

    def command(self) -> Sequence[str | Path]:
        return [
            binary(),
            *("--bind_ip", HOST, "--port", str(self.port), "--nounixsocket", "--quiet"),
            *("--dbpath", self.folder / "data", "--wiredTigerCacheSizeGB", "0.25"),
            *(["--auth"] if self.locked else []),
        ]

    def answers(self) -> bool:
        with connected(self.port) as client:
            try:
                return bool(client.admin.command("hello")["ok"])
            except PyMongoError:
                return False

    def lock(self) -> None:
        """Start anew, and ask for a login from now on."""
        self.stop()
        self.locked = True
        self.start()

    def users(self, **other: str) -> tuple[list[str], str]:
        """Run the script; what it says, and what it complains of."""
        shell = Shell(self.port)
        try:
            complaint = shell.run(SCRIPT, PASSWORDS | other)
        finally:
            shell.close()
        return shell.printed, complaint

    def uri(self, password: str) -> str:
        return f"mongodb://velox:{password}@{HOST}:{self.port}/?authSource=admin"


Begin = Callable[[LockableMongod, Client], None]


def with_an_administrator(node: LockableMongod, client: Client) -> None:
    """A first start: the image makes the administrator and runs the script before it locks up."""
    client.admin.command("createUser", "root", pwd=ROOT, roles=["root"])
    assert node.users() == ([SAID], "")


def without_passwords(_: LockableMongod, client: Client) -> None:
    """A volume that has run without any user."""
    client[DATABASE][DETECTIONS].insert_one(BEFORE)


def with_one_for_all(_: LockableMongod, client: Client) -> None:
    """A volume on which the consumers were the administrator."""
    client[DATABASE][DETECTIONS].insert_one(BEFORE)
    client.admin.command("createUser", "velox", pwd=OWN, roles=["root"])


@pytest.fixture(
    params=[with_an_administrator, without_passwords, with_one_for_all],
    ids=lambda begin: begin.__name__,
)
def locked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LockableMongod]:
    """A mongod that began in one of these ways, and asks for a login now."""
    begin: Begin = request.param
    node = LockableMongod(tmp_path / "mongod")
    node.start()
    with connected(node.port) as client:
        begin(node, client)
    node.lock()
    yield node
    node.stop()


def test_consumers_write_into_their_database_and_nowhere_else(locked: LockableMongod) -> None:
    assert locked.users() == ([SAID], "")
    store = MongoStore(uri=locked.uri(OWN), database=DATABASE)
    store.open()
    assert store.write([detection(1)]) == []
    assert store.probe(known_good.detection(("red_circle",), "0123456789ab")) is None
    store.close()
    with connected(locked.port, username="velox", password=OWN) as client:
        assert client[DATABASE][DETECTIONS].count_documents({"_id": {"$ne": BEFORE["_id"]}}) == 1
        for refused in (
            lambda: client["another"][DETECTIONS].insert_one({}),
            lambda: client["another"][DETECTIONS].find_one(),
            lambda: client.admin.command("usersInfo", "root"),
            lambda: client.admin.command("createUser", "more", pwd=OTHER, roles=["root"]),
        ):
            with pytest.raises(OperationFailure, match="not authorized"):
                refused()
    with connected(locked.port) as client, pytest.raises(OperationFailure, match="authentication"):
        client[DATABASE][DETECTIONS].find_one()
    with connected(locked.port, username="root", password=ROOT) as client:
        assert client["another"][DETECTIONS].insert_one({}).acknowledged
    # Another password of the consumers' is taken, another administrator's is not.
    assert locked.users(MONGO_PASSWORD=OTHER) == ([SAID], "")
    with connected(locked.port, username="velox", password=OTHER) as client:
        assert client.admin.command("ping")["ok"]
    _, complaint = locked.users(MONGO_INITDB_ROOT_PASSWORD=OTHER, MONGO_PASSWORD=OWN)
    assert "Error: MongoDB knows another password of root than the one set here" in complaint
    assert not [each for each in (ROOT, OWN, OTHER) if each in complaint]


@pytest.mark.parametrize(
    "given",
    [
        dict.fromkeys(PASSWORDS, ""),
        {"MONGO_PASSWORD": ""},
        {"MONGO_INITDB_ROOT_USERNAME": "velox"},
    ],
    ids=["no passwords", "none of the consumers", "one for all, as it was"],
)
def test_without_a_password_of_their_own_nothing_is_done(given: dict[str, str]) -> None:
    shell = Shell(free_port())
    assert shell.run(SCRIPT, PASSWORDS | given) == ""
    assert shell.printed == []
    shell.close()
