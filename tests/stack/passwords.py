"""Passwords of the database: given to one that runs without, and there from the first start on."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from tests.docs.pages import typed
from tests.stack import observe
from tests.stack.compose import Stack
from tests.stack.report import say, wait

ROOT, OWN = "stack-test-root", "stack-test-own"
PASSWORDS = {"MONGO_ROOT_PASSWORD": ROOT, "MONGO_PASSWORD": OWN}
Client = MongoClient[dict[str, Any]]


def given_later(stack: Stack) -> None:
    """The documented command keeps the documents, and consumers log in and store more."""
    before = observe.documents()
    stack.environment.update(PASSWORDS)
    stack.compose("up", "--detach", "--wait", "mongo")
    (line,) = (
        each for each in typed("bash") if "docker-compose exec mongo" in each and ".js" in each
    )
    said = stack.shell(line)
    stack.compose("up", "--detach", "--wait")
    with logged_in("root", ROOT) as client:
        found = client.lab_discovery_db.shapes_found
        wait(lambda: found.count_documents({}) > before, "documents of consumers that logged in")
    only_who_may()
    say(said)


def from_the_start(stack: Stack) -> None:
    """On empty volumes the image makes both users."""
    stack.compose("down", "--volumes")
    stack.compose("up", "--detach", "--wait", "mongo")
    only_who_may()


def only_who_may() -> None:
    """Nobody comes in without a password, and the consumers' leads to their database alone."""
    with observe.mongo() as client, pytest.raises(OperationFailure, match="authentication"):
        client.lab_discovery_db.shapes_found.find_one()
    with logged_in("velox", OWN) as client:
        assert client.lab_discovery_db.tried.insert_one({}).acknowledged
        client.lab_discovery_db.drop_collection("tried")
        with pytest.raises(OperationFailure, match="not authorized on other"):
            client.other.tried.insert_one({})
    with logged_in("root", ROOT) as client:
        assert client.admin.command("usersInfo", "velox")["users"]


def logged_in(user: str, password: str) -> Client:
    """A client of the published port, with a login."""
    return MongoClient(observe.MONGO, username=user, password=password)
