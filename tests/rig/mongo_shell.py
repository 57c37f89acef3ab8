"""A script of mongosh, run by Node.js, whose calls of the database go to a mongod through pymongo.

It has what mongo/users.js uses (shell-api/src/database.ts of mongodb-js/mongosh): `createUser`,
`updateUser`, `getUser`, `print`, and `auth`, which throws where it is refused.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.rig import need
from tests.rig.mongod import CLIENT_TIMEOUT_MS
from tests.rig.ports import HOST

Client = MongoClient[dict[str, Any]]
PRELUDE = """
const files = require("fs");
function ask(...call) {
  files.writeSync(1, JSON.stringify(call) + "\\n");
  const line = [], byte = Buffer.alloc(1);
  while (files.readSync(0, byte) && byte[0] !== 10) line.push(byte[0]);
  const { value, refused } = JSON.parse(Buffer.from(line).toString());
  if (refused) throw new Error(refused);
  return value;
}
const calls = (names, ...first) =>
  Object.fromEntries(names.map(each => [each, (...rest) => ask(each, ...first, ...rest)]));
const db = { getSiblingDB: name => calls(["auth", "getUser", "createUser", "updateUser"], name) };
const { print } = calls(["print"]);
"""


class Shell:
    """One mongosh on a mongod of this machine.

    Args:
        port: of the mongod.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._client = connected(port)
        self.printed: list[str] = []

    def run(self, script: Path, environment: Mapping[str, str]) -> str:
        """Run a script to its end; what it complains of, empty where it succeeds."""
        node = need.program("node", "apt-get install nodejs")
        with subprocess.Popen(
            [node, "--eval", PRELUDE + script.read_text()],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            assert running.stdin
            assert running.stdout
            assert running.stderr
            for line in running.stdout:
                name, *arguments = json.loads(line)
                print(json.dumps(self._answer(name, arguments)), file=running.stdin, flush=True)
            return running.stderr.read()

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def _answer(self, name: str, arguments: list[Any]) -> dict[str, Any]:
        try:
            return {"value": getattr(self, f"_{name}")(*arguments)}
        except PyMongoError as error:
            return {"refused": str(error)}

    def _print(self, line: str) -> None:
        self.printed.append(line)

    def _auth(self, database: str, user: str, password: str) -> None:
        found = connected(self._port, username=user, password=password, authSource=database)
        try:
            found.admin.command("ping")
        except PyMongoError:
            found.close()
            raise
        self._client.close()
        self._client = found

    def _getUser(self, database: str, user: str) -> dict[str, Any] | None:  # noqa: N802
        found = self._client[database].command("usersInfo", user)["users"]
        return {"user": found[0]["user"], "roles": found[0]["roles"]} if found else None

    def _createUser(self, database: str, user: dict[str, Any]) -> None:  # noqa: N802
        self._client[database].command("createUser", user.pop("user"), **user)

    def _updateUser(self, database: str, name: str, change: dict[str, Any]) -> None:  # noqa: N802
        self._client[database].command("updateUser", name, **change)


def connected(port: int, **login: Any) -> Client:
    """A client of a mongod that gives up soon."""
    return MongoClient(HOST, port, timeoutMS=CLIENT_TIMEOUT_MS, directConnection=True, **login)
