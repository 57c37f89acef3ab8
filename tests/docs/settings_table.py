"""The tables of settings of docs/configuration.md; run as a module, it writes them.

What they say comes from the settings themselves; which setting stands with which is said here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.docs.pages import ROOT
from velox.settings.consumer import ConsumerSettings
from velox.settings.declare import Settings
from velox.settings.programs import (
    DemoSettings,
    ForgetSettings,
    LagSettings,
    ProducerSettings,
    ReportSettings,
)
from velox.settings.review import ReviewSettings
from velox.settings.training import TrainSettings

READERS: dict[str, type[Settings]] = {
    "producer": ProducerSettings,
    "train": TrainSettings,
    "consumer": ConsumerSettings,
    "report": ReportSettings,
    "forget": ForgetSettings,
    "lag": LagSettings,
    "review": ReviewSettings,
    "demo": DemoSettings,
}
PAGE = ROOT / "docs" / "configuration.md"
BEGIN, END = "<!-- settings: begin", "<!-- settings: end -->"
HEAD = """| Variable | Default | Meaning (allowed values) | Read by |
| --- | --- | --- | --- |"""
GROUPS = {
    "Connect to Kafka": """
        KAFKA_BOOTSTRAP_SERVER KAFKA_CONFIG KAFKA_TOPIC KAFKA_PARTITIONS
        KAFKA_REPLICATION_FACTOR KAFKA_CONSUMER_GROUP KAFKA_GROUP_PROTOCOL STARTUP_TIMEOUT_S""",
    "Send images": """
        SOURCE SOURCE_LOOP MAX_FPS PRODUCER_INTERVAL PRODUCER_IMAGES JPEG_QUALITY
        WATCH_DONE WATCH_STATE COMPRESSION_TYPE DELIVERY_TIMEOUT_S""",
    "Train a model": """
        DATASET_PATH REVIEW_EXPORT MODEL_ARCH INPUT_SIZE FIT BACKGROUND VALUE_RANGE MULTI_PAGE
        INIT_WEIGHTS HOLD_OUT AUGMENT EPOCHS PATIENCE TRAIN_BATCH_SIZE LEARNING_RATE MIN_ACCURACY
        TARGET_PRECISION UNKNOWN_PATH RESUME SEED""",
    "Choose the model and its hardware": """
        MODEL_PATH CLASSES_PATH MODEL_RELOAD_S SWAP_GATE SHADOW_MODEL_PATH DEVICE PRECISION
        TORCH_COMPILE GPU_MEMORY_FRACTION""",
    "Choose what is stored, and where": """
        CONFIDENCE_THRESHOLD UNKNOWN TARGET_LABELS SOURCES_PATH MAX_AGE_S MONGO_URI DB_NAME
        STORAGE_PATH MAX_STORED_FILES KEEP_DAYS SYNC_FILES REPLAY_KEEP
        KAFKA_RESULTS_TOPIC RESULTS_TOP REPORT_PATH REPORT_IMAGES""",
    "Look at what the model is unsure of": """
        REVIEW REVIEW_SHARE REVIEW_PER_HOUR REVIEW_KEEP REVIEW_TOKEN REVIEW_PORT""",
    "Tune speed and memory": """
        BATCH_SIZE BATCH_TIMEOUT_MS DECODE_THREADS QUEUE_SIZE QUEUE_BYTES MAX_IMAGE_PIXELS""",
    "Bound what goes wrong": """
        BREAKER_SHARE MAX_REDRIVES DRAIN_TIMEOUT_S STALL_TIMEOUT_S MAX_POLL_INTERVAL_S""",
    "Watch it run": """
        METRICS_ADDRESS METRICS_PORT MAX_SOURCES LIVE_PAGE LOG_LEVEL""",
    "Not for production: the synthetic shapes and the demo": """
        SHAPES COLORS IMG_HEIGHT IMG_WIDTH SAMPLES_PER_CLASS IMAGES DEMO_PATH""",
}


@dataclass
class Setting:
    """One variable, as all its readers declare it."""

    meaning: str
    defaults: dict[str, str] = field(default_factory=dict)


def declared() -> dict[str, Setting]:
    """Every setting by its variable."""
    found: dict[str, Setting] = {}
    for reader, settings in READERS.items():
        for each in settings.declared().values():
            meaning = f"{each.meaning} ({each.parser.allowed})"
            found.setdefault(each.variable, Setting(meaning)).defaults[reader] = each.default
    return found


def tables() -> str:
    """All tables as Markdown, each under its heading."""
    known = declared()
    parts = []
    for title, variables in GROUPS.items():
        rows = [row(variable, known[variable]) for variable in variables.split()]
        parts.append("\n".join((f"### {title}\n", HEAD, *rows)))
    return "\n\n".join(parts)


def row(variable: str, setting: Setting) -> str:
    """One line of a table."""
    defaults = list(setting.defaults.values())
    common = max(defaults, key=defaults.count)
    others = [f"{by}: {_code(text)}" for by, text in setting.defaults.items() if text != common]
    default = _code(common) + (f" ({', '.join(others)})" if others else "")
    meaning = setting.meaning.replace("|", "\\|")
    return f"| `{variable}` | {default} | {meaning} | {', '.join(setting.defaults)} |"


def _code(text: str) -> str:
    return f"`{text}`" if text else "empty"


def place(text: str) -> tuple[int, int]:
    """Where the tables begin and end in the page's text."""
    return text.index("\n", text.index(BEGIN)) + 1, text.index(END)


if __name__ == "__main__":
    text = PAGE.read_text()
    begin, end = place(text)
    PAGE.write_text(f"{text[:begin]}\n{tables()}\n\n{text[end:]}")
