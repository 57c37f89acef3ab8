"""Settings that several programs read, and what their values may be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from velox.settings.declare import Settings, setting
from velox.settings.kafka_properties import why_not
from velox.settings.parsers import (
    PATH,
    SWITCH,
    NotAllowed,
    Parser,
    choices,
    integer,
    number,
    parts,
    text,
)

SHAPE_NAMES = ("circle", "square", "triangle", "pentagon", "hexagon", "star", "cross")
COLOR_NAMES = ("red", "green", "blue", "yellow", "cyan", "magenta", "orange", "white")


def _kafka_config(value: str) -> dict[str, str]:
    r"""`name=value,name=value`; a comma inside a value is written `\,`."""
    properties: dict[str, str] = {}
    for part in parts(value) if value else ():
        name, equals, content = part.partition("=")
        name = name.strip()
        if not equals or not re.fullmatch(r"[a-z][a-z0-9._]*", name):
            raise ValueError
        if (reason := why_not(name, content)) is not None:
            raise NotAllowed(reason)
        properties[name] = content
    return properties


def _entries(value: str) -> tuple[str, ...]:
    r"""`a,b,c` without empty parts; a comma inside a part is written `\,`."""
    entries = tuple(part.strip() for part in parts(value))
    if not all(entries) or "\0" in value:
        raise ValueError
    return entries


SERVERS = text(r"[^\s,]+:[0-9]{1,5}(,[^\s,]+:[0-9]{1,5})*", "host:port, separated by commas")
TOPIC = text(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,245}", "1 to 245 of a-z A-Z 0-9 . _ -")
OPTIONAL_TOPIC = text(
    r"|(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}", "1 to 249 of a-z A-Z 0-9 . _ -, or empty"
)
KAFKA_CONFIG = Parser(
    _kafka_config,
    r"name=value pairs of librdkafka, separated by commas (a comma in a value: \,), except those "
    "on which the guarantees rest",
)
DEVICE = text(r"auto|cpu|cuda(:[0-9]+)?", "auto, cpu, cuda or cuda:N")
SOURCES = Parser(
    _entries,
    r"synthetic, a path, a camera's number, an address, or - for a tar archive on standard input; "
    r"several separated by commas (a comma in one: \,), each LOCATION or NAME=LOCATION",
)
MONGO = text(r"|mongodb(\+srv)?://\S+", "a mongodb:// or mongodb+srv:// address, or empty")
NAME = text(r"[^\s\0/\\.$\"]{1,63}", '1 to 63 characters without spaces or / \\ . $ "')


@dataclass(frozen=True, kw_only=True)
class AddressSettings(Settings):
    """Where a program listens."""

    metrics_address: str = setting(
        "METRICS_ADDRESS",
        "127.0.0.1",
        text(r"[0-9A-Fa-f.:]+", "an IP address of this machine, 0.0.0.0 for all"),
        "Address that the metrics port binds to",
    )


@dataclass(frozen=True, kw_only=True)
class LabelSettings(Settings):
    """What the labels are."""

    classes_path: Path = setting("CLASSES_PATH", "classes.json", PATH, "File of the labels")


@dataclass(frozen=True, kw_only=True)
class ImageSettings(Settings):
    """What images are taken."""

    max_image_pixels: int = setting(
        "MAX_IMAGE_PIXELS",
        "50000000",
        integer(1, 2**30),
        "Pixels above which an image is refused as a decompression bomb",
    )


@dataclass(frozen=True, kw_only=True)
class BrokerSettings(Settings):
    """How to reach the broker, and the topic of the images."""

    kafka_bootstrap_server: str = setting(
        "KAFKA_BOOTSTRAP_SERVER", "kafka:29092", SERVERS, "Addresses of the Kafka brokers"
    )
    kafka_topic: str = setting("KAFKA_TOPIC", "image_data", TOPIC, "Topic of the images")
    kafka_config: dict[str, str] = setting(
        "KAFKA_CONFIG",
        "",
        KAFKA_CONFIG,
        "Further librdkafka properties, e.g. security.protocol=SASL_SSL,sasl.mechanism=PLAIN",
        secret=True,
    )


@dataclass(frozen=True, kw_only=True)
class KafkaSettings(BrokerSettings):
    """How to make a topic and how long to wait for what is needed."""

    kafka_partitions: int = setting(
        "KAFKA_PARTITIONS",
        "8",
        integer(1, 10_000),
        "Partitions of the topic: a new topic gets this many, one with fewer grows to this many",
    )
    kafka_replication_factor: int = setting(
        "KAFKA_REPLICATION_FACTOR", "1", integer(1, 100), "Replicas of a topic that Velox creates"
    )
    startup_timeout: float = setting(
        "STARTUP_TIMEOUT_S",
        "300",
        number(1, 86_400),
        "Seconds to wait at the start for each of broker, topic, database and model",
    )


@dataclass(frozen=True, kw_only=True)
class GroupSettings(BrokerSettings, AddressSettings):
    """Which consumer group is meant, and where its metrics are served."""

    kafka_consumer_group: str = setting(
        "KAFKA_CONSUMER_GROUP",
        "gpu_cluster_h100",
        text(r"\S{1,255}", "1 to 255 characters without spaces"),
        "Consumer group ID",
    )
    metrics_port: int = setting(
        "METRICS_PORT",
        "8000",
        integer(0, 65_535),
        "Prometheus metrics port; 0 for any free one, and for none of the producer",
    )


@dataclass(frozen=True, kw_only=True)
class ShapeSettings(Settings):
    """What the synthetic images show."""

    shapes: tuple[str, ...] = setting(
        "SHAPES", "circle,square", choices(*SHAPE_NAMES), "Shapes of the synthetic images"
    )
    colors: tuple[str, ...] = setting(
        "COLORS", "red,green", choices(*COLOR_NAMES), "Colours of the synthetic images"
    )
    img_height: int = setting(
        "IMG_HEIGHT", "512", integer(32, 8192), "Height of the synthetic images in pixels"
    )
    img_width: int = setting(
        "IMG_WIDTH", "512", integer(32, 8192), "Width of the synthetic images in pixels"
    )
    jpeg_quality: int = setting(
        "JPEG_QUALITY", "90", integer(1, 100), "Quality at which images are encoded as JPEG"
    )
    seed: int = setting(
        "SEED", "0", integer(0, 2**31 - 1), "Seed of the image generator and of training"
    )


@dataclass(frozen=True, kw_only=True)
class ModelSettings(LabelSettings, ImageSettings):
    """Where the model lies, what it runs on, and what images it takes."""

    model_path: Path = setting("MODEL_PATH", "model.pth", PATH, "File of the checkpoint")
    device: str = setting(
        "DEVICE",
        "auto",
        DEVICE,
        "Where the model runs; auto uses CUDA if there is a card that can be used",
    )
    gpu_memory_fraction: float = setting(
        "GPU_MEMORY_FRACTION",
        "1",
        number(0.01, 1),
        "Share of the GPU's memory that one process may take; time slices do not divide it",
    )


@dataclass(frozen=True, kw_only=True)
class SourceSettings(Settings):
    """Where images come from."""

    source: tuple[str, ...] = setting(
        "SOURCE",
        "synthetic",
        SOURCES,
        "Where images come from: folders, archives, videos, cameras, streams",
        secret=True,
    )
    source_loop: bool = setting(
        "SOURCE_LOOP", "0", SWITCH, "1 starts folders, archives and videos again when they end"
    )
    max_fps: float = setting(
        "MAX_FPS",
        "10",
        number(0, 1000),
        "Most frames a second to take from each camera, stream or video; 0 for all",
    )


@dataclass(frozen=True, kw_only=True)
class StorageSettings(Settings):
    """Where detections and images are kept."""

    mongo_uri: str = setting(
        "MONGO_URI",
        "mongodb://mongo:27017/",
        MONGO,
        "MongoDB connection string; empty stores in SQLite at STORAGE_PATH/detections.db",
        secret=True,
    )
    db_name: str = setting("DB_NAME", "lab_discovery_db", NAME, "Database name")
    storage_path: Path = setting(
        "STORAGE_PATH", "./discoveries", PATH, "Folder for the images of matches"
    )


@dataclass(frozen=True, kw_only=True)
class ResultsSettings(Settings):
    """Where every prediction goes."""

    kafka_results_topic: str = setting(
        "KAFKA_RESULTS_TOPIC",
        "",
        OPTIONAL_TOPIC,
        "Topic to which every prediction goes as JSON; empty for none",
    )
