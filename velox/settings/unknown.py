"""Variables that nothing reads and that look like settings: misspelt, or as others call them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from velox.settings.consumer import ConsumerSettings
from velox.settings.declare import environment
from velox.settings.programs import (
    DemoSettings,
    ForgetSettings,
    LagSettings,
    ProducerSettings,
    ReportSettings,
)
from velox.settings.review import ReviewSettings
from velox.settings.training import TrainSettings

_PROGRAMS = (
    ConsumerSettings,
    DemoSettings,
    ForgetSettings,
    LagSettings,
    ProducerSettings,
    ReportSettings,
    ReviewSettings,
    TrainSettings,
)
SETTINGS = {each.variable for program in _PROGRAMS for each in program.declared().values()}

# What other programs, and the properties of Kafka's own clients, call the same, or people do.
_CALLED_BY_OTHERS = {
    "KAFKA_BOOTSTRAP_SERVER": "BOOTSTRAP_SERVER BOOTSTRAP_SERVERS KAFKA_BROKER KAFKA_BROKERS "
    "KAFKA_SERVER KAFKA_SERVERS KAFKA_URL",
    "KAFKA_CONSUMER_GROUP": "KAFKA_GROUP KAFKA_GROUP_ID KAFKA_CONSUMER_GROUP_ID CONSUMER_GROUP",
    "KAFKA_TOPIC": "KAFKA_TOPIC_NAME KAFKA_TOPICS",
    "MONGO_URI": "MONGO_URL MONGODB_URI MONGODB_URL MONGO_CONNECTION_STRING",
    "MAX_AGE_S": "MAX_AGE MAX_AGE_SECONDS",
    "DB_NAME": "MONGO_DB MONGO_DB_NAME MONGO_DATABASE MONGODB_DATABASE DATABASE_NAME",
}
_MEANT = {name: meant for meant, names in _CALLED_BY_OTHERS.items() for name in names.split()}
# Common for the name of a container's image, and one letter from IMAGES.
_OF_OTHERS = {"IMAGE"}
# What Kubernetes adds for every service (kubernetes.io/docs/concepts/services-networking/service).
_SERVICE_LINK = re.compile(
    r"_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?$"
)
_ADDRESS = re.compile(r"(tcp|udp|sctp)://")

_SHORTEST = 5
_LONG = 10


def unknown_variables(environ: Mapping[str, str] | None = None) -> str | None:
    """What to say of variables that look like settings and are none, None where there are none.

    One whose setting has the same value does no harm and is left out.

    Args:
        environ: by default the process's environment and the `.env` file.
    """
    given = environment() if environ is None else environ
    found = sorted(_found(given))
    if not found:
        return None
    named = "; ".join(f"{name} is no setting, {meant} is" for name, meant in found)
    return f"variables that nothing reads: {named}"


def _found(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in environ.keys() - SETTINGS - _OF_OTHERS:
        if _SERVICE_LINK.search(name) or _ADDRESS.match(environ[name]):
            continue
        meant = _MEANT.get(name) or _nearest(name)
        if meant is not None and environ.get(meant) != environ[name]:
            yield name, meant


def _nearest(name: str) -> str | None:
    """The setting that is misspelt there, None where none is near enough."""
    if len(name) < _SHORTEST:
        return None
    if "_" in name and name.upper() in SETTINGS:
        return name.upper()
    most = 2 if len(name) >= _LONG and "_" in name else 1
    near = (
        (_distance(name, each), each)
        for each in SETTINGS
        if each[0] == name[0] and abs(len(each) - len(name)) <= most
    )
    distance, setting = min(near, default=(most + 1, ""))
    return setting if distance <= most else None


def _distance(one: str, other: str) -> int:
    """Letters to add, leave out, change or swap with the next (optimal string alignment)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        now = [row]
        for column, its in enumerate(other, 1):
            cost = min(last[column] + 1, now[-1] + 1, last[column - 1] + (letter != its))
            swapped = row > 1 < column and letter == other[column - 2] and its == one[row - 2]
            now.append(min(cost, before[column - 2] + 1) if swapped else cost)
        before, last = last, now
    return last[-1]
