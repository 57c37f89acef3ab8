"""Every query of the dashboards and of the rules, answered by a Prometheus that watches a consumer.

The consumer, the producer and Prometheus are the real ones; the broker is the embedded one, and the
model knows nothing. A counter that nothing has moved must still be there, so that a panel of
troubles shows 0 and not "No data".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Producer

from tests.docs.pages import typed
from tests.rig.dashboards import Query, queries
from tests.rig.ports import free_port
from tests.rig.processes import Child, script
from tests.rig.prometheus import Prometheus
from tests.rig.reviewer import TOKEN, Reviewer
from tests.rig.waiting import eventually
from tests.rig.yaml_text import yaml_of
from tests.unit.fakes import reference
from velox.demo import broker as embedded_broker
from velox.models import checkpoint
from velox.models.architectures import build

ROOT = Path(__file__).parents[2]
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml_of((ROOT / "prometheus.rules.yml").read_text())["groups"]
    for rule in group["rules"]
]
START_LIMIT_S = 120
DATA_LIMIT_S = 30
# A name with its selector, not the function or the grouping that a name can be as well.
SELECTOR = re.compile(r"\b(?:velox[_:]|up\b|target_)[\w:]*(?:\{[^}]*\})?")


@dataclass(frozen=True)
class Watched:
    """A running pipeline and the Prometheus that watches it."""

    prometheus: Prometheus
    consumer: Child

    def classifies(self) -> bool:
        """Whether Prometheus has seen a match."""
        assert self.consumer.running, str(self.consumer)
        return self.finite('velox_records_total{outcome="match"} > 0')

    def finite(self, expression: str) -> bool:
        """Whether a query is answered with at least one number."""
        answered = self.prometheus.query(expression)
        return any(math.isfinite(float(each["value"][1])) for each in answered)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    with ExitStack() as opened:
        bootstrap = opened.enter_context(embedded_broker.running())
        settings = {
            "KAFKA_BOOTSTRAP_SERVER": bootstrap,
            "KAFKA_PARTITIONS": str(embedded_broker.PARTITIONS),
        }
        producer = script(
            "producer.py",
            env={
                **settings,
                "PRODUCER_INTERVAL": "0.05",
                "IMG_HEIGHT": "64",
                "IMG_WIDTH": "64",
                "METRICS_PORT": str(free_port()),
            },
            log=folder / "producer.log",
        )
        opened.callback(producer.kill)
        consumer = start_consumer(folder, settings)
        opened.callback(consumer.kill)
        lag = script("lag.py", env={**settings, "METRICS_PORT": "0"}, log=folder / "lag.log")
        opened.callback(lag.kill)
        review = start_review(folder)
        opened.callback(review.kill)
        processes = {
            "velox": consumer,
            "velox-lag": lag,
            "velox-producer": producer,
            "velox-review": review,
        }
        jobs = {
            job: child.wait_for_line(r"(?:metrics|page) address=http://(\S+)", START_LIMIT_S)[1]
            for job, child in processes.items()
        }
        prometheus = Prometheus(folder / "prometheus", configuration(folder, jobs))
        prometheus.start()
        opened.callback(prometheus.stop)
        pipeline = Watched(prometheus, consumer)
        eventually(pipeline.classifies, START_LIMIT_S, lambda: f"images classified: {consumer}")
        send_what_is_no_image(bootstrap)
        judge_one(Reviewer(f"http://{jobs['velox-review']}"))
        yield pipeline


def start_consumer(folder: Path, settings: dict[str, str]) -> Child:
    """A consumer whose models guess, and that takes every guess of the first for a match."""
    labels = ("green_circle", "green_square", "red_circle", "red_square")
    paths, shadow = (
        (each / "model.pth", each / "classes.json") for each in (folder, folder / "shadow")
    )
    shadow[0].parent.mkdir()
    for each in (paths, shadow):
        untrained = checkpoint.Checkpoint(
            architecture="mobilenet_v3_small",
            labels=labels,
            input_size=32,
            reference=reference(len(labels)),
            state_dict=build("mobilenet_v3_small", len(labels)).state_dict(),
        )
        checkpoint.save(untrained, *each)
    (folder / "sources.json").write_text(
        '{"synthetic-*": {"expect_s": 5}, "nobody": {"expect_s": 1}}'
    )
    return script(
        "consumer.py",
        env={
            **settings,
            "KAFKA_GROUP_PROTOCOL": "classic",
            "MONGO_URI": "",
            "MODEL_PATH": str(paths[0]),
            "CLASSES_PATH": str(paths[1]),
            "SHADOW_MODEL_PATH": str(shadow[0]),
            "STORAGE_PATH": str(folder / "discoveries"),
            "CONFIDENCE_THRESHOLD": "0",
            "DEVICE": "cpu",
            "METRICS_PORT": "0",
            "SOURCES_PATH": str(folder / "sources.json"),
            "REVIEW": "1",
            "REVIEW_SHARE": "0.5",
        },
        log=folder / "consumer.log",
    )


def start_review(folder: Path) -> Child:
    """The page to label on, of what that consumer keeps."""
    return script(
        "review.py",
        env={
            "REVIEW_TOKEN": TOKEN,
            "REVIEW_PORT": "0",
            "MONGO_URI": "",
            "STORAGE_PATH": str(folder / "discoveries"),
            "CLASSES_PATH": str(folder / "classes.json"),
        },
        log=folder / "review.log",
    )


def judge_one(reviewer: Reviewer) -> None:
    """Say of an image of the random share what it shows, so that there is an accuracy."""
    found = eventually(lambda: reviewer.waiting("random"), START_LIMIT_S, "images for review")
    assert reviewer.judge(found[:1], "red_circle") == found[:1]


def configuration(folder: Path, addresses: dict[str, str]) -> Path:
    """The project's configuration with one target for each of these jobs, looked at each second."""
    content = yaml_of((ROOT / "prometheus.yml").read_text())
    content["global"] = {
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "evaluation_interval": "1s",
    }
    content["rule_files"] = [str(ROOT / "prometheus.rules.yml")]
    jobs = {job["job_name"]: job for job in content["scrape_configs"]}
    for name, address in addresses.items():
        jobs[name].pop("dns_sd_configs", None)
        jobs[name]["static_configs"] = [{"targets": [address]}]
    content["scrape_configs"] = [jobs[name] for name in addresses]
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(content))
    return file


def send_what_is_no_image(bootstrap: str) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce("image_data", b"no image")
    assert producer.flush(DATA_LIMIT_S) == 0


def rule_queries() -> list[Any]:
    """What is recorded, and each selector of an alert: its condition itself should not hold."""
    recorded = [
        pytest.param(rule["record"], id=rule["record"]) for rule in RULES if "record" in rule
    ]
    read = [
        pytest.param(selector, id=f"{rule['alert']}: {selector}")
        for rule in RULES
        if "alert" in rule
        for selector in sorted(set(SELECTOR.findall(rule["expr"])))
    ]
    return recorded + read


@pytest.mark.parametrize(
    "query",
    list(queries(ROOT / "grafana/dashboards")),
    ids=lambda query: f"{query.board}: {query.panel} {query.ref}",
)
def test_panel_has_data(watched: Watched, query: Query) -> None:
    expression = query.chosen(interval="10s", span="1m")
    eventually(
        lambda: watched.finite(expression),
        DATA_LIMIT_S,
        lambda: f"data for {expression}: {watched.consumer}",
    )


@pytest.mark.parametrize("expression", rule_queries())
def test_rule_has_data(watched: Watched, expression: str) -> None:
    eventually(
        lambda: watched.finite(expression),
        DATA_LIMIT_S,
        lambda: f"data for {expression}: {watched.consumer}",
    )


@pytest.mark.parametrize("expression", typed("promql"))
def test_documented_query_has_data(watched: Watched, expression: str) -> None:
    eventually(lambda: watched.finite(expression), DATA_LIMIT_S, f"data for {expression}")


def test_a_dead_letter_fires_its_alert(watched: Watched) -> None:
    alert = 'ALERTS{alertname="VeloxDeadLetters", alertstate="firing"}'
    eventually(lambda: watched.finite(alert), DATA_LIMIT_S, "the alert of dead letters")


def test_the_three_queries_of_old_are_documented() -> None:
    assert set(typed("promql")) >= {
        "batch_avg_confidence",
        "rate(target_shapes_found[1m]) * 60",
        "sum by (pod) (target_shapes_found)",
    }
