"""A camera falls silent: a real Prometheus says so in time, once, and says whose fault it is.

Scrapes and evaluations are as far apart as in the project's own configuration.
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rig import mjpeg
from tests.rig.ports import free_port
from tests.rig.processes import ROOT, Child, script
from tests.rig.prometheus import Prometheus
from tests.rig.untrained import untrained
from tests.rig.waiting import eventually
from tests.rig.yaml_text import yaml_of
from velox.demo import broker as embedded_broker

START_LIMIT_S = 120.0
EXPECT_S = 5
LIMIT_S = 60.0


class Line:
    """A camera, its producer, a consumer that can be started again, and Prometheus."""

    def __init__(self, folder: Path, opened: ExitStack) -> None:
        self._folder, self._opened = folder, opened
        self.camera = opened.enter_context(mjpeg.camera(frames=None, fps=5))
        self._model = untrained(folder)
        (folder / "sources.json").write_text(json.dumps({"door": {"expect_s": EXPECT_S}}))
        self._settings = {
            "KAFKA_BOOTSTRAP_SERVER": opened.enter_context(embedded_broker.running()),
            "KAFKA_PARTITIONS": str(embedded_broker.PARTITIONS),
        }
        self.producer = script(
            "producer.py",
            env={
                **self._settings,
                "SOURCE": f"door=http://{self.camera.address}/",
                "METRICS_PORT": str(free_port()),
            },
            log=folder / "producer.log",
        )
        opened.callback(self.producer.kill)
        self._port = free_port()
        self.consumer = self.start_consumer()
        self.prometheus = Prometheus(folder / "prometheus", self._configuration(self.producer))
        self.prometheus.start()
        opened.callback(self.prometheus.stop)

    def start_consumer(self) -> Child:
        """A consumer at the address that Prometheus knows."""
        made = script(
            "consumer.py",
            env={
                **self._settings,
                "KAFKA_GROUP_PROTOCOL": "classic",
                "KAFKA_CONFIG": "session.timeout.ms=6000",
                "MONGO_URI": "",
                "MODEL_PATH": str(self._model.path),
                "CLASSES_PATH": str(self._model.classes),
                "STORAGE_PATH": str(self._folder / "discoveries"),
                "DEVICE": "cpu",
                "METRICS_PORT": str(self._port),
                "SOURCES_PATH": str(self._folder / "sources.json"),
            },
            log=self._folder / "consumer.log",
        )
        self._opened.callback(made.kill)
        return made

    def _configuration(self, producer: Child) -> Path:
        addresses = {
            "velox-producer": producer.wait_for_line(r"metrics address=http://(\S+)", LIMIT_S)[1],
            "velox": f"127.0.0.1:{self._port}",
        }
        content = yaml_of((ROOT / "prometheus.yml").read_text())
        content["rule_files"] = [str(ROOT / "prometheus.rules.yml")]
        content["scrape_configs"] = [
            {"job_name": job, "static_configs": [{"targets": [address]}]}
            for job, address in addresses.items()
        ]
        file = self._folder / "prometheus.yml"
        file.write_text(yaml.safe_dump(content))
        return file

    def silence(self) -> float | None:
        """How long the door has been silent, as Prometheus knows it."""
        found = self.prometheus.query("velox:source_silence:seconds")
        return float(found[0]["value"][1]) if found else None

    def alert(self) -> dict[str, Any] | None:
        """The alert of the door, where it fires."""
        with urllib.request.urlopen(f"{self.prometheus.address}/api/v1/alerts") as answer:  # noqa: S310
            alerts = json.load(answer)["data"]["alerts"]
        found = [
            each
            for each in alerts
            if each["labels"]["alertname"] == "VeloxSourceSilent" and each["state"] == "firing"
        ]
        assert len(found) <= 1
        return found[0] if found else None


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    with ExitStack() as opened:
        yield Line(tmp_path, opened)


def quiet(line: Line) -> bool:
    silence = line.silence()
    return silence is not None and silence < EXPECT_S and line.alert() is None


@pytest.mark.long
def test_the_alert_comes_in_time_and_stays_one_while_the_consumer_starts_again(line: Line) -> None:
    eventually(lambda: quiet(line), START_LIMIT_S, lambda: f"images of the door: {line.consumer}")
    line.camera.frames = 0
    pulled = time.monotonic()
    alert = eventually(line.alert, LIMIT_S, "the alert", every=0.05)
    took = time.monotonic() - pulled
    print(f"alert after {took:.1f} s")
    assert took <= EXPECT_S + 10
    assert alert["labels"]["source"] == "door"
    assert alert["annotations"]["summary"].endswith("look at the camera")

    line.consumer.kill()
    line.consumer = line.start_consumer()
    line.consumer.wait_for_line(r"(?s)(partitions assigned=.*){2}", START_LIMIT_S)
    before = line.silence()
    assert before is not None
    eventually(lambda: (line.silence() or 0) > before + 10, LIMIT_S, "a consumer that counts")
    later = line.alert()
    assert later is not None
    assert later["activeAt"] == alert["activeAt"], "it is the same alert"
    fired = line.prometheus.query('changes(ALERTS_FOR_STATE{alertname="VeloxSourceSilent"}[5m])')
    assert [each["value"][1] for each in fired] == ["0"]

    line.camera.frames = None
    eventually(lambda: line.alert() is None, LIMIT_S, "the end of the alert")

    line.producer.kill()
    eventually(
        lambda: (line.alert() or alert)["annotations"]["summary"].endswith("look at the producer"),
        LIMIT_S,
        "an alert that names the producer",
    )
