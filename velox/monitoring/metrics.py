"""Every metric that is exposed, in one place, with fixed label sets and base units."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

from velox.base.candidates import REASONS
from velox.base.records import Outcome
from velox.monitoring.outlook import Outlook
from velox.monitoring.shadow_metrics import ShadowMetrics

# Fine enough that interpolated p50 and p99 are within about 15 % from 1 ms to a minute.
_SECONDS = (
    *(
        round(decade * step, 6)
        for decade in (0.001, 0.01, 0.1, 1, 10)
        for step in (1, 1.3, 1.7, 2.2, 3, 4, 5.2, 7)
    ),
    100,
    300,
    1000,
)
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)

STAGES = ("queue", "decode", "infer", "files", "store")
OUTCOMES = (*Outcome, "dead_letter")
BREAKER_STAGES = ("decode", "infer", "store", "results", "dead_letter")
SWEPT = ("files", "shapes_found", "review", "withdrawn")
MEMORY_KINDS = ("allocated", "reserved", "total")


class Metrics:
    """The metrics of one consumer process, registered once.

    Args:
        registry: where to register; a fresh one by default, so that tests do not share counts.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        ProcessCollector(registry=self.registry)
        counter, gauge, histogram = self._counter, self._gauge, self._histogram

        self.matches = counter("target_shapes_found", "Matches by label.", "label")
        self.batch_confidence = gauge("batch_avg_confidence", "Mean confidence of the last batch.")

        self.records = counter(
            "velox_records",
            f"Records finished, by outcome: {', '.join(OUTCOMES)}.",
            "outcome",
        )
        self.source_images = counter(
            "velox_source_images",
            "Records finished by source and outcome; `other` for those beyond MAX_SOURCES.",
            "source",
            "outcome",
        )
        self.source_age = gauge(
            "velox_source_age_seconds",
            "Since the newest finished image of a source was taken.",
            "source",
        )
        self.source_expect = gauge(
            "velox_source_expect_seconds",
            "After how long a source should have been heard of again; 0 if it need not any more.",
            "source",
        )
        self.predictions = counter(
            "velox_predictions",
            "Classified images by predicted label and ground truth ('' where the record has none).",
            "label",
            "truth",
        )
        self.dead_letters = counter(
            "velox_dead_letters", "Records sent to the dead-letter topic.", "stage", "reason"
        )
        self.results_refused = counter(
            "velox_results_refused", "Results that their topic refuses for good."
        )
        self.dead_letters_lost = counter(
            "velox_dead_letters_lost",
            "Records of which the dead-letter topic refused even place and reason.",
        )
        self.end_to_end = histogram(
            "velox_end_to_end_seconds", "From the record's timestamp to durable.", _SECONDS
        )
        self.stage_seconds = histogram(
            "velox_stage_seconds",
            "Time that a stage works on one batch, the store on all batches that waited.",
            _SECONDS,
            "stage",
        )
        self.batch_size = histogram("velox_batch_size", "Images in a batch.", _BATCH)

        self.in_flight = gauge("velox_in_flight_images", "Images polled and not yet finished.")
        self.in_flight_bytes = gauge(
            "velox_in_flight_bytes",
            "Bytes of records polled and not yet finished: values, keys and headers.",
        )
        self.lag = gauge(
            "velox_consumer_lag_records",
            "Offsets between the last finished record and the end of what can be read.",
            "partition",
        )
        self.lag_seconds = gauge(
            "velox_consumer_lag_seconds",
            "Age of the last finished record while there are newer ones, else 0.",
            "partition",
        )
        self.commit_age = gauge("velox_commit_age_seconds", "Since the last successful commit.")
        self.poll_age = gauge("velox_poll_age_seconds", "Since the poll loop last turned.")
        self.max_poll_interval = gauge(
            "velox_max_poll_interval_seconds", "Poll age at which the broker evicts this consumer."
        )
        self.commits = counter("velox_commits", "Offset commits by result: ok, failed.", "result")
        self.pauses = counter("velox_pauses", "Times polling paused because the queue was full.")
        self.rebalances = counter(
            "velox_rebalances", "Partitions assigned, revoked or lost.", "event"
        )
        self.offset_gaps = counter(
            "velox_offset_gaps",
            "Breaks in a partition's log: skipped, rewound, recreated, unreadable.",
            "kind",
        )
        self.offset_gap_records = counter(
            "velox_offset_gap_records", "Records that a skip in the offsets passed over."
        )
        self.skipped_offsets = counter(
            "velox_skipped_offsets",
            "Offsets that were passed over because what they hold is older than MAX_AGE_S.",
        )
        self.store_retries = counter("velox_store_retries", "Attempts to store that failed.")
        self.dead_letter_retries = counter(
            "velox_dead_letter_retries", "Attempts to send dead letters that failed."
        )
        self.result_retries = counter(
            "velox_result_retries", "Attempts to send results that failed."
        )
        self.image_write_errors = counter(
            "velox_image_write_errors", "Matches stored without their image file."
        )
        self.swept = counter(
            "velox_swept",
            "Removed because of KEEP_DAYS: files, and documents by their collection.",
            "what",
        )
        self.sweep_age = gauge(
            "velox_sweep_age_seconds",
            "Since a sweep last left nothing that is older than KEEP_DAYS; 0 without KEEP_DAYS.",
        )
        self.breaker_open = gauge(
            "velox_breaker_open",
            "1 while batches are held because the stage refuses even what is known to be good.",
            "stage",
        )
        self.breaker_probes = counter(
            "velox_breaker_probes",
            "Times something known to be good went through a stage: passed, refused.",
            "stage",
            "outcome",
        )
        self.review_kept = counter(
            "velox_review_kept",
            f"Images kept for review, by reason: {', '.join(REASONS)}.",
            "reason",
        )
        self.review_dropped = counter(
            "velox_review_dropped",
            "Images not kept for review, or no longer: unsure, random; by rate, number, refused.",
            "kind",
            "bound",
        )
        self.kafka_errors = counter("velox_kafka_errors", "Errors the Kafka client reported.")

        self.model_info = gauge(
            "velox_model",
            "1 for the model in use.",
            "digest",
            "architecture",
            "input_size",
            "device",
            "precision",
        )
        self.model_swaps = counter("velox_model_swaps", "Times another model was taken into use.")
        self.model_refusals = counter(
            "velox_model_refusals", "New checkpoints that could not be used."
        )
        self.ready = gauge("velox_ready", "1 once the group is joined and the model loaded.")
        self.device_memory = gauge(
            "velox_device_memory_bytes",
            "Device memory by kind: allocated, reserved, total; 0 on the CPU.",
            "kind",
        )
        self.outlook = Outlook(self.registry)
        self.shadow = ShadowMetrics(self.registry)
        for outcome in OUTCOMES:
            self.records.labels(outcome)
        for stage in STAGES:
            self.stage_seconds.labels(stage)
        for result in ("ok", "failed"):
            self.commits.labels(result)
        for event in ("assigned", "revoked", "lost"):
            self.rebalances.labels(event)
        for kind in ("skipped", "rewound", "recreated", "unreadable"):
            self.offset_gaps.labels(kind)
        for stage in BREAKER_STAGES:
            self.breaker_open.labels(stage)
            for outcome in ("passed", "refused"):
                self.breaker_probes.labels(stage, outcome)
        for what in SWEPT:
            self.swept.labels(what)
        for reason in REASONS:
            self.review_kept.labels(reason)
        for kind in ("unsure", "random"):
            for bound in ("rate", "number", "refused"):
                self.review_dropped.labels(kind, bound)
        for kind in MEMORY_KINDS:
            self.device_memory.labels(kind)

    def outcomes(self) -> dict[str, int]:
        """Records finished by this process, by outcome."""
        found = self.registry.get_sample_value
        return {
            each: int(found("velox_records_total", {"outcome": each}) or 0) for each in OUTCOMES
        }

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)
