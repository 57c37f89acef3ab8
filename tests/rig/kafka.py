"""A real Apache Kafka node: one process, broker and controller in one (KRaft)."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from tests.rig import need
from tests.rig.ports import HOST, free_port
from tests.rig.server import Server

HERE = Path(__file__).parent
POM = HERE / "pom.xml"
DOWNLOAD_LIMIT_S = 600
FORMAT_LIMIT_S = 60
JAVA_OPTIONS = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}",
)
# One node holds every internal topic; groups form at once and may have short sessions, so that a
# test need not wait for the minutes that production prefers.
PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "message.max.bytes": "10485760",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    # An idle node's threads wake up to look for work, and there is one node a worker.
    "num.network.threads": "1",
    "num.io.threads": "2",
    "background.threads": "2",
    "broker.heartbeat.interval.ms": "1000",
    # An idle node writes a record that says nothing as often, twice a second by default.
    "metadata.max.idle.interval.ms": "60000",
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "3000",
    "group.consumer.min.heartbeat.interval.ms": "500",
    "group.consumer.heartbeat.interval.ms": "500",
    "controlled.shutdown.enable": "true",
    "log.segment.delete.delay.ms": "100",
    "log.retention.check.interval.ms": "1000",
    "log.initial.task.delay.ms": "500",
}


def jars() -> Path:
    """The folder with Kafka's jars, fetched once by Maven into a cache outside the tree."""
    folder = _cache() / f"kafka-{_digest(POM.read_bytes())}"
    with _alone("kafka"):
        if not folder.is_dir():
            _fetch(folder)
    return folder


def classes(java: str, folder: Path) -> Path:
    """What this Java has read of the jars, kept once: a node starts with half of the CPU time.

    (Class-data sharing in the `java` command's manual.) A Java that cannot use it does without.
    """
    key = _digest(str(Path(java).resolve()).encode() + bytes(folder))
    kept = folder.with_name(f"classes-{key}.jsa")
    with _alone("classes"):
        if not kept.exists():
            with tempfile.TemporaryDirectory() as scratch:
                made = Path(scratch) / kept.name
                node = Kafka(Path(scratch) / "node", options=[f"-XX:ArchiveClassesAtExit={made}"])
                node.start()
                node.stop()
                shutil.move(made, kept)
    return kept


def _cache() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "velox-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """No other process makes what is kept at the same time."""
    with (_cache() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(folder: Path) -> None:
    maven = need.program("mvn", "apt-get install maven")
    partial = Path(tempfile.mkdtemp(prefix="kafka-", dir=folder.parent))
    try:
        done = subprocess.run(
            [
                maven,
                "-q",
                "-B",
                "-f",
                POM,
                "dependency:copy-dependencies",
                f"-DoutputDirectory={partial}",
            ],
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_LIMIT_S,
            check=False,
        )
        if done.returncode != 0:
            need.missing("Kafka", f"Maven could not fetch it: {done.stdout[-2000:]}{done.stderr}")
        partial.chmod(0o755)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


class Kafka(Server):
    """A Kafka node on free loopback ports.

    Args:
        folder: its log directory, its properties and its log.
        properties: over those of this module.
        more_listeners: beside the one in plain text, e.g. `SASL_SSL://127.0.0.1:9093`.
        options: of Java, instead of the classes that are kept.
    """

    name = "kafka"

    def __init__(
        self,
        folder: Path,
        properties: Mapping[str, str] | None = None,
        *,
        more_listeners: Sequence[str] = (),
        options: Sequence[str] = (),
    ) -> None:
        super().__init__(folder)
        self._java = need.program("java", "apt-get install openjdk-17-jre-headless")
        self._jars = jars()
        self._options = options or [f"-XX:SharedArchiveFile={classes(self._java, self._jars)}"]
        self.port = free_port()
        self._file = folder / "server.properties"
        self._format(properties or {}, more_listeners)

    @property
    def bootstrap(self) -> str:
        return f"{HOST}:{self.port}"

    def command(self) -> Sequence[str | Path]:
        return self._run("kafka.Kafka", str(self._file))

    def answers(self) -> bool:
        """Whether a topic could be made: it answers before its controller lets it take one."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        new = NewTopic("probe", 1, 1)
        try:
            admin.create_topics([new], validate_only=True, request_timeout=2)[new.topic].result()
        except KafkaException:
            return False
        return True

    def _run(self, *arguments: str) -> list[str]:
        command = [self._java, *JAVA_OPTIONS, *self._options]
        return [*command, "-cp", f"{self._jars}/*", *arguments]

    def _format(self, properties: Mapping[str, str], more_listeners: Sequence[str]) -> None:
        controller = free_port()
        listeners = ",".join([f"PLAINTEXT://{HOST}:{self.port}", *more_listeners])
        settings = {
            **PROPERTIES,
            "listeners": f"{listeners},CONTROLLER://{HOST}:{controller}",
            "advertised.listeners": listeners,
            "controller.quorum.voters": f"1@{HOST}:{controller}",
            "log.dirs": str(self.folder / "log"),
            **properties,
        }
        self._file.write_text("".join(f"{name}={text}\n" for name, text in settings.items()))
        cluster = base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        subprocess.run(
            self._run("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._file)),
            stdout=subprocess.DEVNULL,
            timeout=FORMAT_LIMIT_S,
            check=True,
        )
