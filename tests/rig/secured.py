"""A Kafka node and a mongod that ask for TLS and a password."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from tests.rig import need
from tests.rig.kafka import PROPERTIES, Kafka
from tests.rig.mongod import CLIENT_TIMEOUT_MS, binary
from tests.rig.ports import HOST, free_port
from tests.rig.server import Server

USER = "velox"
OPENSSL_LIMIT_S = 30


@dataclass(frozen=True)
class Certificate:
    """A certificate that is its own authority, and a file that holds its key too."""

    authority: Path
    with_key: Path


def certificate(folder: Path) -> Certificate:
    """A certificate of the loopback address, for one day."""
    openssl = need.program("openssl", "apt-get install openssl")
    folder.mkdir(parents=True, exist_ok=True)
    key, authority, both = (folder / name for name in ("key.pem", "ca.pem", "both.pem"))
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=localhost", "-addext", f"subjectAltName=IP:{HOST},DNS:localhost"),
            *("-keyout", str(key), "-out", str(authority)),
        ],
        capture_output=True,
        timeout=OPENSSL_LIMIT_S,
        check=True,
    )
    both.write_text(key.read_text() + authority.read_text())
    return Certificate(authority, both)


class SecuredKafka(Kafka):
    """A Kafka node with a second listener, which asks for TLS and SASL/PLAIN.

    Args:
        folder: as of `Kafka`.
        password: of USER.
        properties: over those of `Kafka`.
    """

    name = "secured-kafka"

    def __init__(
        self, folder: Path, password: str, properties: Mapping[str, str] | None = None
    ) -> None:
        self.secured_port = free_port()
        self.certificate = certificate(folder / "tls")
        module = "org.apache.kafka.common.security.plain.PlainLoginModule"
        super().__init__(
            folder,
            {
                "listener.security.protocol.map": (
                    f"{PROPERTIES['listener.security.protocol.map']},SASL_SSL:SASL_SSL"
                ),
                "listener.name.sasl_ssl.sasl.enabled.mechanisms": "PLAIN",
                "listener.name.sasl_ssl.plain.sasl.jaas.config": (
                    f'{module} required user_{USER}="{password}";'
                ),
                "listener.name.sasl_ssl.ssl.keystore.type": "PEM",
                "listener.name.sasl_ssl.ssl.keystore.location": str(self.certificate.with_key),
                **(properties or {}),
            },
            more_listeners=[f"SASL_SSL://{HOST}:{self.secured_port}"],
        )

    @property
    def secured_bootstrap(self) -> str:
        return f"{HOST}:{self.secured_port}"

    def kafka_config(self, password: str) -> str:
        """KAFKA_CONFIG of a client."""
        return (
            "security.protocol=SASL_SSL,sasl.mechanism=PLAIN,"
            f"sasl.username={USER},sasl.password={password},"
            f"ssl.ca.location={self.certificate.authority}"
        )


# Who comes through the listener in plain text may do anything, USER only what it is allowed.
ONLY_WHAT_IS_ALLOWED = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
}


class SecuredMongod(Server):
    """A mongod that asks for TLS and a password.

    Args:
        folder: its data and its log.
        password: of USER.
    """

    name = "secured-mongod"

    def __init__(self, folder: Path, password: str) -> None:
        super().__init__(folder)
        self._binary = binary()
        self._password = password
        self.port = free_port()
        self.certificate = certificate(folder / "tls")
        (folder / "data").mkdir(exist_ok=True)

    def uri(self, password: str) -> str:
        """MONGO_URI of a client."""
        return f"mongodb://{USER}:{password}@{self._address}"

    @property
    def _address(self) -> str:
        return f"{HOST}:{self.port}/?tls=true&tlsCAFile={self.certificate.authority}"

    def command(self) -> Sequence[str | Path]:
        return [
            self._binary,
            *("--bind_ip", HOST, "--port", str(self.port), "--nounixsocket", "--auth"),
            *("--dbpath", self.folder / "data", "--wiredTigerCacheSizeGB", "0.25", "--quiet"),
            *("--tlsMode", "requireTLS", "--tlsCertificateKeyFile", self.certificate.with_key),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        ]

    def client(self, uri: str) -> MongoClient[dict[str, Any]]:
        return MongoClient(uri, timeoutMS=CLIENT_TIMEOUT_MS, directConnection=True)

    def answers(self) -> bool:
        """Whether the user can log in; the first user is made without one, as mongod allows."""
        with self.client(f"mongodb://{self._address}") as first:
            try:
                roles = [{"role": "readWriteAnyDatabase", "db": "admin"}]
                first.admin.command("createUser", USER, pwd=self._password, roles=roles)
            except OperationFailure:
                pass
            except PyMongoError:
                return False
        with self.client(self.uri(self._password)) as client:
            try:
                return bool(client.admin.command("ping")["ok"])
            except PyMongoError:
                return False
