"""What the training reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from velox.settings.declare import setting
from velox.settings.parsers import (
    COLOR,
    OPTIONAL_PATH,
    SWITCH,
    auto_or,
    choice,
    integer,
    number,
    some,
    text,
)
from velox.settings.shared import ModelSettings, ShapeSettings, StorageSettings

START_WEIGHTS = text(r"[^\0]*", "auto, imagenet, a path, or empty")
IDENTIFIER = text(r"[a-z][a-z0-9_]*", "the name of a classifier in torchvision.models")


@dataclass(frozen=True, kw_only=True)
class TrainSettings(ShapeSettings, ModelSettings, StorageSettings):
    """What `train.py` reads."""

    model_arch: str = setting(
        "MODEL_ARCH", "mobilenet_v2", IDENTIFIER, "Architecture, a classifier of torchvision.models"
    )
    input_size: int = setting(
        "INPUT_SIZE",
        "auto",
        auto_or(integer(32, 1024)),
        "Height and width of the model's input in pixels; auto takes that of INIT_WEIGHTS, else 64",
    )
    fit: str | None = setting(
        "FIT",
        "auto",
        auto_or(choice("stretch", "crop", "pad"), auto=None),
        "How an image becomes square: stretched, its middle cut out, or whole with padding; auto: "
        "as a checkpoint in INIT_WEIGHTS was trained, else stretch",
    )
    background: tuple[int, int, int] | None = setting(
        "BACKGROUND",
        "auto",
        auto_or(COLOR, auto=None),
        "Colour behind what is transparent, and of the padding of FIT=pad; auto: as FIT, else "
        "white",
    )
    value_range: str | None = setting(
        "VALUE_RANGE",
        "auto",
        auto_or(choice("dtype", "image"), auto=None),
        "What is black and white in images of more than 8 bits: the least and greatest value of "
        "their type, or of each image; auto: as FIT, else dtype",
    )
    multi_page: str | None = setting(
        "MULTI_PAGE",
        "auto",
        auto_or(choice("first", "refuse"), auto=None),
        "What to do with images of several pages or frames: take the first, or refuse them; auto: "
        "as FIT, else first",
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
    unknown_path: Path | None = setting(
        "UNKNOWN_PATH",
        "",
        OPTIONAL_PATH,
        "Folder of images that have none of the labels: the report says how well they are told "
        "from the others (for UNKNOWN); empty for none",
    )
    review_export: Path | None = setting(
        "REVIEW_EXPORT",
        "",
        OPTIONAL_PATH,
        "Folder of images with verdicts (`review.py --export`, `train.py --from-review`) to train "
        "on besides; a verdict beats the label of a folder",
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
    init_weights: str = setting(
        "INIT_WEIGHTS",
        "auto",
        START_WEIGHTS,
        "Weights to start from: a file, torchvision's (imagenet), torchvision's for DATASET_PATH "
        "where they can be had (auto), or empty for random ones",
    )
    epochs: int = setting(
        "EPOCHS",
        "0",
        integer(0, 10_000),
        "Most passes over the training images; 0 takes 6 for shapes, and for DATASET_PATH what "
        "suits the number of its images",
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
        "1 saves the training's state beside MODEL_PATH after each pass, and resumes from it",
    )
    train_batch_size: int = setting(
        "TRAIN_BATCH_SIZE",
        "auto",
        auto_or(integer(1, 4096)),
        "Images in one training step; auto takes 16, or 32 where there are thousands",
    )
    learning_rate: float = setting(
        "LEARNING_RATE",
        "auto",
        auto_or(number(1e-8, 10)),
        "Peak learning rate; auto takes 0.005, or less from known weights",
    )
    target_precision: float = setting(
        "TARGET_PRECISION",
        "0.99",
        number(0.5, 0.9999),
        "Share of a label's matches that must be right at the threshold that training finds for it "
        "(for CONFIDENCE_THRESHOLD=auto)",
    )
    min_accuracy: float | None = setting(
        "MIN_ACCURACY",
        "auto",
        auto_or(number(0, 1), auto=None),
        "Test accuracy below which a model is refused; auto: 0.95 for shapes, and for DATASET_PATH "
        "surely better than always answering the commonest label",
    )
