"""Settings: every environment variable that Velox reads, defined once.

Each script has one frozen dataclass of settings, read once in its `main`. A field is declared with
the variable's name, its default as it would stand in the environment, the parser that says what is
allowed, and its meaning; `--help` and the documents' table are made from these declarations.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple, Self

from dotenv import dotenv_values

from velox.base.errors import SettingError
from velox.base.records import DEAD_LETTERS
from velox.settings.parsers import (
    DEVICE,
    IDENTIFIER,
    KAFKA_CONFIG,
    LABELS,
    MONGO,
    NAME,
    OPTIONAL_PATH,
    OPTIONAL_TOPIC,
    PATH,
    SERVERS,
    SOURCES,
    SWITCH,
    TOPIC,
    NotAllowed,
    Parser,
    choice,
    choices,
    integer,
    number,
    some,
    text,
)

SHAPE_NAMES = ("circle", "square", "triangle", "pentagon", "hexagon", "star", "cross")
COLOR_NAMES = ("red", "green", "blue", "yellow", "cyan", "magenta", "orange", "white")


class Setting(NamedTuple):
    """One environment variable."""

    variable: str
    default: str
    parser: Parser
    meaning: str
    secret: bool


def setting(
    variable: str, default: str, parser: Parser, meaning: str, *, secret: bool = False
) -> Any:
    """Declare a dataclass field that is read from an environment variable."""
    declared = Setting(variable, default, parser, meaning, secret)
    return field(metadata={"setting": declared}, repr=not secret)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Base: how a settings class is read and described."""

    log_level: str = setting(
        "LOG_LEVEL",
        "INFO",
        choice("DEBUG", "INFO", "WARNING", "ERROR"),
        "Lowest level that is logged",
    )

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Self:
        """Read every setting of the class.

        Raises:
            SettingError: naming the variable, its value (unless secret) and what is allowed.
        """
        values = {}
        for name, declared in cls.declared().items():
            given = environ.get(declared.variable, declared.default)
            try:
                values[name] = declared.parser.convert(given)
            except (ValueError, KeyError, OverflowError) as error:
                shown = "<hidden>" if declared.secret else repr(given)
                reason = error if isinstance(error, NotAllowed) else declared.parser.allowed
                raise SettingError(
                    f"{declared.variable}={shown} is not allowed: {reason}"
                ) from None
        return cls(**values)

    @classmethod
    def from_environment(cls) -> Self:
        """Read every setting from the process's environment and the `.env` file beside it."""
        return cls.load(environment())

    @classmethod
    def declared(cls) -> dict[str, Setting]:
        """The settings of the class by field name, in the order of their declaration."""
        return {each.name: each.metadata["setting"] for each in fields(cls)}

    @classmethod
    def help(cls) -> str:
        """Every variable with its default, its meaning and what is allowed, as text."""
        blocks = [
            f"  {each.variable} (default: {each.default or 'empty'})\n"
            f"      {each.meaning}.\n      Allowed: {each.parser.allowed}."
            for each in cls.declared().values()
        ]
        return "Environment variables (a .env file is read too, and never overrides them):\n" + (
            "\n".join(blocks)
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
class GroupSettings(BrokerSettings):
    """Which consumer group is meant, and where its metrics are served."""

    kafka_consumer_group: str = setting(
        "KAFKA_CONSUMER_GROUP",
        "gpu_cluster_h100",
        text(r"\S{1,255}", "1 to 255 characters without spaces"),
        "Consumer group ID",
    )
    metrics_port: int = setting(
        "METRICS_PORT", "8000", integer(0, 65_535), "Prometheus metrics port; 0 for any free one"
    )
    metrics_address: str = setting(
        "METRICS_ADDRESS",
        "127.0.0.1",
        text(r"[0-9A-Fa-f.:]+", "an IP address of this machine, 0.0.0.0 for all"),
        "Address that the metrics port binds to",
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
class ModelSettings(Settings):
    """Where the model lies, what it runs on, and what images it takes."""

    model_path: Path = setting("MODEL_PATH", "model.pth", PATH, "File of the checkpoint")
    classes_path: Path = setting("CLASSES_PATH", "classes.json", PATH, "File of the labels")
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
    max_image_pixels: int = setting(
        "MAX_IMAGE_PIXELS",
        "50000000",
        integer(1, 2**30),
        "Pixels above which an image is refused as a decompression bomb",
    )


@dataclass(frozen=True, kw_only=True)
class SourceSettings(Settings):
    """Where images come from."""

    source: tuple[str, ...] = setting(
        "SOURCE",
        "synthetic",
        SOURCES,
        "Where images come from: folders, tar archives, videos, cameras, streams",
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
class ProducerSettings(KafkaSettings, ShapeSettings, SourceSettings):
    """What `producer.py` reads."""

    producer_interval: float = setting(
        "PRODUCER_INTERVAL",
        "0.1",
        number(0, 86_400),
        "Seconds between two images of a source, cameras and streams excepted; 0 for no pause",
    )
    producer_images: int = setting(
        "PRODUCER_IMAGES", "0", integer(0, 2**53), "Images to send before ending; 0 for no end"
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


@dataclass(frozen=True, kw_only=True)
class TrainSettings(ShapeSettings, ModelSettings):
    """What `train.py` reads."""

    model_arch: str = setting(
        "MODEL_ARCH", "mobilenet_v2", IDENTIFIER, "Architecture, a classifier of torchvision.models"
    )
    input_size: int = setting(
        "INPUT_SIZE", "64", integer(32, 1024), "Height and width of the model's input in pixels"
    )
    samples_per_class: int = setting(
        "SAMPLES_PER_CLASS", "400", integer(10, 1_000_000), "Synthetic training images per class"
    )
    dataset_path: Path | None = setting(
        "DATASET_PATH",
        "",
        OPTIONAL_PATH,
        "Folder of own images to train on, one folder a label; empty for synthetic shapes",
    )
    hold_out: float = setting(
        "HOLD_OUT",
        "0.2",
        number(0.02, 0.8),
        "Share of DATASET_PATH's images kept from training, to validate and to test",
    )
    augment: tuple[str, ...] = setting(
        "AUGMENT",
        "rotate,zoom,shift,light",
        some("rotate", "zoom", "shift", "flip", "light"),
        "Random changes to DATASET_PATH's images in training",
    )
    init_weights: Path | None = setting(
        "INIT_WEIGHTS",
        "",
        OPTIONAL_PATH,
        "File of weights to start from, all but the last layer's; empty for random ones",
    )
    epochs: int = setting(
        "EPOCHS",
        "0",
        integer(0, 10_000),
        "Most passes over the training images; 0 means 6 for shapes and 40 for DATASET_PATH",
    )
    patience: int = setting(
        "PATIENCE",
        "10",
        integer(0, 10_000),
        "Passes without improvement after which training ends; 0 for never",
    )
    resume: bool = setting(
        "RESUME",
        "1",
        SWITCH,
        "1 saves the state after each pass beside MODEL_PATH, and goes on from it",
    )
    train_batch_size: int = setting(
        "TRAIN_BATCH_SIZE", "16", integer(1, 4096), "Images in one training step"
    )
    learning_rate: float = setting("LEARNING_RATE", "0.005", number(1e-8, 10), "Peak learning rate")
    min_accuracy: float = setting(
        "MIN_ACCURACY",
        "0.95",
        number(0, 1),
        "Test accuracy below which no checkpoint is written; 0 accepts any",
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
class ConsumerSettings(GroupSettings, KafkaSettings, ModelSettings, StorageSettings):
    """What `consumer.py` reads."""

    kafka_group_protocol: str = setting(
        "KAFKA_GROUP_PROTOCOL",
        "classic",
        choice("classic", "consumer"),
        "Group protocol: classic (cooperative-sticky), or consumer (KIP-848, Kafka 4.0 and newer)",
    )
    precision: str = setting(
        "PRECISION",
        "auto",
        choice("auto", "fp32", "bf16", "int8"),
        "Number format that the model computes in; auto uses the fastest that decides as fp32 "
        "does, on CUDA half precision",
    )
    kafka_results_topic: str = setting(
        "KAFKA_RESULTS_TOPIC",
        "",
        OPTIONAL_TOPIC,
        "Topic to which every prediction goes as JSON; empty for none",
    )
    max_poll_interval: float = setting(
        "MAX_POLL_INTERVAL_S",
        "300",
        number(6, 86_400),
        "Seconds without a poll after which the broker gives the partitions to others",
    )
    model_reload: float = setting(
        "MODEL_RELOAD_S",
        "10",
        number(0, 86_400),
        "Seconds after which to look again for a new checkpoint at MODEL_PATH; 0 for never",
    )
    batch_size: int = setting("BATCH_SIZE", "8", integer(1, 4096), "Most images in a batch")
    batch_timeout_ms: float = setting(
        "BATCH_TIMEOUT_MS",
        "50",
        number(0, 60_000),
        "Milliseconds from its first image until a batch closes, full or not",
    )
    queue_size: int = setting(
        "QUEUE_SIZE",
        "200",
        integer(1, 1_000_000),
        "Most images in flight: polled and not yet finished",
    )
    queue_bytes: int = setting(
        "QUEUE_BYTES",
        "67108864",
        integer(1_048_576, 2**40),
        "Most bytes of records in flight: values, keys and headers",
    )
    decode_threads: int = setting(
        "DECODE_THREADS", "0", integer(0, 256), "Threads that decode images; 0 for one a core"
    )
    confidence_threshold: float = setting(
        "CONFIDENCE_THRESHOLD", "0.90", number(0, 1), "Lowest confidence that counts as a match"
    )
    target_labels: frozenset[str] = setting(
        "TARGET_LABELS", "", LABELS, "Labels that count as a match"
    )
    max_stored_files: int = setting(
        "MAX_STORED_FILES", "100", integer(0, 100_000_000), "Most image files to keep"
    )
    live_page: bool = setting(
        "LIVE_PAGE",
        "0",
        SWITCH,
        "1 serves a page at / of the metrics port: the latest matches, for all who can reach it",
    )
    stall_timeout: float = setting(
        "STALL_TIMEOUT_S",
        "120",
        number(1, 86_400),
        "Seconds without progress, while there is work, after which /healthz reports a stall",
    )
    breaker_share: float = setting(
        "BREAKER_SHARE",
        "0.5",
        number(0, 1),
        "Share of its last 100 records that a stage may refuse before Velox tests it with an image "
        "or a document of its own: if that is refused too, the consumer pauses; 1 for never",
    )
    drain_timeout: float = setting(
        "DRAIN_TIMEOUT_S",
        "6",
        number(0, 3600),
        "Seconds to finish what is in flight after SIGTERM or before partitions are handed on",
    )

    def __post_init__(self) -> None:
        """Refuse settings that do not go together."""
        topics = (self.kafka_topic, self.kafka_topic + DEAD_LETTERS)
        if self.kafka_results_topic in topics:
            what = ("the topic of the images", "that of their dead letters")
            raise SettingError(
                f"KAFKA_RESULTS_TOPIC={self.kafka_results_topic!r} is "
                f"{what[topics.index(self.kafka_results_topic)]} "
                f"(KAFKA_TOPIC={self.kafka_topic!r}): results need a topic of their own"
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


def environment(directory: Path | None = None) -> dict[str, str]:
    """The process's environment over the values of a `.env` file.

    A variable of the environment wins, even an empty one.

    Args:
        directory: where `.env` is looked for; the working directory by default.
    """
    file = (directory or Path.cwd()) / ".env"
    from_file = {name: value for name, value in dotenv_values(file).items() if value is not None}
    return {**from_file, **os.environ}
