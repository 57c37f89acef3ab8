"""How to train: what the settings leave open follows from the images."""

from __future__ import annotations

from dataclasses import dataclass

SHAPES_EPOCHS = 6
# Images that a training sees in all its epochs, for each image and at least, at most; and the
# fewest epochs, however many images there are.
FROM_WEIGHTS = (10, 1_000, 66_000, 2)
FROM_NOTHING = (40, 8_000, 100_000, 5)
# Fewer images, and they would only spoil what the early layers of known weights know.
MANY = 2_000


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train.

    Attributes:
        epochs: passes over the data at most.
        patience: passes without a better one after which training ends; 0 for never.
        batch_size: images of one step.
        learning_rate: at its peak.
        augment: random changes to the images, see `velox.training.data.augment`.
        seed: of the order of the images, of their changes and of dropout.
        keep_early: whether the first layers and all batch statistics stay as they are.
        smoothing: share of each label's certainty that is spread over all labels.
    """

    epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    augment: tuple[str, ...]
    seed: int
    keep_early: bool = False
    smoothing: float = 0.0


def usual_epochs(images: int, *, own: bool, from_weights: bool) -> int:
    """Passes over so many training images, so that the steps grow slower than the images.

    Args:
        images: to train on.
        own: whether they are the user's own; drawn ones are simple.
        from_weights: whether the network knows images already.
    """
    if not own:
        return SHAPES_EPOCHS
    each, least, most, fewest = FROM_WEIGHTS if from_weights else FROM_NOTHING
    seen = min(max(each * images, least), most)
    return max(fewest, round(seen / images))


def usual_batch_size(images: int, *, own: bool) -> int:
    """Images of one step: where there are many, larger steps take less time for each."""
    return 32 if own and images >= MANY else 16


def usual_learning_rate(images: int, *, from_weights: bool) -> float:
    """The peak for AdamW: the more a network knows and the less it is shown, the smaller."""
    if not from_weights:
        return 0.005
    return 0.001 if images >= MANY else 0.0001


def usual_smoothing(images: int, *, from_weights: bool) -> float:
    """How unsure the truth is said to be: sure of what it knows, a network soon learns no more.

    C. Szegedy et al., "Rethinking the Inception Architecture", 2016 (arXiv:1512.00567), section 7.
    """
    return 0.1 if from_weights and images >= MANY else 0.0
