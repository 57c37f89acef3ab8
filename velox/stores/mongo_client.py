"""The client of MongoDB, and what is common to all that work with one."""

from __future__ import annotations

import re
import warnings
from typing import Any, ClassVar

from pymongo import MongoClient
from pymongo.errors import ConfigurationError, InvalidURI
from pymongo.write_concern import WriteConcern

from velox.base.errors import SettingError
from velox.base.waiting import call_within

SELECT_TIMEOUT_MS = 5_000
CLOSE_TIMEOUT_S = 0.5
# Of what the consumer writes; who reads or removes much waits longer.
WRITE_TIMEOUT_MS = 10_000
# What ends a user's name or a password, or makes an escape of what is none (RFC 3986, 2.1 and 3.2).
_UNESCAPED = re.compile(r"[/?@]|:.*:|%(?![0-9A-Fa-f]{2})")
_ESCAPED = "in user and password write %40 for @, %3A for :, %2F for /, %3F for ? and %25 for %"


class OnDatabase:
    """What works on a database of MongoDB; nothing is sent before the first call.

    Writes are acknowledged by the majority and journalled.

    Args:
        uri: connection string; its password never reaches a log or an error.
        database: name of the database.

    Raises:
        SettingError: when the connection string cannot be parsed.
    """

    # The collection that it is about, and the longest wait for an answer.
    collection: ClassVar[str]
    timeout_ms: ClassVar[int]

    def __init__(self, *, uri: str, database: str) -> None:
        self.name = name_of(uri, database, self.collection)
        self._client = client(uri, socket_timeout_ms=self.timeout_ms)
        self._database = self._client.get_database(
            database, write_concern=WriteConcern(w="majority", j=True)
        )
        self._collection = self._database[self.collection]

    def close(self) -> None:
        """Close the connections; a server that is away is not waited for."""
        call_within(CLOSE_TIMEOUT_S, self._client.close)


def client(uri: str, *, socket_timeout_ms: int) -> MongoClient[dict[str, Any]]:
    """A client that has not connected yet.

    Args:
        uri: connection string; its password never reaches a log or an error.
        socket_timeout_ms: longest wait for an answer.

    Raises:
        SettingError: when the connection string cannot be parsed.
    """
    try:
        with warnings.catch_warnings():
            # pymongo ignores an option that it does not know: `tsl=true` would mean no TLS.
            warnings.filterwarnings("error", module=r"pymongo\.uri_parser")
            return MongoClient(
                uri,
                appname="velox",
                connect=False,
                connectTimeoutMS=SELECT_TIMEOUT_MS,
                serverSelectionTimeoutMS=SELECT_TIMEOUT_MS,
                socketTimeoutMS=socket_timeout_ms,
                # The driver's one retry costs the server a write of its own for each document, and
                # the recorder tries again anyway: all writes are idempotent.
                retryWrites=False,
            )
    except (InvalidURI, ConfigurationError, ValueError, OSError, UserWarning) as error:
        raise SettingError(f"MONGO_URI is not allowed: {_without(uri, error)}") from None


def name_of(uri: str, database: str, collection: str) -> str:
    """A collection as logs and errors name it, without credentials."""
    return f"mongodb:{_hosts(uri)}/{database}.{collection}"


def _hosts(uri: str) -> str:
    """The hosts of a connection string, without its credentials."""
    return uri.partition("://")[2].partition("/")[0].rpartition("@")[2]


def _without(uri: str, error: Exception) -> str:
    """The error's text, unless it repeats a part of the credentials or of an option's value.

    A password with a slash or a colon in it may be taken apart and named as a host or a port.
    """
    credentials = uri.partition("://")[2].rpartition("@")[0]
    options = re.findall(r"=([^&]*)", uri.rpartition("?")[2])
    secrets = re.findall(r"\w+", " ".join([credentials, *options]))
    text = str(error)
    if any(each in text for each in secrets):
        text = "it cannot be parsed"
    return f"{text}; {_ESCAPED}" if _UNESCAPED.search(credentials) else text
