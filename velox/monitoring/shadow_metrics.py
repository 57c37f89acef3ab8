"""What a model beside the one in use exposes as metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

ROLES = (CANDIDATE, COMPARISON) = ("candidate", "comparison")
STATES = (IDLE, TRYING, WAITING, REFUSED) = ("idle", "trying", "waiting", "refused")
NO_ANSWER = ""
# Pairs of labels that are told apart; what comes beyond them is `other` for both.
MOST_PAIRS = 1000
OTHER = ("other", "other")


class ShadowMetrics:
    """The metrics of shadows and of the gate; see `velox.monitoring.metrics`.

    Args:
        registry: where to register.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.predictions = Counter(
            "velox_shadow_predictions",
            "Images that a shadow has decided, by the label that the model in use gave and its own "
            "('' where it has no answer).",
            ("primary", "shadow"),
            registry=registry,
        )
        self.images = Counter(
            "velox_shadow_images",
            "Images that a shadow has decided, by whether it decides as the model in use: yes, no.",
            ("agreed",),
            registry=registry,
        )
        self.dropped = Counter(
            "velox_shadow_dropped",
            "Images that the shadow was too busy for; the pipeline went on.",
            registry=registry,
        )
        self.failures = Counter(
            "velox_shadow_failures", "Shadows that an error has ended.", registry=registry
        )
        self.model = Gauge(
            "velox_shadow_model",
            "1 for a model that is run beside the one in use: candidate, comparison.",
            ("digest", "role"),
            registry=registry,
        )
        self.gate = Gauge(
            "velox_gate",
            "1 for what SWAP_GATE is about: idle, trying, waiting (another consumer decides, no "
            "image comes, or the model is tried again later), refused (what lies at MODEL_PATH).",
            ("state",),
            registry=registry,
        )
        self.decisions = Counter(
            "velox_gate_decisions",
            "New models that this consumer has decided on: taken, refused.",
            ("decision",),
            registry=registry,
        )
        for agreed in ("yes", "no"):
            self.images.labels(agreed)
        for decision in ("taken", "refused"):
            self.decisions.labels(decision)
        self._pairs: set[tuple[str, str]] = set()
        self.state(IDLE)

    def compare(self, label: str, own: str, *, agreed: bool) -> None:
        """Count an image that the model in use gave one label and a shadow another, or the same."""
        pair = label, own
        if pair not in self._pairs:
            if len(self._pairs) < MOST_PAIRS:
                self._pairs.add(pair)
            else:
                pair = OTHER
        self.predictions.labels(*pair).inc()
        self.images.labels("yes" if agreed else "no").inc()

    def at_work(self, digest: str, role: str) -> None:
        """A model runs beside the one in use from now on."""
        self.model.labels(digest, role).set(1)

    def gone(self, digest: str, role: str) -> None:
        """It does no more."""
        self.model.remove(digest, role)

    def state(self, state: str) -> None:
        """What the gate is about."""
        for each in STATES:
            self.gate.labels(each).set(each == state)
