"""What the consumer reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from velox.base.errors import SettingError
from velox.base.records import DEAD_LETTERS, PARKED
from velox.base.thresholds import Thresholds
from velox.settings.declare import setting
from velox.settings.parsers import (
    OPTIONAL_PATH,
    SWITCH,
    Parser,
    auto_or,
    choice,
    integer,
    number,
    parts,
)
from velox.settings.review import CandidateSettings
from velox.settings.shadow import ShadowSettings
from velox.settings.shared import (
    GroupSettings,
    KafkaSettings,
    ModelSettings,
    ResultsSettings,
    StorageSettings,
)
from velox.settings.thresholds import THRESHOLDS


def _labels(value: str) -> frozenset[str]:
    r"""`a,b,c` without empty parts; a comma inside a label is written `\,`."""
    labels = [part.strip() for part in parts(value)] if value else []
    if not all(labels):
        raise ValueError
    return frozenset(labels)


LABELS = Parser(_labels, r"a comma-separated list of labels (a comma in one: \,), or empty for all")
# What training measures, see `velox.models.novelty_limits`.
_SHARE = auto_or(number(0.001, 0.1), auto=0.01)
UNKNOWN_SHARE = Parser(
    lambda value: _SHARE.convert(value) if value else None, f"{_SHARE.allowed}, or empty"
)


@dataclass(frozen=True, kw_only=True)
class ConsumerSettings(
    GroupSettings,
    KafkaSettings,
    ModelSettings,
    StorageSettings,
    ResultsSettings,
    CandidateSettings,
    ShadowSettings,
):
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
        "Number format that the model computes in; auto uses the fastest that makes the same "
        "decisions as fp32, on CUDA half precision",
    )
    torch_compile: bool = setting(
        "TORCH_COMPILE",
        "0",
        SWITCH,
        "1 compiles the model for a CUDA card with `torch.compile`: up to twice as fast, but a "
        "start or a new model takes up to a minute longer; needs a C compiler",
    )
    results_top: int = setting(
        "RESULTS_TOP",
        "1",
        integer(1, 100),
        "Likeliest labels of each image that its result names; from 2 on it has the field `top`",
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
        "Milliseconds after its first image when a batch closes at the latest; it closes earlier "
        "if it is full, or if the model is free and no further image is there",
    )
    max_age: float = setting(
        "MAX_AGE_S",
        "0",
        number(0, 31_536_000),
        "Seconds after which an image is too old to be classified: it is counted as `stale`, or "
        "skipped where much is too old; 0 for never",
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
        "DECODE_THREADS",
        "0",
        integer(0, 256),
        "Threads that decode images; 0 for one a core, at most 12",
    )
    confidence_threshold: Thresholds = setting(
        "CONFIDENCE_THRESHOLD",
        "0.90",
        THRESHOLDS,
        "Lowest confidence that counts as a match, e.g. 0.9,defect=0.55; auto: what training found "
        "for each label (TARGET_PRECISION)",
    )
    unknown: float | None = setting(
        "UNKNOWN",
        "",
        UNKNOWN_SHARE,
        "Share of images like those of training that may be called unknown, so that images unlike "
        "them are; auto for 0.01, empty to call none so",
    )
    target_labels: frozenset[str] = setting(
        "TARGET_LABELS", "", LABELS, "Labels that count as a match"
    )
    sources_path: Path | None = setting(
        "SOURCES_PATH",
        "",
        OPTIONAL_PATH,
        "JSON file of what single sources have of their own: thresholds, targets, crop, and how "
        "often they must be heard; read again when it changes",
    )
    max_sources: int = setting(
        "MAX_SOURCES",
        "100",
        integer(0, 10_000),
        "Most sources that the metrics tell apart besides those that SOURCES_PATH names in full; "
        "the rest is `other`",
    )
    max_stored_files: int = setting(
        "MAX_STORED_FILES", "100", integer(0, 100_000_000), "Most image files to keep"
    )
    sync_files: bool = setting(
        "SYNC_FILES",
        "0",
        SWITCH,
        "1 lets an image file survive a power cut: it is on disk before a document names it",
    )
    keep_days: float = setting(
        "KEEP_DAYS",
        "0",
        number(0, 36_500),
        "Days for which matches and their images are kept, results and dead letters too where "
        "their topics allow; 0 for ever",
    )
    max_redrives: int = setting(
        "MAX_REDRIVES",
        "3",
        integer(1, 1000),
        "How often a dead letter is redriven before it is parked",
    )
    replay_keep: bool = setting(
        "REPLAY_KEEP",
        "0",
        SWITCH,
        "1 keeps a copy of each document that a replay withdraws, with the reason",
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
        if self.swap_gate is not None and not self.model_reload:
            raise SettingError(
                "SWAP_GATE has no new model to try with MODEL_RELOAD_S=0, which looks for none: "
                "give a number of seconds, or set SWAP_GATE=0"
            )
        topics = tuple(self.kafka_topic + each for each in ("", DEAD_LETTERS, PARKED))
        if self.kafka_results_topic in topics:
            what = (
                "the topic of the images",
                "that of their dead letters",
                "that of parked dead letters",
            )
            raise SettingError(
                f"KAFKA_RESULTS_TOPIC={self.kafka_results_topic!r} is "
                f"{what[topics.index(self.kafka_results_topic)]} "
                f"(KAFKA_TOPIC={self.kafka_topic!r}): results need a topic of their own"
            )
