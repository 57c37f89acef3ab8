"""What each program reads that has no module of its own here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from velox.settings.declare import setting
from velox.settings.parsers import OPTIONAL_PATH, PATH, choice, integer, number
from velox.settings.shared import (
    AddressSettings,
    BrokerSettings,
    GroupSettings,
    KafkaSettings,
    ResultsSettings,
    ShapeSettings,
    SourceSettings,
    StorageSettings,
)


@dataclass(frozen=True, kw_only=True)
class ProducerSettings(KafkaSettings, ShapeSettings, SourceSettings, AddressSettings):
    """What `producer.py` reads."""

    producer_interval: float = setting(
        "PRODUCER_INTERVAL",
        "0.1",
        number(0, 86_400),
        "Seconds between two images of a source, except cameras and streams; 0 for no pause",
    )
    producer_images: int = setting(
        "PRODUCER_IMAGES", "0", integer(0, 2**53), "Images to send before ending; 0 for no end"
    )
    watch_done: Path | None = setting(
        "WATCH_DONE",
        "",
        OPTIONAL_PATH,
        "Folder that a watched folder's files are moved to once they are sent; empty to leave them",
    )
    watch_state: Path | None = setting(
        "WATCH_STATE",
        "",
        OPTIONAL_PATH,
        "Folder that remembers what was sent of a watched folder; empty for that folder itself",
    )
    compression_type: str = setting(
        "COMPRESSION_TYPE",
        "none",
        choice("none", "gzip", "snappy", "lz4", "zstd"),
        "Compression of record batches; encoded images hardly shrink",
    )
    delivery_timeout: float = setting(
        "DELIVERY_TIMEOUT_S",
        "300",
        number(1, 86_400),
        "Seconds after which an unacknowledged image counts as failed",
    )
    metrics_port: int = setting(
        "METRICS_PORT",
        "0",
        integer(0, 65_535),
        "Prometheus metrics port; 0 for any free one, and for none of the producer",
    )


@dataclass(frozen=True, kw_only=True)
class ReportSettings(StorageSettings):
    """What `python -m velox.report` reads."""

    report_path: Path = setting(
        "REPORT_PATH", "report.html", PATH, "File that the report is written to"
    )
    report_images: int = setting(
        "REPORT_IMAGES", "48", integer(0, 500), "Most images that the report shows"
    )


@dataclass(frozen=True, kw_only=True)
class ForgetSettings(BrokerSettings, StorageSettings, ResultsSettings):
    """What `python -m velox.forget` reads."""


@dataclass(frozen=True, kw_only=True)
class LagSettings(GroupSettings):
    """What `lag.py` reads."""


@dataclass(frozen=True, kw_only=True)
class DemoSettings(SourceSettings):
    """What `demo.py` reads; its processes read theirs, with paths and addresses that it sets."""

    images: int = setting(
        "IMAGES", "0", integer(0, 2**53), "Images after which the demo ends; 0 for no end"
    )
    demo_path: Path = setting(
        "DEMO_PATH", "demo-data", PATH, "Folder of the demo's model, detections and images"
    )
    producer_interval: float = setting(
        "PRODUCER_INTERVAL", "0.02", number(0, 86_400), "Seconds between images; 0 for no pause"
    )
    metrics_port: int = setting(
        "METRICS_PORT",
        "8000",
        integer(0, 65_535),
        "Prometheus metrics port; any free one is taken where it is in use",
    )

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment alone: a `.env` file describes the deployed stack."""
        return cls.load(os.environ)
